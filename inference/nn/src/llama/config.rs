//! The shape of a llama model, read from metadata and judged.

use crate::error::ModelError;
use crate::gguf::Gguf;

/// Most layers, heads and so on; far above real models, far below what overflows.
const LAYERS_MAX: usize = 1024;
const WIDTH_MAX: usize = 1 << 20;
const WINDOW_MAX: usize = 1 << 24;

/// The shape of a llama model; names are those of the checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LlamaConfig {
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) num_key_value_heads: usize,
    pub(crate) head_dim: usize,
    pub(crate) rms_norm_eps: f32,
    pub(crate) rope_theta: f32,
    /// Values of each head that are rotated.
    pub(crate) rope_dimensions: usize,
    /// Positions are divided by this.
    pub(crate) rope_factor: f32,
    pub(crate) max_position_embeddings: usize,
}

impl LlamaConfig {
    pub(crate) fn read(gguf: &Gguf) -> Result<Self, ModelError> {
        refuse_relatives(gguf)?;
        let hidden_size = required(gguf, "llama.embedding_length", WIDTH_MAX)?;
        let heads = required(gguf, "llama.attention.head_count", WIDTH_MAX)?;
        let kv_heads = optional(gguf, "llama.attention.head_count_kv", WIDTH_MAX)?.unwrap_or(heads);
        let head_dim =
            optional(gguf, "llama.attention.key_length", WIDTH_MAX)?.unwrap_or(hidden_size / heads);
        let config = Self {
            vocab_size: vocab_size(gguf)?,
            hidden_size,
            intermediate_size: required(gguf, "llama.feed_forward_length", WIDTH_MAX)?,
            num_hidden_layers: required(gguf, "llama.block_count", LAYERS_MAX)?,
            num_attention_heads: heads,
            num_key_value_heads: kv_heads,
            head_dim,
            rms_norm_eps: positive(gguf, "llama.attention.layer_norm_rms_epsilon")?
                .ok_or_else(|| missing("llama.attention.layer_norm_rms_epsilon"))?,
            rope_theta: positive(gguf, "llama.rope.freq_base")?.unwrap_or(10_000.0),
            rope_dimensions: optional(gguf, "llama.rope.dimension_count", WIDTH_MAX)?
                .unwrap_or(head_dim),
            rope_factor: rope_factor(gguf)?,
            max_position_embeddings: window(gguf)?,
        };
        config.check(gguf)
    }

    fn check(self, gguf: &Gguf) -> Result<Self, ModelError> {
        if !self
            .num_attention_heads
            .is_multiple_of(self.num_key_value_heads)
        {
            return Err(bad(
                "llama.attention.head_count_kv",
                "a divisor of llama.attention.head_count",
            ));
        }
        if self.head_dim == 0 || !self.head_dim.is_multiple_of(2) {
            return Err(bad("llama.attention.key_length", "even and above 0"));
        }
        let value_length = optional(gguf, "llama.attention.value_length", WIDTH_MAX)?;
        if value_length.is_some_and(|length| length != self.head_dim) {
            return Err(bad(
                "llama.attention.value_length",
                "equal to llama.attention.key_length",
            ));
        }
        if self.rope_dimensions > self.head_dim || !self.rope_dimensions.is_multiple_of(2) {
            return Err(bad(
                "llama.rope.dimension_count",
                "even and at most llama.attention.key_length",
            ));
        }
        Ok(self)
    }
}

/// Models of the same architecture name that this code would run wrongly.
fn refuse_relatives(gguf: &Gguf) -> Result<(), ModelError> {
    if gguf
        .number("llama.expert_count")?
        .is_some_and(|count| count > 0)
    {
        return Err(ModelError::Unsupported(
            "mixture-of-experts models are not supported; use a dense llama".to_owned(),
        ));
    }
    Ok(())
}

fn vocab_size(gguf: &Gguf) -> Result<usize, ModelError> {
    let tokens = gguf.texts("tokenizer.ggml.tokens")?.map(<[String]>::len);
    let claimed = optional(gguf, "llama.vocab_size", WINDOW_MAX)?;
    match (tokens, claimed) {
        (Some(tokens), Some(claimed)) if tokens != claimed => Err(bad(
            "llama.vocab_size",
            &format!("{tokens}, the number of tokens in tokenizer.ggml.tokens"),
        )),
        (Some(count), _) | (None, Some(count)) if count > 0 => Ok(count),
        _ => Err(missing("tokenizer.ggml.tokens")),
    }
}

/// The window, within which a sliding window that llama-like models declare changes nothing.
fn window(gguf: &Gguf) -> Result<usize, ModelError> {
    let window = required(gguf, "llama.context_length", WINDOW_MAX)?;
    let sliding = optional(gguf, "llama.attention.sliding_window", WINDOW_MAX)?;
    Ok(sliding.map_or(window, |sliding| window.min(sliding)))
}

fn rope_factor(gguf: &Gguf) -> Result<f32, ModelError> {
    let factor = match positive(gguf, "llama.rope.scaling.factor")? {
        Some(factor) => Some(factor),
        None => positive(gguf, "llama.rope.scale_linear")?,
    };
    match gguf.text("llama.rope.scaling.type")? {
        None | Some("linear") => Ok(factor.unwrap_or(1.0)),
        Some("none") => Ok(1.0),
        Some(other) => Err(ModelError::Unsupported(format!(
            "rope scaling of type `{other}` is not supported"
        ))),
    }
}

fn required(gguf: &Gguf, key: &str, most: usize) -> Result<usize, ModelError> {
    optional(gguf, key, most)?.ok_or_else(|| missing(key))
}

fn optional(gguf: &Gguf, key: &str, most: usize) -> Result<Option<usize>, ModelError> {
    let Some(number) = gguf.number(key)? else {
        return Ok(None);
    };
    match usize::try_from(number) {
        Ok(number) if (1..=most).contains(&number) => Ok(Some(number)),
        _ => Err(bad(key, &format!("from 1 to {most}"))),
    }
}

fn positive(gguf: &Gguf, key: &str) -> Result<Option<f32>, ModelError> {
    match gguf.real(key)? {
        Some(number) if number <= 0.0 => Err(bad(key, "above 0")),
        number => Ok(number),
    }
}

fn missing(key: &str) -> ModelError {
    ModelError::MissingKey(key.to_owned())
}

fn bad(key: &str, expected: &str) -> ModelError {
    ModelError::BadKey {
        key: key.to_owned(),
        expected: expected.to_owned(),
    }
}
