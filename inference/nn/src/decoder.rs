//! What every decoder can do, and how one is loaded.

use std::fmt;

use inference_kernels::{Activations, KvDtype};

use crate::architectures;
use crate::config::DecoderConfig;
use crate::error::ModelError;
use crate::facts::Facts;
use crate::model::Model;
use crate::names::Names;
use crate::plan::MemoryPlan;
use crate::segment::{BLOCK_TOKENS, Segment};
use crate::source::ModelSource;
use crate::weights::Weights;

/// Most windows that keys and values are kept for, however much memory may be used: twice the sequences that run
/// side by side unless told otherwise.
const WINDOWS_MAX: u64 = 32;

/// How a decoder is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecoderOptions {
    /// Most tokens of the window; the model's own is used where it is smaller.
    pub context_length_max: usize,
    /// Most bytes for keys and values of all sequences; a model that needs more for one window is refused.
    pub kv_bytes_max: u64,
    /// How keys and values are stored.
    pub kv_dtype: KvDtype,
    /// What weights are multiplied with. Rounded activations are several times as fast as reals and
    /// move logits a little (`inference_kernels::Activations`).
    pub activations: Activations,
}

impl DecoderOptions {
    /// As models are served: activations rounded for the machine's products, keys and values in bytes.
    pub fn fast() -> Self {
        Self {
            kv_dtype: KvDtype::Q8_0,
            activations: Activations::Rounded,
            ..Self::default()
        }
    }
}

impl Default for DecoderOptions {
    /// Exact: reals throughout. 8192 tokens are the longest prompt of the product and its answer; 8 GiB hold them for
    /// a model of 13 billion weights.
    fn default() -> Self {
        Self {
            context_length_max: 8192,
            kv_bytes_max: 8 << 30,
            kv_dtype: KvDtype::default(),
            activations: Activations::default(),
        }
    }
}

/// What is to be known of a decoder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecoderInfo {
    /// The architecture by its name in the file, like `llama`.
    pub architecture: String,
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// Tokens of the window.
    pub context_length: usize,
    /// Blocks of keys and values there are, for all sequences together.
    pub blocks: usize,
    /// Bytes of keys and values of one token, in all layers.
    pub kv_bytes_per_token: u64,
    /// Bytes of the weights in the file.
    pub weights_bytes: u64,
    /// Weights of the model.
    pub parameters: u64,
}

/// A model that turns tokens into logits, for any number of sequences at once.
///
/// The decoder owns the memory of keys and values; the caller says by block
/// tables which sequence uses which of it. Reading at an earlier position
/// overwrites what was there. What one segment gives does not depend on the others.
pub trait Decoder: Send + fmt::Debug {
    /// What is to be known of the decoder.
    fn info(&self) -> &DecoderInfo;

    /// Reads all segments and gives the logits they ask for, `[rows, vocab_size]`
    /// in the segments' order. They may be changed in place.
    ///
    /// # Errors
    /// [`ModelError::Input`] if a segment is empty, has a token outside the vocabulary, passes
    /// the window or its blocks, or writes a block that another writes. Nothing was read then.
    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<&mut [f32], ModelError>;
}

/// Binds the model in `source`.
///
/// # Errors
/// [`ModelError`] with the key or tensor that is missing, wrong or not supported.
pub fn load(source: &ModelSource, options: DecoderOptions) -> Result<Box<dyn Decoder>, ModelError> {
    let weights = Weights::new(source).with_activations(options.activations);
    let config = architectures::read(&Facts::new(source, &weights)?)?;
    let info = info(source, &config, options)?;
    let names = Names {
        gguf: matches!(source, ModelSource::Gguf(_)),
        placement: config.norm.placement,
        gpt_oss: config.gpt_oss,
    };
    let model = Model::bind(&weights, names, config, info, options.kv_dtype)?;
    Ok(Box::new(model))
}

/// What the model is and how many blocks it gets; refuses a window whose keys and
/// values would not fit, before anything is allocated.
fn info(
    source: &ModelSource,
    config: &DecoderConfig,
    options: DecoderOptions,
) -> Result<DecoderInfo, ModelError> {
    let plan = MemoryPlan::of(config, source, options);
    let window = plan.context_length;
    let fitting = options.kv_bytes_max / plan.kv_bytes(1).max(1);
    let needed = window.div_ceil(BLOCK_TOKENS) as u64;
    if needed > fitting {
        return Err(ModelError::Unsupported(format!(
            "keys and values of {window} tokens do not fit {} bytes; use a window of at most {} tokens",
            options.kv_bytes_max,
            plan.largest_context(options.kv_bytes_max)
        )));
    }
    let blocks = fitting.min(needed * WINDOWS_MAX).min(u32::MAX.into());
    Ok(DecoderInfo {
        architecture: config.architecture.clone(),
        vocab_size: config.vocab_size,
        context_length: window,
        blocks: usize::try_from(blocks).unwrap_or(usize::MAX),
        kv_bytes_per_token: plan.kv_bytes_per_token,
        weights_bytes: source.weights_bytes(),
        parameters: source.parameters(),
    })
}
