//! The arithmetic everything spends its time in, vectorized for the machine at hand.
//!
//! `pulp` picks AVX2 or AVX-512 (NEON on ARM) at run time, without `unsafe` here.
//! Activations and sums are f32: weights are widened, never narrowed, so that the only
//! error against a reference is the order of additions.

#![allow(
    clippy::inline_always,
    reason = "only what is inlined into `pulp`'s dispatch is compiled for the machine's vectors"
)]

mod half;
mod tile;

use pulp::{Arch, Simd, WithSimd};

pub(crate) use self::tile::multiply_rows;
use crate::gguf::{Dtype, Q8_0_BYTES, Q8_0_WEIGHTS};

/// The sum of products of `a` and `b`, which are equally long.
pub(crate) fn dot(arch: Arch, a: &[f32], b: &[f32]) -> f32 {
    arch.dispatch(Dot { a, b })
}

struct Dot<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl WithSimd for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (a, a_tail) = S::as_simd_f32s(self.a);
        let (b, b_tail) = S::as_simd_f32s(self.b);
        let mut sum = simd.splat_f32s(0.0);
        for (a, b) in a.iter().zip(b) {
            sum = simd.mul_add_e_f32s(*a, *b, sum);
        }
        simd.reduce_sum_f32s(sum) + a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum::<f32>()
    }
}

/// Adds `factor * x` to `out`.
#[inline(always)]
pub(crate) fn add_scaled(out: &mut [f32], factor: f32, x: &[f32]) {
    for (out, x) in out.iter_mut().zip(x) {
        *out += factor * x;
    }
}

/// Widens one stored row to f32. `bytes` holds `out.len()` weights.
pub(crate) fn widen(dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
    Arch::new().dispatch(|| widen_inline(dtype, bytes, out));
}

#[inline(always)]
fn widen_inline(dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
    match dtype {
        Dtype::F32 => {
            for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<4>().0) {
                *out = f32::from_le_bytes(*bytes);
            }
        }
        Dtype::F16 => {
            for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<2>().0) {
                *out = half::widen(u16::from_le_bytes(*bytes));
            }
        }
        Dtype::Q8_0 => {
            let blocks = bytes.as_chunks::<Q8_0_BYTES>().0;
            for (out, block) in out.as_chunks_mut().0.iter_mut().zip(blocks) {
                widen_block(block, out);
            }
        }
    }
}

/// Widens one block of `Q8_0`; exact, since a scale has 11 bits and a weight 8.
#[inline(always)]
fn widen_block(block: &[u8; Q8_0_BYTES], out: &mut [f32; Q8_0_WEIGHTS]) {
    let scale = half::widen(u16::from_le_bytes([block[0], block[1]]));
    for (out, byte) in out.iter_mut().zip(&block[2..]) {
        *out = scale * f32::from(byte.cast_signed());
    }
}
