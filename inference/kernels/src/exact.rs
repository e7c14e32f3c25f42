//! Stored rows times activations in 32-bit reals: weights are widened, never narrowed,
//! so that the only error against a reference is the order of additions.
//!
//! For one token each `Q8_0` block is widened in registers and multiplied at
//! once; 16-bit reals are widened in registers for any number of tokens. Otherwise a few rows are widened to f32 and kept in the nearest
//! cache while all tokens pass by, in tiles of rows and tokens that fill the registers.
//!
//! Invariant: a product is the same to the last bit however many tokens are
//! multiplied together, so that a seed gives the same text whatever was cached or chunked.

mod halves;

use pulp::{Arch, Simd, WithSimd};

use crate::dtype::Dtype;
use crate::isa::Path;
use crate::widen::{q8_0, widen_inline};

/// Rows widened together: with 2 or 4 tokens their sums fill 16 or 32 registers by half.
pub(crate) const TILE_ROWS: usize = 4;

/// Multiplies stored rows with activations: `out[row][token]`.
///
/// `rows` holds whole rows of `columns` weights, `x` is `[tokens, columns]`,
/// `out` is `[rows, tokens]`, `scratch` is grown to `TILE_ROWS` widened rows.
pub(crate) fn multiply_rows(
    arch: Arch,
    dtype: Dtype,
    rows: &[u8],
    columns: usize,
    x: &[f32],
    out: &mut [f32],
    scratch: &mut Vec<f32>,
) {
    match dtype {
        Dtype::F16 => return halves::multiply_rows::<false>(Path::best(), rows, columns, x, out),
        Dtype::Bf16 => return halves::multiply_rows::<true>(Path::best(), rows, columns, x, out),
        _ => {}
    }
    arch.dispatch(Multiply {
        dtype,
        rows,
        columns,
        x,
        out,
        scratch,
    });
}

struct Multiply<'a> {
    dtype: Dtype,
    rows: &'a [u8],
    columns: usize,
    x: &'a [f32],
    out: &'a mut [f32],
    scratch: &'a mut Vec<f32>,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let row_bytes = self.dtype.row_bytes(self.columns);
        let tokens = self.x.len() / self.columns;
        if tokens == 1 && self.dtype == Dtype::Q8_0 {
            let stored = self.rows.chunks(TILE_ROWS * row_bytes);
            for (stored, out) in stored.zip(self.out.chunks_mut(TILE_ROWS)) {
                if let Ok(out) = <&mut [f32; TILE_ROWS]>::try_from(&mut *out) {
                    *out = rows_q8_0::<S, TILE_ROWS>(simd, stored, row_bytes, self.x);
                } else {
                    for (stored, out) in stored.chunks(row_bytes).zip(out) {
                        [*out] = rows_q8_0::<S, 1>(simd, stored, row_bytes, self.x);
                    }
                }
            }
            return;
        }
        self.scratch.resize(TILE_ROWS * self.columns, 0.0);
        let stored = self.rows.chunks(TILE_ROWS * row_bytes);
        for (stored, out) in stored.zip(self.out.chunks_mut(TILE_ROWS * tokens)) {
            let widened = &mut self.scratch[..out.len() / tokens * self.columns];
            widen_inline(self.dtype, stored, widened);
            multiply_widened(simd, widened, self.columns, self.x, out);
        }
    }
}

/// `R` rows of `Q8_0` times one token's activations, without a detour through memory.
///
/// Weights and sums are those of [`tile`], in the same order.
#[inline(always)]
fn rows_q8_0<S: Simd, const R: usize>(
    simd: S,
    rows: &[u8],
    row_bytes: usize,
    x: &[f32],
) -> [f32; R] {
    let blocks = x.len() / 32;
    let rows: [_; R] =
        std::array::from_fn(|r| &rows[r * row_bytes..][..row_bytes].as_chunks::<34>().0[..blocks]);
    let x = &x.as_chunks::<32>().0[..blocks];
    let mut sums = [simd.splat_f32s(0.0); R];
    for (k, x) in x.iter().enumerate() {
        for (row, sum) in rows.iter().zip(&mut sums) {
            let mut weights = [0.0; 32];
            q8_0(&row[k], &mut weights);
            for (weight, x) in S::as_simd_f32s(&weights).0.iter().zip(S::as_simd_f32s(x).0) {
                *sum = simd.mul_add_e_f32s(*weight, *x, *sum);
            }
        }
    }
    sums.map(|sum| simd.reduce_sum_f32s(sum))
}

#[inline(always)]
fn multiply_widened<S: Simd>(simd: S, weights: &[f32], columns: usize, x: &[f32], out: &mut [f32]) {
    let tokens = x.len() / columns;
    if weights.len() == TILE_ROWS * columns {
        let mut token = 0;
        if S::REGISTER_COUNT >= 32 {
            while token + 4 <= tokens {
                tile::<S, TILE_ROWS, 4>(simd, weights, columns, x, token, out);
                token += 4;
            }
        }
        while token + 2 <= tokens {
            tile::<S, TILE_ROWS, 2>(simd, weights, columns, x, token, out);
            token += 2;
        }
        if token < tokens {
            tile::<S, TILE_ROWS, 1>(simd, weights, columns, x, token, out);
        }
        return;
    }
    for (row, out) in weights
        .chunks_exact(columns)
        .zip(out.chunks_exact_mut(tokens))
    {
        for token in 0..tokens {
            tile::<S, 1, 1>(simd, row, columns, x, token, out);
        }
    }
}

/// `R` widened rows times the `T` tokens from `token` on.
#[inline(always)]
fn tile<S: Simd, const R: usize, const T: usize>(
    simd: S,
    weights: &[f32],
    columns: usize,
    x: &[f32],
    token: usize,
    out: &mut [f32],
) {
    let tokens = x.len() / columns;
    let weights: [_; R] =
        std::array::from_fn(|r| S::as_simd_f32s(&weights[r * columns..][..columns]));
    let x: [_; T] =
        std::array::from_fn(|t| S::as_simd_f32s(&x[(token + t) * columns..][..columns]));
    let vectors = weights[0].0.len();
    let weight_vectors: [_; R] = std::array::from_fn(|r| &weights[r].0[..vectors]);
    let x_vectors: [_; T] = std::array::from_fn(|t| &x[t].0[..vectors]);
    let mut sums = [[simd.splat_f32s(0.0); T]; R];
    for k in 0..vectors {
        let x: [_; T] = std::array::from_fn(|t| x_vectors[t][k]);
        for (r, sums) in sums.iter_mut().enumerate() {
            let weight = weight_vectors[r][k];
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum = simd.mul_add_e_f32s(weight, x, *sum);
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (t, sum) in sums.iter().enumerate() {
            let tail: f32 = weights[r]
                .1
                .iter()
                .zip(x[t].1)
                .map(|(weight, x)| weight * x)
                .sum();
            out[r * tokens + token + t] = simd.reduce_sum_f32s(*sum) + tail;
        }
    }
}
