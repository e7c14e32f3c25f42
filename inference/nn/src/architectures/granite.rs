//! Granite 3: a llama with four multipliers.

use super::base::base;
use crate::config::{DecoderConfig, Pairs};
use crate::error::ModelError;
use crate::facts::{Facts, Key};

/// # Source
/// Granite team, "Granite 3.0 language models" (2024); names of the settings are those of `GraniteConfig`.
pub(super) fn granite(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let mut config = base(facts)?;
    if facts.is_gguf() {
        config.pairs = Pairs::Neighbors;
    }
    let multiplier = |gguf, json| facts.positive(Key(gguf, json));
    if let Some(scale) = multiplier("attention.scale", "attention_multiplier")? {
        config.attention.scale = scale;
    }
    config.embedding_multiplier =
        multiplier("embedding_scale", "embedding_multiplier")?.unwrap_or(1.0);
    config.residual_multiplier =
        multiplier("residual_scale", "residual_multiplier")?.unwrap_or(1.0);
    config.logits_multiplier = 1.0 / multiplier("logit_scale", "logits_scaling")?.unwrap_or(1.0);
    Ok(config)
}
