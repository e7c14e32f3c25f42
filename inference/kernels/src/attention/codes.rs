//! Attention over keys and values as signed bytes, in whole numbers.
//!
//! Scores are products of bytes: queries become bytes as keys do, [`GROUP`] of which share a scale. What values are
//! mixed by becomes whole numbers of 16 bits over a stretch, scales of values among them, so that a stretch is added
//! up without a rounding. Keys and queries are [rotated](rotate) before they are rounded. A few queries at a time go
//! through a stretch, so that its keys, scores, weights and values lie in the nearest caches.
//!
//! Invariant: what a query gets of a stretch depends on the query and on what it sees of the stretch alone. What lies
//! beside that in a block is multiplied by nothing.
//!
//! # Source
//! Zhang and others, "`SageAttention`" (arXiv:2410.02367), which takes queries and keys as bytes.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "reads blocks by pointer, inside lengths that were looked at when the pointer was made"
)]

mod ahead;
mod layout;
mod places;
mod rotate;
mod tile;
mod weights;

use std::ops::Range;

use self::ahead::Ahead;
pub(super) use self::layout::Layout;
use self::places::Places;
use self::rotate::{ROTATED, rotate};
use self::tile::Query;
use self::weights::Weights;
use super::BLOCK_TOKENS;
use super::work::{AHEAD, Attention, BLOCKS, Reading, STRETCH, Work, each, in_groups, positions};
use crate::isa::Isa;
use crate::quantize::{extent, round};

/// Numbers of a head that share a scale.
pub(super) const GROUP: usize = 32;

/// Memory of one task.
#[derive(Default)]
pub(super) struct Room {
    layout: Layout,
    /// `[queries, width]`.
    codes: Vec<i8>,
    /// What the zero of keys' codes adds, taken off; `[queries, groups]`.
    starts: Vec<i32>,
    /// `[queries, groups]`.
    scales: Vec<f32>,
    /// Of the queries that go through a stretch together.
    weights: Weights,
    places: Places,
    ahead: Ahead,
}

/// Keys and values as bytes, for `FEW` queries or many.
#[derive(Clone, Copy)]
pub(super) struct Codes<const FEW: bool>;

impl<const FEW: bool> Reading for Codes<FEW> {
    /// Rotates and rounds the queries.
    #[inline(always)]
    unsafe fn begin<S: Isa>(attention: &Attention<'_>, work: &mut Work) {
        let (count, layout) = (attention.count(), attention.cache.layout());
        let (width, groups) = (layout.width(), layout.groups());
        work.scores.resize(S::QUERIES_MAX * STRETCH, 0.0);
        let room = &mut work.codes;
        room.layout = layout;
        room.places.find(attention);
        if FEW {
            room.ahead = Ahead::new(&room.places, groups);
            room.ahead.catch_up::<S>(&room.places, 1);
        }
        room.codes.resize(count * width, 0);
        room.starts.resize(count * groups, 0);
        room.scales.resize(count * groups, 0.0);
        room.weights.resize(S::QUERIES_MAX, groups);
        let zero = if S::WIDE_IS_SIGNED { 0 } else { -layout::ZERO };
        let places = room.starts.iter_mut().zip(&mut room.scales);
        let places = places.zip(room.codes.as_chunks_mut::<GROUP>().0);
        for (at, ((start, scale), codes)) in places.enumerate() {
            let head = attention.query(at / groups);
            let numbers = rotate(layout::group(head, at % groups));
            let most = extent(&numbers);
            *scale = most * attention.attend.scale / (127.0 * ROTATED);
            let inverse = if most > 0.0 { 127.0 / most } else { 0.0 };
            for (code, number) in codes.iter_mut().zip(numbers) {
                *code = round(number * inverse);
            }
            *start = zero * codes.iter().map(|code| i32::from(*code)).sum::<i32>();
        }
    }

    #[inline(always)]
    unsafe fn stretch<S: Isa>(attention: &Attention<'_>, blocks: Range<usize>, work: &mut Work) {
        let count = attention.count();
        for first in (0..count).step_by(S::QUERIES_MAX) {
            let queries = first..count.min(first + S::QUERIES_MAX);
            let looked_at = if FEW {
                blocks.clone()
            } else {
                attention.looked_at(&blocks, queries.end - 1)
            };
            // What few queries read is asked for by the first of them.
            let ask = FEW && first == 0;
            work.codes
                .score::<S, FEW>(&looked_at, queries.clone(), ask, &mut work.scores);
            let Room {
                places,
                ahead,
                weights,
                ..
            } = &mut work.codes;
            if first == 0 {
                weights.gather_scales::<S>((places, &blocks), attention.cache.layout());
            }
            let rows = work.scores.chunks_exact_mut(STRETCH);
            for (number, (query, scores)) in queries.clone().zip(rows).enumerate() {
                let positions = positions(&looked_at);
                let seen = attention.seen(query, &looked_at);
                work.parts[query] = if seen.len() == positions.len() {
                    weights.weigh::<S>(number, scores, positions, attention.attend.softcap)
                } else {
                    let part = attention.weigh::<S>(query, &looked_at, scores);
                    weights.round::<S>(number, scores, positions);
                    part
                };
                if ask {
                    ahead.catch_up::<S>(places, queries.len() - number);
                }
            }
            let head_dim = attention.cache.head_dim();
            let mixed = &mut work.mixed[first * head_dim..queries.end * head_dim];
            work.codes.mix::<S, FEW>(&looked_at, head_dim, ask, mixed);
        }
    }
}

impl Room {
    /// Fills `scores`, `[queries, STRETCH]`, with those of `queries` with the keys of `blocks` of a stretch.
    ///
    /// # Safety
    /// As [`Reading`]; there are at most `QUERIES_MAX` queries.
    #[inline(always)]
    unsafe fn score<S: Isa, const FEW: bool>(
        &mut self,
        blocks: &Range<usize>,
        queries: Range<usize>,
        ask: bool,
        scores: &mut [f32],
    ) {
        let layout = self.layout;
        for block in blocks.clone().step_by(2) {
            let keys = [0, 1].map(|b| self.places.start(block + b, true));
            if ask {
                for block in [block, block + 1] {
                    layout.ask_for_scales::<S>(self.places.start(block + AHEAD, true));
                    layout.ask_for_scales::<S>(self.places.start(block, false));
                }
            }
            let two = block + 1 < blocks.end;
            in_groups!(0..queries.len(), (Q, query) => {
                let rows = each!(Q, q => Query::of(self, queries.start + query + q));
                let at = query * STRETCH + block % BLOCKS * BLOCK_TOKENS;
                let to = scores[at..(query + Q) * STRETCH].as_mut_ptr();
                let asking = ask.then_some((&mut self.ahead, &self.places));
                // SAFETY: of `Q` queries, each with a row of scores that has room for the rest of the stretch.
                if two {
                    tile::score::<S, Q, 2, FEW>(rows, keys, asking, layout, to, STRETCH);
                } else {
                    tile::score::<S, Q, 1, FEW>(rows, [keys[0]], asking, layout, to, STRETCH);
                }
            });
        }
    }

    /// Fills `mixed`, `[queries, head_dim]`, with the values of `blocks` of a stretch by the weights of the queries.
    ///
    /// # Safety
    /// As for [`score`](Self::score).
    #[inline(always)]
    unsafe fn mix<S: Isa, const FEW: bool>(
        &mut self,
        blocks: &Range<usize>,
        head_dim: usize,
        ask: bool,
        mixed: &mut [f32],
    ) {
        in_groups!(0..mixed.len() / head_dim, (Q, query) => {
            let rows = each!(Q, q => self.weights.row(query + q));
            let asking = ask.then_some((&mut self.ahead, &self.places));
            let outs = &mut mixed[query * head_dim..][..Q * head_dim];
            // SAFETY: of `Q` queries, each with the stretch's weights.
            tile::mix::<S, Q, FEW>(rows, (&self.places, blocks), asking, self.layout, outs);
        });
    }
}
