//! The port through which texts become vectors.

use crate::error::EngineError;

/// Vectors of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embeddings {
    /// One for each text, in their order; each has length one.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of all texts.
    pub tokens: usize,
}

/// A loaded model that turns texts into vectors.
pub trait Embedder: Send + Sync {
    /// The model's name, as clients ask for it.
    fn model(&self) -> &str;

    /// Floats of a vector.
    fn dimensions(&self) -> usize;

    /// Bytes of its weights.
    fn memory_bytes(&self) -> u64;

    /// The vectors of `texts`. It computes where it is called: call it off the async threads.
    ///
    /// # Errors
    /// [`EngineError::TooLong`] for a text that passes the window, [`EngineError::EmptyPrompt`] for one without tokens,
    /// [`EngineError::Parameter`] for too many of them.
    fn embed(&self, texts: &[String]) -> Result<Embeddings, EngineError>;
}
