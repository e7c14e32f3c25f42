//! Blocks of 32 weights with one scale.
//!
//! Nibbles: the lower ones of 16 bytes are weights 0 to 15, the upper ones 16 to 31.
//!
//! # Source
//! `ggml-common.h` of ggml; OCP Microscaling Formats (MX) 1.0 for MXFP4.

use super::real;

/// What the 16 indices of the IQ4 types stand for.
pub(crate) const IQ4_VALUES: [i8; 16] = [
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113,
];

/// Twice what the 16 codes of E2M1 stand for, so that all are whole.
pub(crate) const MXFP4_VALUES: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

/// Half the power of two that the E8M0 code `bits` stands for.
#[inline(always)]
pub(crate) fn e8m0_half(bits: u8) -> f32 {
    if bits < 2 {
        f32::from_bits(0x0020_0000 << bits)
    } else {
        f32::from_bits(u32::from(bits - 1) << 23)
    }
}

/// Gives `out` what `weight` makes of the 32 nibbles of `nibbles`.
#[inline(always)]
fn nibbles(nibbles: &[u8], out: &mut [f32; 32], weight: impl Fn(u8, usize) -> f32) {
    for (i, byte) in nibbles.iter().enumerate().take(16) {
        out[i] = weight(byte & 15, i);
        out[i + 16] = weight(byte >> 4, i + 16);
    }
}

/// The fifth bit of weight `i`, in its place.
#[inline(always)]
fn fifth(block: &[u8], at: usize, i: usize) -> u8 {
    (block[at + i / 8] >> (i % 8) & 1) << 4
}

/// Scale, nibbles.
#[inline(always)]
pub(super) fn q4_0(block: &[u8; 18], out: &mut [f32; 32]) {
    let scale = real(block, 0);
    nibbles(&block[2..], out, |q, _| scale * (f32::from(q) - 8.0));
}

/// Scale, minimum, nibbles.
#[inline(always)]
pub(super) fn q4_1(block: &[u8; 20], out: &mut [f32; 32]) {
    let (scale, min) = (real(block, 0), real(block, 2));
    nibbles(&block[4..], out, |q, _| scale * f32::from(q) + min);
}

/// Scale, 32 fifth bits, nibbles.
#[inline(always)]
pub(super) fn q5_0(block: &[u8; 22], out: &mut [f32; 32]) {
    let scale = real(block, 0);
    nibbles(&block[6..], out, |q, i| {
        scale * (f32::from(q | fifth(block, 2, i)) - 16.0)
    });
}

/// Scale, minimum, 32 fifth bits, nibbles.
#[inline(always)]
pub(super) fn q5_1(block: &[u8; 24], out: &mut [f32; 32]) {
    let (scale, min) = (real(block, 0), real(block, 2));
    nibbles(&block[8..], out, |q, i| {
        scale * f32::from(q | fifth(block, 4, i)) + min
    });
}

/// Scale, signed bytes; exact, since a scale has 11 bits and a weight 8.
#[inline(always)]
pub(crate) fn q8_0(block: &[u8; 34], out: &mut [f32; 32]) {
    let scale = real(block, 0);
    for (out, byte) in out.iter_mut().zip(&block[2..]) {
        *out = scale * f32::from(byte.cast_signed());
    }
}

/// Scale, nibbles that are indices.
#[inline(always)]
pub(super) fn iq4_nl(block: &[u8; 18], out: &mut [f32; 32]) {
    let scale = real(block, 0);
    nibbles(&block[2..], out, |q, _| {
        scale * f32::from(IQ4_VALUES[usize::from(q)])
    });
}

/// Power of two, nibbles that are E2M1.
#[inline(always)]
pub(super) fn mxfp4(block: &[u8; 17], out: &mut [f32; 32]) {
    let scale = e8m0_half(block[0]);
    nibbles(&block[1..], out, |q, _| {
        scale * f32::from(MXFP4_VALUES[usize::from(q)])
    });
}
