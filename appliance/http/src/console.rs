//! The console API: its paths, and what each takes and gives.
//!
//! Decides routing and validation. Leaves authentication to the layer the
//! service crate puts around [`router`], and every answer to the backend.
//!
//! Invariant: a path that is not listed here answers a problem document,
//! never a page.

mod guard;
mod incidents;
mod query;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};

pub use self::guard::REQUEST_HEADER;
pub(crate) use self::query::{query_problem, valid_id};
use crate::backend::ConsoleBackend;
use crate::error::{Code, Problem};
use crate::events::{self, StreamSlots};
use crate::wire::StatusReport;
use crate::{headers, openapi};

/// Largest request body, bytes. Feedback with the longest comment is under
/// 9 KiB even if every character is escaped.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// What the handlers share.
#[derive(Clone)]
pub(crate) struct Console {
    pub(crate) backend: Arc<dyn ConsoleBackend>,
    pub(crate) slots: StreamSlots,
}

/// The console API over `backend`, without authentication.
pub fn router(backend: Arc<dyn ConsoleBackend>) -> Router {
    let console = Console {
        backend,
        slots: StreamSlots::default(),
    };
    Router::new()
        .route("/api/v1/incidents", get(incidents::list))
        .route("/api/v1/incidents/{id}", get(incidents::detail))
        .route("/api/v1/incidents/{id}/analysis", get(incidents::analysis))
        .route(
            "/api/v1/incidents/{id}/analysis/stream",
            get(events::analysis),
        )
        .route("/api/v1/incidents/{id}/bundle", get(incidents::bundle))
        .route("/api/v1/incidents/{id}/feedback", post(incidents::feedback))
        .route("/api/v1/incidents/{id}/ask", post(incidents::ask))
        .route("/api/v1/incidents/{id}/analyze", post(incidents::analyze))
        .route("/api/v1/events", get(events::console))
        .route("/api/v1/status", get(status))
        .route("/api/openapi.json", get(openapi::document))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(guard::same_site))
        .layer(middleware::from_fn(headers::api))
        .with_state(console)
}

/// Answers every address that no router knows.
#[allow(clippy::unused_async, reason = "axum's handlers are async")]
pub async fn not_found() -> Problem {
    Problem::new(
        Code::NotFound,
        "nothing is served at this address; /api/openapi.json lists what is",
    )
}

async fn method_not_allowed() -> Problem {
    Problem::new(
        Code::MethodNotAllowed,
        "this address does not take this method",
    )
}

async fn status(State(console): State<Console>) -> Result<Json<StatusReport>, Problem> {
    Ok(Json(console.backend.status().await?))
}
