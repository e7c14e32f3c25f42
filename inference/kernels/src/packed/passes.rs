//! The order in which tiles, columns and tokens pass by.
//!
//! A few tokens read each tile once, codes being taken apart in registers. More go in strips: a tile's
//! codes are widened for 256 columns at a time, and the strip's tokens pass over them while they lie in
//! the nearest cache.
//!
//! Invariant: either order adds a product's terms up alike.

#![allow(
    unsafe_code,
    reason = "calls kernels that read packed tiles and quantized tokens by pointer"
)]

use super::format::{Format, SLAB, TILE_ROWS};
use super::micro::{self, Stretch, Tokens};
use super::run::Job;
use super::slab::{self, Codes, Stored, WIDE_SLAB, Widened};
use crate::isa::Isa;

/// Most tokens of a strip: their sums and codes of 256 columns take 36 kB of the nearest cache, widened codes 8.
const STRIP: usize = 96;
/// Bytes of quantized tokens that a strip keeps in the second-level cache.
const STRIP_BYTES: usize = 512 << 10;
/// Columns that are widened together.
const WIDENED: usize = 256;
/// Bytes of what is widened: codes, and scales of at most one group for each 16 columns.
const PANEL: usize = WIDENED / SLAB * WIDE_SLAB + WIDENED / 16 * TILE_ROWS * size_of::<f32>();
/// How far ahead few tokens ask for weights: less leaves DRAM waiting, more is gone again when it is wanted.
const AHEAD: usize = 12 << 10;
/// Most tokens that read codes as they were packed.
pub(super) const FEW: usize = 4;

/// Memory of a thread at work; what is in it is of no use to anyone else.
#[repr(align(64))]
pub(super) struct Room {
    /// Widened codes of [`WIDENED`] columns, and the scales of their groups as reals.
    panel: [u8; PANEL],
    /// Of each token of a strip and row of a tile.
    sums: [[f32; TILE_ROWS]; STRIP],
}

impl Room {
    pub(super) const fn new() -> Self {
        Self {
            panel: [0; _],
            sums: [[0.0; TILE_ROWS]; STRIP],
        }
    }
}

/// Multiplies the job's tiles with all tokens.
///
/// # Safety
/// The machine has `S`, and the caller is compiled for it.
#[inline(always)]
pub(super) unsafe fn tiles<S: Isa, F: Format>(job: Job<'_>, room: &mut Room) {
    let tokens = job.input.tokens;
    let tiles = job.first..job.first + job.count;
    if tokens <= FEW {
        for tile in tiles {
            // SAFETY: passed on; there are such tiles and tokens.
            unsafe { few::<S, F>(&job, tile) };
        }
        return;
    }
    let most = STRIP.min((STRIP_BYTES / job.packed.columns).max(24));
    let strip = tokens.div_ceil(tokens.div_ceil(most));
    let strip = strip.next_multiple_of(S::TOKENS_MAX).min(STRIP);
    for begin in (0..tokens).step_by(strip) {
        let sums = &mut room.sums[..strip.min(tokens - begin)];
        for tile in tiles.clone() {
            // SAFETY: as above.
            unsafe { many::<S, F>(&job, tile, begin, &mut room.panel, sums) };
            job.write(tile, begin, sums);
        }
    }
}

/// A tile times at most [`FEW`] tokens.
///
/// # Safety
/// As [`tiles`]; there is such a tile.
#[inline(always)]
unsafe fn few<S: Isa, F: Format>(job: &Job<'_>, tile: usize) {
    let units = job.packed.columns / F::UNIT;
    let at = job.tile(tile).as_ptr();
    let whole = Stretch {
        at,
        widened: None,
        unit: 0,
        units,
        next: at.wrapping_add(AHEAD),
        far: true,
        piece: F::UNIT_BYTES * SLAB / F::UNIT,
    };
    let mut sums = [[0.0; TILE_ROWS]; FEW];
    // SAFETY: passed on; the stretch is the whole tile.
    unsafe { pass::<S, F, Stored>(job, whole, 0, &mut sums[..job.input.tokens]) };
    job.write(tile, 0, &sums[..job.input.tokens]);
}

/// Fills `sums` with a tile times the tokens from `begin` on.
///
/// # Safety
/// As [`tiles`]; there are such a tile and such tokens.
#[inline(always)]
unsafe fn many<S: Isa, F: Format>(
    job: &Job<'_>,
    tile: usize,
    begin: usize,
    panel: &mut [u8],
    sums: &mut [[f32; TILE_ROWS]],
) {
    let (units, each) = (job.packed.columns / F::UNIT, WIDENED / F::UNIT);
    let slabs = F::UNIT / SLAB;
    let at = job.tile(tile).as_ptr();
    for unit in (0..units).step_by(each) {
        let count = each.min(units - unit);
        // SAFETY: the tile has so many units, and the panel room for so many slabs.
        unsafe {
            let at = at.add(unit * F::UNIT_BYTES);
            let bytes = count * F::UNIT_BYTES;
            let slots = count * slabs * sums.len().div_ceil(S::TOKENS_MAX);
            let mut stretch = Stretch {
                at,
                widened: None,
                unit,
                units: count,
                next: at.wrapping_add(bytes),
                far: false,
                piece: bytes.div_ceil(slots),
            };
            if F::LOW == 8 {
                pass::<S, F, Stored>(job, stretch, begin, sums);
                continue;
            }
            for number in 0..count * slabs {
                let from = number / slabs * F::UNIT_BYTES + number % slabs * F::SLAB_BYTES;
                let to = panel[number * WIDE_SLAB..][..WIDE_SLAB].as_mut_ptr();
                slab::widen::<S, F>(at.add(from), to);
            }
            if F::GROUPS > 0 {
                let scales = panel[slabs * WIDE_SLAB..].as_mut_ptr();
                slab::widen_scales::<S, F>(at, scales.cast());
            }
            stretch.widened = Some(panel.as_ptr());
            pass::<S, F, Widened>(job, stretch, begin, sums);
        }
    }
}

/// Adds a stretch, its codes being `C`, times the tokens from `begin` on to their `sums`.
///
/// # Safety
/// As [`micro::stretch`]; there are such tokens.
#[inline(always)]
unsafe fn pass<S: Isa, F: Format, C: Codes>(
    job: &Job<'_>,
    stretch: Stretch,
    begin: usize,
    sums: &mut [[f32; TILE_ROWS]],
) {
    for first in (0..TILE_ROWS).step_by(2 * S::LANES) {
        let (mut stretch, mut done) = (stretch, 0);
        while done < sums.len() {
            let (x, left) = (tokens::<F>(job, begin + done), sums.len() - done);
            let sums = &mut sums[done..];
            // SAFETY: passed on; there are as many tokens as are taken.
            done += unsafe {
                if left >= 6 && left != 8 && S::TOKENS_MAX >= 6 {
                    micro::stretch::<S, F, C, 6>(stretch, first, x, sums);
                    6
                } else if left >= 4 && S::TOKENS_MAX >= 4 {
                    micro::stretch::<S, F, C, 4>(stretch, first, x, sums);
                    4
                } else if left >= 2 && S::TOKENS_MAX >= 6 {
                    micro::stretch::<S, F, C, 2>(stretch, first, x, sums);
                    2
                } else {
                    micro::stretch::<S, F, C, 1>(stretch, first, x, sums);
                    1
                }
            };
            let asked = stretch.units * (F::UNIT / SLAB) * stretch.piece;
            stretch.next = stretch.next.wrapping_add(asked);
        }
    }
}

/// The tokens from `token` on.
fn tokens<F: Format>(job: &Job<'_>, token: usize) -> Tokens {
    let input = job.input;
    let groups = input.columns / F::GROUP;
    Tokens {
        columns: input.columns,
        codes: input.codes[token * input.columns..].as_ptr(),
        scales: input.scales[token * (input.columns / F::UNIT)..].as_ptr(),
        corrections: input
            .corrections::<F>()
            .as_ptr()
            .wrapping_add(token * groups),
        products: input.products.as_ptr().wrapping_add(token * groups),
        group_sums: input
            .group_sums::<F>()
            .as_ptr()
            .wrapping_add(token * groups),
    }
}
