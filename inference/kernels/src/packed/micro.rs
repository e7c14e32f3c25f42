//! The inner loops: a stretch of one tile's columns times a few tokens.
//!
//! Codes of four columns are multiplied with four broadcast activations in whole numbers; reals
//! begin where a group of columns ends. For each row and token the order of additions is that of the
//! columns, so results depend neither on how many tokens share a pass nor on where a stretch ends.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "reads packed tiles and quantized tokens by pointer; the contract is that of `stretch`"
)]

use super::format::{Format, SLAB, TILE_ROWS};
use super::slab::{self, Codes, WIDE_SLAB};
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

/// Units of a tile that follow each other.
#[derive(Clone, Copy)]
pub(super) struct Stretch {
    /// The first unit as it was packed.
    pub(super) at: *const u8,
    /// Where its codes are, one byte each; `None` if they are read as they were packed.
    pub(super) widened: Option<*const u8>,
    /// Its number within the tile.
    pub(super) unit: usize,
    /// How many there are.
    pub(super) units: usize,
    /// What is asked for meanwhile; need not be readable.
    pub(super) next: *const u8,
    /// Whether it is wanted later than the nearest cache would keep it.
    pub(super) far: bool,
    /// Bytes of it that are asked for with each slab: a few at a time, since more would be waited for.
    pub(super) piece: usize,
}

/// Bytes of a line of the caches.
const LINE: usize = 64;

/// `M` tokens by two vectors of rows.
pub(super) type Ints<S, const M: usize> = [[<S as Isa>::Int; 2]; M];
/// `M` tokens by two vectors of rows.
type Reals<S, const M: usize> = [[<S as Isa>::Real; 2]; M];

/// Adds `M` tokens times rows `first` to `first + 2 * LANES` of a stretch to `sums`, `[M, TILE_ROWS]`; the tile's first
/// unit begins them.
///
/// # Safety
/// `stretch` lies in a tile of `columns / UNIT` packed units of `F`, and its codes were widened by
/// [`slab::widen`] if `C` says so; `x` has `M` tokens quantized and prepared for `F`; the machine has `S`,
/// and the caller is compiled for it.
#[inline(always)]
pub(super) unsafe fn stretch<S: Isa, F: Format, C: Codes, const M: usize>(
    stretch: Stretch,
    first: usize,
    x: Tokens,
    sums: &mut [[f32; TILE_ROWS]],
) {
    let sums = sums[..M].as_mut_ptr().cast::<f32>().add(first);
    if F::UNIT == 32 {
        let mut reals = load::<S, M>(sums, stretch.unit);
        for number in 0..stretch.units {
            block::<S, F, C, M>(stretch, number, first, x, &mut reals);
        }
        store::<S, M>(sums, &reals);
    } else {
        for number in 0..stretch.units {
            let total = super_block::<S, F, C, M>(stretch, number, first, x);
            let (unit, units) = (stretch.unit + number, x.columns / F::UNIT);
            let mut reals = load::<S, M>(sums, unit);
            for m in 0..M {
                let factor = S::splat_real(*x.scales.add(m * units + unit));
                for v in 0..2 {
                    reals[m][v] = S::fused(total[m][v], factor, reals[m][v]);
                }
            }
            store::<S, M>(sums, &reals);
        }
    }
}

#[inline(always)]
unsafe fn load<S: Isa, const M: usize>(from: *const f32, unit: usize) -> Reals<S, M> {
    if unit == 0 {
        return [[S::splat_real(0.0); 2]; M];
    }
    std::array::from_fn(|m| {
        std::array::from_fn(|v| S::load_real(from.add(m * TILE_ROWS + v * S::LANES)))
    })
}

#[inline(always)]
unsafe fn store<S: Isa, const M: usize>(to: *mut f32, reals: &Reals<S, M>) {
    for (m, reals) in reals.iter().enumerate() {
        for (v, real) in reals.iter().enumerate() {
            S::store(to.add(m * TILE_ROWS + v * S::LANES), *real);
        }
    }
}

/// A unit of 32 columns: a scale, sometimes a minimum.
#[inline(always)]
unsafe fn block<S: Isa, F: Format, C: Codes, const M: usize>(
    stretch: Stretch,
    number: usize,
    first: usize,
    x: Tokens,
    sums: &mut Reals<S, M>,
) {
    let (unit, units) = (stretch.unit + number, x.columns / F::UNIT);
    let at = stretch.at.add(number * F::UNIT_BYTES);
    prefetch::<S>(stretch, number, first);
    let codes = match stretch.widened {
        Some(widened) => widened.add(number * WIDE_SLAB),
        None => at,
    };
    let mut ints = begin::<S, F, M>(x.corrections.wrapping_add(unit), units);
    let x_codes = x.codes.add(unit * SLAB);
    slab::group::<S, F, C, M>(codes, first, x_codes, x.columns, (0, 8), &mut ints);
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

/// A unit of 256 columns: whole scales of groups, one real scale. Gives what is to be
/// multiplied by the scales of the tokens.
#[inline(always)]
unsafe fn super_block<S: Isa, F: Format, C: Codes, const M: usize>(
    stretch: Stretch,
    number: usize,
    first: usize,
    x: Tokens,
) -> Reals<S, M> {
    let unit = stretch.unit + number;
    let at = stretch.at.add(number * F::UNIT_BYTES);
    let (slabs, slab_bytes) = match stretch.widened {
        Some(widened) => (
            widened.add(number * (F::UNIT / SLAB) * WIDE_SLAB),
            WIDE_SLAB,
        ),
        None => (at, F::SLAB_BYTES),
    };
    let mut totals = [[S::splat_real(0.0); 2]; M];
    for slab in 0..F::UNIT / SLAB {
        prefetch::<S>(stretch, number * (F::UNIT / SLAB) + slab, first);
        let slab_at = slabs.add(slab * slab_bytes);
        let codes = x.codes.add(unit * F::UNIT + slab * SLAB);
        let corrections = x.corrections.wrapping_add(unit * F::GROUPS);
        // Written out, so that what is read of a slab is known to the compiler.
        macro_rules! groups {
            ($(($number:expr, $range:expr))*) => {$(
                let mut ints =
                    begin::<S, F, M>(corrections.wrapping_add($number), x.columns / F::GROUP);
                slab::group::<S, F, C, M>(slab_at, first, codes, x.columns, $range, &mut ints);
                for v in 0..2 {
                    let row = first + v * S::LANES;
                    let scale = C::group_scale::<S, F>(at, slabs, $number, row);
                    for (totals, ints) in totals.iter_mut().zip(&ints) {
                        totals[v] = S::fused(S::to_real(ints[v]), scale, totals[v]);
                    }
                }
            )*};
        }
        if F::GROUP == 32 {
            groups!((slab, (0, 8)));
        } else {
            groups!((2 * slab, (0, 4))(2 * slab + 1, (4, 8)));
        }
    }
    for v in 0..2 {
        let scale = scale::<S, F>(at.add(F::SCALES_AT), first + v * S::LANES);
        for totals in &mut totals {
            totals[v] = S::multiply(totals[v], scale);
        }
    }
    if F::MINS {
        take_minima_off::<S, F, M>(at, first, x, unit, &mut totals);
    }
    totals
}

/// Takes off the whole minima of a unit's groups times the sums of the tokens' codes there.
#[inline(always)]
unsafe fn take_minima_off<S: Isa, F: Format, const M: usize>(
    at: *const u8,
    first: usize,
    x: Tokens,
    unit: usize,
    totals: &mut Reals<S, M>,
) {
    let stride = x.columns / F::UNIT * F::GROUPS;
    for v in 0..2 {
        let row = first + v * S::LANES;
        let mut minima = [S::splat(0); M];
        for pair in 0..F::GROUPS / 2 {
            let mins = S::load_u8_pairs(at.add(F::GROUP_MINS_AT + 2 * (pair * TILE_ROWS + row)));
            for (m, minima) in minima.iter_mut().enumerate() {
                let sums = x.group_sums.add(m * stride + unit * F::GROUPS + 2 * pair);
                *minima = S::dot_pairs(*minima, mins, S::splat2(sums));
            }
        }
        let min = S::load_half(at.add(F::MINS_AT + 2 * row));
        for (totals, minima) in totals.iter_mut().zip(minima) {
            totals[v] = S::fused_negative(S::to_real(minima), min, totals[v]);
        }
    }
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

#[inline(always)]
unsafe fn scale<S: Isa, F: Format>(at: *const u8, row: usize) -> S::Real {
    if F::EXPONENT {
        S::load_exponent(at.add(row))
    } else {
        S::load_half(at.add(2 * row))
    }
}

/// Asks for the bytes that go with slab `slab` of the stretch.
#[inline(always)]
unsafe fn prefetch<S: Isa>(stretch: Stretch, slab: usize, first: usize) {
    if first == 0 {
        for at in (0..stretch.piece).step_by(LINE) {
            let next = stretch.next.wrapping_add(slab * stretch.piece + at);
            if stretch.far {
                S::prefetch_far(next);
            } else {
                S::prefetch(next);
            }
        }
    }
}
