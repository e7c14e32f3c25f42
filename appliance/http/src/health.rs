//! How the appliance is watched: `/livez`, `/readyz`, `/healthz`, `/metrics`.
//!
//! Decides statuses and forms. Leaves what is healthy to [`HealthSource`].
//!
//! Invariant: these answers are made from state in memory, so that they come
//! at once whatever disk, sources or model are doing.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router, middleware};
use serde::{Deserialize, Serialize};

use crate::headers;
use crate::wire::Condition;

/// Content type of the `OpenMetrics` text form, which `prometheus-client` writes.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// One subsystem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subsystem {
    /// `intake`, `journal`, `store`, `queue`, `model`, a source, …
    pub name: String,
    /// How it does.
    pub condition: Condition,
    /// What is wrong, in words; empty when nothing is.
    pub detail: String,
}

/// Whether alerts can be taken in, and how each subsystem does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReport {
    /// Alerts are taken in and made durable. A missing model or source does
    /// not make the appliance unready.
    pub ready: bool,
    /// Its parts.
    pub subsystems: Vec<Subsystem>,
}

/// What the health endpoints ask.
pub trait HealthSource: Send + Sync + 'static {
    /// The state now; must not wait.
    fn health(&self) -> HealthReport;
    /// All metrics in `OpenMetrics` text; must not wait.
    fn metrics(&self) -> String;
}

/// The health endpoints over `source`.
pub fn router(source: Arc<dyn HealthSource>) -> Router {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .layer(middleware::from_fn(headers::api))
        .with_state(source)
}

/// Answers as long as the runtime turns.
async fn live() -> &'static str {
    "ok\n"
}

async fn ready(State(source): State<Arc<dyn HealthSource>>) -> Response {
    let report = source.health();
    let words = if report.ready { "ok\n" } else { "not ready\n" };
    (status(&report), words).into_response()
}

async fn health(State(source): State<Arc<dyn HealthSource>>) -> Response {
    let report = source.health();
    (status(&report), Json(report)).into_response()
}

async fn metrics(State(source): State<Arc<dyn HealthSource>>) -> Response {
    ([(header::CONTENT_TYPE, OPENMETRICS)], source.metrics()).into_response()
}

fn status(report: &HealthReport) -> StatusCode {
    if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    struct Fixed(bool);

    impl HealthSource for Fixed {
        fn health(&self) -> HealthReport {
            HealthReport {
                ready: self.0,
                subsystems: vec![Subsystem {
                    name: "journal".into(),
                    condition: Condition::Down,
                    detail: "disk is full".into(),
                }],
            }
        }

        fn metrics(&self) -> String {
            "# EOF\n".into()
        }
    }

    async fn check(ready: bool, path: &str, status: u16, body: &str) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(Arc::new(Fixed(ready)))
            .oneshot(request)
            .await
            .unwrap();
        assert_eq!(response.status(), status, "{path}");
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&bytes).contains(body), "{path}");
    }

    #[tokio::test]
    async fn an_appliance_that_is_not_ready_lives_and_says_why() {
        check(false, "/livez", 200, "ok").await;
        check(false, "/readyz", 503, "not ready").await;
        check(false, "/healthz", 503, "disk is full").await;
        check(false, "/metrics", 200, "# EOF").await;
    }

    #[tokio::test]
    async fn a_ready_appliance_answers_200() {
        check(true, "/readyz", 200, "ok").await;
        check(true, "/healthz", 200, "\"ready\":true").await;
    }
}
