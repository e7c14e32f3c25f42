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
