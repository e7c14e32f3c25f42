//! A few blocks' keys or one block's values and a few queries, in registers.
//!
//! Invariant: what a query gets is added up in the order of a head's numbers (scores) and of positions (what is
//! mixed), however many queries and blocks share a pass.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "reads queries and blocks by pointer; the contracts are those of the functions"
)]

use std::ops::Range;

use super::BLOCK_TOKENS;
use super::numbers::{Later, Numbers};
use crate::isa::Isa;

/// The scores of `Q` queries with the keys of `B` blocks. Those of a query are `stride` after those of the one
/// before it, blocks' follow each other.
///
/// # Safety
/// Queries and keys have `width` numbers, `scores` room for `Q * stride`; the machine has `S`, and the caller is
/// compiled for it.
#[inline(always)]
pub(super) unsafe fn score<S: Isa, N: Numbers, const Q: usize, const B: usize>(
    queries: [*const f32; Q],
    keys: [N; B],
    later: [Later<N>; B],
    width: usize,
    scale: f32,
    scores: *mut f32,
    stride: usize,
) {
    let zero = S::splat_real(0.0);
    for position in (0..BLOCK_TOKENS).step_by(S::LANES) {
        let mut sums = [[zero; B]; Q];
        for number in 0..width {
            let mut vectors = [zero; B];
            for b in 0..B {
                later[b].ask_for::<S>(number * BLOCK_TOKENS + position);
                vectors[b] = keys[b].vector::<S>(number * BLOCK_TOKENS + position);
            }
            for (sums, query) in sums.iter_mut().zip(queries) {
                let query = S::splat_real(*query.add(number));
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = S::fused(query, vector, *sum);
                }
            }
        }
        let scale = S::splat_real(scale);
        for (query, sums) in sums.into_iter().enumerate() {
            for (block, sum) in sums.into_iter().enumerate() {
                let to = scores.add(query * stride + block * BLOCK_TOKENS + position);
                S::store(to, S::multiply(sum, scale));
            }
        }
    }
}

/// Adds a block's `values` at `positions` to what each of `Q` queries gets, by its `weights` of the block.
///
/// # Safety
/// `positions` lie inside the block, values and `outs` have `width` numbers; the machine has `S`, and the caller
/// is compiled for it.
#[inline(always)]
pub(super) unsafe fn mix<S: Isa, N: Numbers, const Q: usize>(
    weights: [*const f32; Q],
    (values, later): (N, Later<N>),
    positions: Range<usize>,
    width: usize,
    outs: [*mut f32; Q],
) {
    let mut number = 0;
    while number + 2 * S::LANES <= width {
        columns::<S, N, Q, 2>(
            weights,
            (values, later),
            positions.clone(),
            (number, width),
            outs,
        );
        number += 2 * S::LANES;
    }
    if number + S::LANES <= width {
        columns::<S, N, Q, 1>(
            weights,
            (values, later),
            positions.clone(),
            (number, width),
            outs,
        );
        number += S::LANES;
    }
    for (weights, out) in weights.into_iter().zip(outs) {
        for position in positions.clone() {
            let weight = *weights.add(position);
            for number in number..width {
                *out.add(number) += weight * values.value(position, number, width);
            }
        }
    }
}

/// As [`mix`], for `V` vectors of numbers from `number` on.
///
/// # Safety
/// As [`mix`]; there are so many numbers.
#[inline(always)]
unsafe fn columns<S: Isa, N: Numbers, const Q: usize, const V: usize>(
    weights: [*const f32; Q],
    (values, later): (N, Later<N>),
    positions: Range<usize>,
    (number, width): (usize, usize),
    outs: [*mut f32; Q],
) {
    let zero = S::splat_real(0.0);
    let mut sums = [[zero; V]; Q];
    for (sums, out) in sums.iter_mut().zip(outs) {
        for (v, sum) in sums.iter_mut().enumerate() {
            *sum = S::load_real(out.add(number + v * S::LANES));
        }
    }
    for position in positions {
        let mut vectors = [zero; V];
        for (v, vector) in vectors.iter_mut().enumerate() {
            let number = number + v * S::LANES;
            later.ask_for::<S>(position * width + number);
            *vector = values.vector::<S>(position * width + number);
        }
        for (sums, weights) in sums.iter_mut().zip(weights) {
            let weight = S::splat_real(*weights.add(position));
            for (sum, vector) in sums.iter_mut().zip(vectors) {
                *sum = S::fused(weight, vector, *sum);
            }
        }
    }
    for (sums, out) in sums.into_iter().zip(outs) {
        for (v, sum) in sums.into_iter().enumerate() {
            S::store(out.add(number + v * S::LANES), sum);
        }
    }
}
