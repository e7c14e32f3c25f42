//! What every decoder can do, and how one is loaded.

use std::fmt;

use inference_core::TokenId;

use crate::error::ModelError;
use crate::gguf::Gguf;
use crate::llama::Llama;

/// How a decoder is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderOptions {
    /// Most tokens of the window; the model's own is used where it is smaller.
    pub context_length_max: usize,
    /// Most bytes for keys and values; a model that needs more for its window is refused.
    pub kv_bytes_max: u64,
}

impl Default for DecoderOptions {
    /// 8192 tokens: the longest prompt of the product and its answer. 8 GiB hold them for a model of 13 billion weights.
    fn default() -> Self {
        Self {
            context_length_max: 8192,
            kv_bytes_max: 8 << 30,
        }
    }
}

/// A model that turns tokens into logits, one sequence at a time.
///
/// Keys and values of the tokens read are kept by position; reading at an
/// earlier position forgets what was behind it.
pub trait Decoder: Send + fmt::Debug {
    /// Tokens of the vocabulary.
    fn vocab_size(&self) -> usize;

    /// Tokens of the window.
    fn context_length(&self) -> usize;

    /// Reads `tokens`, the first at `position`.
    ///
    /// # Errors
    /// [`ModelError::Input`] if there are none, one is outside the vocabulary,
    /// they pass the window, or `position` passes what was read before.
    fn read(&mut self, tokens: &[TokenId], position: usize) -> Result<(), ModelError>;

    /// The logits after the last token read, `[vocab_size]`. May be changed in place.
    fn logits(&mut self) -> &mut [f32];

    /// Reads `tokens` from `position` on and gives the logits after the last.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn forward(&mut self, tokens: &[TokenId], position: usize) -> Result<&mut [f32], ModelError> {
        self.read(tokens, position)?;
        Ok(self.logits())
    }
}

/// Binds the model in `gguf`.
///
/// # Errors
/// [`ModelError`] with the key or tensor that is missing, wrong or not supported.
pub fn load(gguf: &Gguf, options: DecoderOptions) -> Result<Box<dyn Decoder>, ModelError> {
    match gguf.text("general.architecture")? {
        Some("llama") => Ok(Box::new(Llama::bind(gguf, options)?)),
        Some(other) => Err(ModelError::Unsupported(format!(
            "the architecture `{other}` is not supported; use a model of the llama architecture"
        ))),
        None => Err(ModelError::MissingKey("general.architecture".to_owned())),
    }
}
