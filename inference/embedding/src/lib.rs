//! Sentence embeddings: BERT encoders as sentence-transformers publishes them.
//!
//! A [`SentenceModel`] is a folder with `config.json`, `tokenizer.json` and safetensors, read by
//! the validator of `inference-nn` and computed by `inference-kernels`. A text becomes tokens, a
//! row per token, one row by pooling, and a vector of length one.
//!
//! Invariant: a text longer than the window is refused, never cut without saying so.

mod bert;
mod model;
#[cfg(test)]
mod tests;

pub use self::model::{EmbeddingError, SentenceModel};
