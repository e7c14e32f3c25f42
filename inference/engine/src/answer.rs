//! One answer being written: from logits to tokens to text.
//!
//! Decides which tokens follow and when the answer ends. When its tokens pass the model is the
//! worker's to say; it makes no difference here, so neither does company, nor guessing ahead.
//!
//! Tokens the grammar forces are written without sampling. Guesses are verified by sampling at
//! their place as if they were not there: a guess is right if it is what is sampled. The matcher
//! only ever takes tokens that were written, so that nothing has to be taken back.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Instant;

use inference_constrain::TokenMatcher;
use inference_core::drafting::PromptLookup;
use inference_core::engine::TokenLogprobs;
use inference_core::logprobs::token_logprobs;
use inference_core::sampler::Sampler;
use inference_core::thoughts::ThoughtCounter;
use inference_core::{EngineError, Event, FinishReason, Outcome, TokenId, Usage};
use inference_text::{Detokenizer, StopMatcher, Tokenizer};

use crate::metrics::{Ending, ModelMetrics, Times};
use crate::scores::PromptScores;
use crate::shared::Job;
use crate::stream::Sender;

/// How a request ended.
#[derive(Debug)]
pub(crate) enum Ended {
    Done(FinishReason),
    Failed(EngineError),
    Cancelled,
}

/// What was written in one step.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) tokens: Vec<TokenId>,
    /// How many of them were guessed ahead and have passed the model.
    pub(crate) accepted: usize,
    pub(crate) ended: Option<FinishReason>,
}

/// One answer being written.
pub(crate) struct Answer {
    events: Sender,
    max_tokens: usize,
    logprobs: Option<usize>,
    control_text: bool,
    matcher: Option<TokenMatcher>,
    sampler: Sampler,
    thoughts: Option<ThoughtCounter>,
    /// Until every token of the prompt has its probability, where they are wanted.
    scores: Option<PromptScores>,
    lookup: Option<PromptLookup>,
    detokenizer: Detokenizer,
    stops: StopMatcher,
    /// Text that was not sent yet.
    text: String,
    /// Tokens written whose text was not sent yet.
    unsent: Vec<TokenId>,
    /// Theirs, if the request asked for them.
    unsent_logprobs: Vec<TokenLogprobs>,
    usage: Usage,
    arrived: Instant,
    admitted: Option<Instant>,
    /// Whether it gave way to another meanwhile.
    resumed: bool,
    first_token: Option<Instant>,
    last_step: Instant,
}

impl Answer {
    /// The answer to `job`, which may be `guessed` ahead; gives its prompt too.
    pub(crate) fn new(job: Job, guessed: bool) -> (Vec<TokenId>, Self) {
        let mut sampling = job.sampling;
        let stops = StopMatcher::new(std::mem::take(&mut sampling.stop));
        let seed = RandomState::new().build_hasher().finish();
        let answer = Self {
            events: job.events,
            max_tokens: job.max_tokens,
            logprobs: job.logprobs,
            control_text: job.control_text,
            matcher: job.matcher,
            sampler: Sampler::new(sampling, seed, &job.prompt),
            thoughts: job.thoughts,
            scores: job
                .prompt_logprobs
                .then(|| PromptScores::new(job.prompt.clone(), job.logprobs.unwrap_or(0))),
            lookup: guessed.then(PromptLookup::default),
            detokenizer: Detokenizer::default(),
            stops,
            text: String::new(),
            unsent: Vec::new(),
            unsent_logprobs: Vec::new(),
            usage: Usage {
                prompt_tokens: job.prompt.len(),
                ..Usage::default()
            },
            arrived: job.arrived,
            admitted: None,
            resumed: false,
            first_token: None,
            last_step: job.arrived,
        };
        (job.prompt, answer)
    }

    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.events.is_closed()
    }

    /// Notes that the request runs, with `cached` tokens found. Later times are resumptions.
    pub(crate) fn admit(&mut self, cached: usize, metrics: &ModelMetrics) {
        if self.admitted.is_none() {
            self.admitted = Some(Instant::now());
            self.usage.cached_tokens = cached;
            metrics.admitted(self.usage.prompt_tokens, cached, self.arrived.elapsed());
        } else {
            self.resumed = true;
        }
    }

    /// Notes that `cached` more tokens of the prompt were found while it was read. Resumptions are not told.
    pub(crate) fn found(&mut self, cached: usize, metrics: &ModelMetrics) {
        if !self.resumed {
            self.usage.cached_tokens += cached;
            metrics.found(cached);
        }
    }

    /// The first of the tokens from `position` on, `known` in number, whose logits a prompt's probabilities still need.
    pub(crate) fn unscored(&self, position: usize, known: usize) -> Option<usize> {
        self.scores.as_ref()?.missing(position, known)
    }

    /// Whether the whole prompt has to pass the model.
    pub(crate) fn scores_prompt(&self) -> bool {
        self.scores.is_some()
    }

    /// Takes the logits after each token from `position` on, `[tokens, vocab_size]`.
    pub(crate) fn score(&mut self, position: usize, rows: &[f32], vocab_size: usize) {
        if let Some(scores) = &mut self.scores {
            scores.take(position, rows, vocab_size);
        }
    }

    /// Tells how likely the prompt was, before the first text.
    fn send_scores(&mut self) {
        if let Some(scores) = self.scores.take() {
            let (tokens, logprobs) = scores.finish();
            // A closed channel is noticed before the next step.
            let _ = self.events.send(Event::Prompt { tokens, logprobs });
        }
    }

    /// Writes what follows. `rows` has the logits after the last token, then those after each
    /// of `drafts`, `[1 + drafts, vocab_size]`.
    pub(crate) fn write(
        &mut self,
        rows: &mut [f32],
        drafts: &[TokenId],
        tokenizer: &Tokenizer,
    ) -> Result<Step, EngineError> {
        let vocab_size = rows.len() / (drafts.len() + 1);
        let mut step = Step::default();
        self.send_scores();
        // Each guess that was right leads to the row behind it, those that were forced among them.
        while let Some(row) = rows.chunks_exact_mut(vocab_size.max(1)).nth(step.accepted) {
            let (mut tokens, mut forced) = self.choose(row)?;
            while !tokens.is_empty() {
                self.put(&tokens, forced, drafts, tokenizer, &mut step)?;
                if step.ended.is_some() {
                    self.finish(step.ended);
                    return Ok(step);
                }
                (tokens, forced) = (self.forced_behind(), true);
            }
            // The next row follows the last token only if all were guessed.
            if step.accepted < step.tokens.len() {
                break;
            }
        }
        self.send();
        Ok(step)
    }

    /// The tokens to write next, and whether the grammar forced them.
    fn choose(&mut self, row: &mut [f32]) -> Result<(Vec<TokenId>, bool), EngineError> {
        let mut forced = self.forced();
        if !forced.is_empty() {
            if let Some(top) = self.logprobs {
                // Each token's probability follows from reading the one before.
                forced.truncate(1);
                self.unsent_logprobs
                    .push(token_logprobs(row, forced[0], top));
            }
            return Ok((forced, true));
        }
        let mask = match &mut self.matcher {
            Some(matcher) => Some(matcher.mask()?),
            None => None,
        };
        // Sampling changes the logits; probabilities are those before.
        let raw = self.logprobs.map(|top| (top, row.to_vec()));
        let token = self.sampler.sample(row, mask.as_ref());
        let token = token
            .ok_or_else(|| EngineError::Failed("the model gave no usable token".to_owned()))?;
        if let Some((top, logits)) = raw {
            self.unsent_logprobs
                .push(token_logprobs(&logits, token, top));
        }
        Ok((vec![token], false))
    }

    /// What is written without asking the model: what the grammar forces, else the end of thoughts that are too long.
    fn forced(&mut self) -> Vec<TokenId> {
        let forced = self.matcher.as_mut().map(TokenMatcher::forced);
        match forced {
            Some(forced) if !forced.is_empty() => forced,
            _ => self.due(),
        }
    }

    /// The end of thoughts that are too long, between two characters and where the grammar has a place for it.
    fn due(&mut self) -> Vec<TokenId> {
        let due = self.thoughts.as_ref().map_or(&[][..], ThoughtCounter::due);
        if due.is_empty() {
            return Vec::new();
        }
        let fits = self.detokenizer.is_whole()
            && self
                .matcher
                .as_mut()
                .is_none_or(|matcher| matcher.valid_prefix(due) == due.len());
        if fits { due.to_vec() } else { Vec::new() }
    }

    /// What is forced now; nothing where each token's logits are wanted.
    fn forced_behind(&mut self) -> Vec<TokenId> {
        if self.logprobs.is_some() {
            return Vec::new();
        }
        self.forced()
    }

    fn put(
        &mut self,
        tokens: &[TokenId],
        forced: bool,
        drafts: &[TokenId],
        tokenizer: &Tokenizer,
        step: &mut Step,
    ) -> Result<(), EngineError> {
        for &token in tokens {
            let all_guessed = step.accepted == step.tokens.len();
            if all_guessed && drafts.get(step.accepted) == Some(&token) {
                step.accepted += 1;
            }
            step.tokens.push(token);
            self.usage.forced_tokens += usize::from(forced);
            step.ended = self.note(token, tokenizer)?;
            if step.ended.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Notes that `token` was written; says if the answer ends with it.
    fn note(
        &mut self,
        token: TokenId,
        tokenizer: &Tokenizer,
    ) -> Result<Option<FinishReason>, EngineError> {
        self.usage.completion_tokens += 1;
        self.sampler.accept(token);
        if let Some(thoughts) = &mut self.thoughts {
            thoughts.note(token);
        }
        if tokenizer.is_end(token) {
            // The end has no text; neither its number nor its probability is told.
            self.unsent_logprobs.truncate(self.unsent.len());
            return Ok(Some(FinishReason::Stop));
        }
        self.unsent.push(token);
        let bytes = if self.control_text {
            tokenizer.bytes_or_spelling(token)
        } else {
            tokenizer.bytes(token)
        };
        let piece = self.detokenizer.push(bytes);
        let found = self.stops.push(&piece);
        self.text.push_str(&found.text);
        if found.stopped {
            return Ok(Some(FinishReason::StopString));
        }
        if let Some(matcher) = &mut self.matcher {
            matcher.consume(token)?;
            if matcher.is_complete() {
                return Ok(Some(FinishReason::Stop));
            }
        }
        Ok((self.usage.completion_tokens >= self.max_tokens).then_some(FinishReason::Length))
    }

    /// Guesses what follows `tokens`, the prompt and the answer so far; only what the grammar allows.
    pub(crate) fn drafts(&mut self, tokens: &[TokenId]) -> Vec<TokenId> {
        // One token is sampled behind the last guess.
        let room = (self.max_tokens - self.usage.completion_tokens).saturating_sub(1);
        if let (Some(matcher), Some(_)) = (&mut self.matcher, self.logprobs) {
            let mut forced = matcher.forced();
            if !forced.is_empty() {
                forced.truncate(room);
                return forced;
            }
        }
        let Some(lookup) = &self.lookup else {
            return Vec::new();
        };
        let mut drafts = lookup.draft(tokens, room);
        if let (Some(matcher), false) = (&mut self.matcher, drafts.is_empty()) {
            let valid = matcher.valid_prefix(&drafts);
            drafts.truncate(valid);
        }
        drafts
    }

    /// Measures a step in which `drafted` guesses were verified.
    pub(crate) fn measure(&mut self, step: &Step, drafted: usize, metrics: &ModelMetrics) {
        let now = Instant::now();
        self.usage.drafted_tokens += drafted;
        self.usage.accepted_tokens += step.accepted;
        if let Some(lookup) = &mut self.lookup {
            lookup.observe(step.tokens.len(), drafted, step.accepted);
        }
        if self.first_token.is_none() && !step.tokens.is_empty() {
            self.first_token = Some(now);
            metrics.first_token(now - self.arrived);
            // The first token is measured from its arrival, not from another token.
            metrics.wrote_first(step.tokens.len());
        } else {
            metrics.wrote(step.tokens.len(), now - self.last_step);
        }
        self.last_step = now;
    }

    /// Tells the asker, if there still is one, how the answer ended.
    pub(crate) fn end(self, ended: Ended, metrics: &ModelMetrics) {
        let ending = match &ended {
            Ended::Done(reason) => Ending::Finished(*reason),
            Ended::Failed(_) => Ending::Failed,
            Ended::Cancelled => Ending::Cancelled,
        };
        let usage = self.usage;
        metrics.ended(ending);
        metrics.shortcuts(
            usage.forced_tokens,
            usage.drafted_tokens,
            usage.accepted_tokens,
        );
        if let (Ended::Done(_), Some(admitted), Some(first)) =
            (&ended, self.admitted, self.first_token)
        {
            metrics.times(Times {
                whole: self.arrived.elapsed(),
                prefill: first - admitted,
                decode: first.elapsed(),
            });
        }
        // The asker may have left; then there is nobody to tell.
        let _ = match ended {
            Ended::Done(finish_reason) => self.events.send(Event::Done(Outcome {
                finish_reason,
                usage,
            })),
            Ended::Failed(error) => self.events.send(Event::Failed(error)),
            Ended::Cancelled => Ok(()),
        };
    }

    /// Sends what was held back, unless a stop string cut it off.
    fn finish(&mut self, reason: Option<FinishReason>) {
        if reason != Some(FinishReason::StopString) {
            let rest = self.detokenizer.finish();
            let found = self.stops.push(&rest);
            self.text.push_str(&found.text);
            if !found.stopped {
                self.text.push_str(&self.stops.finish());
            }
        }
        if reason != Some(FinishReason::StopString) && !self.unsent.is_empty() {
            self.send_tokens();
        }
        self.send();
    }

    fn send(&mut self) {
        if !self.text.is_empty() {
            self.send_tokens();
        }
    }

    fn send_tokens(&mut self) {
        // A closed channel is noticed before the next step.
        let _ = self.events.send(Event::Text {
            text: std::mem::take(&mut self.text),
            tokens: std::mem::take(&mut self.unsent),
            logprobs: std::mem::take(&mut self.unsent_logprobs),
        });
    }
}
