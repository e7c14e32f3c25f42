//! The layers decoders are made of.

pub(crate) mod norm;
pub(crate) mod rope;

pub(crate) use self::norm::RmsNorm;
pub(crate) use self::rope::{Rope, RopeConfig, RopeScaling, Yarn};

/// Bends `values` to stay within plus and minus `cap`.
///
/// # Source
/// Bello and others (arXiv:1611.09940), as in Gemma 2.
pub(crate) fn softcap(values: &mut [f32], cap: f32) {
    for value in values {
        *value = (*value / cap).tanh() * cap;
    }
}
