//! JSON as clients expect it back.

use inference_core::{FinishReason, ModelInfo, Usage};
use jiff::Timestamp;
use serde_json::{Value, json};

/// What all parts of one answer carry.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) id: String,
    pub(crate) created: i64,
    pub(crate) model: String,
}

impl Answer {
    /// The whole answer.
    pub(crate) fn completion(&self, text: &str, reason: FinishReason, usage: Usage) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": text, "refusal": null },
                "logprobs": null,
                "finish_reason": finish_reason(reason),
            }],
            "usage": usage_object(usage),
        })
    }

    /// A part of a streamed answer.
    pub(crate) fn chunk(&self, delta: &Value, reason: Option<FinishReason>) -> Value {
        let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": reason.map(finish_reason) });
        self.envelope(&json!([choice]), None)
    }

    /// The part that tells what a streamed answer took.
    pub(crate) fn usage_chunk(&self, usage: Usage) -> Value {
        self.envelope(&json!([]), Some(usage))
    }

    fn envelope(&self, choices: &Value, usage: Option<Usage>) -> Value {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "choices": choices,
        });
        if let Some(usage) = usage {
            chunk["usage"] = usage_object(usage);
        }
        chunk
    }
}

/// The list of models: the one that is loaded, or none.
pub(crate) fn models(model: Option<&ModelInfo>, started: Timestamp) -> Value {
    let entry = |model: &ModelInfo| {
        json!({
            "id": model.name,
            "object": "model",
            "created": started.as_second(),
            "owned_by": "anchorite",
            "max_model_len": model.context_length,
        })
    };
    json!({ "object": "list", "data": model.map(entry).into_iter().collect::<Vec<_>>() })
}

fn finish_reason(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::StopString => "stop",
        FinishReason::Length => "length",
    }
}

fn usage_object(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": { "cached_tokens": usage.cached_tokens },
    })
}
