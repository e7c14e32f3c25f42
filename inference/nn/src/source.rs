//! Where a model comes from.

use std::path::Path;

use crate::error::ModelError;
use crate::gguf::Gguf;

/// A model's files, judged and mapped.
#[derive(Debug)]
pub enum ModelSource {
    /// One GGUF file.
    Gguf(Gguf),
}

impl ModelSource {
    /// Maps and judges what lies at `path`.
    ///
    /// # Errors
    /// [`ModelError::Io`], or [`ModelError::Malformed`] with what is wrong.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Gguf::open(path).map(Self::Gguf)
    }
}
