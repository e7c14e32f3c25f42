//! One buffer written by many threads, each in places of its own.

#![allow(
    unsafe_code,
    reason = "products of a tile are columns of the output, which no safe split of a slice gives"
)]

use std::marker::PhantomData;

/// A buffer whose parts are handed out without a look at what else is out.
#[derive(Debug)]
pub(crate) struct Disjoint<'a, T = f32> {
    start: *mut T,
    length: usize,
    buffer: PhantomData<&'a mut [T]>,
}

// SAFETY: a `Disjoint` is a borrowed `&mut [T]`, which may be sent; what is written
// through it from several threads does not overlap, by the contract of `part`.
unsafe impl<T: Send> Send for Disjoint<'_, T> {}
// SAFETY: as above; the only way to the values is `part`.
unsafe impl<T: Send> Sync for Disjoint<'_, T> {}

impl<T> Clone for Disjoint<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Disjoint<'_, T> {}

impl<'a, T> Disjoint<'a, T> {
    pub(crate) fn new(buffer: &'a mut [T]) -> Self {
        Self {
            start: buffer.as_mut_ptr(),
            length: buffer.len(),
            buffer: PhantomData,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The `length` values from `start` on.
    ///
    /// # Safety
    /// No two parts that live at the same time may overlap.
    #[allow(
        clippy::mut_from_ref,
        reason = "the contract says that parts do not overlap"
    )]
    pub(crate) unsafe fn part(&self, start: usize, length: usize) -> &'a mut [T] {
        assert!(
            start <= self.length && length <= self.length - start,
            "a part lies inside the buffer"
        );
        // SAFETY: the part lies inside the buffer, which is borrowed mutably for `'a`;
        // the caller sees to it that no other part overlaps.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), length) }
    }
}
