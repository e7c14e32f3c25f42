//! Why a model file cannot be used.

/// Why a model file cannot be used, or a forward pass could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be opened or read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The file is not GGUF, is damaged, or lies about itself.
    #[error("the file is damaged or not GGUF: {0}; copy it again and compare its digest")]
    Malformed(String),
    /// The file is well formed, but nothing here can run it.
    #[error("{0}")]
    Unsupported(String),
    /// A metadata key is absent.
    #[error("the metadata key `{0}` is missing; convert the model again with a current converter")]
    MissingKey(String),
    /// A metadata key has another type or value than it may have.
    #[error("the metadata key `{key}` must be {expected}")]
    BadKey {
        /// The key.
        key: String,
        /// What it may be.
        expected: String,
    },
    /// A tensor is absent.
    #[error("the tensor `{0}` is missing; the file is incomplete or not a plain llama")]
    MissingTensor(String),
    /// A tensor has another shape than the metadata says.
    #[error("the tensor `{name}` has shape {found:?}, its metadata says {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Dimensions in the file, innermost first.
        found: Vec<usize>,
        /// Dimensions by the metadata, innermost first.
        expected: Vec<usize>,
    },
    /// The kernels cannot take a tensor.
    #[error(transparent)]
    Kernel(#[from] inference_kernels::KernelError),
    /// Tokens do not fit the window or the vocabulary.
    #[error("{0}")]
    Input(String),
}

pub(crate) fn malformed(what: impl Into<String>) -> ModelError {
    ModelError::Malformed(what.into())
}
