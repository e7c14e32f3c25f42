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
