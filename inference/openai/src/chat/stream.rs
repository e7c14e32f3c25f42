//! An answer to a chat as server-sent events.
//!
//! Order: the role, pieces, the finish reason with an empty delta, the usage if it was asked
//! for, `[DONE]`. An answer that breaks off ends with an error object and `[DONE]`.

use axum::response::sse::Event as SseEvent;
use inference_core::Event;
use serde_json::{Value, json};

use super::answer::{self, Envelope};
use super::choice::{Choice, logprobs_object};
use crate::error::ApiError;
use crate::events::{self, data, done};
use crate::reader::Piece;
use crate::submit::Submitted;

/// The events of an answer.
pub(crate) struct ChatStream {
    submitted: Submitted,
    envelope: Envelope,
    choices: Vec<Choice>,
    include_usage: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Begin,
    Write,
    Over,
}

impl ChatStream {
    /// The events of `submitted`.
    pub(crate) fn new(submitted: Submitted, envelope: Envelope, include_usage: bool) -> Self {
        let format = submitted.tool_format();
        let new = |_| Choice::new(&submitted.reading, format);
        Self {
            choices: (0..submitted.writers.len()).map(new).collect(),
            submitted,
            envelope,
            include_usage,
            state: State::Begin,
        }
    }

    fn begin(&mut self) -> Vec<SseEvent> {
        self.state = State::Write;
        let delta = json!({ "role": "assistant", "content": "" });
        let indices = 0..self.choices.len();
        indices
            .map(|index| self.chunk(index, &delta, None, &Value::Null))
            .collect()
    }

    async fn write(&mut self) -> Vec<SseEvent> {
        match self.submitted.writers.next().await {
            None => self.over(),
            Some((
                index,
                Event::Text {
                    text,
                    tokens,
                    logprobs,
                },
            )) => {
                let engine = &*self.submitted.engine;
                let pieces = self.choices[index].write(engine, &text, &tokens, &logprobs);
                self.deltas(index, pieces)
            }
            Some((_, Event::Prompt { .. })) => Vec::new(),
            Some((index, Event::Done(outcome))) => {
                let pieces = self.choices[index].end(outcome);
                let mut events = self.deltas(index, pieces);
                let reason = self.choices[index].finish_reason();
                let logprobs = self.take_logprobs(index);
                events.push(self.chunk(index, &json!({}), reason, &logprobs));
                events
            }
            Some((_, Event::Failed(error))) => {
                self.state = State::Over;
                vec![data(&ApiError::from(error).body()), done()]
            }
        }
    }

    fn over(&mut self) -> Vec<SseEvent> {
        self.state = State::Over;
        let mut events = Vec::new();
        if self.include_usage {
            let mut chunk = self.envelope.wrap("chat.completion.chunk", &[]);
            chunk["usage"] = answer::usage(self.submitted.prompt_tokens, &self.choices);
            events.push(data(&chunk));
        }
        events.push(done());
        events
    }

    /// A chunk for each piece; the probabilities go with the first.
    fn deltas(&mut self, index: usize, pieces: Vec<Piece>) -> Vec<SseEvent> {
        let begun = pieces
            .iter()
            .filter(|piece| matches!(piece, Piece::Call(_)))
            .count();
        let mut call = self.choices[index].calls.len() - begun;
        let mut events = Vec::with_capacity(pieces.len());
        for piece in pieces {
            if matches!(piece, Piece::Call(_)) {
                call += 1;
            }
            let delta = self.delta(index, call.saturating_sub(1), piece);
            let logprobs = self.take_logprobs(index);
            events.push(self.chunk(index, &delta, None, &logprobs));
        }
        events
    }

    fn delta(&self, index: usize, call: usize, piece: Piece) -> Value {
        match piece {
            Piece::Reasoning(text) => json!({ "reasoning_content": text }),
            Piece::Content(text) => json!({ "content": text }),
            Piece::Call(name) => {
                let id = self.choices[index].calls.get(call).map(|call| &call.id);
                json!({ "tool_calls": [{ "index": call, "id": id, "type": "function",
                    "function": { "name": name, "arguments": "" } }] })
            }
            Piece::Arguments(text) => {
                json!({ "tool_calls": [{ "index": call, "function": { "arguments": text } }] })
            }
        }
    }

    fn take_logprobs(&mut self, index: usize) -> Value {
        logprobs_object(&std::mem::take(&mut self.choices[index].logprobs))
    }

    fn chunk(
        &self,
        index: usize,
        delta: &Value,
        reason: Option<&str>,
        logprobs: &Value,
    ) -> SseEvent {
        let choice = json!({ "index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason });
        let mut chunk = self.envelope.wrap("chat.completion.chunk", &[choice]);
        if self.include_usage {
            chunk["usage"] = Value::Null;
        }
        data(&chunk)
    }
}

impl events::Source for ChatStream {
    async fn next(&mut self) -> Option<Vec<SseEvent>> {
        match self.state {
            State::Begin => Some(self.begin()),
            State::Write => Some(self.write().await),
            State::Over => None,
        }
    }
}
