//! Stored rows of 16-bit reals times activations: weights are widened on their way into
//! registers, by the machine's own instruction where it has one, and never written as 32 bits.
//!
//! Invariant: the additions of a row and a token have the same order however many tokens there are.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "loads of vectors by pointer, inside slices whose lengths were looked at"
)]

use crate::half;
use crate::isa::{Isa, Kernel, Path};

/// Rows that share a load of activations.
const ROWS: usize = 4;
/// Lanes of the widest instruction set.
const LANES_MAX: usize = 16;

/// Multiplies stored rows of 16-bit reals with activations: `out[row][token]`.
///
/// `rows` holds whole rows of `columns` weights, IEEE halves or (`BF16`) upper halves of 32-bit reals; `x` is
/// `[tokens, columns]`, `out` is `[rows, tokens]`.
///
/// # Panics
/// If lengths do not fit each other.
pub(super) fn multiply_rows<const BF16: bool>(
    path: Path,
    rows: &[u8],
    columns: usize,
    x: &[f32],
    out: &mut [f32],
) {
    let tokens = x.len() / columns;
    assert_eq!(x.len(), tokens * columns, "whole tokens");
    assert_eq!(rows.len() * tokens, out.len() * 2 * columns, "whole rows");
    path.run(Halves::<BF16> {
        rows,
        columns,
        x,
        out,
    });
}

struct Halves<'a, const BF16: bool> {
    rows: &'a [u8],
    columns: usize,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl<const BF16: bool> Kernel for Halves<'_, BF16> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Isa>(self) {
        let tokens = self.x.len() / self.columns;
        let stored = self.rows.chunks(ROWS * 2 * self.columns);
        for (rows, out) in stored.zip(self.out.chunks_mut(ROWS * tokens)) {
            let whole = out.len() == ROWS * tokens;
            let mut token = 0;
            while token < tokens {
                let left = &self.x[token * self.columns..];
                token += if whole && S::TOKENS_MAX >= 6 && token + 4 <= tokens {
                    tile::<S, BF16, ROWS, 4>(rows, self.columns, left, &mut out[token..], tokens)
                } else if whole && token + 2 <= tokens {
                    tile::<S, BF16, ROWS, 2>(rows, self.columns, left, &mut out[token..], tokens)
                } else if whole {
                    tile::<S, BF16, ROWS, 1>(rows, self.columns, left, &mut out[token..], tokens)
                } else {
                    for (row, out) in rows
                        .chunks_exact(2 * self.columns)
                        .zip(out.chunks_mut(tokens))
                    {
                        tile::<S, BF16, 1, 1>(row, self.columns, left, &mut out[token..], tokens);
                    }
                    1
                };
            }
        }
    }
}

/// `R` rows times the first `T` tokens of `x`, into `out[row * stride + token]`; gives `T`.
///
/// # Safety
/// The machine has `S`, and the caller is compiled for it.
#[inline(always)]
unsafe fn tile<S: Isa, const BF16: bool, const R: usize, const T: usize>(
    rows: &[u8],
    columns: usize,
    x: &[f32],
    out: &mut [f32],
    stride: usize,
) -> usize {
    let rows: [&[u8]; R] = std::array::from_fn(|r| &rows[2 * r * columns..][..2 * columns]);
    let x: [&[f32]; T] = std::array::from_fn(|t| &x[t * columns..][..columns]);
    let mut sums = [[S::splat_real(0.0); T]; R];
    let vectors = columns / S::LANES;
    for at in (0..vectors * S::LANES).step_by(S::LANES) {
        // SAFETY: `LANES` weights and activations from `at` on lie inside their rows.
        let x: [_; T] = std::array::from_fn(|t| S::load_real(x[t].as_ptr().add(at)));
        for (row, sums) in rows.iter().zip(&mut sums) {
            let from = row.as_ptr().add(2 * at);
            let weights = if BF16 {
                S::load_bf16(from)
            } else {
                S::load_half(from)
            };
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = S::fused(weights, x, *sum);
            }
        }
    }
    for (r, sums) in sums.into_iter().enumerate() {
        for (t, sum) in sums.into_iter().enumerate() {
            let mut lanes = [0.0; LANES_MAX];
            S::store(lanes.as_mut_ptr(), sum);
            let tail = rows[r].as_chunks::<2>().0[vectors * S::LANES..].iter();
            let tail = tail.zip(&x[t][vectors * S::LANES..]);
            let tail: f32 = tail.map(|(bits, x)| widened::<BF16>(*bits) * x).sum();
            out[r * stride + t] = lanes[..S::LANES].iter().sum::<f32>() + tail;
        }
    }
    T
}

#[inline(always)]
fn widened<const BF16: bool>(bits: [u8; 2]) -> f32 {
    let bits = u16::from_le_bytes(bits);
    if BF16 {
        half::widen_bf16(bits)
    } else {
        half::widen(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::matrix::tests::{numbers, stored};
    use crate::widen;

    /// The product on every instruction set against sums taken one by one.
    #[track_caller]
    fn check<const BF16: bool>(dtype: Dtype, rows: usize, columns: usize) {
        let bytes = stored(dtype, rows * columns, 7);
        let mut weights = vec![0.0; rows * columns];
        widen::widen(dtype, &bytes, &mut weights);
        for tokens in [1, 2, 3, 5, 6, 9] {
            let x = numbers(tokens * columns, 8);
            for path in Path::all() {
                let mut out = vec![f32::NAN; rows * tokens];
                multiply_rows::<BF16>(path, &bytes, columns, &x, &mut out);
                for (at, found) in out.iter().enumerate() {
                    let (row, token) = (at / tokens, at % tokens);
                    let weights = weights[row * columns..][..columns].iter();
                    let terms = weights.zip(&x[token * columns..]);
                    let terms = terms.map(|(w, x)| f64::from(*w) * f64::from(*x));
                    let (sum, size) =
                        terms.fold((0.0, 0.0), |(sum, size), p: f64| (sum + p, size + p.abs()));
                    assert!(
                        (f64::from(*found) - sum).abs() <= 1e-6 * size + 1e-30,
                        "{dtype:?} {path:?} {rows} x {columns} x {tokens} at {at}: {found} for {sum}"
                    );
                }
            }
        }
    }

    #[test]
    fn products_of_odd_shapes_equal_sums_taken_one_by_one() {
        for rows in [1, 3, 4, 9] {
            for columns in [1, 15, 16, 37, 320] {
                check::<false>(Dtype::F16, rows, columns);
                check::<true>(Dtype::Bf16, rows, columns);
            }
        }
    }

    #[test]
    fn infinities_and_what_is_no_number_stay_visible() {
        let rows = [0x7c00_u16, 0x7e00, 0x3c00, 0x0001].map(u16::to_le_bytes);
        for path in Path::all() {
            let mut out = [0.0; 4];
            multiply_rows::<false>(path, rows.as_flattened(), 1, &[2.0], &mut out);
            assert!(out[0].is_infinite() && out[0] > 0.0, "{path:?}");
            assert!(out[1].is_nan(), "{path:?}");
            assert_eq!(out[2].to_bits(), 2.0_f32.to_bits(), "{path:?}");
            assert_eq!(out[3].to_bits(), 2.0_f32.powi(-23).to_bits(), "{path:?}");
        }
    }
}
