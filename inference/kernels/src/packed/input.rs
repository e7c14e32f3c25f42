//! Activations as signed bytes, as packed products take them.
//!
//! Every 32 (or 256) neighboring values share a scale, the largest of them over 127: the error of
//! a value is at most half of that. What kernels need of the codes' sums is made beside them.
//!
//! Invariant: a token's codes depend on that token alone.

use pulp::Arch;
use rayon::prelude::*;

use super::format::Format;

/// Tokens that are worth a thread of their own.
const TASK_VALUES: usize = 1 << 15;
/// Columns whose codes are summed together; what larger groups need is added up from these.
const SUM: usize = 16;

/// Quantized tokens.
#[derive(Debug, Default)]
pub(crate) struct Input {
    pub(super) tokens: usize,
    pub(super) columns: usize,
    /// Columns of a scale: 32 or 256.
    unit: usize,
    /// `[tokens, columns]`
    pub(super) codes: Vec<i8>,
    /// `[tokens, columns / unit]`
    pub(super) scales: Vec<f32>,
    /// `[tokens, columns / 16]`
    sums: Vec<i16>,
    /// `[tokens, groups]`: what the zero of the weights' codes adds, taken off.
    pub(super) corrections: Vec<i32>,
    /// `[tokens, columns / 32]`: scale times sum, for units of 32 with minima.
    pub(super) products: Vec<f32>,
    /// `[tokens, groups]`: sums of groups, for units of 256 with minima.
    pub(super) group_sums: Vec<i16>,
}

impl Input {
    /// Quantizes `x`, `[tokens, columns]`, with a scale for every `unit` columns.
    pub(crate) fn quantize(&mut self, x: &[f32], columns: usize, unit: usize) {
        let tokens = x.len() / columns;
        (self.tokens, self.columns, self.unit) = (tokens, columns, unit);
        self.codes.resize(tokens * columns, 0);
        self.scales.resize(tokens * columns / unit, 0.0);
        self.sums.resize(tokens * columns / SUM, 0);
        let quantize = |(x, codes, scales, sums): (&[f32], &mut [i8], &mut [f32], &mut [i16])| {
            Arch::new().dispatch(|| quantize_row(x, unit, codes, scales, sums));
        };
        if tokens == 1 {
            return quantize((x, &mut self.codes, &mut self.scales, &mut self.sums));
        }
        let share = (TASK_VALUES / columns).max(1);
        let rows = (
            x.par_chunks(columns),
            self.codes.par_chunks_mut(columns),
            self.scales.par_chunks_mut(columns / unit),
            self.sums.par_chunks_mut(columns / SUM),
        );
        rows.into_par_iter().with_min_len(share).for_each(quantize);
    }

    /// Makes what products with `F` need; `signed` says that kernels take the zero off themselves.
    pub(super) fn prepare<F: Format>(&mut self, signed: bool) {
        if F::ZERO != 0 && !signed {
            sums(&self.sums, F::GROUP / SUM, &mut self.corrections, |sum| {
                -F::ZERO * sum
            });
        }
        if F::MINS && F::UNIT == 256 {
            sums(&self.sums, F::GROUP / SUM, &mut self.group_sums, |sum| {
                #[allow(
                    clippy::cast_possible_truncation,
                    reason = "32 codes of at most 127 sum to 4064"
                )]
                let sum = sum as i16;
                sum
            });
        }
        if F::MINS && F::UNIT == 32 {
            sums(&self.sums, 2, &mut self.products, |sum| sum as f32);
            for (product, scale) in self.products.iter_mut().zip(&self.scales) {
                *product *= scale;
            }
        }
    }
}

/// Gives `out` what `of` makes of the sums of each `each` neighbors.
fn sums<T>(sums: &[i16], each: usize, out: &mut Vec<T>, of: impl Fn(i32) -> T) {
    let total = |sums: &[i16]| sums.iter().map(|sum| i32::from(*sum)).sum();
    out.clear();
    out.extend(sums.chunks_exact(each).map(|sums| of(total(sums))));
}

#[inline(always)]
#[allow(
    clippy::cast_possible_truncation,
    reason = "codes are within 127 and 16 of them within 2032"
)]
fn quantize_row(x: &[f32], unit: usize, codes: &mut [i8], scales: &mut [f32], sums: &mut [i16]) {
    let units = x.chunks_exact(unit).zip(codes.chunks_exact_mut(unit));
    let units = units.zip(sums.chunks_exact_mut(unit / SUM));
    for (((x, codes), sums), scale) in units.zip(scales) {
        let (most, probe) = extent(x);
        // Not a number anywhere makes the scale not a number, so that it is seen in the product.
        *scale = most / 127.0 + probe;
        let inverse = if most > 0.0 { 127.0 / most } else { 0.0 };
        let x = x.as_chunks::<SUM>().0;
        let codes = codes.as_chunks_mut::<SUM>().0;
        for ((x, codes), sum) in x.iter().zip(codes).zip(sums) {
            let rounded = x.map(|x| round(x * inverse));
            *codes = rounded.map(|code| code as i8);
            *sum = rounded.iter().sum::<i32>() as i16;
        }
    }
}

/// The largest magnitude, and zero times every value added up.
#[inline(always)]
fn extent(x: &[f32]) -> (f32, f32) {
    let (mut most, mut probe) = ([0.0_f32; SUM], [0.0_f32; SUM]);
    for x in x.as_chunks::<SUM>().0 {
        for ((most, probe), x) in most.iter_mut().zip(&mut probe).zip(x) {
            *most = if x.abs() > *most { x.abs() } else { *most };
            *probe += x * 0.0;
        }
    }
    let most = most.into_iter().fold(0.0, f32::max);
    (most, probe.into_iter().sum())
}

/// The nearest whole number, halves to even, of a real between -127 and 127.
#[inline(always)]
#[allow(
    clippy::cast_possible_truncation,
    reason = "the lowest byte is the number"
)]
fn round(x: f32) -> i32 {
    /// 1.5 * 2^23: the lowest bits of a sum with it are the whole number.
    const ROUND: f32 = 12_582_912.0;
    let bits = (x + ROUND).to_bits().wrapping_sub(ROUND.to_bits());
    i32::from(bits.cast_signed() as i8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::tests::numbers;
    use crate::packed::format::Q4K;

    #[test]
    fn codes_are_within_half_a_step_and_their_sums_are_theirs() {
        for unit in [32, 256] {
            let (x, mut input) = (numbers(3 * 512, 1), Input::default());
            input.quantize(&x, 512, unit);
            for (at, (x, code)) in x.iter().zip(&input.codes).enumerate() {
                let scale = input.scales[at / unit];
                assert!((x - scale * f32::from(*code)).abs() <= scale * 0.5001);
            }
            input.prepare::<Q4K>(false);
            for (codes, sum) in input.codes.chunks_exact(32).zip(&input.group_sums) {
                assert_eq!(codes.iter().map(|code| i16::from(*code)).sum::<i16>(), *sum);
            }
        }
    }

    #[test]
    fn what_is_not_a_number_stays_visible() {
        for odd in [f32::NAN, f32::INFINITY] {
            let (mut x, mut input) = (numbers(64, 1), Input::default());
            x[40] = odd;
            input.quantize(&x, 64, 32);
            assert!(input.scales[0].is_finite() && input.scales[1].is_nan());
        }
    }

    #[test]
    fn zeros_stay_zeros() {
        let mut input = Input::default();
        input.quantize(&[0.0; 256], 256, 256);
        assert!(input.codes.iter().all(|code| *code == 0));
        assert_eq!(input.scales[0].to_bits(), 0);
    }
}
