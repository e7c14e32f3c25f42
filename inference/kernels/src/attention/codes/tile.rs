//! A few blocks' keys or one block's values and a few queries, in registers, in whole numbers.
//!
//! Invariant: what a query gets is added up in the order of a head's groups (scores), however many queries and
//! blocks share a pass; all within a group or a stretch is exact.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "reads queries and blocks by pointer; the contracts are those of the functions"
)]

use std::ops::Range;

use super::super::kv::LINE;
use super::super::work::BLOCKS;
use super::weights::Row;
use super::{Ahead, BLOCK_TOKENS, GROUP, Layout, Places, Room};
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
    pub(super) fn of(room: &Room, query: usize) -> Self {
        let layout = room.layout;
        let groups = query * layout.groups()..(query + 1) * layout.groups();
        Self {
            codes: room.codes[query * layout.width()..(query + 1) * layout.width()].as_ptr(),
            starts: room.starts[groups.clone()].as_ptr(),
            scales: room.scales[groups].as_ptr(),
        }
    }
}

/// Where pieces are asked for, if this task's queries do.
type Asking<'a> = Option<(&'a mut Ahead, &'a Places)>;

/// The scores of `Q` queries with the keys of `B` blocks, while pieces are asked for if they are `FEW`. Those of a query are
/// `stride` after those of the one before it, blocks' follow each other.
///
/// # Safety
/// Keys are blocks of `layout`, queries of as many groups, and `scores` has room for `Q` rows; the machine has `S`,
/// and the caller is compiled for it.
#[inline(always)]
pub(super) unsafe fn score<S: Isa, const Q: usize, const B: usize, const FEW: bool>(
    queries: [Query; Q],
    keys: [*const u8; B],
    mut asking: Asking<'_>,
    layout: Layout,
    scores: *mut f32,
    stride: usize,
) {
    let zero = S::splat(0);
    for position in (0..BLOCK_TOKENS).step_by(S::LANES) {
        let mut sums = [[S::splat_real(0.0); B]; Q];
        for group in 0..layout.groups() {
            let start = Layout::group_at(group);
            let mut later = keys[0];
            if FEW && position == 0 {
                later = piece(&mut asking, B, later);
            }
            let mut ints = [[zero; B]; Q];
            for (ints, query) in ints.iter_mut().zip(queries) {
                *ints = [S::splat(*query.starts.add(group)); B];
            }
            for four in 0..GROUP / 4 {
                let at = 4 * four * BLOCK_TOKENS + 4 * position;
                if FEW && at.is_multiple_of(LINE) {
                    S::prefetch_far(later.wrapping_add(at));
                }
                let mut vectors = [zero; B];
                for (vector, keys) in vectors.iter_mut().zip(keys) {
                    *vector = S::load(keys.add(start + at));
                }
                for (ints, query) in ints.iter_mut().zip(queries) {
                    let query = S::splat4(query.codes.add(group * GROUP + 4 * four));
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
}

/// Fills `outs`, `[Q, head_dim]`, with the values of `blocks` of a stretch mixed by `weights`, while pieces are asked for if
/// queries are `FEW`.
///
/// # Safety
/// Weights are of the stretch, of as many groups as a head has; the machine has `S`, and the caller is compiled for it.
#[inline(always)]
pub(super) unsafe fn mix<S: Isa, const Q: usize, const FEW: bool>(
    weights: [Row; Q],
    (places, blocks): (&Places, &Range<usize>),
    mut asking: Asking<'_>,
    layout: Layout,
    outs: &mut [f32],
) {
    /// Vectors of a value's numbers at a time.
    const V: usize = 2;
    let (zero, head_dim) = (S::splat(0), outs.len() / Q);
    for number in (0..layout.width()).step_by(V * S::LANES) {
        let (group, within) = (number / GROUP, number % GROUP);
        let mut sums = [[zero; V]; Q];
        for block in blocks.clone() {
            let first = block % BLOCKS * BLOCK_TOKENS;
            let values = places.start(block, false).add(Layout::group_at(group));
            let mut later = values;
            if FEW && within == 0 {
                later = piece(&mut asking, 1, values);
            }
            for position in (0..BLOCK_TOKENS).step_by(2) {
                let mut vectors = [zero; V];
                for (v, vector) in vectors.iter_mut().enumerate() {
                    let at = position * GROUP + 2 * (within + v * S::LANES);
                    if FEW && at.is_multiple_of(LINE) {
                        S::prefetch_far(later.wrapping_add(at));
                    }
                    *vector = S::load_i8_pairs(values.add(at).cast());
                }
                for (sums, weights) in sums.iter_mut().zip(weights) {
                    let weights = weights.two::<S>(group, first + position);
                    for (sum, vector) in sums.iter_mut().zip(vectors) {
                        *sum = S::dot_pairs(*sum, vector, weights);
                    }
                }
            }
        }
        let rows = outs.chunks_exact_mut(head_dim).zip(weights);
        for ((out, weights), sums) in rows.zip(sums) {
            let places = out.chunks_mut(S::LANES).skip(number / S::LANES);
            for (out, sum) in places.zip(sums) {
                let mixed = S::multiply(S::to_real(sum), weights.scale::<S>(group));
                if out.len() == S::LANES {
                    S::store(out.as_mut_ptr(), mixed);
                } else {
                    let mut whole = [0.0; BLOCK_TOKENS];
                    S::store(whole.as_mut_ptr(), mixed);
                    out.copy_from_slice(&whole[..out.len()]);
                }
            }
        }
    }
}

/// The next piece to be asked for while `read` are read; `near`, which is there anyway, where nobody asks.
#[inline(always)]
fn piece(asking: &mut Asking<'_>, read: usize, near: *const u8) -> *const u8 {
    match asking {
        Some((ahead, places)) => {
            ahead.read(read);
            ahead.next(places)
        }
        None => near,
    }
}
