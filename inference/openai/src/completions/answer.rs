//! A whole answer to prompts.

use inference_core::{Engine, Prompt, PromptPart, TokenId};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Batch;
use crate::chat::{self, Choice, FINGERPRINT};
use crate::endpoint::Turn;
use crate::error::ApiError;
use crate::ids;
use crate::submit::Submitted;

/// What all parts of one answer carry.
#[derive(Clone, Debug)]
pub(super) struct Envelope {
    id: String,
    created: i64,
    model: String,
    turn: Turn,
}

impl Envelope {
    /// For the answers in `batch`.
    pub(super) fn new(batch: &Batch) -> Self {
        let first = batch.submitted.first();
        Self {
            id: ids::unique("cmpl-"),
            created: Timestamp::now().as_second(),
            model: first.map(Submitted::model).unwrap_or_default(),
            turn: first.map(|submitted| submitted.turn).unwrap_or_default(),
        }
    }

    /// Puts `choices` into an answer.
    pub(super) fn wrap(&self, choices: &[Value]) -> Value {
        let mut answer = json!({
            "id": self.id,
            "object": "text_completion",
            "created": self.created,
            "model": self.model,
            "system_fingerprint": FINGERPRINT,
            "choices": choices,
        });
        self.turn.tell(&mut answer);
        answer
    }
}

/// Waits for the answers to every prompt and puts them together.
pub(super) async fn collect(batch: Batch, envelope: &Envelope) -> Result<Value, ApiError> {
    let mut objects = Vec::new();
    let mut usages = Vec::new();
    for (mut submitted, echo) in batch.submitted.into_iter().zip(batch.echoes) {
        let mut choices = chat::write_out(&mut submitted).await?;
        usages.push(chat::usage(submitted.prompt_tokens, &choices));
        for choice in &mut choices {
            let tokens = std::mem::take(&mut choice.logprobs);
            let text = format!("{echo}{}", choice.content);
            let logprobs = logprobs(&tokens, 0);
            objects.push(object(
                objects.len(),
                &text,
                &logprobs,
                choice.finish_reason(),
            ));
        }
    }
    let mut answer = envelope.wrap(&objects);
    answer["usage"] = total(&usages);
    Ok(answer)
}

/// One answer, or a piece of it.
pub(super) fn object(index: usize, text: &str, logprobs: &Value, reason: Option<&str>) -> Value {
    json!({ "index": index, "text": text, "logprobs": logprobs, "finish_reason": reason })
}

/// Probabilities in the older form; `offset` is the first token's place in the text, in characters.
pub(super) fn logprobs(tokens: &[Value], mut offset: usize) -> Value {
    if tokens.is_empty() {
        return Value::Null;
    }
    let text = |token: &Value| token["token"].as_str().unwrap_or_default().to_owned();
    let offsets: Vec<usize> = tokens
        .iter()
        .map(|token| {
            let at = offset;
            offset += text(token).chars().count();
            at
        })
        .collect();
    // The first token of a prompt follows nothing.
    let top = |token: &Value| -> Option<Map<String, Value>> {
        let top = token["top_logprobs"].as_array()?.iter();
        Some(
            top.map(|entry| (text(entry), entry["logprob"].clone()))
                .collect(),
        )
    };
    json!({
        "tokens": tokens.iter().map(text).collect::<Vec<_>>(),
        "token_logprobs": tokens.iter().map(|token| token["logprob"].clone()).collect::<Vec<_>>(),
        "top_logprobs": tokens.iter().map(top).collect::<Vec<_>>(),
        "text_offset": offsets,
    })
}

/// What the answers to all prompts took.
pub(super) fn total(usages: &[Value]) -> Value {
    let sum = |path: &str| -> u64 {
        let counts = usages
            .iter()
            .filter_map(|usage| usage.pointer(path)?.as_u64());
        counts.sum()
    };
    json!({
        "prompt_tokens": sum("/prompt_tokens"),
        "completion_tokens": sum("/completion_tokens"),
        "total_tokens": sum("/total_tokens"),
        "prompt_tokens_details": { "cached_tokens": sum("/prompt_tokens_details/cached_tokens") },
    })
}

/// The text of a prompt.
pub(super) fn text_of(engine: &dyn Engine, prompt: &Prompt) -> String {
    let part = |part: &PromptPart| match part {
        PromptPart::Text(text) => text.clone(),
        PromptPart::Tokens(tokens) => decode(engine, tokens),
    };
    prompt.parts.iter().map(part).collect()
}

/// The text of tokens.
pub(crate) fn decode(engine: &dyn Engine, tokens: &[TokenId]) -> String {
    let bytes: Vec<u8> = tokens
        .iter()
        .flat_map(|&token| engine.token_bytes(token))
        .copied()
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One of several answers, for the stream.
pub(super) fn new_choices(batch: &Batch) -> Vec<Vec<Choice>> {
    let of = |submitted: &Submitted| {
        let new = |_| Choice::new(&submitted.reading, submitted.tool_format());
        (0..submitted.writers.len()).map(new).collect()
    };
    batch.submitted.iter().map(of).collect()
}
