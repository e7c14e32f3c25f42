//! Numbers of a block on their way into registers, by how they are stored.
//!
//! Few queries read them as they are stored; for many a block is widened once.
//!
//! Invariant: either way gives the same bits.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "reads blocks by pointer, inside lengths that were looked at when the pointer was made"
)]

use std::marker::PhantomData;

use super::super::kv::{BLOCK_TOKENS, LINE};
use super::super::store::Store;
use crate::half;
use crate::isa::Isa;

/// The keys, `[head_dim, BLOCK_TOKENS]`, or values, `[BLOCK_TOKENS, head_dim]`, of a block's head.
///
/// # Safety
/// Methods may only be called where the machine has `S` and the caller is compiled for it, for numbers that
/// lie inside the block, while the store and the room it was made of are borrowed.
pub(in super::super) trait Numbers: Copy {
    /// Bytes of a number where those that are read soon are asked for; 0 where the caches hold them.
    const ASKED: usize;

    /// Those of head `head` of `store`, of which there are `BLOCK_TOKENS * width`. `room` has as many places, for
    /// what does not go straight into registers.
    unsafe fn of(store: &Store, head: usize, width: usize, room: &mut [f32]) -> Self;

    /// `LANES` numbers from `at` on.
    unsafe fn vector<S: Isa>(self, at: usize) -> S::Real;

    /// Number `number` of the value at `position`, of `width`.
    unsafe fn value(self, position: usize, number: usize, width: usize) -> f32;
}

/// Numbers of a block that is read soon.
#[derive(Clone, Copy)]
pub(in super::super) struct Later<N>(*const u8, PhantomData<N>);

impl<N: Numbers> Later<N> {
    /// Those of a block that begins at `block`.
    pub(in super::super) fn at(block: *const u8) -> Self {
        Self(block, PhantomData)
    }

    /// Asks for the line that begins with number `at`, if one does.
    ///
    /// # Safety
    /// The machine has `S`, and the caller is compiled for it.
    #[inline(always)]
    pub(in super::super) unsafe fn ask_for<S: Isa>(self, at: usize) {
        let at = at * N::ASKED;
        if N::ASKED > 0 && at.is_multiple_of(LINE) {
            S::prefetch_far(self.0.wrapping_add(at));
        }
    }
}

/// Reals as they are stored, or any numbers widened.
#[derive(Clone, Copy)]
pub(in super::super) struct Reals<const FEW: bool>(*const f32);

/// Half-precision reals.
#[derive(Clone, Copy)]
pub(in super::super) struct Halves(*const u16);

impl<const FEW: bool> Numbers for Reals<FEW> {
    const ASKED: usize = if FEW { 4 } else { 0 };

    unsafe fn of(store: &Store, head: usize, width: usize, room: &mut [f32]) -> Self {
        let count = BLOCK_TOKENS * width;
        if let Some(numbers) = store.reals(head, count) {
            return Self(numbers.as_ptr());
        }
        store.widen(head, &mut room[..count]);
        Self(room.as_ptr())
    }

    #[inline(always)]
    unsafe fn vector<S: Isa>(self, at: usize) -> S::Real {
        S::load_real(self.0.add(at))
    }

    #[inline(always)]
    unsafe fn value(self, position: usize, number: usize, width: usize) -> f32 {
        *self.0.add(position * width + number)
    }
}

impl Numbers for Halves {
    const ASKED: usize = 2;

    unsafe fn of(store: &Store, head: usize, width: usize, _: &mut [f32]) -> Self {
        let Store::F16(numbers) = store else {
            unreachable!("only halves are read as such")
        };
        let count = BLOCK_TOKENS * width;
        Self(numbers[head * count..][..count].as_ptr())
    }

    #[inline(always)]
    unsafe fn vector<S: Isa>(self, at: usize) -> S::Real {
        S::load_half(self.0.add(at).cast())
    }

    #[inline(always)]
    unsafe fn value(self, position: usize, number: usize, width: usize) -> f32 {
        half::widen(*self.0.add(position * width + number))
    }
}
