//! Rotation of queries and keys before they are rounded.
//!
//! A few numbers of some models' keys are many times as large as the others, which would be rounded to the steps of the
//! largest. Rotated, all have a share of it. Products of two rotated vectors are [`ROTATED`] times those of the two.
//!
//! # Source
//! Ashkboos and others, "`QuaRot`" (arXiv:2404.00456), section 4.3.

use super::GROUP;

/// What products of rotated vectors are multiplied by.
pub(super) const ROTATED: f32 = GROUP as f32;

/// The product with a Hadamard matrix: sums and differences of halves, laid side by side, as often as there are bits
/// in a position, which puts every number into every sum once.
#[inline(always)]
pub(super) fn rotate(mut numbers: [f32; GROUP]) -> [f32; GROUP] {
    for _ in 0..GROUP.ilog2() {
        let old = numbers;
        for (at, pair) in numbers.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let (a, b) = (old[at], old[at + GROUP / 2]);
            *pair = [a + b, a - b];
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::tests::numbers;

    fn product(a: &[f32], b: &[f32]) -> f32 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn products_stay_and_one_number_spreads_over_all() {
        let [a, b] = [1, 2].map(|seed| {
            let numbers = numbers(GROUP, seed);
            *numbers.first_chunk().expect("as many")
        });
        let rotated = product(&rotate(a), &rotate(b));
        assert!((rotated - ROTATED * product(&a, &b)).abs() < 1e-4);
        for place in 0..GROUP {
            let mut one = [0.0; GROUP];
            one[place] = 3.0;
            assert!(
                rotate(one)
                    .iter()
                    .all(|number| number.abs().to_bits() == 3.0_f32.to_bits())
            );
        }
    }
}
