//! Serves one model file on a free port of this machine, for the conformance tests.
//!
//! `serve_model FILE [NAME]` prints the address on its first line and serves until it is killed.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use inference_core::Models;
use inference_core::slot::EngineSlot;
use inference_engine::{EngineOptions, LocalEngine, Metrics};
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(arguments.next().context("usage: serve_model FILE [NAME]")?);
    let options = EngineOptions {
        name: arguments.next(),
        ..EngineOptions::default()
    };
    let engine = LocalEngine::load(
        &path,
        &options,
        &Metrics::register(&mut Registry::default()),
    )?;
    let models: Arc<dyn Models> = Arc::new(EngineSlot::ready(Arc::new(engine)));
    let app = inference_openai::router(Arc::clone(&models))
        .merge(inference_openai::health_router(models));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "http://{address}")?;
    axum::serve(listener, app).await?;
    Ok(())
}
