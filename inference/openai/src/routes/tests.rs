//! Whole requests against a tiny random model: what it says is noise, how it is said is not.

mod chat;
mod embeddings;
mod refusals;
mod tools;

use std::path::PathBuf;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::IntoResponse;
use http_body_util::BodyExt;
use inference_engine::{EngineOptions, LocalEngine, Metrics};
use prometheus_client::registry::Registry;
use serde_json::json;
use tower::ServiceExt;

use super::*;
use inference_core::EngineError;
use inference_core::embedding::{Embedder, Embeddings};
use inference_core::slot::EngineSlot;
use serde_json::Value;

fn slot() -> EngineSlot {
    load("../nn/tests/fixtures/q8-tied.gguf")
}

/// The model that knows a few chats by heart; its window has room for tools.
fn transcripts() -> EngineSlot {
    load("conformance/model/tiny.gguf")
}

fn load(file: &str) -> EngineSlot {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
    let options = EngineOptions {
        name: Some("tiny".to_owned()),
        ..EngineOptions::default()
    };
    let engine = LocalEngine::load(
        &path,
        &options,
        &Metrics::register(&mut Registry::default()),
    );
    EngineSlot::ready(Arc::new(engine.expect("is usable")))
}

/// Counts a's and b's of a text.
struct Letters;

impl Embedder for Letters {
    fn model(&self) -> &'static str {
        "letters"
    }

    fn dimensions(&self) -> usize {
        2
    }

    fn memory_bytes(&self) -> u64 {
        0
    }

    fn embed(&self, texts: &[String]) -> Result<Embeddings, EngineError> {
        let count = |text: &str, letter| text.matches(letter).count() as f32;
        Ok(Embeddings {
            vectors: texts
                .iter()
                .map(|text| vec![count(text, 'a'), count(text, 'b')])
                .collect(),
            tokens: texts.len(),
        })
    }
}

struct Reply {
    status: StatusCode,
    retry_after: bool,
    text: String,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("is JSON")
    }

    /// The data of each server-sent event.
    fn events(&self) -> Vec<&str> {
        self.text
            .lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .collect()
    }
}

async fn call(slot: EngineSlot, method: &str, path: &str, body: impl Into<Body>) -> Reply {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(body.into())
        .expect("is well formed");
    let response = router_with(Arc::new(slot), Some(Arc::new(Letters)))
        .oneshot(request)
        .await
        .expect("is answered");
    let status = response.status();
    let retry_after = response.headers().contains_key("retry-after");
    let body = response
        .into_body()
        .collect()
        .await
        .expect("is whole")
        .to_bytes();
    Reply {
        status,
        retry_after,
        text: String::from_utf8(body.to_vec()).expect("is text"),
    }
}

/// Asks with a short greeting and `more` keys.
async fn ask(more: Value) -> Reply {
    ask_of(slot(), more).await
}

async fn ask_of(slot: EngineSlot, more: Value) -> Reply {
    let mut body = json!({"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 12, "seed": 1});
    for (key, value) in more.as_object().expect("is an object") {
        body[key] = value.clone();
    }
    call(slot, "POST", "/v1/chat/completions", body.to_string()).await
}

#[track_caller]
fn check_error(reply: &Reply, status: u16, kind: &str, code: Option<&str>, words: &str) {
    assert_eq!(reply.status.as_u16(), status, "{}", reply.text);
    let error = &reply.json()["error"];
    assert_eq!(
        (error["type"].as_str(), error["code"].as_str()),
        (Some(kind), code),
        "{error}"
    );
    assert!(
        error["message"]
            .as_str()
            .expect("has a message")
            .contains(words),
        "{error}"
    );
}
