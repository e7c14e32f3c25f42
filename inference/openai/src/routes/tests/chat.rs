//! Chats: plain, streamed, shaped, several answers, probabilities.

use super::*;

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

#[tokio::test]
async fn the_tier_that_was_asked_for_is_answered() {
    let tier = async |more: Value| ask(more).await.json()["service_tier"].clone();
    assert_eq!(tier(json!({})).await, Value::Null);
    assert_eq!(tier(json!({"service_tier": "auto"})).await, "default");
    assert_eq!(tier(json!({"service_tier": "flex"})).await, "flex");
    // The field of vLLM goes before the tier.
    assert_eq!(
        tier(json!({"service_tier": "flex", "priority": 0})).await,
        "default"
    );
    let unknown = ask(json!({"service_tier": "gold"})).await;
    check_error(
        &unknown,
        400,
        "invalid_request_error",
        Some("invalid_value"),
        "not `gold`",
    );
    let reply = ask(json!({"service_tier": "flex", "stream": true})).await;
    assert!(
        reply.events()[0].contains(r#""service_tier":"flex""#),
        "{}",
        reply.text
    );
}

#[tokio::test]
async fn thoughts_end_where_the_request_says() {
    for name in [
        "thinking_token_budget",
        "reasoning_budget_tokens",
        "thinking_budget_tokens",
        "thinking_budget",
    ] {
        let asked = json!({
            "messages": [{"role": "user", "content": "Is the node full?"}], "temperature": 0, "max_tokens": 60, name: 3,
        });
        let answer = ask_of(transcripts(), asked).await.json();
        let details = &answer["usage"]["completion_tokens_details"];
        assert_eq!(details["reasoning_tokens"], 3, "{answer}");
        let message = &answer["choices"][0]["message"];
        assert!(
            message["content"]
                .as_str()
                .is_some_and(|text| !text.is_empty()),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn probabilities_of_a_prompt_come_before_those_of_the_answer() {
    let body = json!({"model": "tiny", "prompt": "The quick", "max_tokens": 3, "echo": true, "logprobs": 2, "temperature": 0});
    let complete = async |more: Value| {
        let mut body = body.clone();
        body["stream"] = more;
        call(transcripts(), "POST", "/v1/completions", body.to_string()).await
    };
    let answer = complete(json!(false)).await.json();
    let choice = &answer["choices"][0];
    let logprobs = &choice["logprobs"];
    let tokens = logprobs["tokens"].as_array().expect("is a list");
    let prompt_tokens = answer["usage"]["prompt_tokens"]
        .as_u64()
        .expect("is a number");
    assert_eq!(tokens.len() as u64, prompt_tokens + 3);
    let joined: String = tokens.iter().filter_map(Value::as_str).collect();
    assert_eq!(choice["text"], joined);
    assert_eq!(
        (&logprobs["token_logprobs"][0], &logprobs["top_logprobs"][0]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        logprobs["token_logprobs"][1]
            .as_f64()
            .is_some_and(|found| found <= 0.0)
    );
    assert_eq!(
        logprobs["top_logprobs"][1]
            .as_object()
            .map(serde_json::Map::len),
        Some(2)
    );
    let reply = complete(json!(true)).await;
    let mut streamed = Vec::new();
    for event in reply.events() {
        let chunk: Value = serde_json::from_str(event).unwrap_or_default();
        let told = chunk["choices"][0]["logprobs"]["token_logprobs"].as_array();
        streamed.extend(told.cloned().unwrap_or_default());
    }
    assert_eq!(logprobs["token_logprobs"], Value::Array(streamed));
}
