//! Stored weights as 32-bit reals: what every other kernel is compared with.
//!
//! Each format's file says how its block lies in memory. Products are taken in the
//! order ggml's own dequantization has, so results are equal to the last bit.
//!
//! Invariant: no value of the bytes panics; what is not finite in a file stays not finite here.

mod legacy;
mod super_block;

use crate::dtype::Dtype;
use crate::half;
use crate::vectorized::vectorized;

pub(crate) use self::legacy::{IQ4_VALUES, MXFP4_VALUES, q8_0};
pub(crate) use self::super_block::{scale_min, scales_q3, scales_xs};

/// Widens stored weights. `bytes` holds `out.len()` weights of `dtype`, in whole blocks.
pub(crate) fn widen(dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
    vectorized(
        #[inline(always)]
        || widen_inline(dtype, bytes, out),
    );
}

/// As [`widen`], for the instructions of the function it is inlined into.
#[inline(always)]
pub(crate) fn widen_inline(dtype: Dtype, bytes: &[u8], out: &mut [f32]) {
    // Closures, since what calls a function by its name as a value is compiled by itself.
    macro_rules! widen {
        ($block:path) => {
            blocks(
                bytes,
                out,
                #[inline(always)]
                |block, out| $block(block, out),
            )
        };
        (one $real:expr) => {
            blocks(
                bytes,
                out,
                #[inline(always)]
                |block, [out]: &mut [f32; 1]| *out = $real(*block),
            )
        };
    }
    match dtype {
        Dtype::F32 => widen!(one f32::from_le_bytes),
        Dtype::F16 => widen!(one | bytes | half::widen(u16::from_le_bytes(bytes))),
        Dtype::Bf16 => widen!(one | bytes | half::widen_bf16(u16::from_le_bytes(bytes))),
        Dtype::Q4_0 => widen!(legacy::q4_0),
        Dtype::Q4_1 => widen!(legacy::q4_1),
        Dtype::Q5_0 => widen!(legacy::q5_0),
        Dtype::Q5_1 => widen!(legacy::q5_1),
        Dtype::Q8_0 => widen!(legacy::q8_0),
        Dtype::Iq4Nl => widen!(legacy::iq4_nl),
        Dtype::Mxfp4 => widen!(legacy::mxfp4),
        Dtype::Q2K => widen!(super_block::q2_k),
        Dtype::Q3K => widen!(super_block::q3_k),
        Dtype::Q4K => widen!(super_block::q4_k),
        Dtype::Q5K => widen!(super_block::q5_k),
        Dtype::Q6K => widen!(super_block::q6_k),
        Dtype::Iq4Xs => widen!(super_block::iq4_xs),
    }
}

/// Applies `widen` to each block of `B` bytes and its `W` weights.
#[inline(always)]
fn blocks<const B: usize, const W: usize>(
    bytes: &[u8],
    out: &mut [f32],
    widen: impl Fn(&[u8; B], &mut [f32; W]),
) {
    let blocks = bytes.as_chunks::<B>().0;
    for (block, out) in blocks.iter().zip(out.as_chunks_mut::<W>().0) {
        widen(block, out);
    }
}

/// The half-precision real at `at`.
#[inline(always)]
fn real(block: &[u8], at: usize) -> f32 {
    half::widen(u16::from_le_bytes([block[at], block[at + 1]]))
}

#[cfg(test)]
mod tests;
