//! Attention over keys and values as signed bytes, in whole numbers.
//!
//! Scores are products of bytes: queries become bytes as keys do, [`GROUP`] of which share a scale. What values are
//! mixed by becomes whole numbers of 16 bits over a stretch, scales of values among them, so that a stretch is added
//! up without a rounding. Keys and queries are [rotated](rotate) before they are rounded.
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

mod layout;
mod rotate;
mod tile;

use std::ops::Range;

pub(super) use self::layout::Layout;
use self::rotate::{ROTATED, rotate};
use self::tile::Query;
use super::BLOCK_TOKENS;
use super::work::{AHEAD, Attention, BLOCKS, Reading, STRETCH, Work, each, in_groups, positions};
use crate::isa::Isa;
use crate::quantize::{extent, round, round_wide};

/// Numbers of a head that share a scale.
pub(super) const GROUP: usize = 32;
/// What the largest weight of a stretch becomes: products of 256 of them with codes fit 32 bits.
const WEIGHT_MAX: f32 = 32_767.0;
/// If all weights are below this they are nothing: [`WEIGHT_MAX`] over them would be no number.
const WEIGHT_LEAST: f32 = 1e-30;

/// Memory of one task.
#[derive(Default)]
pub(super) struct Room {
    /// `[queries, width]`.
    codes: Vec<i8>,
    /// What the zero of keys' codes adds, taken off; `[queries, groups]`.
    starts: Vec<i32>,
    /// `[queries, groups]`.
    scales: Vec<f32>,
    /// Scales of a stretch's values, `[groups, STRETCH]`.
    value_scales: Vec<f32>,
    /// What values are mixed by, `[queries, groups, STRETCH]`, and its scale, `[queries, groups]`.
    weights: Vec<i16>,
    weight_scales: Vec<f32>,
    /// `[queries, width]`.
    sums: Vec<i32>,
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
        let room = &mut work.codes;
        room.codes.resize(count * width, 0);
        room.starts.resize(count * groups, 0);
        room.scales.resize(count * groups, 0.0);
        room.value_scales.resize(groups * STRETCH, 0.0);
        room.weights.resize(count * groups * STRETCH, 0);
        room.weight_scales.resize(count * groups, 0.0);
        room.sums.resize(count * width, 0);
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
    unsafe fn score<S: Isa>(attention: &Attention<'_>, blocks: Range<usize>, work: &mut Work) {
        let layout = attention.cache.layout();
        let room = &work.codes;
        for block in blocks.clone().step_by(2) {
            let later = [0, 1].map(|b| attention.start(block + b + AHEAD, true));
            let keys = [0, 1].map(|b| attention.start(block + b, true));
            if FEW {
                // The scales of the stretch's values are read before the values.
                for b in [0, 1] {
                    layout.ask_for_scales::<S>(attention.start(block + b, false));
                }
            }
            let two = block + 1 < blocks.end;
            in_groups!(0..attention.count(), (Q, query) => {
                let queries = each!(Q, q => Query::of(room, layout, query + q));
                let at = query * STRETCH + block % BLOCKS * BLOCK_TOKENS;
                let to = work.scores[at..(query + Q) * STRETCH].as_mut_ptr();
                // SAFETY: of `Q` queries, each with a row of scores that has room for the rest of the stretch.
                if two {
                    tile::score::<S, Q, 2, FEW>(queries, keys, later, layout, to, STRETCH);
                } else {
                    tile::score::<S, Q, 1, FEW>(queries, [keys[0]], [later[0]], layout, to, STRETCH);
                }
            });
        }
    }

    #[inline(always)]
    unsafe fn mix<S: Isa>(attention: &Attention<'_>, blocks: Range<usize>, work: &mut Work) {
        let (count, layout) = (attention.count(), attention.cache.layout());
        let (width, groups) = (layout.width(), layout.groups());
        gather_scales::<S>(attention, &blocks, &mut work.codes);
        let positions = positions(&blocks);
        for (query, weights) in work.scores.chunks_exact(STRETCH).enumerate() {
            weigh(weights, positions.clone(), query, groups, &mut work.codes);
        }
        let room = &mut work.codes;
        room.sums.fill(0);
        for block in blocks {
            let later = attention.start(block + AHEAD, false);
            let values = attention.start(block, false);
            let at = block % BLOCKS * BLOCK_TOKENS;
            let (weights, sums) = (room.weights.as_ptr(), room.sums.as_mut_ptr());
            in_groups!(0..count, (Q, query) => {
                // SAFETY: of `Q` queries of the task, each with the stretch's weights and a row of its own.
                let rows = each!(Q, q => weights.add((query + q) * groups * STRETCH + at));
                let outs = each!(Q, q => sums.add((query + q) * width));
                tile::mix::<S, Q, FEW>(rows, values, later, layout, STRETCH, outs);
            });
        }
        let head_dim = attention.cache.head_dim();
        for (query, mixed) in work.mixed.chunks_exact_mut(head_dim).enumerate() {
            let sums = room.sums[query * width..][..width].chunks(GROUP);
            let scales = &room.weight_scales[query * groups..][..groups];
            for ((mixed, sums), scale) in mixed.chunks_mut(GROUP).zip(sums).zip(scales) {
                for (mixed, sum) in mixed.iter_mut().zip(sums) {
                    *mixed = *sum as f32 * scale;
                }
            }
        }
    }
}

/// Widens the scales of the values of `blocks` of a stretch.
///
/// # Safety
/// As [`Reading`].
#[inline(always)]
unsafe fn gather_scales<S: Isa>(attention: &Attention<'_>, blocks: &Range<usize>, room: &mut Room) {
    let layout = attention.cache.layout();
    for block in blocks.clone() {
        let values = attention.start(block, false);
        let at = block % BLOCKS * BLOCK_TOKENS;
        for group in 0..layout.groups() {
            let to = room.value_scales[group * STRETCH + at..][..BLOCK_TOKENS].as_mut_ptr();
            for position in (0..BLOCK_TOKENS).step_by(S::LANES) {
                S::store(
                    to.add(position),
                    layout.scales::<S>(values, group, position),
                );
            }
        }
    }
}

/// Turns query `query`'s weights of `positions` of a stretch into what values' codes are mixed by: for each group of a
/// value's numbers the product with their scale.
#[inline(always)]
fn weigh(weights: &[f32], positions: Range<usize>, query: usize, groups: usize, room: &mut Room) {
    let weights = &weights[positions.clone()];
    let rows = room.weights[query * groups * STRETCH..].chunks_exact_mut(STRETCH);
    let places = rows.zip(&mut room.weight_scales[query * groups..][..groups]);
    let mut products = [0.0; STRETCH];
    let products = &mut products[..weights.len()];
    for ((row, place), scales) in places.zip(room.value_scales.chunks_exact(STRETCH)) {
        let scales = &scales[positions.clone()];
        for ((product, weight), scale) in products.iter_mut().zip(weights).zip(scales) {
            // What is not seen has no weight; its scale may be of another sequence.
            *product = if *weight > 0.0 { weight * scale } else { 0.0 };
        }
        let most = extent(products);
        *place = most / WEIGHT_MAX;
        let inverse = if most > WEIGHT_LEAST {
            WEIGHT_MAX / most
        } else {
            0.0
        };
        for (code, product) in row[positions.clone()].iter_mut().zip(&*products) {
            *code = round_wide(product * inverse);
        }
    }
}
