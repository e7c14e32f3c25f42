//! The layers decoders are made of.

pub(crate) mod attention;
pub(crate) mod norm;
pub(crate) mod rope;

pub(crate) use self::attention::{Attention, KvLayer};
pub(crate) use self::norm::RmsNorm;
pub(crate) use self::rope::Rope;

/// The gate of a `SwiGLU` feed-forward layer: `gate` becomes `silu(gate) * up`.
///
/// # Source
/// Shazeer, "GLU variants improve transformer" (arXiv:2002.05202).
pub(crate) fn swiglu(gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = *gate / (1.0 + (-*gate).exp()) * up;
    }
}

/// Adds `x` to the residual stream.
pub(crate) fn add(residual: &mut [f32], x: &[f32]) {
    for (residual, x) in residual.iter_mut().zip(x) {
        *residual += x;
    }
}
