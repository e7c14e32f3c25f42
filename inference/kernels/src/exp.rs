//! The exponential, and powers of two one at a time and in vectors.
//!
//! Attention takes powers of two: its scores are multiplied by a scale anyway, so that the logarithm of two costs nothing there.
//!
//! Invariant: both powers give the same bits where vectors multiply and add in one step.
//!
//! # Source
//! Cody and Waite's reduction to `[-ln 2 / 2, ln 2 / 2]`; coefficients of Cephes' `expf`. Those of powers of two have the least
//! largest relative error of all polynomials of their degree that are one at zero, 9.2e-8 before they are rounded.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "vector operations; the contract is that of the function"
)]

use crate::isa::Isa;

/// What is below gives as much as this does, nearly zero.
const LEAST: f32 = -87.3;
/// What is above gives as much as this does.
const MOST: f32 = 88.3;
/// 1.5 * 2^23: adding it rounds to a whole number, which its lowest bits then hold.
const ROUND: f32 = 12_582_912.0;
/// The logarithm of two in two parts, the first of few bits, taken off.
const LN_2: [f32; 2] = [-0.693_359_4, 2.121_944_4e-4];
/// Of the powers from the seventh down to the first.
const COEFFICIENTS: [f32; 7] = [
    1.398_2e-3,
    8.333_452e-3,
    4.166_579_6e-2,
    1.666_666_5e-1,
    0.5,
    1.0,
    1.0,
];
/// Of the highest power.
const FIRST: f32 = 1.987_569_2e-4;

/// The exponential, within 2 units of the last place for results that are normal; below, nearly zero.
///
/// Arithmetic without branches, so that loops over it become vectors.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = x.clamp(LEAST, MOST);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(LN_2[1], n.mul_add(LN_2[0], x));
    let mut p = FIRST;
    for coefficient in COEFFICIENTS {
        p = p.mul_add(r, coefficient);
    }
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// Below this, powers of two are no normal numbers.
const POWER_LEAST: f32 = -126.0;
/// For powers of two, of the powers from the fourth down to none.
#[allow(
    clippy::approx_constant,
    reason = "near the logarithm of two: the least error is not that of a series"
)]
const POWER_COEFFICIENTS: [f32; 5] = [
    9.671_517e-3,
    5.550_733_6e-2,
    2.402_224_2e-1,
    6.931_47e-1,
    1.0,
];
/// Of the fifth.
const POWER_FIRST: f32 = 1.326_473_7e-3;

/// Two to the power of what is not above zero, within 2 units of the last place; nearly zero far below.
#[inline(always)]
pub(crate) fn power_of_two(x: f32) -> f32 {
    let x = if x < POWER_LEAST { POWER_LEAST } else { x };
    let shifted = x + ROUND;
    let r = x - (shifted - ROUND);
    let mut p = POWER_FIRST;
    for coefficient in POWER_COEFFICIENTS {
        p = p.mul_add(r, coefficient);
    }
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// As [`power_of_two`], of vectors.
///
/// # Safety
/// The machine has `S`, and the caller is compiled for it.
#[inline(always)]
pub(crate) unsafe fn powers_of_two<S: Isa>(x: S::Real) -> S::Real {
    let x = S::maximum(S::splat_real(POWER_LEAST), x);
    let shifted = S::add(x, S::splat_real(ROUND));
    let r = S::subtract(x, S::subtract(shifted, S::splat_real(ROUND)));
    let mut p = S::splat_real(POWER_FIRST);
    for coefficient in POWER_COEFFICIENTS {
        p = S::fused(p, r, S::splat_real(coefficient));
    }
    S::raise(p, shifted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Kernel, Path};

    #[test]
    fn exponentials_are_within_two_units_of_the_last_place() {
        for step in -8730_i16..8830 {
            let x = f32::from(step) * 0.01;
            let (found, expected) = (f64::from(exp(x)), f64::from(x).exp());
            assert!(
                (found / expected - 1.0).abs() < 2.4e-7,
                "{x}: {found} for {expected}"
            );
        }
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
        assert!(exp(f32::NAN).is_nan());
    }

    /// Two to the powers of numbers that are not above zero, whole vectors of them.
    struct Each<'a>(&'a mut [f32]);

    impl Kernel for Each<'_> {
        type Output = ();

        #[inline(always)]
        unsafe fn run<S: Isa>(self) {
            for numbers in self.0.chunks_exact_mut(S::LANES) {
                let at = numbers.as_mut_ptr();
                S::store(at, powers_of_two::<S>(S::load_real(at)));
            }
        }
    }

    #[test]
    fn powers_of_two_are_within_two_units_of_the_last_place() {
        for step in 0..126_000_u32 {
            let x = step as f32 * -0.001;
            let (found, expected) = (f64::from(power_of_two(x)), f64::from(x).exp2());
            assert!(
                (found / expected - 1.0).abs() < 2.4e-7,
                "{x}: {found} for {expected}"
            );
        }
        for whole in 0..126_i16 {
            let x = f32::from(-whole);
            assert_eq!(power_of_two(x).to_bits(), x.exp2().to_bits());
        }
        assert!(power_of_two(f32::NEG_INFINITY) < 2e-38);
        assert!(power_of_two(f32::NAN).is_nan());
    }

    #[test]
    fn vectors_give_what_one_number_gives() {
        let mut numbers: Vec<f32> = (0..12_608_u16)
            .map(|step| f32::from(step) * -0.01)
            .collect();
        numbers[1..3].copy_from_slice(&[-1e30, f32::NEG_INFINITY]);
        for path in Path::all() {
            let mut found = numbers.clone();
            path.run(Each(&mut found));
            for (found, x) in found.iter().zip(&numbers) {
                let error = (found / power_of_two(*x) - 1.0).abs();
                let most = if path == Path::Portable { 2.4e-7 } else { 0.0 };
                assert!(error <= most, "{path:?}, {x}: {found}");
            }
            let mut lost = [f32::NAN; 16];
            path.run(Each(&mut lost));
            assert!(lost.iter().all(|found| found.is_nan()), "{path:?}");
        }
    }
}
