//! How much memory a model takes, before any of it is taken.
//!
//! Pure: what the machine or its cgroup has is the caller's to find out.
//!
//! Invariant: a plan counts weights, their packed copies, activations and the keys and values of a whole window.

use crate::architectures;
use crate::config::DecoderConfig;
use crate::decoder::DecoderOptions;
use crate::error::ModelError;
use crate::facts::Facts;
use crate::model::CHUNK;
use crate::segment::BLOCK_TOKENS;
use crate::source::ModelSource;
use crate::weights::Weights;

/// How much memory a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryPlan {
    /// Bytes of the weights that are read as they lie in the files, which are mapped.
    pub mapped_bytes: u64,
    /// Bytes, at most, of the weights that are laid out anew for the kernels; the files' pages of these go.
    pub packed_bytes: u64,
    /// Bytes of activations and logits in flight.
    pub activation_bytes: u64,
    /// Bytes of keys and values of one token, in all layers.
    pub kv_bytes_per_token: u64,
    /// Tokens of the window.
    pub context_length: usize,
}

impl MemoryPlan {
    /// The plan for the model in `source`.
    ///
    /// # Errors
    /// [`ModelError`] if the model is not supported or its metadata is wrong.
    pub fn new(source: &ModelSource, options: DecoderOptions) -> Result<Self, ModelError> {
        let weights = Weights::new(source);
        let config = architectures::read(&Facts::new(source, &weights)?)?;
        Ok(Self::of(&config, source, options))
    }

    pub(crate) fn of(
        config: &DecoderConfig,
        source: &ModelSource,
        options: DecoderOptions,
    ) -> Self {
        let per_layer = options
            .kv_dtype
            .token_bytes(config.num_key_value_heads, config.head_dim);
        let window = config
            .max_position_embeddings
            .min(options.context_length_max);
        Self {
            mapped_bytes: source.mapped_bytes(options.activations),
            packed_bytes: source.packed_bytes(options.activations),
            activation_bytes: activation_bytes(config),
            kv_bytes_per_token: (per_layer as u64).saturating_mul(config.layers.len() as u64),
            context_length: window.max(1),
        }
    }

    /// Bytes of everything but keys and values.
    pub fn fixed_bytes(&self) -> u64 {
        self.mapped_bytes
            .saturating_add(self.packed_bytes)
            .saturating_add(self.activation_bytes)
    }

    /// Bytes of keys and values of `tokens` tokens, in whole blocks.
    pub fn kv_bytes(&self, tokens: usize) -> u64 {
        let tokens = tokens.div_ceil(BLOCK_TOKENS).saturating_mul(BLOCK_TOKENS);
        self.kv_bytes_per_token.saturating_mul(tokens as u64)
    }

    /// Bytes that are left for keys and values of `available`, enough for one window at least.
    ///
    /// # Errors
    /// [`ModelError::Memory`] if they are not, with the largest window that fits.
    pub fn fit(&self, available: u64) -> Result<u64, ModelError> {
        let left = available.saturating_sub(self.fixed_bytes());
        if left >= self.kv_bytes(self.context_length) {
            return Ok(left);
        }
        Err(ModelError::Memory {
            needed: self
                .fixed_bytes()
                .saturating_add(self.kv_bytes(self.context_length)),
            available,
            context_length: self.context_length,
            fitting: self.largest_context(left),
        })
    }

    /// The most tokens whose keys and values take at most `bytes`.
    pub(crate) fn largest_context(&self, bytes: u64) -> usize {
        let tokens = bytes / self.kv_bytes(1).max(1);
        usize::try_from(tokens)
            .unwrap_or(usize::MAX)
            .saturating_mul(BLOCK_TOKENS)
            .min(self.context_length)
    }
}

/// Activations of a chunk of tokens and one row of logits for each.
fn activation_bytes(config: &DecoderConfig) -> u64 {
    let inner = config
        .experts
        .map_or(0, |experts| experts.moe_intermediate_size);
    let widths = [
        5 * config.hidden_size,
        2 * config.query_width(),
        2 * config.key_width(),
        2 * config.intermediate_size.max(inner),
        // What products turn, and the logits.
        2 * config.vocab_size,
    ];
    let values = widths.iter().map(|&width| width as u64).sum::<u64>();
    values * (CHUNK * size_of::<f32>()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> MemoryPlan {
        MemoryPlan {
            mapped_bytes: 1000,
            packed_bytes: 200,
            activation_bytes: 30,
            kv_bytes_per_token: 10,
            context_length: 100,
        }
    }

    #[test]
    fn what_is_left_is_for_keys_and_values() {
        // A window of 100 tokens takes seven blocks.
        assert_eq!(plan().kv_bytes(100), 1120);
        assert_eq!(plan().fit(1230 + 1120).expect("fits"), 1120);
        assert_eq!(plan().fit(5000).expect("fits"), 3770);
    }

    #[track_caller]
    fn check(available: u64, expected: &str) {
        let error = plan().fit(available).expect_err("does not fit");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_refusal_names_the_largest_window_that_fits() {
        check(
            1230 + 1119,
            "the model needs 2350 bytes with a window of 100 tokens, but 2349 are available; use a window of at most 96 tokens",
        );
        check(
            1230 + 159,
            "the model needs 2350 bytes with a window of 100 tokens, but 1389 are available; use a smaller model or more memory",
        );
    }
}
