//! Memory for keys and values.
//!
//! Decides on what pages numbers lie: blocks of one head lie far apart, and looking up the address of each costs
//! more than reading it. Large pages spare that; where there are none, small ones do.
//!
//! Invariant: all numbers are zero until they are written.

#![allow(unsafe_code, reason = "bytes of a mapping seen as numbers")]

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

/// Bytes from which on large pages are asked for: several of them.
const LARGE: usize = 8 << 20;

/// Numbers for which any bytes are valid.
///
/// # Safety
/// Any bytes are one.
pub(super) unsafe trait Number: Copy + Default {}

// SAFETY: any four bytes are a real.
unsafe impl Number for f32 {}
// SAFETY: any two bytes are a number.
unsafe impl Number for u16 {}
// SAFETY: any byte is a number.
unsafe impl Number for u8 {}

/// Numbers of which pages are taken from the system as they are written.
#[derive(Debug)]
pub(super) enum Room<T> {
    /// In small pages.
    Small(Vec<T>),
    /// In large pages.
    Large(MmapMut, PhantomData<T>),
}

impl<T: Number> Room<T> {
    /// Room for `count` zeros.
    pub(super) fn new(count: usize) -> Self {
        let bytes = count * size_of::<T>();
        #[cfg(target_os = "linux")]
        if bytes >= LARGE
            && let Ok(room) = MmapMut::map_anon(bytes)
            && room.advise(memmap2::Advice::HugePage).is_ok()
        {
            return Self::Large(room, PhantomData);
        }
        let _ = bytes;
        Self::Small(vec![T::default(); count])
    }
}

impl<T: Number> Deref for Room<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::Small(numbers) => numbers,
            // SAFETY: any bytes are numbers; a mapping begins at a page and has whole numbers.
            Self::Large(bytes, _) => unsafe { bytes.align_to().1 },
        }
    }
}

impl<T: Number> DerefMut for Room<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::Small(numbers) => numbers,
            // SAFETY: as above.
            Self::Large(bytes, _) => unsafe { bytes.align_to_mut().1 },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_and_large_rooms_hold_zeros_and_then_what_was_written() {
        for count in [3, LARGE / 4 + 1] {
            let mut room = Room::<f32>::new(count);
            assert_eq!(room.len(), count);
            assert!(room.iter().all(|number| number.to_bits() == 0));
            room[count - 1] = 2.5;
            assert_eq!(room[count - 1].to_bits(), 2.5_f32.to_bits());
        }
    }
}
