//! Phi-3, 3.5 and 4: fused projections and two sets of rotary divisors.

use super::base::{base, slide};
use crate::config::DecoderConfig;
use crate::error::ModelError;
use crate::facts::{Facts, Key};

/// # Source
/// Abdin and others, "Phi-3 technical report" (arXiv:2404.14219).
///
/// Long divisors serve windows past the original one, whatever the length of a prompt, so that keys kept
/// stay valid while a text grows. The sliding window holds in GGUF too, as the models were trained.
pub(super) fn phi3(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let mut config = base(facts)?;
    config.fused = true;
    let window = facts.window(Key("attention.sliding_window", "sliding_window"))?;
    slide(facts, &mut config, window, |_| true)?;
    Ok(config)
}
