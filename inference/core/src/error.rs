//! Why a request was not taken, or did not end well.
//!
//! Edges (HTTP, the appliance) translate [`ErrorKind`]; the message is for
//! people and says what to do.

/// The short, closed set edges translate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is wrong; sending it again cannot help.
    Invalid,
    /// What the request names does not exist.
    NotFound,
    /// Too much is waiting; later may work.
    Overloaded,
    /// No model can answer now.
    Unavailable,
    /// The engine broke on this request.
    Internal,
}

/// Why a request was not taken, or did not end well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// A parameter is out of range.
    #[error("{parameter} must be {expected}, not {found}")]
    Parameter {
        /// The parameter's name on the wire.
        parameter: &'static str,
        /// What is allowed.
        expected: String,
        /// What was sent.
        found: String,
    },
    /// The prompt leaves no room in the window for an answer.
    #[error(
        "This model's maximum context length is {context_length} tokens. However, your messages resulted in \
         {prompt_tokens} tokens. Please reduce the length of the messages."
    )]
    TooLong {
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// Tokens of the window.
        context_length: usize,
    },
    /// The prompt has no token.
    #[error("the prompt is empty; send at least one token of text")]
    EmptyPrompt,
    /// The constraint does not compile.
    #[error("the {what} cannot be used as a constraint: {reason}")]
    Constraint {
        /// `grammar`, `JSON schema` or `regular expression`.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The chat template refuses the messages.
    #[error("the model's chat template refuses these messages: {0}")]
    Template(String),
    /// The queue is full.
    #[error("{waiting} requests are waiting already; try again later")]
    QueueFull {
        /// Requests in the queue.
        waiting: usize,
    },
    /// There is no model of that name.
    #[error(
        "The model `{name}` does not exist; known models: {}",
        known_names(known)
    )]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are.
        known: Vec<String>,
    },
    /// The model is there and cannot be used.
    #[error("the model `{name}` cannot be loaded: {reason}")]
    CannotLoad {
        /// Its name.
        name: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The model is being loaded.
    #[error("the model is still loading; try again in a moment")]
    Loading,
    /// There is no model.
    #[error("no model is loaded; import one with `anchorite model import`")]
    NoModel,
    /// The engine has stopped.
    #[error("the engine is stopping")]
    Stopped,
    /// The engine broke on this request.
    #[error("the engine failed: {0}")]
    Failed(String),
}

impl EngineError {
    /// The kind, for translation at an edge.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Parameter { .. }
            | Self::TooLong { .. }
            | Self::EmptyPrompt
            | Self::Constraint { .. }
            | Self::Template(_) => ErrorKind::Invalid,
            Self::UnknownModel { .. } => ErrorKind::NotFound,
            Self::QueueFull { .. } => ErrorKind::Overloaded,
            Self::CannotLoad { .. } | Self::Loading | Self::NoModel | Self::Stopped => {
                ErrorKind::Unavailable
            }
            Self::Failed(_) => ErrorKind::Internal,
        }
    }
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
