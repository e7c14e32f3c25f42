//! What is refused, with which status, code and words.

use super::*;

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
    let tool = json!({"type": "function", "function": {"name": "f", "strict": true, "parameters": {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": true}}}}});
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
