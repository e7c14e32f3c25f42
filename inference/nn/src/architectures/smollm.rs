//! SmolLM3: a llama whose every fourth layer knows no positions.

use super::base::{base, slide};
use crate::config::{DecoderConfig, Pairs};
use crate::error::ModelError;
use crate::facts::{Facts, Key, LAYERS_MAX, bad};

/// # Source
/// Bakouch and others, "SmolLM3" (2025); Yang and others, "RoPE to NoPE and back again" (arXiv:2501.18795).
pub(super) fn smollm3(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let mut config = base(facts)?;
    if facts.is_gguf() {
        config.pairs = Pairs::Neighbors;
    }
    let step = facts
        .count(Key("", "no_rope_layer_interval"), LAYERS_MAX)?
        .unwrap_or(4);
    let listed = facts.array("no_rope_layers")?;
    let wrong = || bad("no_rope_layers", "0 or 1 for each layer");
    if listed.is_some_and(|listed| listed.len() != config.layers.len()) {
        return Err(wrong());
    }
    for (number, layer) in config.layers.iter_mut().enumerate() {
        let turns = match listed {
            Some(listed) => listed[number].as_u64().ok_or_else(wrong)? == 1,
            None => !(number + 1).is_multiple_of(step),
        };
        layer.rope = turns.then_some(0);
    }
    let window = facts.window(Key("", "sliding_window"))?;
    let uses = facts.flag(Key("", "use_sliding_window"))?.unwrap_or(false);
    let without = config.layers.clone();
    slide(facts, &mut config, window.filter(|_| uses), |layer| {
        without[layer].rope.is_none()
    })?;
    Ok(config)
}
