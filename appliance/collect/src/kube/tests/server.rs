//! A stand-in for an API server: a function from call to answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// One call, as the answering function sees it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) path: String,
    query: String,
    /// Calls of the same path and query before this one.
    pub(crate) earlier: usize,
}

impl Call {
    /// The decoded value of a parameter.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let pair = self
            .query
            .split('&')
            .find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
        Some(
            pair.replace("%20", " ")
                .replace("%2F", "/")
                .replace("%3D", "="),
        )
    }
}

pub(crate) struct Server {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

type Answer = Response<Body>;

impl Server {
    /// Serves `answer`; where it says nothing, an empty list.
    pub(crate) async fn start(
        answer: impl Fn(&Call) -> Option<Answer> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let counts: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let answer = Arc::new(answer);
        let calls = Arc::clone(&seen);
        let router = Router::new().fallback(move |request: Request<Body>| {
            assert_eq!(request.method(), "GET", "the collector only reads");
            let whole = request.uri().to_string();
            calls.lock().unwrap().push(whole.clone());
            let mut counts = counts.lock().unwrap();
            let count = counts.entry(whole).or_insert(0);
            let call = Call {
                path: request.uri().path().to_owned(),
                query: request.uri().query().unwrap_or_default().to_owned(),
                earlier: *count,
            };
            *count += 1;
            let response = answer(&call).unwrap_or_else(|| list("List", "", &[]));
            async move {
                if response.extensions().get::<Never>().is_some() {
                    std::future::pending::<()>().await;
                }
                response
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, seen }
    }

    /// All calls so far, with their queries.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

#[derive(Clone)]
struct Never;

/// An answer that does not come.
pub(crate) fn never(path: &str) -> Answer {
    let mut response = text(StatusCode::OK, path);
    response.extensions_mut().insert(Never);
    response
}

pub(crate) fn text(status: StatusCode, body: &str) -> Answer {
    (status, body.to_owned()).into_response()
}

pub(crate) fn status(status: StatusCode, reason: &str, message: &str) -> Answer {
    let body = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": status.as_u16()});
    (status, axum::Json(body)).into_response()
}

pub(crate) fn list(kind: &str, token: &str, items: &[Value]) -> Answer {
    let body = json!({"kind": kind, "apiVersion": "v1",
        "metadata": {"resourceVersion": "10", "continue": token}, "items": items});
    axum::Json(body).into_response()
}

/// A pod of namespace `shop`, as a list carries it: without its kind.
pub(crate) fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "resourceVersion": "5"},
        "spec": {"nodeName": "node-1", "containers": [{"name": "web", "image": "web:1"}]}})
}
