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

use super::format::Format;
use crate::disjoint::Disjoint;
use crate::pool;
use crate::quantize::{extent, round};
use crate::vectorized::vectorized;

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
    /// What the zeros of the weights' codes add, taken off; matrices of several types may share the tokens.
    corrections: Vec<Corrections>,
    /// Whether `pairs` were made.
    paired: bool,
    /// Whether `products` were made.
    multiplied: bool,
    /// `[tokens, columns / 32]`: scale times sum, for units of 32 with minima.
    pub(super) products: Vec<f32>,
    /// `[tokens, columns / 32]`: sums of 32 columns, for units of 256 with minima.
    pairs: Vec<i16>,
}

/// What the zero of some weights' codes adds, taken off.
#[derive(Debug, Default)]
struct Corrections {
    zero: i32,
    /// Sums of a group; none where the values are of tokens that are gone.
    each: usize,
    /// `[tokens, groups]`
    values: Vec<i32>,
}

/// Where tokens are quantized to.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    columns: usize,
    unit: usize,
    codes: Disjoint<'a, i8>,
    scales: Disjoint<'a, f32>,
    sums: Disjoint<'a, i16>,
}

impl Places<'_> {
    /// Quantizes `x`, the columns from `first` on of the tokens from `token` on, `width` of each; both are of whole units.
    ///
    /// # Safety
    /// No other thread quantizes these columns of these tokens.
    pub(super) unsafe fn quantize(&self, token: usize, first: usize, width: usize, x: &[f32]) {
        vectorized(
            #[inline(always)]
            || {
                for (number, x) in x.chunks_exact(width).enumerate() {
                    let start = (token + number) * self.columns + first;
                    // SAFETY: passed on.
                    let (codes, scales, sums) = unsafe {
                        (
                            self.codes.part(start, width),
                            self.scales.part(start / self.unit, width / self.unit),
                            self.sums.part(start / SUM, width / SUM),
                        )
                    };
                    quantize_row(x, self.unit, codes, scales, sums);
                }
            },
        );
    }
}

impl Input {
    /// Quantizes `x`, `[tokens, columns]`, with a scale for every `unit` columns.
    pub(crate) fn quantize(&mut self, x: &[f32], columns: usize, unit: usize) {
        let tokens = x.len() / columns;
        let places = self.begin(tokens, columns, unit);
        let each = (TASK_VALUES / columns).max(1);
        pool::share(tokens.div_ceil(each), |task| {
            let first = task * each;
            let x = &x[first * columns..(first + each).min(tokens) * columns];
            // SAFETY: every token is in one task.
            unsafe { places.quantize(first, 0, columns, x) };
        });
    }

    /// Room for `tokens` tokens; all of them are to be quantized before they are multiplied.
    pub(super) fn begin(&mut self, tokens: usize, columns: usize, unit: usize) -> Places<'_> {
        (self.tokens, self.columns, self.unit) = (tokens, columns, unit);
        (self.paired, self.multiplied) = (false, false);
        for corrections in &mut self.corrections {
            corrections.each = 0;
        }
        self.codes.resize(tokens * columns, 0);
        self.scales.resize(tokens * columns / unit, 0.0);
        self.sums.resize(tokens * columns / SUM, 0);
        Places {
            columns,
            unit,
            codes: Disjoint::new(&mut self.codes),
            scales: Disjoint::new(&mut self.scales),
            sums: Disjoint::new(&mut self.sums),
        }
    }

    /// Makes what products with `F` need, unless it is there; `signed` says that kernels take the zero off themselves.
    pub(super) fn prepare<F: Format>(&mut self, signed: bool) {
        let each = F::GROUP / SUM;
        if F::ZERO != 0 && !signed && self.corrections::<F>().is_empty() {
            let zero = |known: &Corrections| known.zero == F::ZERO;
            let at = self.corrections.iter().position(zero).unwrap_or_else(|| {
                self.corrections.push(Corrections::default());
                self.corrections.len() - 1
            });
            let corrections = &mut self.corrections[at];
            (corrections.zero, corrections.each) = (F::ZERO, each);
            sums(&self.sums, each, &mut corrections.values, |_, sum| {
                -F::ZERO * sum
            });
        }
        if F::MINS && F::UNIT == 256 && each == 2 && !self.paired {
            self.paired = true;
            sums(&self.sums, each, &mut self.pairs, |_, sum| {
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

    /// What [`prepare`](Self::prepare) made for the zero of `F`, `[tokens, groups]`; nothing where it made nothing.
    pub(super) fn corrections<F: Format>(&self) -> &[i32] {
        let fits = |known: &&Corrections| known.zero == F::ZERO && known.each == F::GROUP / SUM;
        self.corrections
            .iter()
            .find(fits)
            .map_or(&[], |corrections| &corrections.values)
    }

    /// The sums of each group of columns of `F`, `[tokens, groups]`, once they are [prepared](Self::prepare).
    pub(super) fn group_sums<F: Format>(&self) -> &[i16] {
        if F::GROUP == SUM {
            &self.sums
        } else {
            &self.pairs
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
        vectorized(
            #[inline(always)]
            || {
                if each == 1 {
                    for (at, (out, sum)) in out.iter_mut().zip(sums).enumerate() {
                        *out = of(first + at, i32::from(*sum));
                    }
                    return;
                }
                for (at, (out, [a, b])) in out.iter_mut().zip(sums.as_chunks().0).enumerate() {
                    *out = of(first + at, i32::from(*a) + i32::from(*b));
                }
            },
        );
    });
}

/// One token's columns. Loops of one thing each, which compilers make vectors of.
#[inline(always)]
fn quantize_row(x: &[f32], unit: usize, codes: &mut [i8], scales: &mut [f32], sums: &mut [i16]) {
    let units = x.chunks_exact(unit).zip(codes.chunks_exact_mut(unit));
    let units = units.zip(sums.chunks_exact_mut(unit / SUM));
    for (((x, codes), sums), scale) in units.zip(scales) {
        let most = extent(x);
        *scale = most / 127.0;
        let inverse = if most > 0.0 { 127.0 / most } else { 0.0 };
        for (code, x) in codes.iter_mut().zip(x) {
            *code = round(x * inverse);
        }
        for (sum, codes) in sums.iter_mut().zip(codes.as_chunks::<SUM>().0) {
            *sum = codes.iter().map(|code| i16::from(*code)).sum();
        }
    }
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
            for (codes, sum) in input.codes.chunks_exact(32).zip(input.group_sums::<Q4K>()) {
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
