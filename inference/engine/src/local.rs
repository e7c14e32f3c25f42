//! The engine of this process.
//!
//! Judges requests where they are made, so that nothing wrong is ever queued.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use inference_core::scheduler::{Scheduler, SchedulerOptions};
use inference_core::thoughts::ThoughtCounter;
use inference_core::{
    ChatMessage, ChatOptions, Constraint, Engine, EngineError, GenerateRequest, Generation,
    ModelInfo, Prompt, Speed, ThoughtLimit, TokenId,
};
use inference_nn::{BLOCK_TOKENS, Decoder, DecoderOptions, Pool, default_threads};

use crate::metrics::{Ending, Metrics};
use crate::model::{self, LoadError, LoadProblem, ModelText};
use crate::pace::Pace;
use crate::shared::{Job, Shared};
use crate::stream;
use crate::warm_up;
use crate::worker::Worker;

/// Requests that may wait: some minutes of work for a small model.
const QUEUE_CAPACITY: usize = 64;
/// How long a submitter waits for a place in a full queue; clients wait a minute or more.
const QUEUE_PATIENCE: Duration = Duration::from_secs(20);
/// Requests that run side by side: beyond, each gets slower and none is done sooner.
const SEQUENCES_MAX: usize = 16;

/// How an engine is set up.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The model's name for clients; the file's own name for it, or the file's name, where there is none.
    pub name: Option<String>,
    /// How the decoder is set up.
    pub decoder: DecoderOptions,
    /// Bytes the model may take in all; keys and values get what the rest of it leaves, at most
    /// as many as the decoder's options say.
    pub memory_bytes_max: u64,
    /// Requests that may wait.
    pub queue_capacity: usize,
    /// How long [`submit`](Engine::submit) waits for a place in a full queue before it refuses.
    pub queue_patience: Duration,
    /// Requests that run side by side.
    pub sequences_max: usize,
    /// Whether answers are guessed ahead by prompt lookup; they are the same either way.
    pub speculation: bool,
    /// Whether the beginning of a prompt that others had is not read again; answers are the same either way.
    pub prefix_cache: bool,
    /// Whether tokens that the grammar leaves no choice of are written without asking the model.
    pub forced_tokens: bool,
    /// Tokens of a step; as many as the model reads in a fraction of a second where there is none.
    pub step_tokens: Option<NonZero<usize>>,
    /// Threads that compute; where there is none, as many as there are physical cores that this process may use.
    pub threads: Option<NonZero<usize>>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            name: None,
            decoder: DecoderOptions::default(),
            memory_bytes_max: u64::MAX,
            queue_capacity: QUEUE_CAPACITY,
            queue_patience: QUEUE_PATIENCE,
            sequences_max: SEQUENCES_MAX,
            speculation: true,
            prefix_cache: true,
            forced_tokens: true,
            step_tokens: None,
            threads: None,
        }
    }
}

/// Whether the engine gets on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EngineHealth {
    /// Requests that run.
    pub running: usize,
    /// Requests that wait.
    pub waiting: usize,
    /// How long ago a step was finished; while requests run, minutes mean that it is wedged.
    pub since_progress: Duration,
}

impl EngineHealth {
    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        self.running + self.waiting == 0
    }
}

/// The engine of this process. Dropping it ends what runs and joins its thread.
#[derive(Debug)]
pub struct LocalEngine {
    text: ModelText,
    shared: Arc<Shared>,
    memory_bytes: u64,
    speed: Speed,
    forced_tokens: bool,
    thread: Option<JoinHandle<()>>,
}

impl LocalEngine {
    /// Loads the model at `path`, lets it read a few tokens and starts the thread that owns it.
    ///
    /// # Errors
    /// [`LoadError`] with the file, what is wrong with it and what to do.
    pub fn load(
        path: &Path,
        options: &EngineOptions,
        metrics: &Metrics,
    ) -> Result<Self, LoadError> {
        let start = Instant::now();
        let name = |problem| LoadError {
            path: path.to_owned(),
            problem,
        };
        let pool = pool(options.threads).map_err(name)?;
        let (decoder, text) = pool.install(|| model::load(path, options)).map_err(name)?;
        tracing::info!(
            model = text.info.name,
            parameters = text.info.parameters,
            context_length = text.info.context_length,
            kv_tokens = decoder.info().blocks * BLOCK_TOKENS,
            load_ms = start.elapsed().as_millis(),
            "model loaded"
        );
        Self::start(pool, decoder, text, options, metrics).map_err(name)
    }

    fn start(
        pool: Pool,
        mut decoder: Box<dyn Decoder>,
        text: ModelText,
        options: &EngineOptions,
        metrics: &Metrics,
    ) -> Result<Self, LoadProblem> {
        let shared = Arc::new(Shared::new(
            options.queue_capacity,
            options.queue_patience,
            metrics.of(&text.info.name),
        ));
        let mut pace = Pace::new(options.step_tokens.map(NonZero::get));
        let speed = pool.install(|| warm_up::run(&mut *decoder, &mut pace))?;
        tracing::info!(
            model = text.info.name,
            prefill_tokens_per_second = speed.prefill.round(),
            decode_tokens_per_second = speed.decode.round(),
            "{speed}"
        );
        metrics.expect(&text.info.name, &speed);
        let info = decoder.info();
        let kv_bytes = (info.blocks * BLOCK_TOKENS) as u64 * info.kv_bytes_per_token;
        let memory_bytes = text.fixed_bytes.saturating_add(kv_bytes);
        let scheduler = Scheduler::new(SchedulerOptions {
            blocks: info.blocks,
            block_tokens: BLOCK_TOKENS,
            sequences_max: options.sequences_max,
            prefix_cache: options.prefix_cache,
            hash_key: RandomState::new().build_hasher().finish(),
            ..SchedulerOptions::default()
        });
        let worker = Worker {
            decoder,
            tokenizer: Arc::clone(&text.tokenizer),
            shared: Arc::clone(&shared),
            scheduler,
            answers: BTreeMap::new(),
            pace,
            speculation: options.speculation,
        };
        let thread = thread::Builder::new()
            .name("inference".to_owned())
            .spawn(move || worker.work(&pool));
        let thread = thread.map_err(|error| LoadProblem::Threads(error.to_string()))?;
        Ok(Self {
            text,
            shared,
            memory_bytes,
            speed,
            forced_tokens: options.forced_tokens,
            thread: Some(thread),
        })
    }

    /// Whether the engine gets on.
    pub fn health(&self) -> EngineHealth {
        let (running, waiting) = self.shared.load();
        EngineHealth {
            running,
            waiting,
            since_progress: self.shared.since_progress(),
        }
    }

    /// Bytes of weights, keys and values when all of them are in use.
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Refuses new requests and waits until those there are ended, at most for `patience`; says
    /// whether they did. Those that did not end when the engine is dropped.
    pub fn drain(&self, patience: Duration) -> bool {
        self.shared.drain(Instant::now() + patience)
    }

    fn judge(&self, request: GenerateRequest) -> Result<(Job, stream::Stream), EngineError> {
        let context_length = self.text.info.context_length;
        request.validate(self.text.info.vocab_size)?;
        let prompt = self.tokenize(&request.prompt);
        if prompt.is_empty() {
            return Err(EngineError::EmptyPrompt);
        }
        let vocab_size = self.text.info.vocab_size;
        if let Some(unknown) = prompt.iter().find(|&&token| token as usize >= vocab_size) {
            return Err(EngineError::Parameter {
                parameter: "prompt",
                expected: format!("token ids below {vocab_size}"),
                found: unknown.to_string(),
            });
        }
        if prompt.len() >= context_length {
            return Err(EngineError::TooLong {
                prompt_tokens: prompt.len(),
                context_length,
            });
        }
        let room = context_length - prompt.len();
        let max_tokens = request
            .sampling
            .max_tokens
            .map_or(room, |wanted| wanted.min(room));
        let matcher = request
            .constraint
            .map(|constraint| self.text.compiler.compile(&constraint))
            .transpose()?
            .map(|matcher| matcher.forcing(self.forced_tokens));
        let (events, stream) = stream::channel();
        let job = Job {
            prompt,
            sampling: request.sampling,
            max_tokens,
            matcher,
            logprobs: request.logprobs,
            prompt_logprobs: request.prompt_logprobs,
            thoughts: request.thoughts.map(|limit| self.counter(&limit)),
            control_text: request.control_text,
            priority: request.priority,
            events,
            arrived: Instant::now(),
        };
        Ok((job, stream))
    }

    fn counter(&self, limit: &ThoughtLimit) -> ThoughtCounter {
        let tokenizer = &self.text.tokenizer;
        let tokens = |mark: &str| match tokenizer.control_token(mark) {
            Some(token) => vec![token],
            None => tokenizer.encode_continuation(mark),
        };
        let open = limit.open.as_deref().map_or_else(Vec::new, tokens);
        ThoughtCounter::new(limit.tokens, open, tokens(&limit.close))
    }
}

impl Engine for LocalEngine {
    fn model(&self) -> &ModelInfo {
        &self.text.info
    }

    fn speed(&self) -> Option<Speed> {
        Some(self.speed)
    }

    fn chat_prompt(
        &self,
        messages: &[ChatMessage],
        options: &ChatOptions,
    ) -> Result<Prompt, EngineError> {
        self.text
            .template
            .prompt(messages, options, &self.text.tokenizer)
            .map_err(EngineError::Template)
    }

    fn tokenize(&self, prompt: &Prompt) -> Vec<TokenId> {
        self.text.tokenizer.encode_prompt(prompt)
    }

    fn token_bytes(&self, token: TokenId) -> &[u8] {
        self.text.tokenizer.bytes(token)
    }

    fn control_token(&self, spelling: &str) -> Option<TokenId> {
        self.text.tokenizer.control_token(spelling)
    }

    fn check_constraint(&self, constraint: &Constraint) -> Result<(), EngineError> {
        self.text.compiler.compile(constraint).map(drop)
    }

    fn count(&self, text: &str) -> usize {
        self.text.tokenizer.encode(text).len()
    }

    fn submit(&self, request: GenerateRequest) -> Result<Generation, EngineError> {
        let queued = self.judge(request).and_then(|(job, stream)| {
            let prompt_tokens = job.prompt.len();
            self.shared.push(job)?;
            Ok(Generation::new(prompt_tokens, stream))
        });
        if queued.is_err() {
            self.shared.metrics.ended(Ending::Refused);
        }
        queued
    }
}

impl Drop for LocalEngine {
    fn drop(&mut self) {
        self.shared.stop();
        if let Some(thread) = self.thread.take() {
            // The worker catches panics of requests; one of its own has been reported by the runtime.
            let _ = thread.join();
        }
    }
}

fn pool(threads: Option<NonZero<usize>>) -> Result<Pool, LoadProblem> {
    let threads = threads.map_or_else(default_threads, NonZero::get);
    Pool::new(threads).map_err(|error| LoadProblem::Threads(error.to_string()))
}
