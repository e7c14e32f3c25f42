//! One of the answers to a request, as far as it was written.

use inference_core::{Engine, FinishReason, Outcome, TokenId, TokenLogprobs, ToolCall, ToolFormat};
use serde_json::{Value, json};

use crate::ids;
use crate::reader::{AnswerReader, Piece, Reading};

/// What stands for a probability of zero: JSON has no infinity.
const LOGPROB_MIN: f32 = -9999.0;

/// One of the answers to a request.
#[derive(Debug)]
pub(crate) struct Choice {
    reader: AnswerReader,
    format: ToolFormat,
    pub(crate) content: String,
    pub(crate) reasoning: String,
    pub(crate) calls: Vec<ToolCall>,
    /// Tokens of the thoughts.
    pub(crate) reasoning_tokens: usize,
    /// Of tokens whose text was not given out yet; those of thoughts are left out.
    pub(crate) logprobs: Vec<Value>,
    pub(crate) outcome: Option<Outcome>,
}

impl Choice {
    /// Nothing was written yet.
    pub(crate) fn new(reading: &Reading, format: ToolFormat) -> Self {
        Self {
            reader: AnswerReader::new(reading),
            format,
            content: String::new(),
            reasoning: String::new(),
            calls: Vec::new(),
            reasoning_tokens: 0,
            logprobs: Vec::new(),
            outcome: None,
        }
    }

    /// Takes text that was written and gives what is clear of it.
    pub(crate) fn write(
        &mut self,
        engine: &dyn Engine,
        text: &str,
        tokens: &[TokenId],
        logprobs: &[TokenLogprobs],
    ) -> Vec<Piece> {
        let thought = self.reader.is_thinking();
        let pieces = self.reader.push(text);
        let says = pieces
            .iter()
            .any(|piece| !matches!(piece, Piece::Reasoning(_)));
        if says || !(thought || self.reader.is_before_content()) {
            let probable = logprobs.iter().map(|entry| token_object(engine, entry));
            self.logprobs.extend(probable);
        }
        if self.reader.is_thinking() {
            self.reasoning_tokens += tokens.len();
        }
        self.keep(&pieces);
        pieces
    }

    /// Takes how likely the prompt was, which then stands before the answer; its first token follows nothing.
    pub(crate) fn read_prompt(
        &mut self,
        engine: &dyn Engine,
        tokens: &[TokenId],
        logprobs: &[TokenLogprobs],
    ) {
        let first = tokens.first().map(|&token| {
            let bytes = engine.token_bytes(token);
            json!({ "token": String::from_utf8_lossy(bytes), "logprob": null, "bytes": bytes, "top_logprobs": null })
        });
        self.logprobs.extend(first);
        let others = logprobs.iter().map(|entry| token_object(engine, entry));
        self.logprobs.extend(others);
    }

    /// Ends the answer and gives what was held back of it.
    pub(crate) fn end(&mut self, outcome: Outcome) -> Vec<Piece> {
        self.outcome = Some(outcome);
        let pieces = self.reader.finish();
        self.keep(&pieces);
        pieces
    }

    fn keep(&mut self, pieces: &[Piece]) {
        for piece in pieces {
            match piece {
                Piece::Reasoning(text) => self.reasoning.push_str(text),
                Piece::Content(text) => self.content.push_str(text),
                Piece::Call(name) => self.calls.push(ToolCall {
                    id: ids::call(self.format),
                    name: name.clone(),
                    arguments: String::new(),
                }),
                Piece::Arguments(text) => {
                    if let Some(call) = self.calls.last_mut() {
                        call.arguments.push_str(text);
                    }
                }
            }
        }
    }

    /// Why the answer ended, in the words of the wire.
    pub(crate) fn finish_reason(&self) -> Option<&'static str> {
        let reason = self.outcome?.finish_reason;
        Some(match reason {
            FinishReason::Length => "length",
            FinishReason::Stop | FinishReason::StopString if self.calls.is_empty() => "stop",
            FinishReason::Stop | FinishReason::StopString => "tool_calls",
        })
    }
}

/// The `logprobs` of a choice; null if none were asked for.
pub(crate) fn logprobs_object(tokens: &[Value]) -> Value {
    if tokens.is_empty() {
        return Value::Null;
    }
    json!({ "content": tokens, "refusal": null })
}

fn token_object(engine: &dyn Engine, entry: &TokenLogprobs) -> Value {
    let one = |token: TokenId, logprob: f32| {
        let bytes = engine.token_bytes(token);
        json!({ "token": String::from_utf8_lossy(bytes), "logprob": logprob.max(LOGPROB_MIN), "bytes": bytes })
    };
    let mut object = one(entry.token, entry.logprob);
    let top = entry.top.iter();
    object["top_logprobs"] = top.map(|&(token, logprob)| one(token, logprob)).collect();
    object
}
