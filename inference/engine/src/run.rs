//! One request, from its prompt to its last token.
//!
//! Each step writes one sampled token, or all tokens the grammar forces, and
//! reads them. Cancellation is looked for between chunks of the prompt and between steps.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Instant;

use inference_core::engine::TokenLogprobs;
use inference_core::logprobs::token_logprobs;
use inference_core::sampler::Sampler;
use inference_core::{EngineError, Event, FinishReason, Outcome, TokenId, Usage};
use inference_nn::{Logits, ModelError, Segment};
use inference_text::{Detokenizer, StopMatcher};

use crate::shared::Job;
use crate::worker::Worker;

/// Tokens of a prompt between two looks for cancellation: well under a second on any model that is usable.
const PREFILL_CHUNK: usize = 256;

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Done(Outcome),
    Failed(EngineError),
    Cancelled,
}

/// One request whose prompt was read.
pub(crate) struct Run<'a> {
    worker: &'a mut Worker,
    job: Job,
    sampler: Sampler,
    detokenizer: Detokenizer,
    stops: StopMatcher,
    /// Tokens written whose text was not sent yet.
    unsent: Vec<TokenId>,
    /// Theirs, if the request asked for them.
    unsent_logprobs: Vec<TokenLogprobs>,
    usage: Usage,
    last_step: Instant,
}

impl<'a> Run<'a> {
    /// Reads the prompt, except for what the decoder holds of it already.
    pub(crate) fn begin(worker: &'a mut Worker, mut job: Job) -> Result<Self, Ended> {
        let cached = reusable(&worker.held, &job.prompt);
        worker.held.truncate(cached);
        let usage = Usage {
            prompt_tokens: job.prompt.len(),
            cached_tokens: cached,
            ..Usage::default()
        };
        let seed = RandomState::new().build_hasher().finish();
        let sampler = Sampler::new(job.sampling.clone(), seed, &job.prompt);
        let stops = StopMatcher::new(std::mem::take(&mut job.sampling.stop));
        let mut run = Self {
            worker,
            sampler,
            detokenizer: Detokenizer::default(),
            stops,
            unsent: Vec::new(),
            unsent_logprobs: Vec::new(),
            usage,
            last_step: Instant::now(),
            job,
        };
        let prompt = std::mem::take(&mut run.job.prompt);
        let mut chunks = prompt[cached..].chunks(PREFILL_CHUNK).peekable();
        while let Some(chunk) = chunks.next() {
            let last = chunks.peek().is_none();
            run.read(chunk, if last { Logits::Last } else { Logits::None })?;
        }
        run.worker.shared.metrics.prompt(prompt.len(), cached);
        Ok(run)
    }

    /// Writes the answer.
    pub(crate) fn finish(mut self) -> Result<Ended, Ended> {
        loop {
            let (tokens, forced) = self.choose()?;
            self.measure(tokens.len(), forced);
            for &token in &tokens {
                if let Some(reason) = self.write(token, forced)? {
                    return Ok(self.done(reason));
                }
            }
            self.read(&tokens, Logits::Last)?;
        }
    }

    /// The tokens to write next, and whether the grammar forced them.
    fn choose(&mut self) -> Result<(Vec<TokenId>, bool), Ended> {
        let mut mask = None;
        if let Some(matcher) = &mut self.job.matcher {
            let mut forced = matcher.forced();
            if !forced.is_empty() {
                if let Some(top) = self.job.logprobs {
                    // Each token's probability follows from reading the one before.
                    forced.truncate(1);
                    self.note_logprobs(forced[0], top);
                }
                return Ok((forced, true));
            }
            mask = Some(matcher.mask().map_err(Ended::Failed)?);
        }
        // Sampling changes the logits; probabilities are those before.
        let raw = self
            .job
            .logprobs
            .map(|top| (top, self.worker.logits.clone()));
        let token = self.sampler.sample(&mut self.worker.logits, mask.as_ref());
        let none = || {
            Ended::Failed(EngineError::Failed(
                "the model gave no usable token".to_owned(),
            ))
        };
        let token = token.ok_or_else(none)?;
        if let Some((top, logits)) = raw {
            self.unsent_logprobs
                .push(token_logprobs(&logits, token, top));
        }
        Ok((vec![token], false))
    }

    fn note_logprobs(&mut self, token: TokenId, top: usize) {
        let logits = &self.worker.logits;
        self.unsent_logprobs
            .push(token_logprobs(logits, token, top));
    }

    /// Notes `token` and sends its text; says if the answer ends with it.
    fn write(&mut self, token: TokenId, forced: bool) -> Result<Option<FinishReason>, Ended> {
        self.usage.completion_tokens += 1;
        self.usage.forced_tokens += usize::from(forced);
        self.sampler.accept(token);
        if self.worker.tokenizer.is_end(token) {
            // The end has no text; neither its number nor its probability is told.
            self.unsent_logprobs.truncate(self.unsent.len());
            return Ok(Some(FinishReason::Stop));
        }
        self.unsent.push(token);
        let tokenizer = &self.worker.tokenizer;
        let bytes = if self.job.control_text {
            tokenizer.bytes_or_spelling(token)
        } else {
            tokenizer.bytes(token)
        };
        let text = self.detokenizer.push(bytes);
        let step = self.stops.push(&text);
        self.send(step.text);
        if step.stopped {
            return Ok(Some(FinishReason::StopString));
        }
        if let Some(matcher) = &mut self.job.matcher {
            matcher.consume(token).map_err(Ended::Failed)?;
            if matcher.is_complete() {
                return Ok(Some(FinishReason::Stop));
            }
        }
        Ok((self.usage.completion_tokens >= self.job.max_tokens).then_some(FinishReason::Length))
    }

    /// Sends what was held back, unless a stop string cut it off.
    fn done(&mut self, reason: FinishReason) -> Ended {
        if reason != FinishReason::StopString {
            let text = self.detokenizer.finish();
            let step = self.stops.push(&text);
            let rest = if step.stopped {
                String::new()
            } else {
                self.stops.finish()
            };
            self.send(step.text + &rest);
            self.send_tokens(String::new());
        }
        Ended::Done(Outcome {
            finish_reason: reason,
            usage: self.usage,
        })
    }

    fn send(&mut self, text: String) {
        if !text.is_empty() {
            self.send_tokens(text);
        }
    }

    /// Sends `text` and the tokens that were not sent yet.
    fn send_tokens(&mut self, text: String) {
        if !text.is_empty() || !self.unsent.is_empty() {
            let tokens = std::mem::take(&mut self.unsent);
            let logprobs = std::mem::take(&mut self.unsent_logprobs);
            // A closed channel is noticed before the next step.
            let _ = self.job.events.send(Event::Text {
                text,
                tokens,
                logprobs,
            });
        }
    }

    /// Lets the decoder read `tokens` behind what it holds, and keeps the logits asked for.
    fn read(&mut self, tokens: &[TokenId], logits: Logits) -> Result<(), Ended> {
        let worker = &mut *self.worker;
        if worker.shared.is_stopping() {
            return Err(Ended::Failed(EngineError::Stopped));
        }
        if self.job.events.is_closed() {
            return Err(Ended::Cancelled);
        }
        let failed = |error: ModelError| Ended::Failed(EngineError::Failed(error.to_string()));
        let segment = Segment {
            tokens,
            position: worker.held.len(),
            blocks: &worker.blocks,
            logits,
        };
        let logits = worker.decoder.forward(&[segment]).map_err(failed)?;
        worker.logits.clear();
        worker.logits.extend_from_slice(logits);
        worker.held.extend_from_slice(tokens);
        worker.shared.progressed();
        Ok(())
    }

    fn measure(&mut self, tokens: usize, forced: bool) {
        let metrics = &self.worker.shared.metrics;
        if self.usage.completion_tokens == 0 {
            metrics.first_token(self.job.arrived.elapsed());
        }
        metrics.wrote(tokens, forced, self.last_step.elapsed());
        self.last_step = Instant::now();
    }
}

/// How many tokens of `prompt` need not be read again: what both begin with,
/// but for the last token, whose logits are wanted.
fn reusable(held: &[TokenId], prompt: &[TokenId]) -> usize {
    let common = held
        .iter()
        .zip(prompt)
        .take_while(|(held, token)| held == token)
        .count();
    common.min(prompt.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_beginning_is_kept_but_for_the_last_token() {
        assert_eq!(reusable(&[1, 2, 3], &[1, 2, 4, 5]), 2);
        assert_eq!(reusable(&[1, 2, 3, 4], &[1, 2]), 1);
        assert_eq!(reusable(&[], &[1]), 0);
        assert_eq!(reusable(&[2], &[1, 2]), 0);
    }
}
