//! Why a model file cannot be used.

/// Why a model file cannot be used, or a forward pass could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file cannot be opened or read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The file is no model, is damaged, or lies about itself.
    #[error("the file is damaged or no model: {0}; copy it again and compare its digest")]
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
    #[error(
        "the tensor `{0}` is missing; the model is incomplete or of another architecture than it says"
    )]
    MissingTensor(String),
    /// A tensor has another shape than the metadata says.
    #[error("the tensor `{name}` has shape {found:?}, its metadata says {expected:?}")]
    Shape {
        /// The tensor.
        name: String,
        /// Dimensions in the file, outermost first.
        found: Vec<usize>,
        /// Dimensions by the metadata, outermost first.
        expected: Vec<usize>,
    },
    /// Memory is too small.
    #[error("the model needs {needed} bytes with a window of {context_length} tokens, but {available} are available; {}", advice(*.fitting))]
    Memory {
        /// Bytes of the model, with keys and values of one window.
        needed: u64,
        /// Bytes there are.
        available: u64,
        /// Tokens of the window asked for.
        context_length: usize,
        /// Tokens of the largest window that fits; 0 where none does.
        fitting: usize,
    },
    /// The kernels cannot take a tensor.
    #[error(transparent)]
    Kernel(#[from] inference_kernels::KernelError),
    /// Tokens do not fit the window or the vocabulary.
    #[error("{0}")]
    Input(String),
}

fn advice(fitting: usize) -> String {
    if fitting == 0 {
        "use a smaller model or more memory".to_owned()
    } else {
        format!("use a window of at most {fitting} tokens")
    }
}

pub(crate) fn malformed(what: impl Into<String>) -> ModelError {
    ModelError::Malformed(what.into())
}
