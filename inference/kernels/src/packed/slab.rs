//! Codes of 32 columns: taken out of a packed slab, or widened to a byte each beforehand.
//!
//! Taking a slab apart costs about as much as multiplying it with one or two tokens, so for many tokens it is done once.
//!
//! Invariant: both give the same codes.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "reads slabs and quantized tokens by pointer; the contracts are those of the functions"
)]

use super::format::{Format, PLANE, SLAB, TILE_ROWS};
use super::micro::Ints;
use crate::isa::Isa;

/// Where codes are read from.
pub(super) trait Codes {
    /// The codes of columns `4 * FOUR` to `4 * FOUR + 3` of the rows at `slab`.
    ///
    /// # Safety
    /// `slab` points into a slab of this kind, and the machine has `S`.
    unsafe fn four<S: Isa, F: Format, const FOUR: usize>(slab: *const u8) -> S::Int;

    /// The whole scales of group `group` of the rows from `row` on; `unit` is as it was packed, `slabs` are its codes.
    ///
    /// # Safety
    /// `unit` points to a unit of 256 columns and `slabs` to its slabs of this kind; the machine has `S`.
    unsafe fn group_scale<S: Isa, F: Format>(
        unit: *const u8,
        slabs: *const u8,
        group: usize,
        row: usize,
    ) -> S::Real;
}

/// Bytes of a slab of widened codes.
pub(super) const WIDE_SLAB: usize = 8 * PLANE;

/// As packing wrote them.
pub(super) struct Stored;

/// A byte each, `[8, TILE_ROWS, 4]`; behind the slabs of 256 columns the scales of their groups as reals,
/// `[groups, TILE_ROWS]`. All as [`widen`] and [`widen_scales`] write them.
pub(super) struct Widened;

impl Codes for Stored {
    #[inline(always)]
    unsafe fn four<S: Isa, F: Format, const FOUR: usize>(slab: *const u8) -> S::Int {
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
    unsafe fn group_scale<S: Isa, F: Format>(
        unit: *const u8,
        _: *const u8,
        group: usize,
        row: usize,
    ) -> S::Real {
        let scales = unit.add(F::GROUPS_AT + group * TILE_ROWS + row);
        S::to_real(S::load_i8(scales.cast()))
    }
}

impl Codes for Widened {
    #[inline(always)]
    unsafe fn four<S: Isa, F: Format, const FOUR: usize>(slab: *const u8) -> S::Int {
        S::load(slab.add(FOUR * PLANE))
    }

    #[inline(always)]
    unsafe fn group_scale<S: Isa, F: Format>(
        _: *const u8,
        slabs: *const u8,
        group: usize,
        row: usize,
    ) -> S::Real {
        let scales = slabs.add(F::UNIT / SLAB * WIDE_SLAB);
        let at = (group * TILE_ROWS + row) * size_of::<f32>();
        // No alignment is needed.
        S::load_real(scales.add(at).cast())
    }
}

/// Runs `$body` for each of the eight groups of four columns, `$four` being a constant.
macro_rules! fours {
    ($four:ident => $body:expr) => {
        fours!(@ $four $body, 0 1 2 3 4 5 6 7)
    };
    (@ $four:ident $body:expr, $($number:literal)*) => {
        $({
            const $four: usize = $number;
            $body
        })*
    };
}

/// Widens the codes of a packed slab into [`WIDE_SLAB`] bytes.
///
/// # Safety
/// `slab` is a packed slab of `F`, `to` has room; the machine has `S`, and the caller is compiled for it.
#[inline(always)]
pub(super) unsafe fn widen<S: Isa, F: Format>(slab: *const u8, to: *mut u8) {
    for first in (0..TILE_ROWS).step_by(S::LANES) {
        fours!(FOUR => {
            let codes = Stored::four::<S, F, FOUR>(slab.add(4 * first));
            S::keep(to.add(FOUR * PLANE + 4 * first), codes);
        });
    }
}

/// Widens the whole scales of a unit of 256 columns into reals, `[GROUPS, TILE_ROWS]`.
///
/// # Safety
/// `unit` is a packed unit of `F`, `to` has room; the machine has `S`, and the caller is compiled for it.
#[inline(always)]
pub(super) unsafe fn widen_scales<S: Isa, F: Format>(unit: *const u8, to: *mut f32) {
    for group in 0..F::GROUPS {
        for row in (0..TILE_ROWS).step_by(S::LANES) {
            let scales = Stored::group_scale::<S, F>(unit, unit, group, row);
            S::store(to.add(group * TILE_ROWS + row), scales);
        }
    }
}

/// Adds the products of columns `4 * from` to `4 * to` of a slab to `ints`.
///
/// # Safety
/// `slab` is one of `C`; `codes` has `M` tokens, `stride` apart; the machine has `S`, and the caller is compiled for it.
#[inline(always)]
pub(super) unsafe fn group<S: Isa, F: Format, C: Codes, const M: usize>(
    slab: *const u8,
    first: usize,
    codes: *const i8,
    stride: usize,
    (from, to): (usize, usize),
    ints: &mut Ints<S, M>,
) {
    let rows = slab.add(4 * first);
    fours!(FOUR => if (from..to).contains(&FOUR) {
        let weights = [
            C::four::<S, F, FOUR>(rows),
            C::four::<S, F, FOUR>(rows.add(4 * S::LANES)),
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
    });
}
