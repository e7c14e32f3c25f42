//! A few blocks' keys or one block's values and a few queries, in registers, in whole numbers.
//!
//! Invariant: what a query gets is added up in the order of a head's groups (scores), however many queries and
//! blocks share a pass; all within a group or a stretch is exact.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "reads queries and blocks by pointer; the contracts are those of the functions"
)]

use super::super::kv::LINE;
use super::{BLOCK_TOKENS, GROUP, Layout, Room};
use crate::isa::Isa;

/// A query as bytes.
#[derive(Clone, Copy)]
pub(super) struct Query {
    codes: *const i8,
    starts: *const i32,
    scales: *const f32,
}

impl Query {
    /// Query `query` of a task.
    #[inline(always)]
    pub(super) fn of(room: &Room, layout: Layout, query: usize) -> Self {
        let groups = query * layout.groups()..(query + 1) * layout.groups();
        Self {
            codes: room.codes[query * layout.width()..(query + 1) * layout.width()].as_ptr(),
            starts: room.starts[groups.clone()].as_ptr(),
            scales: room.scales[groups].as_ptr(),
        }
    }
}

/// The scores of `Q` queries with the keys of `B` blocks, while those of `later` are asked for if they are `FEW`. Those of a query are
/// `stride` after those of the one before it, blocks' follow each other.
///
/// # Safety
/// Keys are blocks of `layout`, queries of as many groups, and `scores` has room for `Q * stride`; the machine has `S`,
/// and the caller is compiled for it. `later` need not be readable.
#[inline(always)]
pub(super) unsafe fn score<S: Isa, const Q: usize, const B: usize, const FEW: bool>(
    queries: [Query; Q],
    keys: [*const u8; B],
    later: [*const u8; B],
    layout: Layout,
    scores: *mut f32,
    stride: usize,
) {
    let zero = S::splat(0);
    for position in (0..BLOCK_TOKENS).step_by(S::LANES) {
        let mut sums = [[S::splat_real(0.0); B]; Q];
        for group in 0..layout.groups() {
            let mut ints = [[zero; B]; Q];
            for (ints, query) in ints.iter_mut().zip(queries) {
                *ints = [S::splat(*query.starts.add(group)); B];
            }
            for four in 0..GROUP / 4 {
                let number = group * GROUP + 4 * four;
                let at = number * BLOCK_TOKENS + 4 * position;
                let mut vectors = [zero; B];
                for b in 0..B {
                    if FEW {
                        ask_for::<S>(later[b], at);
                    }
                    vectors[b] = S::load(keys[b].add(at));
                }
                for (ints, query) in ints.iter_mut().zip(queries) {
                    let query = S::splat4(query.codes.add(number));
                    for (int, vector) in ints.iter_mut().zip(vectors) {
                        *int = S::dot_wide(*int, vector, query);
                    }
                }
            }
            let mut scales = [S::splat_real(0.0); B];
            for (scales, keys) in scales.iter_mut().zip(keys) {
                *scales = layout.scales::<S>(keys, group, position);
            }
            for ((sums, ints), query) in sums.iter_mut().zip(ints).zip(queries) {
                let query = S::splat_real(*query.scales.add(group));
                for ((sum, int), scales) in sums.iter_mut().zip(ints).zip(scales) {
                    *sum = S::fused(S::multiply(S::to_real(int), query), scales, *sum);
                }
            }
        }
        for (query, sums) in sums.into_iter().enumerate() {
            for (block, sum) in sums.into_iter().enumerate() {
                S::store(
                    scores.add(query * stride + block * BLOCK_TOKENS + position),
                    sum,
                );
            }
        }
    }
    if FEW {
        for later in later {
            layout.ask_for_scales::<S>(later);
        }
    }
}

/// Adds a block's `values` to what each of `Q` queries gets, by its `weights` of the block, while those of `later` are
/// asked for if they are `FEW`. Weights of a group are `stride` after those of the one before it.
///
/// # Safety
/// `values` is a block of `layout`, weights are of as many groups, and `outs` have room for as many numbers; the machine has
/// `S`, and the caller is compiled for it. `later` need not be readable.
#[inline(always)]
pub(super) unsafe fn mix<S: Isa, const Q: usize, const FEW: bool>(
    weights: [*const i16; Q],
    values: *const u8,
    later: *const u8,
    layout: Layout,
    stride: usize,
    outs: [*mut i32; Q],
) {
    /// Vectors of a value's numbers at a time.
    const V: usize = 2;
    let zero = S::splat(0);
    for number in (0..layout.width()).step_by(V * S::LANES) {
        let (group, within) = (number / GROUP, number % GROUP);
        let mut sums = [[zero; V]; Q];
        for (sums, out) in sums.iter_mut().zip(outs) {
            for (v, sum) in sums.iter_mut().enumerate() {
                *sum = S::load(out.add(number + v * S::LANES).cast());
            }
        }
        for pair in 0..BLOCK_TOKENS / 2 {
            let mut vectors = [zero; V];
            for (v, vector) in vectors.iter_mut().enumerate() {
                let row = group * BLOCK_TOKENS / 2 + pair;
                let at = 2 * (row * GROUP + within + v * S::LANES);
                if FEW {
                    ask_for::<S>(later, at);
                }
                *vector = S::load_i8_pairs(values.add(at).cast());
            }
            for (sums, weights) in sums.iter_mut().zip(weights) {
                let weight = S::splat2(weights.add(group * stride + 2 * pair));
                for (sum, vector) in sums.iter_mut().zip(vectors) {
                    *sum = S::dot_pairs(*sum, vector, weight);
                }
            }
        }
        for (sums, out) in sums.into_iter().zip(outs) {
            for (v, sum) in sums.into_iter().enumerate() {
                S::keep(out.add(number + v * S::LANES).cast(), sum);
            }
        }
    }
}

/// Asks for the line of `block` that begins at byte `at`, if one does.
///
/// # Safety
/// The machine has `S`, and the caller is compiled for it.
#[inline(always)]
unsafe fn ask_for<S: Isa>(block: *const u8, at: usize) {
    if at.is_multiple_of(LINE) {
        S::prefetch_far(block.wrapping_add(at));
    }
}
