//! A whole answer to a chat, and what every part of one carries.

use inference_core::{Event, Usage};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::choice::{Choice, logprobs_object};
use crate::endpoint::Turn;
use crate::error::ApiError;
use crate::ids;
use crate::submit::Submitted;

/// Names the program and its version, as `system_fingerprint` does on the wire.
pub(crate) const FINGERPRINT: &str = concat!("anchorite-", env!("CARGO_PKG_VERSION"));

/// What all parts of one answer carry.
#[derive(Clone, Debug)]
pub(crate) struct Envelope {
    id: String,
    created: i64,
    model: String,
    turn: Turn,
}

impl Envelope {
    /// For the answers in `submitted`.
    pub(crate) fn new(submitted: &Submitted) -> Self {
        Self {
            id: ids::unique("chatcmpl-"),
            created: Timestamp::now().as_second(),
            model: submitted.model(),
            turn: submitted.turn,
        }
    }

    /// Puts `choices` into an object of kind `object`.
    pub(crate) fn wrap(&self, object: &str, choices: &[Value]) -> Value {
        let mut answer = json!({
            "id": self.id,
            "object": object,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": FINGERPRINT,
            "choices": choices,
        });
        self.turn.tell(&mut answer);
        answer
    }
}

/// Waits for every answer and puts them together.
pub(crate) async fn collect(
    mut submitted: Submitted,
    envelope: &Envelope,
) -> Result<Value, ApiError> {
    let choices = write_out(&mut submitted).await?;
    let usage = usage(submitted.prompt_tokens, &choices);
    let choices = choices.into_iter().enumerate().map(|(index, choice)| {
        let reason = choice.finish_reason();
        let mut choice = choice;
        let logprobs = logprobs_object(&std::mem::take(&mut choice.logprobs));
        json!({ "index": index, "message": message(&choice), "logprobs": logprobs, "finish_reason": reason })
    });
    let choices: Vec<Value> = choices.collect();
    let mut answer = envelope.wrap("chat.completion", &choices);
    answer["usage"] = usage;
    Ok(answer)
}

/// Waits for every answer.
pub(crate) async fn write_out(submitted: &mut Submitted) -> Result<Vec<Choice>, ApiError> {
    let format = submitted.tool_format();
    let new = |_| Choice::new(&submitted.reading, format);
    let mut choices: Vec<Choice> = (0..submitted.writers.len()).map(new).collect();
    while let Some((index, event)) = submitted.writers.next().await {
        let choice = &mut choices[index];
        match event {
            Event::Prompt { tokens, logprobs } => {
                choice.read_prompt(&*submitted.engine, &tokens, &logprobs);
            }
            Event::Text {
                text,
                tokens,
                logprobs,
            } => drop(choice.write(&*submitted.engine, &text, &tokens, &logprobs)),
            Event::Done(outcome) => drop(choice.end(outcome)),
            Event::Failed(error) => return Err(error.into()),
        }
    }
    Ok(choices)
}

fn message(choice: &Choice) -> Value {
    let content = if choice.content.is_empty() && !choice.calls.is_empty() {
        Value::Null
    } else {
        Value::from(choice.content.as_str())
    };
    let mut message = json!({ "role": "assistant", "content": content, "refusal": null });
    if !choice.reasoning.is_empty() {
        message["reasoning_content"] = choice.reasoning.as_str().into();
    }
    if !choice.calls.is_empty() {
        let calls = choice.calls.iter().map(|call| {
            json!({ "id": call.id, "type": "function",
                "function": { "name": call.name, "arguments": call.arguments } })
        });
        message["tool_calls"] = calls.collect();
    }
    message
}

/// What all answers took together; the prompt counts once.
pub(crate) fn usage(prompt_tokens: usize, choices: &[Choice]) -> Value {
    let outcomes = choices.iter().filter_map(|choice| choice.outcome);
    let total = outcomes.fold(Usage::default(), |mut total, outcome| {
        let usage = outcome.usage;
        total.completion_tokens += usage.completion_tokens;
        total.cached_tokens = total.cached_tokens.max(usage.cached_tokens);
        total.accepted_tokens += usage.accepted_tokens;
        total.drafted_tokens += usage.drafted_tokens;
        total
    });
    let reasoning: usize = choices.iter().map(|choice| choice.reasoning_tokens).sum();
    json!({
        "prompt_tokens": prompt_tokens,
        "completion_tokens": total.completion_tokens,
        "total_tokens": prompt_tokens + total.completion_tokens,
        "prompt_tokens_details": { "cached_tokens": total.cached_tokens },
        "completion_tokens_details": {
            "reasoning_tokens": reasoning,
            "accepted_prediction_tokens": total.accepted_tokens,
            "rejected_prediction_tokens": total.drafted_tokens - total.accepted_tokens.min(total.drafted_tokens),
        },
    })
}
