//! gpt-oss: experts in four bits, attention sinks, every other layer slides.

use super::base::{base, slide};
use crate::config::{Activation, DecoderConfig, ExpertsConfig, Routing};
use crate::error::ModelError;
use crate::facts::{Facts, Key, LAYERS_MAX, WIDTH_MAX, json, not_understood};
use crate::layers::RopeScaling;

/// The limit of the gate in every published model; GGUF does not say it.
const LIMIT: f32 = 7.0;
/// The slope of the gate's sigmoid, of all of them too.
const SLOPE: f32 = 1.702;

/// # Source
/// OpenAI, "gpt-oss-120b & gpt-oss-20b model card" (arXiv:2508.10925), and its reference implementation.
pub(super) fn gpt_oss(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let mut config = base(facts)?;
    config.attention.sinks = true;
    config.gpt_oss = true;
    let slope = facts.positive(Key("", "swiglu_alpha"))?;
    if slope.is_some_and(|slope| (slope - SLOPE).abs() > 1e-6) {
        return Err(not_understood("swiglu_alpha"));
    }
    if let Some(quantized) = facts.object("quantization_config")?
        && json::text(quantized, "quant_method")? != Some("mxfp4")
    {
        return Err(not_understood("quantization_config"));
    }
    let limit = facts.positive(Key("", "swiglu_limit"))?.unwrap_or(LIMIT);
    config.activation = Activation::ClampedSwiglu { limit };
    let window = facts.window(Key("attention.sliding_window", "sliding_window"))?;
    slide(facts, &mut config, window, |layer| layer.is_multiple_of(2))?;
    let inner = facts.count(Key("expert_feed_forward_length", ""), WIDTH_MAX)?;
    config.experts = Some(ExpertsConfig {
        num_experts: facts.required(Key("expert_count", "num_local_experts"), LAYERS_MAX)?,
        num_experts_per_tok: facts
            .required(Key("expert_used_count", "num_experts_per_tok"), LAYERS_MAX)?,
        moe_intermediate_size: inner.unwrap_or(config.intermediate_size),
        routing: Routing::BestThenSoftmax,
    });
    for layer in &mut config.layers {
        layer.experts = true;
    }
    // The reference keeps fractions of pairs; `config.json` says so, GGUF has no key for it.
    if facts.is_gguf()
        && let RopeScaling::Yarn(yarn) = &mut config.ropes[0].scaling
    {
        yarn.truncate = false;
    }
    Ok(config)
}
