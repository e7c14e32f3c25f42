//! OLMo 2: normalized behind attention and feed-forward, queries and keys over their full width.

use super::base::base;
use crate::config::{DecoderConfig, NormPlacement, QkNorm};
use crate::error::ModelError;
use crate::facts::Facts;

/// # Source
/// OLMo team, "2 OLMo 2 Furious" (arXiv:2501.00656).
pub(super) fn olmo2(facts: &Facts<'_>) -> Result<DecoderConfig, ModelError> {
    let mut config = base(facts)?;
    config.norm.placement = NormPlacement::Post;
    config.qk_norm = QkNorm::Full;
    Ok(config)
}
