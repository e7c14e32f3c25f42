//! The inner loops: one tile times a few tokens.
//!
//! Codes of four columns are multiplied with four broadcast activations in whole numbers; reals
//! begin where a unit ends. For each row and token the order of additions is that of the columns,
//! so results do not depend on how many tokens share a pass.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "reads packed tiles and quantized tokens by pointer; the contract is that of `tile`"
)]

use super::format::{Format, PLANE, SLAB, TILE_ROWS};
use crate::isa::Isa;

/// Quantized tokens by pointer, from the first of a pass on.
#[derive(Clone, Copy)]
pub(super) struct Tokens {
    pub(super) columns: usize,
    pub(super) codes: *const i8,
    pub(super) scales: *const f32,
    pub(super) corrections: *const i32,
    pub(super) products: *const f32,
    pub(super) group_sums: *const i16,
}

/// How far ahead single tokens ask for weights: DRAM's latency at its bandwidth.
const AHEAD: usize = 4096;

/// `M` tokens by two vectors of rows.
type Ints<S, const M: usize> = [[<S as Isa>::Int; 2]; M];
/// `M` tokens by two vectors of rows.
type Reals<S, const M: usize> = [[<S as Isa>::Real; 2]; M];

/// `M` tokens times the tile at `tile`, into `[M, TILE_ROWS]`.
///
/// # Safety
/// `tile` holds `columns / UNIT` packed units of `F`; `x` has `M` tokens quantized and prepared
/// for `F`; the machine has `S`, and the caller is compiled for it.
#[inline(always)]
pub(super) unsafe fn tile<S: Isa, F: Format, const M: usize>(
    tile: *const u8,
    x: Tokens,
    out: &mut [[f32; TILE_ROWS]],
) {
    let out = &mut out[..M];
    for first in (0..TILE_ROWS).step_by(2 * S::LANES) {
        let reals = if F::UNIT == 32 {
            blocks::<S, F, M>(tile, first, x)
        } else {
            super_blocks::<S, F, M>(tile, first, x)
        };
        for (out, reals) in out.iter_mut().zip(reals) {
            let out = out[first..first + 2 * S::LANES].as_mut_ptr();
            S::store(out, reals[0]);
            S::store(out.add(S::LANES), reals[1]);
        }
    }
}

/// Units of 32 columns: a scale, sometimes a minimum.
#[inline(always)]
unsafe fn blocks<S: Isa, F: Format, const M: usize>(
    tile: *const u8,
    first: usize,
    x: Tokens,
) -> Reals<S, M> {
    let units = x.columns / F::UNIT;
    let mut sums = [[S::splat_real(0.0); 2]; M];
    for unit in 0..units {
        let at = tile.add(unit * F::UNIT_BYTES);
        prefetch::<S, M>(at, F::UNIT_BYTES, first);
        let mut ints = begin::<S, F, M>(x.corrections.wrapping_add(unit), units);
        group::<S, F, M>(
            at,
            first,
            x.codes.add(unit * SLAB),
            x.columns,
            0,
            8,
            &mut ints,
        );
        let scales: [_; 2] =
            std::array::from_fn(|v| scale::<S, F>(at.add(F::SCALES_AT), first + v * S::LANES));
        for m in 0..M {
            let factor = S::splat_real(*x.scales.add(m * units + unit));
            for v in 0..2 {
                let real = S::to_real(ints[m][v]);
                sums[m][v] = S::fused(real, S::multiply(scales[v], factor), sums[m][v]);
            }
        }
        if F::MINS {
            for v in 0..2 {
                let min = S::load_half(at.add(F::MINS_AT + 2 * (first + v * S::LANES)));
                for (m, sums) in sums.iter_mut().enumerate() {
                    let product = S::splat_real(*x.products.add(m * units + unit));
                    sums[v] = S::fused(min, product, sums[v]);
                }
            }
        }
    }
    sums
}

/// Units of 256 columns: whole scales of groups, one real scale.
#[inline(always)]
unsafe fn super_blocks<S: Isa, F: Format, const M: usize>(
    tile: *const u8,
    first: usize,
    x: Tokens,
) -> Reals<S, M> {
    let units = x.columns / F::UNIT;
    let per_slab = SLAB / F::GROUP;
    let mut sums = [[S::splat_real(0.0); 2]; M];
    for unit in 0..units {
        let at = tile.add(unit * F::UNIT_BYTES);
        let mut totals = [[S::splat(0); 2]; M];
        for slab in 0..F::UNIT / SLAB {
            let slab_at = at.add(slab * F::SLAB_BYTES);
            prefetch::<S, M>(at.add(slab * F::UNIT_BYTES / 8), F::UNIT_BYTES / 8, first);
            let codes = x.codes.add(unit * F::UNIT + slab * SLAB);
            let number = slab * per_slab;
            if F::GROUP == 32 {
                part::<S, F, M>(
                    at,
                    slab_at,
                    number,
                    (0, 8),
                    first,
                    codes,
                    x,
                    unit,
                    &mut totals,
                );
            } else {
                part::<S, F, M>(
                    at,
                    slab_at,
                    number,
                    (0, 4),
                    first,
                    codes,
                    x,
                    unit,
                    &mut totals,
                );
                let number = number + 1;
                part::<S, F, M>(
                    at,
                    slab_at,
                    number,
                    (4, 8),
                    first,
                    codes,
                    x,
                    unit,
                    &mut totals,
                );
            }
        }
        scale_totals::<S, F, M>(
            at.add(F::SCALES_AT),
            first,
            x,
            unit,
            &totals,
            &mut sums,
            false,
        );
        if F::MINS {
            let totals = group_minima::<S, F, M>(at, first, x, unit);
            scale_totals::<S, F, M>(at.add(F::MINS_AT), first, x, unit, &totals, &mut sums, true);
        }
    }
    sums
}

/// Adds one group's products times its whole scale to `totals`.
#[inline(always)]
#[allow(
    clippy::too_many_arguments,
    reason = "the state of one loop; it is inlined"
)]
unsafe fn part<S: Isa, F: Format, const M: usize>(
    at: *const u8,
    slab: *const u8,
    number: usize,
    (from, to): (usize, usize),
    first: usize,
    codes: *const i8,
    x: Tokens,
    unit: usize,
    totals: &mut Ints<S, M>,
) {
    let corrections = x.corrections.wrapping_add(unit * F::GROUPS + number);
    let mut ints = begin::<S, F, M>(corrections, x.columns / F::GROUP);
    group::<S, F, M>(slab, first, codes, x.columns, from, to, &mut ints);
    let scales = at
        .add(F::GROUPS_AT + number * TILE_ROWS + first)
        .cast::<i8>();
    for v in 0..2 {
        let scale = S::load_i8(scales.add(v * S::LANES));
        for (totals, ints) in totals.iter_mut().zip(&ints) {
            totals[v] = S::multiply_add(ints[v], scale, totals[v]);
        }
    }
}

/// Adds to `sums` (or takes off) `totals` times the real scales at `at` and those of the tokens.
#[inline(always)]
unsafe fn scale_totals<S: Isa, F: Format, const M: usize>(
    at: *const u8,
    first: usize,
    x: Tokens,
    unit: usize,
    totals: &Ints<S, M>,
    sums: &mut Reals<S, M>,
    take_off: bool,
) {
    let units = x.columns / F::UNIT;
    for v in 0..2 {
        let scale = scale::<S, F>(at, first + v * S::LANES);
        for m in 0..M {
            let factor = S::multiply(scale, S::splat_real(*x.scales.add(m * units + unit)));
            let total = S::to_real(totals[m][v]);
            sums[m][v] = if take_off {
                S::fused_negative(total, factor, sums[m][v])
            } else {
                S::fused(total, factor, sums[m][v])
            };
        }
    }
}

/// The whole minima of a unit's groups times the sums of the tokens' codes there.
#[inline(always)]
unsafe fn group_minima<S: Isa, F: Format, const M: usize>(
    at: *const u8,
    first: usize,
    x: Tokens,
    unit: usize,
) -> Ints<S, M> {
    let stride = x.columns / F::UNIT * F::GROUPS;
    let mut totals = [[S::splat(0); 2]; M];
    for pair in 0..F::GROUPS / 2 {
        let mins = at.add(F::GROUP_MINS_AT + 2 * (pair * TILE_ROWS + first));
        for v in 0..2 {
            let mins = S::load_u8_pairs(mins.add(2 * v * S::LANES));
            for (m, totals) in totals.iter_mut().enumerate() {
                let sums = x.group_sums.add(m * stride + unit * F::GROUPS + 2 * pair);
                totals[v] = S::dot_pairs(totals[v], mins, S::splat2(sums));
            }
        }
    }
    totals
}

/// Sums that start at what takes the codes' zero off.
#[inline(always)]
unsafe fn begin<S: Isa, F: Format, const M: usize>(
    corrections: *const i32,
    stride: usize,
) -> Ints<S, M> {
    if F::ZERO == 0 || F::WIDE && S::WIDE_IS_SIGNED {
        return [[S::splat(0); 2]; M];
    }
    std::array::from_fn(|m| [S::splat(*corrections.add(m * stride)); 2])
}

/// Products of columns `4 * from` to `4 * to` of a slab.
#[inline(always)]
unsafe fn group<S: Isa, F: Format, const M: usize>(
    slab: *const u8,
    first: usize,
    codes: *const i8,
    stride: usize,
    from: usize,
    to: usize,
    ints: &mut Ints<S, M>,
) {
    /// Four columns; written out, so that shifts are constants.
    macro_rules! fours {
        ($($four:literal)*) => {
            $(if from <= $four && $four < to {
                four::<S, F, M, $four>(slab, first, codes, stride, ints);
            })*
        };
    }
    fours!(0 1 2 3 4 5 6 7);
}

#[inline(always)]
unsafe fn four<S: Isa, F: Format, const M: usize, const FOUR: usize>(
    slab: *const u8,
    first: usize,
    codes: *const i8,
    stride: usize,
    ints: &mut Ints<S, M>,
) {
    let rows = slab.add(4 * first);
    let weights = [
        weights::<S, F, FOUR>(rows),
        weights::<S, F, FOUR>(rows.add(4 * S::LANES)),
    ];
    // Tokens outside, so that one activation at a time takes a register.
    for (m, ints) in ints.iter_mut().enumerate() {
        let x = S::splat4(codes.add(m * stride + 4 * FOUR));
        for (sum, weights) in ints.iter_mut().zip(weights) {
            *sum = if F::WIDE {
                S::dot_wide(*sum, weights, x)
            } else {
                S::dot(*sum, weights, x)
            };
        }
    }
}

/// The codes of four columns.
#[inline(always)]
unsafe fn weights<S: Isa, F: Format, const FOUR: usize>(slab: *const u8) -> S::Int {
    let low = S::load(slab.add(FOUR % F::LOW * PLANE));
    if F::LOW == 8 {
        return low;
    }
    let low = S::bits(low, FOUR / F::LOW * F::LOW, (1 << F::LOW) - 1);
    if let Some(table) = &F::TABLE {
        return S::lookup(table, low);
    }
    if F::HIGH == 0 {
        return low;
    }
    let high = S::load(slab.add((F::LOW + FOUR % F::HIGH) * PLANE));
    let shift = FOUR / F::HIGH * F::HIGH;
    S::or(low, S::bits_to(high, shift, (1 << F::HIGH) - 1, F::LOW))
}

#[inline(always)]
unsafe fn scale<S: Isa, F: Format>(at: *const u8, row: usize) -> S::Real {
    if F::EXPONENT {
        S::load_exponent(at.add(row))
    } else {
        S::load_half(at.add(2 * row))
    }
}

/// Asks for what a pass of few tokens will read soon; with more tokens there is time.
#[inline(always)]
unsafe fn prefetch<S: Isa, const M: usize>(at: *const u8, bytes: usize, first: usize) {
    if M <= 2 && first == 0 {
        for line in (0..bytes).step_by(64) {
            S::prefetch(at.wrapping_add(AHEAD + line));
        }
    }
}
