//! Calls of tools, plain and streamed.

use super::*;

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
