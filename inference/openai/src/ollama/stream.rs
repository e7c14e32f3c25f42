//! Ollama's answers as they are written.
//!
//! Content and thoughts come in pieces, calls whole with the last line, as clients there expect.

use std::convert::Infallible;
use std::time::Instant;

use futures::{Stream, stream};
use inference_core::{Event, Outcome};
use serde_json::Value;

use super::answer::{self, Times};
use super::error_line;
use super::request::Form;
use crate::chat::Choice;
use crate::error::ApiError;
use crate::reader::Piece;
use crate::submit::Submitted;

/// The lines of an answer.
pub(super) struct Lines {
    submitted: Submitted,
    choice: Choice,
    form: Form,
    model: String,
    start: Instant,
    times: Times,
    over: bool,
}

impl Lines {
    /// The lines of `submitted`.
    pub(super) fn new(submitted: Submitted, form: Form) -> Self {
        Self {
            choice: Choice::new(&submitted.reading, submitted.tool_format()),
            model: submitted.model(),
            submitted,
            form,
            start: Instant::now(),
            times: Times::default(),
            over: false,
        }
    }

    /// Waits for the whole answer, as one object.
    pub(super) async fn whole(&mut self) -> Result<Value, ApiError> {
        loop {
            if let Some(outcome) = self.step().await?.1 {
                let choice = &self.choice;
                let mut object =
                    answer::line(&self.model, self.form, &choice.content, &choice.reasoning);
                self.finish(&mut object, outcome);
                return Ok(object);
            }
        }
    }

    /// The next lines; none after the last.
    async fn next(&mut self) -> Option<Vec<Value>> {
        if self.over {
            return None;
        }
        Some(match self.step().await {
            Err(error) => {
                self.over = true;
                vec![error_line(&error)]
            }
            Ok((pieces, outcome)) => {
                let mut lines: Vec<Value> =
                    pieces.iter().filter_map(|piece| self.line(piece)).collect();
                if let Some(outcome) = outcome {
                    self.over = true;
                    let mut last = answer::line(&self.model, self.form, "", "");
                    self.finish(&mut last, outcome);
                    lines.push(last);
                }
                lines
            }
        })
    }

    async fn step(&mut self) -> Result<(Vec<Piece>, Option<Outcome>), ApiError> {
        match self.submitted.writers.next().await {
            Some((
                _,
                Event::Text {
                    text,
                    tokens,
                    logprobs,
                },
            )) => {
                if self.times.prompt.is_zero() {
                    self.times.prompt = self.start.elapsed();
                }
                let engine = &*self.submitted.engine;
                Ok((self.choice.write(engine, &text, &tokens, &logprobs), None))
            }
            Some((_, Event::Prompt { .. })) => Ok((Vec::new(), None)),
            Some((_, Event::Done(outcome))) => {
                self.times.total = self.start.elapsed();
                Ok((self.choice.end(outcome), Some(outcome)))
            }
            Some((_, Event::Failed(error))) => Err(error.into()),
            None => Err(ApiError::internal("the answer broke off")),
        }
    }

    fn line(&self, piece: &Piece) -> Option<Value> {
        match piece {
            Piece::Content(text) => Some(answer::line(&self.model, self.form, text, "")),
            Piece::Reasoning(text) => Some(answer::line(&self.model, self.form, "", text)),
            Piece::Call(_) | Piece::Arguments(_) => None,
        }
    }

    fn finish(&mut self, line: &mut Value, outcome: Outcome) {
        if self.form == Form::Chat && !self.choice.calls.is_empty() {
            line["message"]["tool_calls"] = answer::calls(&self.choice.calls);
        }
        if !self.choice.logprobs.is_empty() {
            line["logprobs"] = std::mem::take(&mut self.choice.logprobs).into();
        }
        answer::end(line, outcome, self.times);
    }
}

/// The body of a stream; dropping it cancels the answer.
pub(super) fn body(lines: Lines) -> impl Stream<Item = Result<String, Infallible>> {
    stream::unfold(lines, |mut lines| async {
        let next = lines.next().await?;
        let mut text = String::new();
        for line in next {
            text.push_str(&line.to_string());
            text.push('\n');
        }
        Some((Ok(text), lines))
    })
}
