//! Gemma 2 and 3: normalized on both sides, layers that slide between layers that see all.

use super::base::{base, slide};
use super::rope::rope;
use crate::config::{Activation, DecoderConfig, NormPlacement, QkNorm};
use crate::error::ModelError;
use crate::facts::{Facts, Key, LAYERS_MAX, missing, not_understood};
use crate::layers::{RopeConfig, RopeScaling};

const WINDOW: Key = Key("attention.sliding_window", "sliding_window");
/// Layers of the models of 27 billion weights, whose scale of attention GGUF does not say.
const GEMMA2_27B_LAYERS: usize = 46;
const GEMMA3_27B_LAYERS: usize = 62;
/// Base of the rotation in layers that slide, by the Gemma 3 report.
const LOCAL_THETA: f32 = 10_000.0;

fn gemma(facts: &Facts<'_>, layers_of_27b: usize) -> Result<DecoderConfig, ModelError> {
    let mut config = base(facts)?;
    config.norm.placement = NormPlacement::Sandwich;
    if facts.is_gguf() {
        config.activation = Activation::GeluTanh;
    } else {
        // Converters to GGUF have added it already.
        config.norm.offset = 1.0;
    }
    config.embedding_multiplier = (config.hidden_size as f32).sqrt();
    // Checkpoints leave out what is so for all of them.
    config.tie_word_embeddings = Some(config.tie_word_embeddings.unwrap_or(true));
    let scalar = match facts.positive(Key("", "query_pre_attn_scalar"))? {
        Some(scalar) => scalar,
        None if config.layers.len() == layers_of_27b => {
            config.hidden_size as f32 / config.num_attention_heads as f32
        }
        None => config.head_dim as f32,
    };
    config.attention.scale = 1.0 / scalar.sqrt();
    let cap = Key("attn_logit_softcapping", "attn_logit_softcapping");
    config.attention.softcap = facts.positive(cap)?;
    let cap = Key("final_logit_softcapping", "final_logit_softcapping");
    config.final_logit_softcapping = facts.positive(cap)?;
    if facts.flag(Key("", "use_bidirectional_attention"))? == Some(true) {
        return Err(not_understood("use_bidirectional_attention"));
    }
    Ok(config)
}

/// # Source
/// The Gemma team, "Gemma 2" (arXiv:2408.00118).
pub(super) fn gemma2(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let mut config = gemma(facts, GEMMA2_27B_LAYERS)?;
    let window = facts.window(WINDOW)?.unwrap_or(4096);
    slide(facts, &mut config, Some(window), |layer| {
        layer.is_multiple_of(2)
    })?;
    Ok(config)
}

/// # Source
/// The Gemma team, "Gemma 3 technical report" (arXiv:2503.19786).
pub(super) fn gemma3(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let mut config = gemma(facts, GEMMA3_27B_LAYERS)?;
    config.qk_norm = QkNorm::Head;
    let window = facts.window(WINDOW)?.ok_or_else(|| missing(WINDOW.1))?;
    let pattern = Key("attention.sliding_window_pattern", "sliding_window_pattern");
    let saved = facts.count(Key("", "_sliding_window_pattern"), LAYERS_MAX)?;
    let pattern = facts.count(pattern, LAYERS_MAX)?.or(saved).unwrap_or(6);
    slide(facts, &mut config, Some(window), |layer| {
        !(layer + 1).is_multiple_of(pattern)
    })?;
    let global = rope(facts, config.head_dim, Some("full_attention"), 1_000_000.0)?;
    let local = local_rope(facts, &global, config.head_dim)?;
    config.ropes = vec![global, local];
    for layer in &mut config.layers {
        layer.rope = Some(usize::from(layer.sliding_window.is_some()));
    }
    Ok(config)
}

/// Layers that slide turn by a base of their own, never stretched.
fn local_rope(
    facts: &Facts<'_>,
    global: &RopeConfig,
    head_dim: usize,
) -> Result<RopeConfig, ModelError> {
    let theta = facts.positive(Key("rope.freq_base_swa", "rope_local_base_freq"))?;
    let nested = facts
        .object("rope_parameters")?
        .is_some_and(|parameters| parameters.contains_key("sliding_attention"));
    if nested {
        return rope(facts, head_dim, Some("sliding_attention"), LOCAL_THETA);
    }
    Ok(RopeConfig {
        theta: theta.unwrap_or(LOCAL_THETA),
        dimensions: global.dimensions,
        scaling: RopeScaling::None,
    })
}
