//! Stored rows into tiles.

#![allow(
    unsafe_code,
    reason = "tiles are handed to threads by their numbers, which no safe split of a slice gives"
)]

use super::codes::Unit;
use super::format::{Format, PLANE, SLAB, TILE_ROWS};
use crate::disjoint::Disjoint;
use crate::pool;
use crate::vectorized::vectorized;

/// Packs stored rows, each of `row_bytes` bytes, into `tiles`, which is zeroed.
///
/// Rows that the last tile lacks stay zero.
pub(super) fn pack<F: Format>(rows: &[u8], row_bytes: usize, tiles: &mut [u8]) {
    let units = row_bytes / F::DTYPE.block_bytes();
    let (each, count) = (units * F::UNIT_BYTES, tiles.len() / (units * F::UNIT_BYTES));
    let tiles = Disjoint::new(tiles);
    // Whoever packs a tile is likely to multiply it.
    pool::share_runs(&[count], |_, number| {
        // SAFETY: tiles do not overlap, and every number is given once.
        let tile = unsafe { tiles.part(number * each, each) };
        let rows = &rows[number * TILE_ROWS * row_bytes..];
        let rows = &rows[..rows.len().min(TILE_ROWS * row_bytes)];
        vectorized(
            #[inline(always)]
            || pack_tile::<F>(rows, row_bytes, tile),
        );
    });
}

#[inline(always)]
fn pack_tile<F: Format>(rows: &[u8], row_bytes: usize, tile: &mut [u8]) {
    let mut unit = Unit::new();
    let bytes = F::DTYPE.block_bytes();
    // Rows inside, so that the unit that is written stays in the nearest cache.
    for (number, out) in tile.chunks_exact_mut(F::UNIT_BYTES).enumerate() {
        for (row, stored) in rows.chunks_exact(row_bytes).enumerate() {
            unit.read(F::DTYPE, &stored[number * bytes..][..bytes]);
            place::<F>(&unit, row, out);
        }
    }
}

/// Puts a row's unit into its places.
#[inline(always)]
fn place<F: Format>(unit: &Unit, row: usize, out: &mut [u8]) {
    let slabs = out[..F::SCALES_AT].chunks_exact_mut(F::SLAB_BYTES);
    for (slab, codes) in slabs.zip(unit.codes.as_chunks::<SLAB>().0) {
        place_codes::<F>(codes, row, slab);
    }
    let scale = &unit.scale[..F::SCALE_BYTES];
    out[F::SCALES_AT + row * F::SCALE_BYTES..][..F::SCALE_BYTES].copy_from_slice(scale);
    if F::MINS {
        out[F::MINS_AT + 2 * row..][..2].copy_from_slice(&unit.min);
    }
    for group in 0..F::GROUPS {
        out[F::GROUPS_AT + group * TILE_ROWS + row] = unit.scales[group].cast_unsigned();
        if F::MINS {
            let pair = F::GROUP_MINS_AT + group / 2 * 2 * TILE_ROWS;
            out[pair + 2 * row + group % 2] = unit.mins[group];
        }
    }
}

#[inline(always)]
fn place_codes<F: Format>(codes: &[u8; SLAB], row: usize, slab: &mut [u8]) {
    let four = |group: usize| u32::from_le_bytes(std::array::from_fn(|at| codes[4 * group + at]));
    let every = |bits: usize| 0x0101_0101 * ((1 << bits) - 1);
    for plane in 0..F::LOW {
        let mut word = 0;
        for (side, group) in (plane..8).step_by(F::LOW).enumerate() {
            word |= (four(group) & every(F::LOW)) << (side * F::LOW);
        }
        slab[plane * PLANE + 4 * row..][..4].copy_from_slice(&word.to_le_bytes());
    }
    for plane in 0..F::HIGH {
        let mut word = 0;
        for (side, group) in (plane..8).step_by(F::HIGH.max(1)).enumerate() {
            word |= (four(group) >> F::LOW & every(F::HIGH)) << (side * F::HIGH);
        }
        slab[(F::LOW + plane) * PLANE + 4 * row..][..4].copy_from_slice(&word.to_le_bytes());
    }
}
