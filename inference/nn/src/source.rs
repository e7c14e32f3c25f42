//! Where a model comes from.

use std::path::Path;

use crate::error::ModelError;
use crate::gguf::Gguf;
use crate::safetensors::Safetensors;

/// A model's files, judged and mapped.
#[derive(Debug)]
pub enum ModelSource {
    /// One GGUF file.
    Gguf(Gguf),
    /// A folder as transformers saves it.
    Safetensors(Safetensors),
}

impl ModelSource {
    /// Maps and judges what lies at `path`: a GGUF file, or a folder with `config.json` and safetensors files.
    ///
    /// # Errors
    /// [`ModelError::Io`], or [`ModelError::Malformed`] with what is wrong.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        if path.is_dir() {
            Safetensors::open(path).map(Self::Safetensors)
        } else {
            Gguf::open(path).map(Self::Gguf)
        }
    }

    /// Bytes of all weights as they are stored.
    pub fn weights_bytes(&self) -> u64 {
        match self {
            Self::Gguf(gguf) => gguf.tensors().map(|tensor| tensor.range.len() as u64).sum(),
            Self::Safetensors(files) => {
                let tensors = files.tensors();
                tensors.map(|(_, tensor)| tensor.range.len() as u64).sum()
            }
        }
    }

    /// Bytes of weights that are laid out anew in memory: packed experts of checkpoints.
    pub(crate) fn packed_bytes(&self) -> u64 {
        match self {
            Self::Gguf(_) => 0,
            Self::Safetensors(files) => {
                let packed = files.tensors().filter(|(name, tensor)| {
                    tensor.dtype.is_none()
                        || name.ends_with("experts.gate_up_proj")
                        || name.ends_with("experts.down_proj")
                });
                packed.map(|(_, tensor)| tensor.range.len() as u64).sum()
            }
        }
    }

    /// Weights of the model.
    pub fn parameters(&self) -> u64 {
        match self {
            Self::Gguf(gguf) => gguf.tensors().map(|tensor| tensor.weights() as u64).sum(),
            Self::Safetensors(files) => {
                let tensors = files.tensors();
                tensors.map(|(_, tensor)| tensor.weights() as u64).sum()
            }
        }
    }
}
