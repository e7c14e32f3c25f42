//! `anchorite serve`: the appliance until it is told to stop.

use crate::app::{App, Site};
use crate::commands::{Outcome, WrongCall, print};
use crate::config::Config;
use crate::options::ServeOptions;
use crate::sources::SourceOptions;
use crate::telemetry::variable;

/// Runs the appliance.
///
/// # Errors
/// A configuration that cannot be used ([`WrongCall`]), a disk or an address
/// that cannot be had.
pub async fn run(options: ServeOptions) -> anyhow::Result<Outcome> {
    let config = Config::resolve(&options).map_err(|error| WrongCall(error.to_string()))?;
    let sources =
        SourceOptions::of(&config, variable).map_err(|error| WrongCall(error.to_string()))?;
    let app = App::start(&config, Site::One(Box::new(sources))).await?;
    print(&format!("console: http://{}/", app.address()));
    app.run(stop_signal()).await?;
    Ok(Outcome::Done)
}

/// Completes at SIGINT or SIGTERM.
pub(crate) async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
