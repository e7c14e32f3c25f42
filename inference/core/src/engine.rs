//! The port through which everything asks a model to write.
//!
//! Decides the shape of an answer: a stream of [`Event`]s whose last is
//! `Done` or `Failed`. Leaves threads, queues and models to `inference-engine`.
//!
//! Invariant: dropping a [`Generation`] cancels its request.

use std::fmt;
use std::future::poll_fn;
use std::task::{Context, Poll};

use crate::chat::{ChatMessage, ChatOptions, ChatTraits};
use crate::error::EngineError;
use crate::prompt::{Prompt, TokenId};
use crate::request::{Constraint, GenerateRequest};
use crate::speed::Speed;

/// What is known of the loaded model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// The model's name, as clients ask for it.
    pub name: String,
    /// Its architecture, e.g. `llama`.
    pub architecture: String,
    /// Tokens of its window.
    pub context_length: usize,
    /// Tokens of its vocabulary.
    pub vocab_size: usize,
    /// Weights, counted.
    pub parameters: u64,
    /// What its chat looks like.
    pub chat: ChatTraits,
}

/// Tokens a request took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Of those, tokens whose keys and values were kept from an earlier request.
    pub cached_tokens: usize,
    /// Tokens written.
    pub completion_tokens: usize,
    /// Of those, tokens the grammar forced, which were not sampled.
    pub forced_tokens: usize,
    /// Tokens that were guessed ahead, right or wrong.
    pub drafted_tokens: usize,
    /// Of those, guesses that were right.
    pub accepted_tokens: usize,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FinishReason {
    /// The model ended its turn, or the constraint is complete.
    Stop,
    /// A stop string was written.
    StopString,
    /// `max_tokens` or the end of the window was reached; a constraint may be incomplete.
    Length,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// What it took.
    pub usage: Usage,
}

/// How likely a written token was, and what else might have been written.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogprobs {
    /// The token written.
    pub token: TokenId,
    /// Its natural log probability under the model, before sampling parameters and constraints.
    pub logprob: f32,
    /// The likeliest tokens and theirs, the likeliest first; as many as were asked for.
    pub top: Vec<(TokenId, f32)>,
}

/// A step of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// How likely the prompt was, where the request asked; comes before any text.
    Prompt {
        /// Its tokens, that in front which the model wants among them.
        tokens: Vec<TokenId>,
        /// One for each of `tokens` but the first.
        logprobs: Vec<TokenLogprobs>,
    },
    /// A piece of text, whole characters only.
    Text {
        /// The text; may be empty when a token's text is held back.
        text: String,
        /// The tokens written since the last piece.
        tokens: Vec<TokenId>,
        /// One for each of `tokens` if the request asked for them, else none.
        logprobs: Vec<TokenLogprobs>,
    },
    /// The answer is complete; nothing follows.
    Done(Outcome),
    /// The answer broke off; nothing follows.
    Failed(EngineError),
}

/// Where a [`Generation`]'s events come from. Dropping it cancels the request.
pub trait EventSource: Send {
    /// The next event, or `None` after the last; wakes `context` when there is one.
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>>;
}

/// An answer being written.
pub struct Generation {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    source: Box<dyn EventSource>,
}

impl Generation {
    /// An answer whose events come from `source`.
    pub fn new(prompt_tokens: usize, source: impl EventSource + 'static) -> Self {
        Self {
            prompt_tokens,
            source: Box::new(source),
        }
    }

    /// Waits for the next event; `None` after the last.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Polls for the next event.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.source.poll_event(context)
    }

    /// Waits for the whole answer; `on_text` sees each piece as it comes.
    ///
    /// # Errors
    /// What the engine failed with, or [`EngineError::Stopped`] if it went away.
    pub async fn collect(
        mut self,
        mut on_text: impl FnMut(&str) + Send,
    ) -> Result<(String, Outcome), EngineError> {
        let mut answer = String::new();
        while let Some(event) = self.next().await {
            match event {
                Event::Prompt { .. } => {}
                Event::Text { text, .. } => {
                    on_text(&text);
                    answer.push_str(&text);
                }
                Event::Done(outcome) => return Ok((answer, outcome)),
                Event::Failed(error) => return Err(error),
            }
        }
        Err(EngineError::Stopped)
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generation")
            .field("prompt_tokens", &self.prompt_tokens)
            .finish_non_exhaustive()
    }
}

/// A loaded model that writes.
pub trait Engine: Send + Sync {
    /// The loaded model.
    fn model(&self) -> &ModelInfo;

    /// How fast it is on this machine, as measured when it was loaded; `None` where nobody did.
    fn speed(&self) -> Option<Speed> {
        None
    }

    /// Lays `messages` out as the model was trained to read them, ending where
    /// the assistant's turn begins, or is continued.
    ///
    /// # Errors
    /// [`EngineError::Template`] if the template refuses the messages.
    fn chat_prompt(
        &self,
        messages: &[ChatMessage],
        options: &ChatOptions,
    ) -> Result<Prompt, EngineError>;

    /// The tokens the model reads for `prompt`, with the leading token the
    /// model wants if it is not there.
    fn tokenize(&self, prompt: &Prompt) -> Vec<TokenId>;

    /// The bytes of `token`; empty for control tokens and numbers outside the vocabulary.
    fn token_bytes(&self, token: TokenId) -> &[u8];

    /// The control token that is spelled `spelling`, if the vocabulary has one.
    fn control_token(&self, spelling: &str) -> Option<TokenId>;

    /// Compiles `constraint` without using it, to say which of several is wrong.
    ///
    /// Takes milliseconds: call it off the async threads.
    ///
    /// # Errors
    /// [`EngineError::Constraint`] if it does not compile.
    fn check_constraint(&self, constraint: &Constraint) -> Result<(), EngineError>;

    /// Tokens of `text` as plain text.
    fn count(&self, text: &str) -> usize;

    /// Checks `request` (parameters, length, constraint) and queues it.
    ///
    /// Compiling a constraint takes milliseconds: call it off the async threads.
    ///
    /// # Errors
    /// What is wrong with the request, or [`EngineError::QueueFull`].
    fn submit(&self, request: GenerateRequest) -> Result<Generation, EngineError>;
}
