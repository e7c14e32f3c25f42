//! What the core needs from the world, as traits that the adapters fulfil.

use std::future::Future;
use std::pin::Pin;

use jiff::Timestamp;

use crate::alert::Alert;
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// A future the ports hand out.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What to capture for an incident.
#[derive(Clone, Debug)]
pub struct CaptureRequest {
    /// Objects the alerts' labels led to, best first.
    pub subjects: Vec<ObjectRef>,
    /// Namespaces the incident touches.
    pub namespaces: Vec<String>,
    /// The incident's alerts.
    pub alerts: Vec<Alert>,
    /// Start of the evidence window.
    pub from: Timestamp,
    /// End of the evidence window.
    pub until: Timestamp,
}

/// Where snapshots come from. Never fails: what could not be had is a
/// [`crate::snapshot::Gap`] in the snapshot.
pub trait SnapshotSource: Send + Sync {
    /// Captures what `request` asks for.
    fn capture<'a>(&'a self, request: &'a CaptureRequest) -> PortFuture<'a, Snapshot>;
}

/// Counts tokens as the loaded model would.
pub trait TokenCounter: Send + Sync {
    /// Tokens of `text` as plain text (special tokens stay text).
    fn count(&self, text: &str) -> usize;
}

/// A role in a chat prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Instructions of the product.
    System,
    /// Evidence; untrusted text.
    User,
}

/// One message of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The text.
    pub text: String,
}

/// A constrained completion wanted from the model.
#[derive(Clone, Debug, PartialEq)]
pub struct CompletionRequest {
    /// The prompt.
    pub messages: Vec<Message>,
    /// Lark grammar (llguidance dialect) the output must match.
    pub grammar: String,
    /// Most tokens to write.
    pub max_tokens: usize,
}

/// What the model wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The text, matching the grammar unless `finished` is false.
    pub text: String,
    /// Whether the grammar was completed before `max_tokens`.
    pub finished: bool,
    /// Prompt tokens read.
    pub prefill_tokens: u64,
    /// Tokens written.
    pub decode_tokens: u64,
}

/// Why a completion could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompletionError {
    /// No model is loaded.
    #[error("no model is loaded")]
    NoModel,
    /// The prompt does not fit.
    #[error("the prompt has {tokens} tokens, the model's window holds {window}")]
    TooLong {
        /// Tokens of the prompt.
        tokens: usize,
        /// Tokens of the window.
        window: usize,
    },
    /// The engine is stopping or broke.
    #[error("the engine failed: {0}")]
    Engine(String),
}

/// What the core needs to know of a model to write a prompt for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelProfile {
    /// Name shown in `summary.by`.
    pub name: String,
    /// Context window, tokens.
    pub context_tokens: usize,
    /// Whether names are replaced by aliases in the prompt (small models).
    pub aliases: bool,
}

/// A model that completes prompts under a grammar.
pub trait Completer: TokenCounter {
    /// The loaded model, if there is one.
    fn profile(&self) -> Option<ModelProfile>;

    /// Completes `request`; `on_text` sees each piece of text as it is written.
    /// Dropping the future cancels the work.
    fn complete<'a>(
        &'a self,
        request: CompletionRequest,
        on_text: &'a mut (dyn FnMut(&str) + Send),
    ) -> PortFuture<'a, Result<Completion, CompletionError>>;
}
