//! Where a model comes from.

use std::path::Path;

use inference_kernels::{Activations, Matrix};

use crate::error::ModelError;
use crate::gguf::{self, Gguf, TensorInfo};
use crate::safetensors::{Safetensors, StoredTensor};

/// A model's files, judged and mapped.
#[derive(Debug)]
pub enum ModelSource {
    /// A GGUF file, with those beside it if it is the first of several.
    Gguf(Gguf),
    /// A folder as transformers saves it.
    Safetensors(Safetensors),
}

impl ModelSource {
    /// Maps and judges what lies at `path`: a GGUF file, or a folder with `config.json` and safetensors files, or with one
    /// GGUF model.
    ///
    /// # Errors
    /// [`ModelError::Io`], or [`ModelError::Malformed`] with what is wrong.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        match gguf::inside(path) {
            Some(file) => Gguf::open(&file).map(Self::Gguf),
            None if path.is_dir() => Safetensors::open(path).map(Self::Safetensors),
            None => Gguf::open(path).map(Self::Gguf),
        }
    }

    /// Bytes of all weights as they are stored.
    pub fn weights_bytes(&self) -> u64 {
        self.stored().iter().map(|stored| stored.bytes).sum()
    }

    /// Tensors that were left out because they belong to a part that sees or hears; 0 for models of text alone.
    pub fn left_out(&self) -> usize {
        match self {
            Self::Gguf(_) => 0,
            Self::Safetensors(files) => files.left_out(),
        }
    }

    /// Bytes of weights that are read where they lie.
    pub(crate) fn mapped_bytes(&self, activations: Activations) -> u64 {
        let stored = self.stored();
        let mapped = stored
            .iter()
            .filter(|stored| !stored.turned && !stored.packs(activations));
        mapped.map(|stored| stored.bytes).sum()
    }

    /// Bytes of weights that are laid out anew in memory: what kernels pack, which pads rows and widens scales, and
    /// those of checkpoints' experts that are not packed. Before they are packed, experts of one layer lie there too.
    pub(crate) fn packed_bytes(&self, activations: Activations) -> u64 {
        let bytes = |stored: &Stored| {
            if stored.packs(activations) {
                stored.bytes / 4 * 5
            } else if stored.turned {
                stored.bytes
            } else {
                0
            }
        };
        self.stored().iter().map(bytes).sum()
    }

    fn stored(&self) -> Vec<Stored> {
        match self {
            Self::Gguf(gguf) => {
                let stored = |info: &TensorInfo| Stored {
                    bytes: info.range.len() as u64,
                    packable: Matrix::packs(info.dtype),
                    turned: false,
                };
                gguf.tensors().map(stored).collect()
            }
            Self::Safetensors(files) => {
                let stored = |(name, tensor): (&str, &StoredTensor)| Stored {
                    bytes: tensor.range.len() as u64,
                    packable: tensor.dtype.is_none_or(Matrix::packs),
                    turned: name.contains(".experts.") && tensor.shape.len() > 2,
                };
                files.tensors().map(stored).collect()
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

/// What is to be known of a tensor to plan for it.
struct Stored {
    bytes: u64,
    /// Whether this machine's kernels pack weights of its type.
    packable: bool,
    /// Whether it is laid out anew before any kernel sees it.
    turned: bool,
}

impl Stored {
    fn packs(&self, activations: Activations) -> bool {
        self.packable && activations == Activations::Rounded
    }
}
