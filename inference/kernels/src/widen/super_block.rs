//! Blocks of 256 weights in groups with small whole scales, themselves scaled once.
//!
//! # Source
//! `ggml-common.h` of ggml: `block_q2_K` to `block_q6_K`, `block_iq4_xs`.

use super::legacy::IQ4_VALUES;
use super::real;

/// The 6-bit scale and minimum of group `group` of 8, packed in 12 bytes:
/// the first four in bytes 0 to 7, the last four in bytes 8 to 11 and the upper bits of the others.
#[inline(always)]
pub(crate) fn scale_min(packed: &[u8], group: usize) -> (u8, u8) {
    if group < 4 {
        return (packed[group] & 63, packed[group + 4] & 63);
    }
    let low = packed[group + 4];
    let (scale_high, min_high) = (packed[group - 4] >> 6, packed[group] >> 6);
    (low & 15 | scale_high << 4, low >> 4 | min_high << 4)
}

/// The scales of `Q3_K`, from -32 to 31: lower nibbles in bytes 0 to 7, upper pairs of bits in bytes 8 to 11.
#[inline(always)]
pub(crate) fn scales_q3(packed: &[u8]) -> [i8; 16] {
    std::array::from_fn(|group| {
        let low = packed[group % 8] >> (group / 8 * 4) & 15;
        let high = packed[8 + group % 4] >> (group / 4 * 2) & 3;
        (low | high << 4).cast_signed() - 32
    })
}

/// The scales of `IQ4_XS`, from -32 to 31: `high` has two bits of each, `low` nibbles.
#[inline(always)]
pub(crate) fn scales_xs(block: &[u8; 136]) -> [i8; 8] {
    let high = u16::from_le_bytes([block[2], block[3]]);
    std::array::from_fn(|group| {
        let low = block[4 + group / 2] >> (group % 2 * 4) & 15;
        let high = (high >> (2 * group) & 3) as u8;
        (low | high << 4).cast_signed() - 32
    })
}

/// 16 scale and minimum nibbles, 64 bytes of pairs of bits, scale, scale of minima.
///
/// Pair `p` of byte `b` in each half of 32 bytes is weight `32 * p + b` of a half of 128 weights.
#[inline(always)]
pub(super) fn q2_k(block: &[u8; 84], out: &mut [f32; 256]) {
    let (scale, scale_min) = (real(block, 80), real(block, 82));
    for (group, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (half, pair, side) = (group / 8, group / 2 % 4, group % 2);
        let d = scale * f32::from(block[group] & 15);
        let m = scale_min * f32::from(block[group] >> 4);
        for (out, byte) in out.iter_mut().zip(&block[16 + half * 32 + side * 16..]) {
            *out = d * f32::from(byte >> (2 * pair) & 3) - m;
        }
    }
}

/// 32 bytes of upper bits, 64 bytes of lower pairs as in `Q2_K`, 12 bytes of scales, scale.
///
/// Bit `32-group` of upper byte `b` says that four is not taken off weight `32 * group + b`.
#[inline(always)]
pub(super) fn q3_k(block: &[u8; 110], out: &mut [f32; 256]) {
    let scale = real(block, 108);
    let scales = scales_q3(&block[96..108]);
    for (group, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (half, pair, side) = (group / 8, group / 2 % 4, group % 2);
        let d = scale * f32::from(scales[group]);
        let low = &block[32 + half * 32 + side * 16..][..16];
        let high = &block[side * 16..][..16];
        for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
            let q = low >> (2 * pair) & 3 | (high >> (group / 2) & 1) << 2;
            *out = d * (f32::from(q) - 4.0);
        }
    }
}

/// Scale, scale of minima, 12 bytes of scales and minima, 128 bytes of nibbles.
///
/// Each 32 bytes have one group of 32 in their lower nibbles and the next in the upper.
#[inline(always)]
pub(super) fn q4_k(block: &[u8; 144], out: &mut [f32; 256]) {
    let (scale, scale_of_min) = (real(block, 0), real(block, 2));
    for (group, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (s, m) = scale_min(&block[4..16], group);
        let (d, m) = (scale * f32::from(s), scale_of_min * f32::from(m));
        for (out, byte) in out.iter_mut().zip(&block[16 + group / 2 * 32..]) {
            *out = d * f32::from(byte >> (group % 2 * 4) & 15) - m;
        }
    }
}

/// As `Q4_K` with 32 bytes of fifth bits before the nibbles; bit `group` of byte `b` is that of weight `b` of the group.
#[inline(always)]
pub(super) fn q5_k(block: &[u8; 176], out: &mut [f32; 256]) {
    let (scale, scale_of_min) = (real(block, 0), real(block, 2));
    for (group, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let (s, m) = scale_min(&block[4..16], group);
        let (d, m) = (scale * f32::from(s), scale_of_min * f32::from(m));
        let low = &block[48 + group / 2 * 32..][..32];
        for ((out, low), high) in out.iter_mut().zip(low).zip(&block[16..48]) {
            let q = low >> (group % 2 * 4) & 15 | (high >> group & 1) << 4;
            *out = d * f32::from(q) - m;
        }
    }
}

/// 128 bytes of nibbles, 64 bytes of upper pairs of bits, 16 signed scales, scale.
///
/// In each half of 128 weights, four groups of 32: nibbles low and high of 64 bytes,
/// pairs 0 to 3 of 32 bytes.
#[inline(always)]
pub(super) fn q6_k(block: &[u8; 210], out: &mut [f32; 256]) {
    let scale = real(block, 208);
    for (group, out) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let (half, quarter, side) = (group / 8, group / 2 % 4, group % 2);
        let d = scale * f32::from(block[192 + group].cast_signed());
        let low = &block[half * 64 + quarter % 2 * 32 + side * 16..][..16];
        let high = &block[128 + half * 32 + side * 16..][..16];
        for ((out, low), high) in out.iter_mut().zip(low).zip(high) {
            let q = low >> (quarter / 2 * 4) & 15 | (high >> (2 * quarter) & 3) << 4;
            *out = d * (f32::from(q) - 32.0);
        }
    }
}

/// Scale, upper bits of scales, lower nibbles of scales, 128 bytes of indices as in `IQ4_NL`.
#[inline(always)]
pub(super) fn iq4_xs(block: &[u8; 136], out: &mut [f32; 256]) {
    let scale = real(block, 0);
    let scales = scales_xs(block);
    for (group, out) in out.as_chunks_mut::<32>().0.iter_mut().enumerate() {
        let d = scale * f32::from(scales[group]);
        for (i, byte) in block[8 + group * 16..][..16].iter().enumerate() {
            out[i] = d * f32::from(IQ4_VALUES[usize::from(byte & 15)]);
            out[i + 16] = d * f32::from(IQ4_VALUES[usize::from(byte >> 4)]);
        }
    }
}
