//! Activations as signed bytes, as packed products take them.
//!
//! Every 32 (or 256) neighboring values share a scale, the largest of them over 127: the error of
//! a value is at most half of that. What kernels need of the codes' sums is made beside them.
//!
//! Invariant: a token's codes depend on that token alone.

#![allow(
    unsafe_code,
    reason = "tokens are quantized into several buffers by several threads"
)]

use pulp::Arch;

use super::format::Format;
use crate::disjoint::Disjoint;
use crate::pool;

/// Values that a thread takes at a time: some microseconds of work.
const TASK_VALUES: usize = 1 << 14;
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
    /// What `corrections` were made with: the zero, and how many sums a group has.
    corrected: Option<(i32, usize)>,
    /// What `group_sums` were made with.
    grouped: Option<usize>,
    /// Whether `products` were made.
    multiplied: bool,
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
        (self.corrected, self.grouped, self.multiplied) = (None, None, false);
        self.codes.resize(tokens * columns, 0);
        self.scales.resize(tokens * columns / unit, 0.0);
        self.sums.resize(tokens * columns / SUM, 0);
        let codes = Disjoint::new(&mut self.codes);
        let scales = Disjoint::new(&mut self.scales);
        let sums = Disjoint::new(&mut self.sums);
        let each = (TASK_VALUES / columns).max(1);
        pool::share(tokens.div_ceil(each), |task| {
            for token in task * each..(task * each + each).min(tokens) {
                // SAFETY: every token is in one task, and its rows are its own.
                let (codes, scales, sums) = unsafe {
                    (
                        codes.part(token * columns, columns),
                        scales.part(token * (columns / unit), columns / unit),
                        sums.part(token * (columns / SUM), columns / SUM),
                    )
                };
                let x = &x[token * columns..][..columns];
                Arch::new().dispatch(|| quantize_row(x, unit, codes, scales, sums));
            }
        });
    }

    /// Makes what products with `F` need, unless it is there; `signed` says that kernels take the zero off themselves.
    pub(super) fn prepare<F: Format>(&mut self, signed: bool) {
        let each = F::GROUP / SUM;
        let corrections = Some((F::ZERO, each));
        if F::ZERO != 0 && !signed && self.corrected != corrections {
            self.corrected = corrections;
            sums(&self.sums, each, &mut self.corrections, |_, sum| {
                -F::ZERO * sum
            });
        }
        if F::MINS && F::UNIT == 256 && self.grouped != Some(each) {
            self.grouped = Some(each);
            sums(&self.sums, each, &mut self.group_sums, |_, sum| {
                #[allow(
                    clippy::cast_possible_truncation,
                    reason = "32 codes of at most 127 sum to 4064"
                )]
                let sum = sum as i16;
                sum
            });
        }
        if F::MINS && F::UNIT == 32 && !self.multiplied {
            self.multiplied = true;
            let scales = &self.scales;
            sums(&self.sums, each, &mut self.products, |at, sum| {
                sum as f32 * scales[at]
            });
        }
    }
}

/// Gives `out` what `of` makes of the number and the sum of each `each` neighbors, one or two.
fn sums<T: Copy + Default + Send>(
    sums: &[i16],
    each: usize,
    out: &mut Vec<T>,
    of: impl Fn(usize, i32) -> T + Sync,
) {
    out.resize(sums.len() / each, T::default());
    pool::share_chunks(out, TASK_VALUES, |number, out| {
        let first = number * TASK_VALUES;
        let sums = &sums[first * each..][..out.len() * each];
        Arch::new().dispatch(|| {
            if each == 1 {
                for (at, (out, sum)) in out.iter_mut().zip(sums).enumerate() {
                    *out = of(first + at, i32::from(*sum));
                }
                return;
            }
            for (at, (out, [a, b])) in out.iter_mut().zip(sums.as_chunks().0).enumerate() {
                *out = of(first + at, i32::from(*a) + i32::from(*b));
            }
        });
    });
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
