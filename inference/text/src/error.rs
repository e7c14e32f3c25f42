//! Why a vocabulary or a template cannot be used.

/// Why a vocabulary or a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The vocabulary is of a kind nothing here can encode.
    #[error(
        "the tokenizer model `{0}` is not supported; use a model with a `gpt2` or `llama` tokenizer"
    )]
    UnknownModel(String),
    /// The way text is split before encoding is not known; guessing would give wrong tokens.
    #[error("the pre-tokenizer `{0}` is not known; supported are {known}", known = crate::tokenizer::pre::NAMES.join(", "))]
    UnknownPre(String),
    /// The vocabulary contradicts itself.
    #[error("the vocabulary is not usable: {0}")]
    Vocabulary(String),
    /// The chat template does not compile.
    #[error("the chat template does not compile: {0}")]
    Template(String),
}
