//! The exponential, one at a time and in vectors.
//!
//! Invariant: both give the same bits where vectors multiply and add in one step.
//!
//! # Source
//! Cody and Waite's reduction to `[-ln 2 / 2, ln 2 / 2]`; coefficients of Cephes' `expf`.

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

/// As [`exp`], of what is not above zero.
///
/// # Safety
/// The machine has `S`, and the caller is compiled for it.
#[inline(always)]
pub(crate) unsafe fn exp_of_negative<S: Isa>(x: S::Real) -> S::Real {
    let x = S::maximum(S::splat_real(LEAST), x);
    let log = S::splat_real(std::f32::consts::LOG2_E);
    let shifted = S::fused(x, log, S::splat_real(ROUND));
    let n = S::add(shifted, S::splat_real(-ROUND));
    let r = S::fused(n, S::splat_real(LN_2[0]), x);
    let r = S::fused(n, S::splat_real(LN_2[1]), r);
    let mut p = S::splat_real(FIRST);
    for coefficient in COEFFICIENTS {
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

    /// The exponentials of numbers that are not above zero, whole vectors of them.
    struct Each<'a>(&'a mut [f32]);

    impl Kernel for Each<'_> {
        type Output = ();

        #[inline(always)]
        unsafe fn run<S: Isa>(self) {
            for numbers in self.0.chunks_exact_mut(S::LANES) {
                let at = numbers.as_mut_ptr();
                S::store(at, exp_of_negative::<S>(S::load_real(at)));
            }
        }
    }

    #[test]
    fn vectors_give_what_one_number_gives() {
        let mut numbers: Vec<f32> = (0..8736_i16).map(|step| f32::from(step) * -0.01).collect();
        numbers[1..3].copy_from_slice(&[-1e30, f32::NEG_INFINITY]);
        for path in Path::all() {
            let mut found = numbers.clone();
            path.run(Each(&mut found));
            for (found, x) in found.iter().zip(&numbers) {
                let error = (found / exp(*x) - 1.0).abs();
                let most = if path == Path::Portable { 2.4e-7 } else { 0.0 };
                assert!(error <= most, "{path:?}, {x}: {found}");
            }
            let mut lost = [f32::NAN; 16];
            path.run(Each(&mut lost));
            assert!(lost.iter().all(|found| found.is_nan()), "{path:?}");
        }
    }
}
