//! Answers to prompts as server-sent events, one prompt after the other.
//!
//! All prompts are written at once; only telling goes in order.

use axum::response::sse::Event as SseEvent;
use inference_core::Event;
use serde_json::Value;

use super::Batch;
use super::answer::{self, Envelope};
use crate::chat::{self, Choice};
use crate::error::ApiError;
use crate::events::{self, data, done};
use crate::reader::Piece;

/// The events of an answer.
pub(super) struct CompletionStream {
    batch: Batch,
    envelope: Envelope,
    /// For each prompt.
    choices: Vec<Vec<Choice>>,
    /// Characters told of each answer to the prompt whose turn it is.
    told: Vec<usize>,
    prompt: usize,
    begun: bool,
    include_usage: bool,
    over: bool,
}

impl CompletionStream {
    /// The events of `batch`.
    pub(super) fn new(batch: Batch, envelope: Envelope, include_usage: bool) -> Self {
        Self {
            choices: answer::new_choices(&batch),
            told: Vec::new(),
            batch,
            envelope,
            prompt: 0,
            begun: false,
            include_usage,
            over: false,
        }
    }

    async fn step(&mut self) -> Vec<SseEvent> {
        let Some(submitted) = self.batch.submitted.get_mut(self.prompt) else {
            return self.end();
        };
        if !self.begun {
            return self.begin();
        }
        match submitted.writers.next().await {
            None => {
                self.prompt += 1;
                self.begun = false;
                Vec::new()
            }
            Some((
                index,
                Event::Text {
                    text,
                    tokens,
                    logprobs,
                },
            )) => {
                let engine = &*submitted.engine;
                let choice = &mut self.choices[self.prompt][index];
                let pieces = choice.write(engine, &text, &tokens, &logprobs);
                self.pieces(index, &pieces)
            }
            Some((index, Event::Prompt { tokens, logprobs })) => {
                let engine = &*submitted.engine;
                let choice = &mut self.choices[self.prompt][index];
                choice.read_prompt(engine, &tokens, &logprobs);
                let echo = self.batch.echoes[self.prompt].clone();
                vec![self.chunk(index, &echo, None)]
            }
            Some((index, Event::Done(outcome))) => {
                let pieces = self.choices[self.prompt][index].end(outcome);
                let mut events = self.pieces(index, &pieces);
                let reason = self.choices[self.prompt][index].finish_reason();
                events.push(self.chunk(index, "", reason));
                events
            }
            Some((_, Event::Failed(error))) => {
                self.over = true;
                vec![data(&ApiError::from(error).body()), done()]
            }
        }
    }

    fn begin(&mut self) -> Vec<SseEvent> {
        self.begun = true;
        self.told = vec![0; self.choices[self.prompt].len()];
        let echo = self.batch.echoes[self.prompt].clone();
        // With probabilities, the prompt is told once they are known.
        if echo.is_empty() || self.batch.scored {
            return Vec::new();
        }
        let indices = 0..self.told.len();
        indices
            .map(|index| self.chunk(index, &echo, None))
            .collect()
    }

    fn pieces(&mut self, index: usize, pieces: &[Piece]) -> Vec<SseEvent> {
        let mut events = Vec::new();
        for piece in pieces {
            if let Piece::Content(text) = piece {
                events.push(self.chunk(index, text, None));
            }
        }
        events
    }

    fn chunk(&mut self, index: usize, text: &str, reason: Option<&str>) -> SseEvent {
        let before: usize = self.choices[..self.prompt].iter().map(Vec::len).sum();
        let tokens = std::mem::take(&mut self.choices[self.prompt][index].logprobs);
        let logprobs = answer::logprobs(&tokens, self.told[index]);
        self.told[index] += text.chars().count();
        let object = answer::object(before + index, text, &logprobs, reason);
        let mut chunk = self.envelope.wrap(&[object]);
        if self.include_usage {
            chunk["usage"] = Value::Null;
        }
        data(&chunk)
    }

    fn end(&mut self) -> Vec<SseEvent> {
        self.over = true;
        let mut events = Vec::new();
        if self.include_usage {
            let each = self.batch.submitted.iter().zip(&self.choices);
            let usages: Vec<Value> = each
                .map(|(submitted, choices)| chat::usage(submitted.prompt_tokens, choices))
                .collect();
            let mut chunk = self.envelope.wrap(&[]);
            chunk["usage"] = answer::total(&usages);
            events.push(data(&chunk));
        }
        events.push(done());
        events
    }
}

impl events::Source for CompletionStream {
    async fn next(&mut self) -> Option<Vec<SseEvent>> {
        if self.over {
            return None;
        }
        Some(self.step().await)
    }
}
