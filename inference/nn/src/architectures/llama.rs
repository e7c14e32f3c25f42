//! Llama 2 to 3.3 and Mistral (7B, Nemo, Small), which GGUF has under one name.

use super::base::{base, slide};
use crate::config::{DecoderConfig, Pairs};
use crate::error::ModelError;
use crate::facts::{Facts, Key};

/// Checkpoints that do not say it have the window of the first Mistral.
const MISTRAL_WINDOW: usize = 4096;

/// # Source
/// Touvron and others, "Llama 2" (arXiv:2307.09288); the Llama team, "The Llama 3 herd of models" (arXiv:2407.21783).
pub(super) fn llama(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let mut config = base(facts)?;
    if facts.is_gguf() {
        config.pairs = Pairs::Neighbors;
        let window = facts.window(Key("attention.sliding_window", ""))?;
        slide(facts, &mut config, window, |_| true)?;
    }
    Ok(config)
}

/// # Source
/// Jiang and others, "Mistral 7B" (arXiv:2310.06825).
pub(super) fn mistral(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let mut config = base(facts)?;
    let window = facts.window(Key("", "sliding_window"))?;
    let said = facts
        .json()
        .is_some_and(|json| json.contains_key("sliding_window"));
    let window = if said { window } else { Some(MISTRAL_WINDOW) };
    slide(facts, &mut config, window, |_| true)?;
    Ok(config)
}
