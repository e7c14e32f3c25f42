//! Qwen 2, 2.5 and 3, dense and with experts.

use super::base::{base, slide};
use crate::config::{DecoderConfig, ExpertsConfig, QkNorm, Routing};
use crate::error::ModelError;
use crate::facts::{Facts, Key, LAYERS_MAX, WIDTH_MAX, bad, missing, not_understood};

/// # Source
/// The Qwen team, "Qwen2 technical report" (arXiv:2407.10671).
pub(super) fn qwen2(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let mut config = base(facts)?;
    let window = facts.window(Key("", "sliding_window"))?;
    let uses = facts.flag(Key("", "use_sliding_window"))?.unwrap_or(false);
    // Zero is a layer too, so this is no count.
    let first = facts.integer("max_window_layers")?.unwrap_or(28);
    let slides = |layer| layer as u64 >= first;
    slide(facts, &mut config, window.filter(|_| uses), slides)?;
    Ok(config)
}

/// # Source
/// The Qwen team, "Qwen3 technical report" (arXiv:2505.09388).
pub(super) fn qwen3(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let mut config = qwen2(facts)?;
    config.qk_norm = QkNorm::Head;
    Ok(config)
}

/// As [`qwen3`], with experts in the layers that `decoder_sparse_step` and `mlp_only_layers` leave.
pub(super) fn qwen3_moe(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let mut config = qwen3(facts)?;
    let renormalize = match facts.flag(Key("expert_weights_norm", "norm_topk_prob"))? {
        Some(renormalize) => renormalize,
        // Converters leave it out, since every published model has it.
        None => facts.is_gguf(),
    };
    // transformers 5 has another name for it.
    let count = Key("expert_count", "num_experts");
    let renamed = facts.count(Key("", "num_local_experts"), LAYERS_MAX)?;
    let num_experts = facts.count(count, LAYERS_MAX)?.or(renamed);
    config.experts = Some(ExpertsConfig {
        num_experts: num_experts.ok_or_else(|| missing(count.1))?,
        num_experts_per_tok: facts
            .required(Key("expert_used_count", "num_experts_per_tok"), LAYERS_MAX)?,
        moe_intermediate_size: facts.required(
            Key("expert_feed_forward_length", "moe_intermediate_size"),
            WIDTH_MAX,
        )?,
        routing: Routing::SoftmaxThenBest { renormalize },
    });
    let scale = facts.positive(Key("expert_weights_scale", ""))?;
    if scale.is_some_and(|scale| (scale - 1.0).abs() > f32::EPSILON) {
        return Err(not_understood("expert_weights_scale"));
    }
    let step = facts
        .count(Key("", "decoder_sparse_step"), LAYERS_MAX)?
        .unwrap_or(1);
    let dense = facts.array("mlp_only_layers")?.unwrap_or_default();
    let dense = dense
        .iter()
        .map(|layer| {
            layer
                .as_u64()
                .ok_or_else(|| bad("mlp_only_layers", "numbers of layers"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    for (number, layer) in config.layers.iter_mut().enumerate() {
        layer.experts = (number + 1).is_multiple_of(step) && !dense.contains(&(number as u64));
    }
    Ok(config)
}
