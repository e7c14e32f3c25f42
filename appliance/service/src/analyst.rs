//! From a card to a worded analysis, through whatever model is loaded.

use std::sync::Arc;
use std::time::Instant;

use appliance_core::analysis::{Analysis, ReplyError, ReplyReport, SummaryDraft, apply_reply};
use appliance_core::ports::{Completer, CompletionError};
use appliance_core::prompt::Prompt;
use appliance_core::question::{Answer, FreeQuestion, Question};
use jiff::Timestamp;

/// Why a card was not worded by the model.
#[derive(Debug, thiserror::Error)]
pub enum WordingError {
    /// The engine gave no answer.
    #[error(transparent)]
    Completion(#[from] CompletionError),
    /// The answer ran into its length limit.
    #[error("the model did not finish its answer within {0} tokens")]
    Unfinished(u64),
    /// The answer did not hold.
    #[error(transparent)]
    Reply(#[from] ReplyError),
}

/// A finished answer with the prompt it answers.
#[derive(Clone, Debug)]
pub struct ModelReply {
    /// What was asked.
    pub prompt: Prompt,
    /// The answer as the model wrote it; untrusted.
    pub text: String,
    /// Name of the model.
    pub model: String,
    /// Prompt tokens read.
    pub prefill_tokens: u64,
    /// Tokens written.
    pub decode_tokens: u64,
}

/// Words cards.
#[derive(Clone)]
pub struct Analyst {
    completer: Arc<dyn Completer>,
}

impl std::fmt::Debug for Analyst {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Analyst")
            .field("model", &self.completer.profile())
            .finish()
    }
}

impl Analyst {
    /// Words through `completer`.
    pub fn new(completer: Arc<dyn Completer>) -> Self {
        Self { completer }
    }

    /// Name of the loaded model; empty while none is.
    pub fn model(&self) -> String {
        self.completer
            .profile()
            .map(|profile| profile.name)
            .unwrap_or_default()
    }

    /// Words `card`; `on_sentence` sees each checked sentence as it is written.
    ///
    /// # Errors
    /// [`WordingError`]: the card then stands as it is.
    pub async fn word(
        &self,
        card: &Analysis,
        on_sentence: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(Analysis, ReplyReport), WordingError> {
        let started = Instant::now();
        let reply = self.reply(card, on_sentence).await?;
        let (mut worded, report) = apply_reply(card, &reply.prompt, &reply.text, &reply.model)?;
        worded.timing.prefill_tokens = reply.prefill_tokens;
        worded.timing.decode_tokens = reply.decode_tokens;
        worded.timing.model_ms = millis(started);
        Ok((worded, report))
    }

    /// What the model answers to the prompt of `card`, not yet read.
    ///
    /// # Errors
    /// [`WordingError`] when no finished answer could be had.
    pub async fn reply(
        &self,
        card: &Analysis,
        on_sentence: &mut (dyn FnMut(&str) + Send),
    ) -> Result<ModelReply, WordingError> {
        let profile = self.completer.profile().ok_or(CompletionError::NoModel)?;
        let prompt = Prompt::write(card, &profile, &*self.completer);
        let mut draft = SummaryDraft::new(card, &prompt);
        let mut on_text = |piece: &str| {
            for sentence in draft.push(piece) {
                on_sentence(&sentence);
            }
        };
        let completion = self
            .completer
            .complete(prompt.request(), &mut on_text)
            .await?;
        if !completion.finished {
            return Err(WordingError::Unfinished(completion.decode_tokens));
        }
        Ok(ModelReply {
            prompt,
            text: completion.text,
            model: profile.name,
            prefill_tokens: completion.prefill_tokens,
            decode_tokens: completion.decode_tokens,
        })
    }

    /// Answers `question` about `analysis` by rules, or by a model that reads
    /// names as they are; says so where neither can.
    ///
    /// # Errors
    /// [`WordingError`] when the model that should answer fails.
    pub async fn ask(
        &self,
        question: &str,
        analysis: &Analysis,
        now: Timestamp,
    ) -> Result<Answer, WordingError> {
        let read = Question::read(question, analysis);
        if let Some(answer) = read.answer(analysis, now) {
            return Ok(answer);
        }
        let Some(profile) = self.completer.profile() else {
            return Ok(Answer::declined(None));
        };
        let free = FreeQuestion::write(question, analysis, &profile, &*self.completer);
        let Some(free) = free else {
            return Ok(Answer::declined(Some(&profile.name)));
        };
        let completion = self.completer.complete(free.request, &mut |_| {}).await?;
        Ok(FreeQuestion::check(&completion, analysis, &profile.name))
    }
}

/// Milliseconds since `started`.
pub(crate) fn millis(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}
