//! Ollama's answers: a line for a piece, a last line with counts and times.

use std::time::Duration;

use inference_core::{FinishReason, Outcome, ToolCall};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::request::Form;

/// How long the parts of an answer took.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Times {
    /// From the request to the end.
    pub(super) total: Duration,
    /// Until the first token.
    pub(super) prompt: Duration,
}

/// A piece of an answer.
pub(super) fn line(model: &str, form: Form, content: &str, thinking: &str) -> Value {
    let mut line = json!({ "model": model, "created_at": Timestamp::now().to_string() });
    match form {
        Form::Chat => {
            let mut message = json!({ "role": "assistant", "content": content });
            if !thinking.is_empty() {
                message["thinking"] = thinking.into();
            }
            line["message"] = message;
        }
        Form::Generate => {
            line["response"] = content.into();
            if !thinking.is_empty() {
                line["thinking"] = thinking.into();
            }
        }
    }
    line["done"] = false.into();
    line
}

/// Calls, as an object of arguments each; text that is no JSON, as of a call that was cut off, is kept as it is.
pub(super) fn calls(calls: &[ToolCall]) -> Value {
    let arguments = |call: &ToolCall| {
        serde_json::from_str(&call.arguments)
            .unwrap_or_else(|_| Value::from(call.arguments.as_str()))
    };
    let one = |(index, call): (usize, &ToolCall)| json!({ "function": { "index": index, "name": call.name, "arguments": arguments(call) } });
    calls.iter().enumerate().map(one).collect()
}

/// Turns `line` into the last one.
pub(super) fn end(line: &mut Value, outcome: Outcome, times: Times) {
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let usage = outcome.usage;
    let written = times.total.saturating_sub(times.prompt);
    let last: Map<String, Value> = [
        ("done", json!(true)),
        ("done_reason", json!(reason(outcome.finish_reason))),
        ("total_duration", json!(nanoseconds(times.total))),
        ("prompt_eval_count", json!(usage.prompt_tokens)),
        ("prompt_eval_duration", json!(nanoseconds(times.prompt))),
        ("eval_count", json!(usage.completion_tokens)),
        ("eval_duration", json!(nanoseconds(written))),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    if let Value::Object(line) = line {
        line.extend(last);
    }
}

/// The answer to a request that only wants the model loaded.
pub(super) fn loaded(form: Form, model: &str) -> Value {
    let mut line = line(model, form, "", "");
    line["done"] = true.into();
    line["done_reason"] = "load".into();
    line
}

fn reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::StopString => "stop",
        FinishReason::Length => "length",
    }
}
