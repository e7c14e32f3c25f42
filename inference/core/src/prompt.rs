//! What a model reads: special tokens placed by us, and text that stays text.
//!
//! Invariant: a [`PromptPart::Text`] is encoded with special tokens off, so
//! that a log line holding `<|im_end|>` cannot end a turn.

/// A token's number in the vocabulary.
pub type TokenId = u32;

/// One part of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptPart {
    /// Tokens as they are.
    Tokens(Vec<TokenId>),
    /// Text; spellings of special tokens in it stay text.
    Text(String),
}

/// A whole prompt, read in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// The parts.
    pub parts: Vec<PromptPart>,
}

impl Prompt {
    /// A prompt of plain text, without a chat template.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            parts: vec![PromptPart::Text(text.into())],
        }
    }

    /// A prompt of tokens.
    pub fn tokens(tokens: Vec<TokenId>) -> Self {
        Self {
            parts: vec![PromptPart::Tokens(tokens)],
        }
    }
}

/// Who speaks in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Instructions.
    System,
    /// The one who asks; untrusted text.
    User,
    /// The model.
    Assistant,
    /// The result of a tool; untrusted text.
    Tool,
}

impl Role {
    /// The role's name in chat templates and on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One message of a chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Who speaks.
    pub role: Role,
    /// What is said.
    pub content: String,
}

impl ChatMessage {
    /// A message of `role`.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self {
            role,
            content: content.into(),
        }
    }
}
