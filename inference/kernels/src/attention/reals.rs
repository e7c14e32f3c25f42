//! Attention over keys and values as reals, stored in 32 or 16 bits.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "reads blocks by pointer, inside lengths that were looked at when the pointer was made"
)]

mod numbers;
mod tile;

use std::marker::PhantomData;
use std::ops::Range;

use self::numbers::Later;
pub(super) use self::numbers::{Halves, Numbers, Reals};
use self::tile::{mix, score};
use super::BLOCK_TOKENS;
use super::work::{AHEAD, Attention, BLOCKS, Reading, STRETCH, Work, each, in_groups};
use crate::isa::Isa;

/// Keys and values that are stored as, or widened to, `N`.
#[derive(Clone, Copy)]
pub(super) struct Stored<N>(PhantomData<N>);

impl<N: Numbers> Reading for Stored<N> {
    #[inline(always)]
    unsafe fn begin<S: Isa>(attention: &Attention<'_>, work: &mut Work) {
        let width = attention.cache.head_dim();
        work.reals.resize(2 * BLOCK_TOKENS * width, 0.0);
        work.scores.resize(attention.count() * STRETCH, 0.0);
    }

    #[inline(always)]
    unsafe fn stretch<S: Isa>(attention: &Attention<'_>, blocks: Range<usize>, work: &mut Work) {
        Self::score::<S>(attention, blocks.clone(), work);
        let rows = work.scores.chunks_exact_mut(STRETCH).zip(&mut work.parts);
        for (query, (scores, part)) in rows.enumerate() {
            *part = attention.weigh::<S>(query, &blocks, scores);
        }
        Self::mix::<S>(attention, blocks, work);
    }
}

impl<N: Numbers> Stored<N> {
    /// Scores of all queries with the keys of `blocks` of a stretch.
    ///
    /// # Safety
    /// As [`Reading`].
    #[inline(always)]
    unsafe fn score<S: Isa>(attention: &Attention<'_>, blocks: Range<usize>, work: &mut Work) {
        let (count, width) = (attention.count(), attention.cache.head_dim());
        let (one, two) = work.reals.split_at_mut(BLOCK_TOKENS * width);
        for block in blocks.clone().step_by(2) {
            let later = [
                later(attention, block + AHEAD, true),
                later(attention, block + 1 + AHEAD, true),
            ];
            let keys = numbers::<S, N>(attention, block, true, one);
            let other = block + 1;
            let other = (other < blocks.end).then(|| numbers::<S, N>(attention, other, true, two));
            in_groups!(0..count, (Q, query) => {
                let rows = each!(Q, q => attention.query(query + q).as_ptr());
                let at = query * STRETCH + block % BLOCKS * BLOCK_TOKENS;
                let to = work.scores[at..(query + Q) * STRETCH].as_mut_ptr();
                let scale = attention.attend.scale;
                // SAFETY: of `Q` queries, each with a row of scores that has room for the rest of the stretch.
                match other {
                    Some(other) => score::<S, N, Q, 2>(rows, [keys, other], later, width, scale, to, STRETCH),
                    None => score::<S, N, Q, 1>(rows, [keys], [later[0]], width, scale, to, STRETCH),
                }
            });
        }
    }

    /// Mixes the values of `blocks` of a stretch by the weights of each query.
    ///
    /// # Safety
    /// As [`Reading`].
    #[inline(always)]
    unsafe fn mix<S: Isa>(attention: &Attention<'_>, blocks: Range<usize>, work: &mut Work) {
        let (task, window, width) = (
            attention.task,
            attention.attend.window,
            attention.cache.head_dim(),
        );
        let group = attention.group();
        work.mixed.fill(0.0);
        let (scores, mixed) = (work.scores.as_ptr(), work.mixed.as_mut_ptr());
        for block in blocks {
            let later = later(attention, block + AHEAD, false);
            let values = numbers::<S, N>(attention, block, false, &mut work.reals);
            let at = block % BLOCKS * BLOCK_TOKENS;
            let (looking, whole) = if task.all_see(block, window) {
                (0..task.tokens, 0..task.tokens)
            } else {
                let looking = task.looking(block, window);
                let whole = task.whole(block, window, &looking);
                (looking, whole)
            };
            // Tokens that see all of the block together, others each by itself.
            let parts = (looking.start..whole.start).chain(whole.end..looking.end);
            let alone = parts.map(|token| (token..token + 1, task.seen(token, block, window)));
            for (tokens, seen) in std::iter::once((whole.clone(), 0..BLOCK_TOKENS)).chain(alone) {
                in_groups!(tokens.start * group..tokens.end * group, (Q, query) => {
                    // SAFETY: of `Q` queries of the task, each with the block's weights and a row of its own.
                    let weights = each!(Q, q => scores.add((query + q) * STRETCH + at));
                    let outs = each!(Q, q => mixed.add((query + q) * width));
                    mix::<S, N, Q>(weights, (values, later), seen.clone(), width, outs);
                });
            }
        }
    }
}

/// The keys or values of block `block` of the span.
///
/// # Safety
/// As [`Reading`].
#[inline(always)]
unsafe fn numbers<S: Isa, N: Numbers>(
    attention: &Attention<'_>,
    block: usize,
    keys: bool,
    room: &mut [f32],
) -> N {
    let id = attention.task.span.blocks[block];
    attention
        .cache
        .numbers::<N>(id, attention.kv_head(), keys, room)
}

/// The keys or values of block `block` of the span, or of its last.
#[inline(always)]
fn later<N: Numbers>(attention: &Attention<'_>, block: usize, keys: bool) -> Later<N> {
    Later::at(attention.start(block, keys))
}
