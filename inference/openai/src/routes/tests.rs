//! Whole requests against a tiny random model: what it says is noise, how it is said is not.

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

#[tokio::test]
async fn the_loaded_model_is_listed() {
    let list = call(slot(), "GET", "/v1/models", "").await.json();
    assert_eq!(
        (list["object"].as_str(), list["data"][0]["id"].as_str()),
        (Some("list"), Some("tiny"))
    );
    assert_eq!(list["data"][0]["max_model_len"], 256);
    let model = call(slot(), "GET", "/v1/models/tiny", "").await.json();
    assert_eq!(model["id"], "tiny");
    let empty = call(EngineSlot::default(), "GET", "/v1/models", "")
        .await
        .json();
    assert_eq!(
        empty["data"].as_array().map(Vec::len),
        Some(1),
        "the one that embeds"
    );
}

#[tokio::test]
async fn a_plain_answer_has_text_reason_and_usage() {
    let answer = ask(json!({})).await.json();
    assert_eq!(answer["object"], "chat.completion");
    let choice = &answer["choices"][0];
    assert_eq!(
        (
            choice["finish_reason"].as_str(),
            choice["message"]["role"].as_str()
        ),
        (Some("length"), Some("assistant"))
    );
    assert!(
        !choice["message"]["content"]
            .as_str()
            .expect("is text")
            .is_empty()
    );
    let usage = &answer["usage"];
    assert_eq!(usage["completion_tokens"], 12);
    let total = usage["prompt_tokens"].as_u64().expect("is a number") + 12;
    assert_eq!(usage["total_tokens"], total);
}

#[tokio::test]
async fn a_stream_has_the_same_text_in_pieces() {
    let whole = ask(json!({})).await.json();
    let reply = ask(json!({"stream": true, "stream_options": {"include_usage": true}})).await;
    let events = reply.events();
    assert_eq!(events.last(), Some(&"[DONE]"));
    let chunks: Vec<Value> = events[..events.len() - 1]
        .iter()
        .map(|event| serde_json::from_str(event).expect("is JSON"))
        .collect();
    assert_eq!(
        chunks[0]["choices"][0]["delta"],
        json!({"role": "assistant", "content": ""})
    );
    let text: String = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(whole["choices"][0]["message"]["content"], text);
    let [.., finish, usage] = chunks.as_slice() else {
        panic!("has a finish and a usage chunk")
    };
    assert_eq!(
        (
            &finish["choices"][0]["finish_reason"],
            &finish["choices"][0]["delta"]
        ),
        (&json!("length"), &json!({}))
    );
    assert_eq!(
        (&usage["choices"], &usage["usage"]["completion_tokens"]),
        (&json!([]), &json!(12))
    );
    let without = ask(json!({"stream": true})).await;
    assert!(!without.text.contains("\"usage\""), "{}", without.text);
}

#[tokio::test]
async fn response_formats_are_held_to() {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["sure"], "properties": {"sure": {"type": "boolean"}}});
    let format = json!({"type": "json_schema", "json_schema": {"name": "verdict", "strict": true, "schema": schema}});
    let answer = ask(json!({"response_format": format, "max_tokens": 60}))
        .await
        .json();
    let text = answer["choices"][0]["message"]["content"]
        .as_str()
        .expect("is text");
    assert!(
        [r#"{"sure":true}"#, r#"{"sure":false}"#].contains(&text),
        "{text}"
    );
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    let answer = ask(json!({"response_format": {"type": "json_object"}}))
        .await
        .json();
    assert!(
        answer["choices"][0]["message"]["content"]
            .as_str()
            .expect("is text")
            .starts_with('{'),
        "{answer}"
    );
}

#[tokio::test]
async fn parts_unknown_keys_and_nulls_are_tolerated() {
    let reply = ask(json!({
        "messages": [{"role": "developer", "content": "be brief", "name": "x"},
                     {"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "max_tokens": null, "max_completion_tokens": 3, "stop": "zzz", "user": "someone", "store": true, "tools": [], "n": 1,
        "temperature": 1e-8,
    }))
    .await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.text);
    assert_eq!(reply.json()["usage"]["completion_tokens"], 3);
}

#[tokio::test]
async fn wrong_requests_are_refused_with_an_error_object() {
    let wrong = "invalid_request_error";
    let unsupported = Some("unsupported_parameter");
    let value = Some("invalid_value");
    let cases = [
        (json!({"n": 99}), value, "n must be from 1 to 16"),
        (json!({"tools": [{}]}), value, "a tool's name"),
        (
            json!({"functions": [{"name": "f"}]}),
            unsupported,
            "send `tools`",
        ),
        (
            json!({"tool_choice": "required"}),
            value,
            "only allowed when 'tools'",
        ),
        (
            json!({"tool_choice": {"type": "function", "function": {"name": "f"}}}),
            value,
            "`f`",
        ),
        (json!({"top_logprobs": 2}), value, "logprobs: true"),
        (
            json!({"logprobs": true, "top_logprobs": 21}),
            value,
            "at most 20",
        ),
        (
            json!({"temperature": 3}),
            value,
            "temperature must be from 0 to 2",
        ),
        (json!({"temperature": "hot"}), value, "temperature is wrong"),
        (json!({"max_tokens": 0}), value, "max_tokens"),
        (json!({"messages": []}), value, "1 to 2048"),
        (
            json!({"messages": [{"role": "robot", "content": "x"}]}),
            value,
            "`robot`",
        ),
        (json!({"priority": "never"}), value, "`never`"),
        (json!({"response_format": {"type": "xml"}}), value, "`xml`"),
        (
            json!({"guided_regex": "a", "guided_choice": ["a"]}),
            value,
            "only one of",
        ),
        (
            json!({"guided_regex": "("}),
            Some("invalid_json_schema"),
            "regular expression",
        ),
    ];
    for (more, code, words) in cases {
        check_error(&ask(more).await, 400, wrong, code, words);
    }
    check_error(
        &ask(json!({"model": "gpt-4"})).await,
        404,
        wrong,
        Some("model_not_found"),
        "`gpt-4` does not exist; known models: `tiny`",
    );
    check_error(
        &ask(json!({"priority": "incident"})).await,
        403,
        wrong,
        Some("insufficient_permissions"),
        "scope `incident`",
    );
    let image =
        json!([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]);
    check_error(
        &ask(json!({"messages": image})).await,
        400,
        wrong,
        unsupported,
        "`image_url`",
    );
    let format = json!({"type": "json_schema", "json_schema": {"schema": {"type": "nothing"}}});
    check_error(
        &ask(json!({"response_format": format})).await,
        400,
        wrong,
        Some("invalid_json_schema"),
        "Invalid schema for response_format 'response'",
    );
    let tool = json!({"type": "function", "function": {"name": "f", "strict": true, "parameters": {"type": "object", "if": {}, "then": {}}}});
    check_error(
        &ask_of(transcripts(), json!({"tools": [tool]})).await,
        400,
        wrong,
        Some("invalid_function_parameters"),
        "Invalid schema for function 'f'",
    );
    let long = json!([{"role": "user", "content": "x".repeat(400)}]);
    let reply = ask(json!({"messages": long, "stream": true})).await;
    check_error(
        &reply,
        400,
        wrong,
        Some("context_length_exceeded"),
        "maximum context length is 256 tokens",
    );
    assert_eq!(reply.json()["error"]["n_ctx"], 256);
}

#[tokio::test]
async fn bodies_that_are_no_request_are_refused() {
    let post = |body: String| call(slot(), "POST", "/v1/chat/completions", body);
    check_error(
        &post("{".to_owned()).await,
        400,
        "invalid_request_error",
        None,
        "not valid JSON",
    );
    check_error(
        &post("{}".to_owned()).await,
        400,
        "invalid_request_error",
        Some("invalid_value"),
        "messages is missing",
    );
    check_error(
        &post("[".repeat(100_000)).await,
        400,
        "invalid_request_error",
        None,
        "not valid JSON",
    );
    check_error(
        &post("x".repeat(BODY_BYTES_MAX + 1)).await,
        413,
        "invalid_request_error",
        Some("request_too_large"),
        "too large",
    );
    let nowhere = call(slot(), "GET", "/v1/nowhere", "").await;
    check_error(
        &nowhere,
        404,
        "invalid_request_error",
        Some("unknown_url"),
        "GET /v1/nowhere",
    );
    let method = call(slot(), "GET", "/v1/chat/completions", "").await;
    check_error(
        &method,
        404,
        "invalid_request_error",
        Some("unknown_url"),
        "GET /v1/chat/completions",
    );
}

#[tokio::test]
async fn without_a_model_clients_are_told_to_come_again() {
    let body = || json!({"messages": [{"role": "user", "content": "hi"}]}).to_string();
    let reply = call(
        EngineSlot::default(),
        "POST",
        "/v1/chat/completions",
        body(),
    )
    .await;
    check_error(
        &reply,
        503,
        "server_error",
        Some("model_not_loaded"),
        "no model is loaded",
    );
    let loading = EngineSlot::default();
    loading.set_loading();
    let reply = call(loading, "POST", "/v1/chat/completions", body()).await;
    check_error(
        &reply,
        503,
        "server_error",
        Some("model_loading"),
        "still loading",
    );
    assert!(reply.retry_after);
}

#[test]
fn a_full_queue_is_429_and_asks_to_retry() {
    let response =
        ApiError::from(inference_core::EngineError::QueueFull { waiting: 9 }).into_response();
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(response.headers().contains_key("retry-after"));
}

const TOOLS: &str = r#"[{"type": "function", "function": {"name": "get_pods", "strict": true, "parameters":
    {"type": "object", "properties": {"ready": {"type": "boolean"}}, "required": ["ready"], "additionalProperties": false}}},
    {"type": "function", "function": {"name": "wait", "description": "does nothing"}}]"#;

fn tools() -> Value {
    serde_json::from_str(TOOLS).expect("is JSON")
}

#[tokio::test]
async fn a_call_that_must_come_is_valid_plain_and_streamed() {
    let named = json!({"type": "function", "function": {"name": "get_pods"}});
    let body = json!({"tools": tools(), "tool_choice": named, "max_tokens": 120, "temperature": 0, "reasoning_effort": "none"});
    let answer = ask_of(transcripts(), body.clone()).await.json();
    let choice = &answer["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls", "{answer}");
    assert_eq!(choice["message"]["content"], Value::Null);
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!(
        (&call["type"], &call["function"]["name"]),
        (&json!("function"), &json!("get_pods"))
    );
    let arguments = call["function"]["arguments"].as_str().expect("is text");
    let parsed: Value = serde_json::from_str(arguments).expect("is JSON");
    assert!(parsed["ready"].is_boolean());

    let mut streamed = body;
    streamed["stream"] = true.into();
    let reply = ask_of(transcripts(), streamed).await;
    let deltas: Vec<Value> = reply
        .events()
        .iter()
        .filter_map(|event| serde_json::from_str(event).ok())
        .collect();
    let calls = || {
        deltas
            .iter()
            .filter_map(|chunk: &Value| chunk["choices"][0]["delta"]["tool_calls"].get(0))
    };
    let first = calls().next().expect("calls");
    assert_eq!(
        (&first["index"], &first["function"]["name"]),
        (&json!(0), &json!("get_pods"))
    );
    assert!(
        first["id"]
            .as_str()
            .is_some_and(|id| id.starts_with("call_"))
    );
    let joined: String = calls()
        .filter_map(|call| call["function"]["arguments"].as_str())
        .collect();
    assert_eq!(joined, arguments);
}

#[tokio::test]
async fn one_call_or_several_as_asked() {
    for parallel in [true, false] {
        let answer = ask_of(transcripts(), json!({"tools": tools(), "tool_choice": "required", "parallel_tool_calls": parallel, "max_tokens": 200, "reasoning_effort": "none"})).await.json();
        let calls = answer["choices"][0]["message"]["tool_calls"]
            .as_array()
            .map_or(0, Vec::len);
        assert!(
            calls == 1
                || parallel && calls > 1
                || answer["choices"][0]["finish_reason"] == "length",
            "{answer}"
        );
    }
}

#[tokio::test]
async fn answers_and_probabilities_are_as_many_as_asked_for() {
    let answer = ask(json!({"n": 3, "logprobs": true, "top_logprobs": 2, "max_tokens": 4}))
        .await
        .json();
    let choices = answer["choices"].as_array().expect("is a list");
    assert_eq!(choices.len(), 3);
    assert_eq!(answer["usage"]["completion_tokens"], 12);
    for choice in choices {
        let tokens = choice["logprobs"]["content"].as_array().expect("is a list");
        assert_eq!(tokens.len(), 4);
        assert!(tokens.iter().all(|token| {
            token["top_logprobs"]
                .as_array()
                .is_some_and(|top| top.len() == 2)
        }));
        assert!(tokens.iter().all(|token| {
            token["logprob"]
                .as_f64()
                .is_some_and(|logprob| logprob <= 0.0)
        }));
    }
    let alone = ask(json!({"max_tokens": 4})).await.json();
    assert_eq!(
        alone["choices"][0]["message"]["content"],
        choices[0]["message"]["content"]
    );
    assert_ne!(
        choices[1]["message"]["content"],
        choices[2]["message"]["content"]
    );
}

#[tokio::test]
async fn shapes_of_other_servers_are_held_to() {
    let text = |answer: &Value| {
        answer["choices"][0]["message"]["content"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let answer = ask(json!({"structured_outputs": {"choice": ["yes", "no"]}}))
        .await
        .json();
    assert!(["yes", "no"].contains(&text(&answer).as_str()), "{answer}");
    let answer = ask(json!({"guided_regex": "[ab]{3}"})).await.json();
    assert!(
        text(&answer).len() == 3 && text(&answer).bytes().all(|byte| b"ab".contains(&byte)),
        "{answer}"
    );
    let answer = ask(json!({"guided_grammar": "start: \"x\" | \"y\""}))
        .await
        .json();
    assert!(["x", "y"].contains(&text(&answer).as_str()), "{answer}");
}

#[test]
fn no_error_of_a_long_prompt_looks_like_a_rate_limit() {
    let error = ApiError::from(inference_core::EngineError::TooLong {
        prompt_tokens: 14_290,
        context_length: 4096,
    });
    assert!(
        !error.body().to_string().contains("429"),
        "{}",
        error.body()
    );
}

#[tokio::test]
async fn texts_become_vectors_in_either_encoding() {
    let embed = |more: Value| async move {
        let mut body = json!({"model": "letters", "input": ["aab", "b"]});
        for (key, value) in more.as_object().expect("is an object") {
            body[key] = value.clone();
        }
        call(slot(), "POST", "/v1/embeddings", body.to_string()).await
    };
    let floats = embed(json!({"dimensions": 2})).await.json();
    assert_eq!(floats["data"][0]["embedding"], json!([2.0, 1.0]));
    assert_eq!(
        (
            &floats["data"][1]["index"],
            &floats["usage"]["total_tokens"]
        ),
        (&json!(1), &json!(2))
    );
    let packed = embed(json!({"encoding_format": "base64"})).await.json();
    assert_eq!(packed["data"][1]["embedding"], "AAAAAAAAgD8=");
    let wrong = "invalid_request_error";
    check_error(
        &embed(json!({"dimensions": 1})).await,
        400,
        wrong,
        Some("unsupported_parameter"),
        "must be 2",
    );
    check_error(
        &embed(json!({"input": []})).await,
        400,
        wrong,
        Some("invalid_value"),
        "1 to 2048",
    );
    check_error(
        &embed(json!({"model": "tiny"})).await,
        404,
        wrong,
        Some("model_not_found"),
        "`letters`",
    );
    let ollama = call(
        slot(),
        "POST",
        "/api/embed",
        json!({"model": "letters:latest", "input": "abb"}).to_string(),
    )
    .await;
    assert_eq!(ollama.json()["embeddings"], json!([[1.0, 2.0]]));
}
