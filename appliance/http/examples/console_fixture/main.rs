//! The console over an in-memory appliance, for its end-to-end tests and for
//! work on its looks.
//!
//! `cargo run -p appliance-http --example console_fixture [-- --empty] [-- --degraded]`
//! prints the address. `POST /fixture/alert` brings in a new incident.

mod backend;
mod data;

use std::error::Error;
use std::sync::Arc;

use appliance_http::{assets, console, health, hosts};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::post;
use tokio::net::TcpListener;

use self::backend::Fixture;

#[tokio::main]
#[allow(clippy::print_stdout, reason = "the address is this program's output")]
async fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| given.iter().any(|argument| argument == flag);
    let fixture = Arc::new(Fixture::new(has("--empty"), has("--degraded"))?);
    let port = given
        .iter()
        .find_map(|argument| argument.strip_prefix("--port="))
        .unwrap_or("0");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router(fixture)).await?;
    Ok(())
}

fn router(fixture: Arc<Fixture>) -> Router {
    Router::new()
        .route("/fixture/alert", post(alert))
        .with_state(Arc::clone(&fixture))
        .merge(console::router(fixture.clone()))
        .merge(health::router(fixture))
        .merge(assets::router())
        .fallback(console::not_found)
        .layer(middleware::from_fn(hosts::local_names_only))
}

async fn alert(State(fixture): State<Arc<Fixture>>) -> StatusCode {
    fixture.open_incident();
    StatusCode::NO_CONTENT
}
