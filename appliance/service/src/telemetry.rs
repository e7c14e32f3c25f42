//! Logging: plain lines on a terminal, JSON elsewhere, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Log filter where none is given.
const DEFAULT_FILTER: &str = "info";

/// Starts logging by `filter`.
///
/// # Errors
/// A filter that cannot be parsed, in words.
pub fn init(filter: Option<&str>) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter.unwrap_or(DEFAULT_FILTER))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.with_target(false).compact().init();
    } else {
        builder.json().flatten_event(true).init();
    }
    Ok(())
}

/// Looks up an environment variable. The only place that reads the
/// environment; each variable is a documented constant where it is used.
#[allow(
    clippy::disallowed_methods,
    reason = "this is the place the rule points to"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
