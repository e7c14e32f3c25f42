//! From a valid request to answers being written: template, tokens, grammar, queue.
//!
//! Everything that can be wrong with a request is found here, before the first byte of an answer.
//! A full queue is waited for by the engine before it is a refusal.

use std::sync::Arc;

use inference_core::{
    ChatMessage, ChatOptions, Engine, EngineError, GenerateRequest, Generation, Models, Prompt,
    SamplingParams, ThoughtLimit, ToolFormat,
};
use serde_json::{Map, Value};

use crate::endpoint::{Endpoint, Turn};
use crate::error::ApiError;
use crate::grammar::{self, Plan};
use crate::reader::Reading;
use crate::sampling::seed_of;
use crate::shape::Shape;
use crate::tools::ToolUse;
use crate::writers::Writers;

/// Tokens at the end of a prompt among which the mark of thoughts is looked for.
const TAIL_TOKENS: usize = 16;

/// What the model reads.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A chat, laid out by the model's template.
    Chat(Chat),
    /// A text or tokens, as they are.
    Prompt(Prompt),
}

/// A chat and how it is laid out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chat {
    pub(crate) messages: Vec<ChatMessage>,
    pub(crate) template_arguments: Map<String, Value>,
    pub(crate) continue_final_message: bool,
    pub(crate) tools: ToolUse,
}

/// A request that makes sense, before the engine has judged it.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) model: Option<String>,
    pub(crate) source: Source,
    pub(crate) sampling: SamplingParams,
    pub(crate) shape: Shape,
    /// How many answers.
    pub(crate) answers: usize,
    pub(crate) logprobs: Option<usize>,
    /// Whether the prompt's own tokens are told too.
    pub(crate) prompt_logprobs: bool,
    /// Most tokens of the thoughts.
    pub(crate) thought_tokens: Option<usize>,
    pub(crate) turn: Turn,
}

/// Answers being written, and how to read them.
pub(crate) struct Submitted {
    /// Kept until the end, so that a model that is replaced finishes its answers.
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) writers: Writers,
    pub(crate) prompt_tokens: usize,
    pub(crate) reading: Reading,
    pub(crate) turn: Turn,
}

impl Submitted {
    /// The model's name.
    pub(crate) fn model(&self) -> String {
        self.engine.model().name.clone()
    }

    /// The form of calls, for their names.
    pub(crate) fn tool_format(&self) -> ToolFormat {
        self.engine.model().chat.tool_format
    }
}

impl Endpoint {
    /// Queues `wanted`, off the async threads.
    pub(crate) async fn submit(&self, wanted: Wanted) -> Result<Submitted, ApiError> {
        let models = Arc::clone(&self.models);
        let made = off_async(move || make(&*models, wanted)).await?;
        let attempt = made.clone();
        let queued = tokio::task::spawn_blocking(move || attempt.queue()).await;
        match queued.map_err(|_| broken())? {
            Err(error) => Err(made.blame(error).await),
            Ok(generations) => Ok(made.submitted(generations)),
        }
    }
}

/// Runs `work`, which takes milliseconds or loads a model, off the async threads.
pub(crate) async fn off_async<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| broken())?
}

fn broken() -> ApiError {
    ApiError::internal("an internal error ended this request")
}

/// A request laid out for its engine.
#[derive(Clone)]
struct Made {
    engine: Arc<dyn Engine>,
    tools: ToolUse,
    shape: Shape,
    reading: Reading,
    turn: Turn,
    requests: Vec<GenerateRequest>,
}

fn make(models: &dyn Models, wanted: Wanted) -> Result<Made, ApiError> {
    let engine = models.engine(wanted.model.as_deref())?;
    let (prompt, tools, reading) = match wanted.source {
        Source::Prompt(prompt) => (prompt, ToolUse::default(), Reading::default()),
        Source::Chat(chat) => lay_out(&*engine, chat)?,
    };
    let control = |spelling: &str| engine.control_token(spelling);
    let constraint = grammar::constraint(&Plan {
        tools: &tools,
        shape: &wanted.shape,
        reading: &reading,
        control: &control,
    })?;
    let thoughts = thought_limit(wanted.thought_tokens, &reading)?;
    let request = |index| GenerateRequest {
        prompt: prompt.clone(),
        sampling: SamplingParams {
            seed: seed_of(wanted.sampling.seed, index),
            ..wanted.sampling.clone()
        },
        constraint: constraint.clone(),
        logprobs: wanted.logprobs,
        prompt_logprobs: wanted.prompt_logprobs,
        thoughts: thoughts.clone(),
        control_text: reading.needs_control_text(),
        priority: wanted.turn.priority,
    };
    let requests = (0..wanted.answers).map(request).collect();
    Ok(Made {
        requests,
        engine,
        tools,
        shape: wanted.shape,
        reading,
        turn: wanted.turn,
    })
}

/// When the thoughts are cut short, for a model that has any.
fn thought_limit(
    tokens: Option<usize>,
    reading: &Reading,
) -> Result<Option<ThoughtLimit>, ApiError> {
    let Some(tokens) = tokens else {
        return Ok(None);
    };
    if reading.channels {
        return Err(ApiError::unsupported(
            "thinking_token_budget",
            "thinking_token_budget is not supported for this model, whose thoughts have a channel of their own; send reasoning_effort",
        ));
    }
    Ok(reading.thoughts.clone().map(|(open, close)| ThoughtLimit {
        tokens,
        open: (!reading.inside).then_some(open),
        close,
    }))
}

/// The prompt of a chat, its tools, and how its answer is read.
fn lay_out(engine: &dyn Engine, chat: Chat) -> Result<(Prompt, ToolUse, Reading), ApiError> {
    let traits = &engine.model().chat;
    let options = ChatOptions {
        tools: chat.tools.told.clone(),
        template_arguments: chat.template_arguments,
        continue_final_message: chat.continue_final_message,
    };
    let tokens = engine.tokenize(&engine.chat_prompt(&chat.messages, &options)?);
    let inside = traits
        .reasoning
        .as_ref()
        .is_some_and(|(open, _)| ends_with(engine, &tokens, open));
    let names = if chat.tools.is_on() {
        chat.tools
            .callable()
            .map(|tool| tool.name.clone())
            .collect()
    } else {
        Vec::new()
    };
    let mut reading = Reading::new(traits, names, inside);
    // The prompt may close the thoughts itself, where they were switched off.
    reading.thoughts = reading
        .thoughts
        .filter(|(_, close)| !ends_with(engine, &tokens, close));
    Ok((Prompt::tokens(tokens), chat.tools, reading))
}

/// Whether `tokens` end with `mark`, but for white space.
fn ends_with(engine: &dyn Engine, tokens: &[u32], mark: &str) -> bool {
    let control = engine.control_token(mark);
    let mut tail = Vec::new();
    for &token in &tokens[tokens.len().saturating_sub(TAIL_TOKENS)..] {
        if Some(token) == control {
            tail.extend_from_slice(mark.as_bytes());
        } else {
            tail.extend_from_slice(engine.token_bytes(token));
        }
    }
    tail.trim_ascii_end().ends_with(mark.as_bytes())
}

impl Made {
    fn queue(self) -> Result<Vec<Generation>, EngineError> {
        let Self {
            engine, requests, ..
        } = self;
        requests
            .into_iter()
            .map(|request| engine.submit(request))
            .collect()
    }

    /// Names the schema that is wrong, if one is.
    async fn blame(self, error: EngineError) -> ApiError {
        if !matches!(error, EngineError::Constraint { .. }) {
            return error.into();
        }
        let blamed = tokio::task::spawn_blocking(move || {
            let control = |spelling: &str| self.engine.control_token(spelling);
            let plan = Plan {
                tools: &self.tools,
                shape: &self.shape,
                reading: &self.reading,
                control: &control,
            };
            grammar::blame(&*self.engine, &plan, error.into())
        });
        blamed.await.unwrap_or_else(|_| broken())
    }

    fn submitted(self, generations: Vec<Generation>) -> Submitted {
        Submitted {
            engine: self.engine,
            prompt_tokens: generations
                .first()
                .map_or(0, |generation| generation.prompt_tokens),
            writers: Writers::new(generations),
            reading: self.reading,
            turn: self.turn,
        }
    }
}
