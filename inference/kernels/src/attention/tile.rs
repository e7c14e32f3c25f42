//! A block's keys or values and a few queries, in registers.
//!
//! Invariant: what a query gets is added up in the order of a head's values (scores) and of positions (what is
//! mixed), however many queries share a pass.

use std::ops::Range;

use pulp::Simd;

use super::BLOCK_TOKENS;
use crate::elementwise::{exp, softmax_inline};

/// The scores of `Q` queries with a block's `keys`, `[head_dim, BLOCK_TOKENS]`; those of a query are `stride` after
/// those of the one before it.
#[inline(always)]
pub(super) fn score<S: Simd, const Q: usize>(
    simd: S,
    queries: [&[f32]; Q],
    keys: &[f32],
    scale: f32,
    scores: &mut [f32],
    stride: usize,
) {
    let keys = S::as_simd_f32s(keys).0;
    let vectors = BLOCK_TOKENS / S::F32_LANES;
    let scale = simd.splat_f32s(scale);
    for vector in 0..vectors {
        let mut sums = [simd.splat_f32s(0.0); Q];
        for (number, keys) in keys.chunks_exact(vectors).enumerate() {
            for (sum, query) in sums.iter_mut().zip(queries) {
                let query = simd.splat_f32s(query[number]);
                *sum = simd.mul_add_e_f32s(query, keys[vector], *sum);
            }
        }
        for (query, sum) in sums.into_iter().enumerate() {
            let scores = &mut scores[query * stride..][..BLOCK_TOKENS];
            S::as_mut_simd_f32s(scores).0[vector] = simd.mul_f32s(sum, scale);
        }
    }
}

/// Turns the scores that a query sees into weights that sum to one (less where a sink takes its share).
#[inline(always)]
pub(super) fn weigh(scores: &mut [f32], softcap: Option<f32>, sink: Option<f32>) {
    if let Some(cap) = softcap {
        for score in &mut *scores {
            *score = cap - 2.0 * cap / (1.0 + exp(2.0 * *score / cap));
        }
    }
    softmax_inline(scores, sink);
}

/// Adds a block's `values`, `[BLOCK_TOKENS, head_dim]`, at `positions` to what each of `Q` queries gets, by its weights.
#[inline(always)]
pub(super) fn mix<S: Simd, const Q: usize>(
    simd: S,
    weights: [&[f32]; Q],
    positions: Range<usize>,
    values: &[f32],
    mut outs: [&mut [f32]; Q],
) {
    let width = values.len() / BLOCK_TOKENS;
    let vectors = width / S::F32_LANES;
    let values = &values[positions.start * width..positions.end * width];
    let weights = weights.map(|weights| &weights[positions.clone()]);
    for vector in 0..vectors {
        let at = vector * S::F32_LANES;
        let mut sums = std::array::from_fn::<_, Q, _>(|q| {
            S::as_simd_f32s(&outs[q][at..][..S::F32_LANES]).0[0]
        });
        for (position, values) in values.chunks_exact(width).enumerate() {
            let value = S::as_simd_f32s(&values[at..][..S::F32_LANES]).0[0];
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = simd.mul_add_e_f32s(simd.splat_f32s(weights[position]), value, *sum);
            }
        }
        for (sum, out) in sums.into_iter().zip(&mut outs) {
            S::as_mut_simd_f32s(&mut out[at..][..S::F32_LANES]).0[0] = sum;
        }
    }
    for (weights, out) in weights.into_iter().zip(outs) {
        for (weight, values) in weights.iter().zip(values.chunks_exact(width)) {
            let rest = vectors * S::F32_LANES;
            for (out, value) in out[rest..].iter_mut().zip(&values[rest..]) {
                *out += weight * value;
            }
        }
    }
}
