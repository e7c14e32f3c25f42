//! Stored blocks taken apart into codes, scales and minima, one row at a time.
//!
//! The layouts are those that `widen` describes.

use crate::dtype::Dtype;
use crate::widen::{scale_min, scales_q3, scales_xs};

/// A unit of one row.
pub(crate) struct Unit {
    /// One for each column; the first 32 in units of 32.
    pub(crate) codes: [u8; 256],
    /// Half-precision scale, or an exponent in the first byte.
    pub(crate) scale: [u8; 2],
    /// Half-precision minimum, or scale of minima.
    pub(crate) min: [u8; 2],
    /// Whole scales of groups.
    pub(crate) scales: [i8; 16],
    /// Whole minima of groups.
    pub(crate) mins: [u8; 16],
}

impl Unit {
    pub(crate) fn new() -> Self {
        Self {
            codes: [0; 256],
            scale: [0; 2],
            min: [0; 2],
            scales: [0; 16],
            mins: [0; 16],
        }
    }

    /// Takes `block` of `dtype` apart. Types without packed form leave the unit as it is.
    #[inline(always)]
    pub(crate) fn read(&mut self, dtype: Dtype, block: &[u8]) {
        match dtype {
            Dtype::Q8_0 => {
                self.scale = pair(block, 0);
                for (code, byte) in self.codes.iter_mut().zip(&block[2..34]) {
                    *code = byte ^ 0x80;
                }
            }
            Dtype::Q4_0 | Dtype::Iq4Nl => {
                self.scale = pair(block, 0);
                self.nibbles(0, &block[2..18]);
            }
            Dtype::Mxfp4 => {
                // Half the power of two: its biased exponent is one less. Two codes below
                // all normal reals become zero, 2^-127 away.
                self.scale = [block[0].max(1) - 1, 0];
                self.nibbles(0, &block[1..17]);
            }
            Dtype::Q4_1 => {
                (self.scale, self.min) = (pair(block, 0), pair(block, 2));
                self.nibbles(0, &block[4..20]);
            }
            Dtype::Q5_0 => {
                self.scale = pair(block, 0);
                self.nibbles(0, &block[6..22]);
                self.fifth_bits(&block[2..6]);
            }
            Dtype::Q5_1 => {
                (self.scale, self.min) = (pair(block, 0), pair(block, 2));
                self.nibbles(0, &block[8..24]);
                self.fifth_bits(&block[4..8]);
            }
            Dtype::Q2K => {
                (self.scale, self.min) = (pair(block, 80), pair(block, 82));
                self.pairs(&block[16..80]);
                for (group, byte) in block[..16].iter().enumerate() {
                    self.scales[group] = (byte & 15).cast_signed();
                    self.mins[group] = byte >> 4;
                }
            }
            Dtype::Q3K => {
                self.scale = pair(block, 108);
                self.scales = scales_q3(&block[96..108]);
                self.pairs(&block[32..96]);
                self.eighths(&block[..32], 2);
            }
            Dtype::Q4K => {
                self.scales_and_mins(block);
                self.sixteenths(&block[16..144]);
            }
            Dtype::Q5K => {
                self.scales_and_mins(block);
                self.sixteenths(&block[48..176]);
                self.eighths(&block[16..48], 4);
            }
            Dtype::Q6K => self.q6_k(block),
            Dtype::Iq4Xs => {
                self.scale = pair(block, 0);
                if let Ok(block) = block.try_into() {
                    self.scales[..8].copy_from_slice(&scales_xs(block));
                }
                for (group, nibbles) in block[8..136].chunks_exact(16).enumerate() {
                    self.nibbles(32 * group, nibbles);
                }
            }
            Dtype::F32 | Dtype::F16 | Dtype::Bf16 => {}
        }
    }

    /// 32 codes from `at` on: the lower nibbles, then the upper.
    #[inline(always)]
    fn nibbles(&mut self, at: usize, nibbles: &[u8]) {
        let (low, high) = self.codes[at..at + 32].split_at_mut(16);
        for ((low, high), byte) in low.iter_mut().zip(high).zip(nibbles) {
            (*low, *high) = (byte & 15, byte >> 4);
        }
    }

    /// Adds the fifth bits of 32 codes.
    #[inline(always)]
    fn fifth_bits(&mut self, bits: &[u8]) {
        for (codes, bits) in self.codes.as_chunks_mut::<8>().0.iter_mut().zip(bits) {
            for (at, code) in codes.iter_mut().enumerate() {
                *code |= (bits >> at & 1) << 4;
            }
        }
    }

    /// 256 codes of two bits: in each half, 32 bytes hold four groups of 32.
    #[inline(always)]
    fn pairs(&mut self, bytes: &[u8]) {
        for (group, codes) in self.codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            for (code, byte) in codes.iter_mut().zip(&bytes[group / 4 * 32..]) {
                *code = byte >> (2 * (group % 4)) & 3;
            }
        }
    }

    /// Adds bit `to` of 256 codes: bit `g` of each of 32 bytes belongs to the `g`th 32 codes.
    #[inline(always)]
    fn eighths(&mut self, bytes: &[u8], to: usize) {
        for (group, codes) in self.codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            for (code, byte) in codes.iter_mut().zip(bytes) {
                *code |= (byte >> group & 1) << to;
            }
        }
    }

    /// 256 nibbles: 32 bytes hold one group of 32 below and the next above.
    #[inline(always)]
    fn sixteenths(&mut self, bytes: &[u8]) {
        for (group, codes) in self.codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            for (code, byte) in codes.iter_mut().zip(&bytes[group / 2 * 32..]) {
                *code = byte >> (4 * (group % 2)) & 15;
            }
        }
    }

    /// Scales and minima of `Q4_K` and `Q5_K`.
    #[inline(always)]
    fn scales_and_mins(&mut self, block: &[u8]) {
        (self.scale, self.min) = (pair(block, 0), pair(block, 2));
        for group in 0..8 {
            let (scale, min) = scale_min(&block[4..16], group);
            self.scales[group] = scale.cast_signed();
            self.mins[group] = min;
        }
    }

    #[inline(always)]
    fn q6_k(&mut self, block: &[u8]) {
        self.scale = pair(block, 208);
        for (scale, byte) in self.scales.iter_mut().zip(&block[192..208]) {
            *scale = byte.cast_signed();
        }
        for (group, codes) in self.codes.as_chunks_mut::<32>().0.iter_mut().enumerate() {
            let (half, quarter) = (group / 4, group % 4);
            let low = &block[half * 64 + quarter % 2 * 32..][..32];
            let high = &block[128 + half * 32..][..32];
            for ((code, low), high) in codes.iter_mut().zip(low).zip(high) {
                *code = low >> (quarter / 2 * 4) & 15 | (high >> (2 * quarter) & 3) << 4;
            }
        }
    }
}

#[inline(always)]
fn pair(block: &[u8], at: usize) -> [u8; 2] {
    [block[at], block[at + 1]]
}
