//! Responses as objects.

use inference_core::ToolCall;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::chat::Choice;
use crate::ids;
use crate::submit::Submitted;

/// What all parts of one response carry.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    base: Map<String, Value>,
}

impl Envelope {
    /// For the response in `submitted`, which repeats `echo`.
    pub(super) fn new(submitted: &Submitted, echo: Map<String, Value>) -> Self {
        let mut base = json!({
            "id": ids::unique("resp_"),
            "object": "response",
            "created_at": Timestamp::now().as_second(),
            "status": "in_progress",
            "error": null,
            "incomplete_details": null,
            "instructions": null,
            "max_output_tokens": null,
            "metadata": {},
            "model": submitted.model(),
            "output": [],
            "parallel_tool_calls": true,
            "previous_response_id": null,
            "reasoning": { "effort": null, "summary": null },
            "store": false,
            "temperature": 1.0,
            "text": { "format": { "type": "text" } },
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": null,
            "user": null,
        });
        submitted.turn.tell(&mut base);
        let Value::Object(mut base) = base else {
            return Self { base: echo };
        };
        base.extend(echo);
        Self { base }
    }

    /// The response before anything was written.
    pub(super) fn begun(&self) -> Value {
        Value::Object(self.base.clone())
    }

    /// The response once it ended, for `reason`.
    pub(super) fn ended(&self, output: Vec<Value>, reason: Option<&str>, usage: Value) -> Value {
        let mut response = self.begun();
        response["output"] = output.into();
        response["usage"] = usage;
        if reason == Some("length") {
            response["status"] = "incomplete".into();
            response["incomplete_details"] = json!({ "reason": "max_output_tokens" });
        } else {
            response["status"] = "completed".into();
        }
        response
    }

    /// The response that broke off with `error`, an error object.
    pub(super) fn failed(&self, error: &Value) -> Value {
        let mut response = self.begun();
        response["status"] = "failed".into();
        response["error"] = json!({
            "code": error["code"].as_str().unwrap_or("server_error"),
            "message": error["message"],
        });
        response
    }
}

/// The items of a whole answer.
pub(super) fn output(choice: &Choice) -> Vec<Value> {
    let status = status(choice.finish_reason());
    let mut items = Vec::new();
    if !choice.reasoning.is_empty() {
        items.push(reasoning(&ids::unique("rs_"), &choice.reasoning));
    }
    if !choice.content.is_empty() || choice.calls.is_empty() {
        let part = text_part(&choice.content, &choice.logprobs);
        items.push(message(&ids::unique("msg_"), &part, status));
    }
    let calls = choice.calls.iter();
    items.extend(calls.map(|call| function_call(&ids::unique("fc_"), call, status)));
    items
}

/// Whether what was written ended by itself.
pub(super) fn status(reason: Option<&str>) -> &'static str {
    if reason == Some("length") {
        "incomplete"
    } else {
        "completed"
    }
}

/// An item of thoughts.
pub(super) fn reasoning(id: &str, text: &str) -> Value {
    json!({ "type": "reasoning", "id": id, "summary": [], "content": [{ "type": "reasoning_text", "text": text }] })
}

/// An item of text.
pub(super) fn message(id: &str, part: &Value, status: &str) -> Value {
    json!({ "type": "message", "id": id, "status": status, "role": "assistant", "content": [part] })
}

/// The one part of an item of text, with the probabilities of its tokens if they were asked for.
pub(super) fn text_part(text: &str, logprobs: &[Value]) -> Value {
    json!({ "type": "output_text", "text": text, "annotations": [], "logprobs": logprobs })
}

/// An item of a call.
pub(super) fn function_call(id: &str, call: &ToolCall, status: &str) -> Value {
    json!({ "type": "function_call", "id": id, "call_id": call.id, "name": call.name,
        "arguments": call.arguments, "status": status })
}

/// Usage in the words of this address.
pub(super) fn usage(usage: &Value) -> Value {
    json!({
        "input_tokens": usage["prompt_tokens"],
        // Keeping what was read is not counted: every prompt is kept as long as there is room.
        "input_tokens_details": { "cached_tokens": usage["prompt_tokens_details"]["cached_tokens"], "cache_write_tokens": 0 },
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": { "reasoning_tokens": usage["completion_tokens_details"]["reasoning_tokens"] },
        "total_tokens": usage["total_tokens"],
    })
}
