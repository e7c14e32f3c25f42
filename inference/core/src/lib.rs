//! What inference is, without how it is done: requests, sampling, the queue's
//! order and the [`Engine`] port.
//!
//! Pure: no I/O, clock, thread or async runtime. The engine crate runs
//! requests, `inference-openai` and the appliance submit them; they meet in
//! the types of this crate.

pub mod chat;
pub mod drafting;
pub mod embedding;
pub mod engine;
pub mod error;
pub mod kv_blocks;
pub mod logprobs;
pub mod mask;
pub mod models;
pub mod prompt;
pub mod queue;
pub mod request;
pub mod sampler;
pub mod scheduler;
pub mod schema;
pub mod slot;
pub mod speed;
pub mod thoughts;

pub use self::chat::{ChatMessage, ChatOptions, ChatTraits, Role, Tool, ToolCall, ToolFormat};
pub use self::engine::{
    Engine, Event, FinishReason, Generation, ModelInfo, Outcome, TokenLogprobs, Usage,
};
pub use self::error::{EngineError, ErrorKind};
pub use self::models::{ModelEntry, ModelState, Models};
pub use self::prompt::{Prompt, PromptPart, TokenId};
pub use self::request::{Constraint, GenerateRequest, Priority, SamplingParams};
pub use self::speed::Speed;
pub use self::thoughts::ThoughtLimit;
