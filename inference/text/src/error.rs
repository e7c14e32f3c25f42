//! Why a vocabulary or a template cannot be used.

/// Why a vocabulary or a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The vocabulary is of a kind nothing here can encode.
    #[error(
        "the tokenizer model `{0}` is not supported; use a model with a `gpt2`, `llama` or `gemma4` tokenizer (GGUF), or a `BPE` or `Unigram` one (tokenizer.json)"
    )]
    UnknownModel(String),
    /// The way text is split before encoding is not known; guessing would give wrong tokens.
    #[error("the pre-tokenizer `{0}` is not known; supported are {known}", known = crate::tokenizer::pre::names())]
    UnknownPre(String),
    /// The vocabulary contradicts itself.
    #[error("the vocabulary is not usable: {0}")]
    Vocabulary(String),
    /// A `tokenizer.json` or a file beside it is not well formed.
    #[error("{file} is not usable: {problem}")]
    File {
        /// The file's name.
        file: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The chat template does not compile.
    #[error("the chat template does not compile: {0}")]
    Template(String),
}
