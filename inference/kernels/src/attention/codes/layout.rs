//! Where codes and scales lie in a block of one head.
//!
//! Keys are `[width / 4, BLOCK_TOKENS, 4]` codes without a sign, so that four products of 16 positions are one step, and
//! values `[width / GROUP, BLOCK_TOKENS / 2, GROUP, 2]` signed codes. Behind either lie scales, half-precision reals,
//! `[width / GROUP, BLOCK_TOKENS]`: memory is read in order.
//!
//! Invariant: a head that is not of whole groups has zeros behind it.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "reads blocks by pointer; the contract is that of the methods"
)]

use super::super::kv::{BLOCK_TOKENS, LINE};
use super::GROUP;
use super::rotate::rotate;
use crate::half;
use crate::isa::Isa;
use crate::quantize::{extent, round};

/// The code of a key's zero.
pub(super) const ZERO: i32 = 128;

/// A block of one head's keys or values.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct Layout {
    groups: usize,
}

impl Layout {
    /// Of heads of `head_dim` numbers.
    pub(in super::super) fn new(head_dim: usize) -> Self {
        Self {
            groups: head_dim.div_ceil(GROUP),
        }
    }

    /// Groups of a head.
    #[inline(always)]
    pub(super) fn groups(self) -> usize {
        self.groups
    }

    /// Numbers of a head's groups.
    #[inline(always)]
    pub(super) fn width(self) -> usize {
        self.groups * GROUP
    }

    /// Bytes of a block: whole lines.
    #[inline(always)]
    pub(in super::super) fn bytes(self) -> usize {
        (self.scale_at(self.groups, 0)).next_multiple_of(LINE)
    }

    /// Where the codes of group `group` begin.
    #[inline(always)]
    pub(super) fn group_at(group: usize) -> usize {
        group * GROUP * BLOCK_TOKENS
    }

    /// Where the scale of a group of position `position` is.
    #[inline(always)]
    fn scale_at(self, group: usize, position: usize) -> usize {
        BLOCK_TOKENS * self.width() + 2 * (group * BLOCK_TOKENS + position)
    }

    /// Scales of `LANES` positions from `position` on.
    ///
    /// # Safety
    /// `block` is one; the machine has `S`, and the caller is compiled for it.
    #[inline(always)]
    pub(super) unsafe fn scales<S: Isa>(
        self,
        block: *const u8,
        group: usize,
        position: usize,
    ) -> S::Real {
        S::load_half(block.add(self.scale_at(group, position)))
    }

    /// Asks for the lines of all scales of `block`, which need not be readable.
    ///
    /// # Safety
    /// The machine has `S`, and the caller is compiled for it.
    #[inline(always)]
    pub(super) unsafe fn ask_for_scales<S: Isa>(self, block: *const u8) {
        for at in (self.scale_at(0, 0)..self.bytes()).step_by(LINE) {
            S::prefetch_far(block.wrapping_add(at));
        }
    }

    /// Rounds a head of a key into place `slot` of a block.
    #[inline(always)]
    pub(in super::super) fn store_key(self, block: &mut [u8], slot: usize, head: &[f32]) {
        for number in 0..self.groups {
            let (scale, codes) = codes(&rotate(group(head, number)));
            self.store_scale(block, (number, slot), scale);
            let fours = block[number * GROUP * BLOCK_TOKENS..].chunks_exact_mut(4 * BLOCK_TOKENS);
            for (place, codes) in fours.zip(codes.as_chunks::<4>().0) {
                let unsigned = codes.map(|code| code.cast_unsigned() ^ 0x80);
                place[4 * slot..][..4].copy_from_slice(&unsigned);
            }
        }
    }

    /// Rounds a head of a value into place `slot` of a block.
    #[inline(always)]
    pub(in super::super) fn store_value(self, block: &mut [u8], slot: usize, head: &[f32]) {
        for number in 0..self.groups {
            let (scale, codes) = codes(&group(head, number));
            self.store_scale(block, (number, slot), scale);
            let row = number * BLOCK_TOKENS / 2 + slot / 2;
            let row = &mut block[row * 2 * GROUP..][..2 * GROUP];
            for (place, code) in row.as_chunks_mut::<2>().0.iter_mut().zip(codes) {
                place[slot % 2] = code.cast_unsigned();
            }
        }
    }

    #[inline(always)]
    fn store_scale(self, block: &mut [u8], (group, slot): (usize, usize), scale: u16) {
        block[self.scale_at(group, slot)..][..2].copy_from_slice(&scale.to_le_bytes());
    }
}

/// Group `group` of the numbers of a head, zeros behind them.
#[inline(always)]
pub(super) fn group(head: &[f32], group: usize) -> [f32; GROUP] {
    let numbers = &head[group * GROUP..head.len().min((group + 1) * GROUP)];
    let mut whole = [0.0; GROUP];
    whole[..numbers.len()].copy_from_slice(numbers);
    whole
}

/// A scale, half-precision, and the codes that numbers have with it.
#[inline(always)]
fn codes(numbers: &[f32; GROUP]) -> (u16, [i8; GROUP]) {
    let scale = half::narrow(extent(numbers) / 127.0);
    let inverse = 1.0 / half::widen(scale).max(f32::MIN_POSITIVE);
    // Where the scale was rounded down, the largest goes beyond.
    let mut codes = [0; GROUP];
    for (code, number) in codes.iter_mut().zip(numbers) {
        *code = round((number * inverse).clamp(-127.0, 127.0));
    }
    (scale, codes)
}

#[cfg(test)]
mod tests {
    use super::super::rotate::ROTATED;
    use super::*;
    use crate::matrix::tests::numbers;

    #[test]
    fn a_number_far_above_the_others_does_not_hide_them() {
        let groups = [1, 2].map(|seed| numbers(100 * GROUP, seed));
        let [keys, queries] = groups.each_ref().map(|all| all.as_chunks::<GROUP>().0);
        let mut squares = 0.0;
        for (number, (key, query)) in keys.iter().zip(queries).enumerate() {
            let (mut key, mut query) = (*key, *query);
            (key[number % GROUP], query[number % GROUP]) = (50.0, 0.0);
            let exact: f32 = key.iter().zip(query).map(|(k, q)| k * q).sum();
            let (scale, codes) = codes(&rotate(key));
            let terms = codes.iter().zip(rotate(query));
            let found: f32 = terms.map(|(code, q)| f32::from(*code) * q).sum();
            squares += (found * half::widen(scale) / ROTATED - exact).powi(2);
        }
        // Rounded as they are, others would be rounded to steps of 50 / 127: about 0.37.
        assert!((squares / 100.0).sqrt() < 0.12, "{squares}");
    }

    #[test]
    fn scales_of_the_smallest_numbers_keep_codes_within_a_byte() {
        for most in [0.0, 1e-8, 4e-6, 7.6e-6, 1e-3] {
            let (scale, codes) = codes(&[most; GROUP]);
            let found = half::widen(scale) * f32::from(codes[0]);
            assert!((found - most).abs() <= most / 254.0 + 127.0 * 2.0_f32.powi(-25));
            assert!(codes.iter().all(|code| code.unsigned_abs() <= 127));
        }
    }
}
