//! Memory for packed weights: many matrices side by side in large pages.
//!
//! A matrix of a small model is no larger than a page of 2 MiB. With memory of its own it would lie in small pages,
//! whose addresses are looked up more slowly than their bytes are read.
//!
//! Invariant: pieces do not overlap, are zero when they are taken, and give their memory back when they are dropped.

#![allow(
    unsafe_code,
    reason = "pieces of one mapping, each borrowed by its owner alone"
)]

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use memmap2::{MmapRaw, UncheckedAdvice};

/// Bytes of a large page.
const LARGE: usize = 2 << 20;
/// Bytes of a region. What nobody writes takes no memory.
const REGION: usize = 256 << 20;
/// A piece begins where vectors and lines of the caches do.
const ALIGNMENT: usize = 64;
/// Bytes that are given back whole; a multiple of the size of small pages.
const GIVEN_BACK: usize = 1 << 16;

/// The region that the next small piece is taken of.
static CURRENT: Mutex<Weak<Region>> = Mutex::new(Weak::new());

/// Some large pages, and how much of them is taken.
struct Region {
    map: MmapRaw,
    /// Where the next piece begins; behind `map`'s end there is none.
    next: Mutex<usize>,
}

impl Region {
    /// Room for `bytes` bytes from the beginning of a large page on.
    fn new(bytes: usize) -> io::Result<Self> {
        let map = MmapRaw::from(memmap2::MmapMut::map_anon(bytes + LARGE)?);
        // Where there are no large pages, small ones do.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        let next = map.as_ptr().align_offset(LARGE);
        Ok(Self {
            map,
            next: Mutex::new(next),
        })
    }

    /// Where a piece of `bytes` bytes begins, if there is room.
    fn take(&self, bytes: usize) -> Option<usize> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let start = *next;
        let end = start.checked_add(bytes)?;
        (end <= self.map.len()).then(|| {
            *next = end.next_multiple_of(ALIGNMENT);
            start
        })
    }
}

/// Bytes of a region that are one owner's.
pub(crate) struct Piece {
    region: Arc<Region>,
    start: usize,
    length: usize,
}

impl Piece {
    /// `length` zeros.
    ///
    /// # Errors
    /// What the system says if there is no memory for them.
    pub(crate) fn new(length: usize) -> io::Result<Self> {
        let piece = |region: Arc<Region>, start| Self {
            region,
            start,
            length,
        };
        if length < REGION / 2 {
            let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(region) = current.upgrade()
                && let Some(start) = region.take(length)
            {
                return Ok(piece(region, start));
            }
            // Where the system counts what nobody writes, there may be no memory for a whole region.
            if let Ok(region) = Region::new(REGION).map(Arc::new)
                && let Some(start) = region.take(length)
            {
                *current = Arc::downgrade(&region);
                return Ok(piece(region, start));
            }
        }
        let region = Arc::new(Region::new(length)?);
        let start = region.take(length).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(piece(region, start))
    }
}

impl Drop for Piece {
    /// Gives back the pages that are this piece's alone.
    fn drop(&mut self) {
        let start = self.start.next_multiple_of(GIVEN_BACK);
        let end = (self.start + self.length) / GIVEN_BACK * GIVEN_BACK;
        if start < end {
            // SAFETY: nobody else has these pages, and nobody has this piece any more.
            let _ = unsafe {
                self.region.map.unchecked_advise_range(
                    UncheckedAdvice::DontNeed,
                    start,
                    end - start,
                )
            };
        }
    }
}

impl Deref for Piece {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: inside the mapping; whoever writes there has borrowed the piece for it.
        unsafe { std::slice::from_raw_parts(self.region.map.as_ptr().add(self.start), self.length) }
    }
}

impl DerefMut for Piece {
    fn deref_mut(&mut self) -> &mut [u8] {
        let start = self.region.map.as_mut_ptr();
        // SAFETY: inside the mapping, and of no other piece.
        unsafe { std::slice::from_raw_parts_mut(start.add(self.start), self.length) }
    }
}

impl fmt::Debug for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Piece({} bytes)", self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_zeros_of_their_own() {
        for length in [0, 1, 100, LARGE + 3, REGION / 2 + 5] {
            let mut pieces = [(); 3].map(|()| Piece::new(length).expect("there is memory"));
            for (value, piece) in (1..).zip(&mut pieces) {
                assert!(piece.iter().all(|byte| *byte == 0), "{length}");
                piece.fill(value);
            }
            for (value, piece) in (1..).zip(&pieces) {
                assert_eq!(piece.len(), length);
                assert!(piece.as_ptr().addr().is_multiple_of(ALIGNMENT));
                assert!(piece.iter().all(|byte| *byte == value), "{length}");
            }
        }
    }

    #[test]
    fn a_dropped_piece_leaves_its_neighbors_alone() {
        let [mut first, second, mut third] = [(); 3].map(|()| {
            let mut piece = Piece::new(5 * GIVEN_BACK + 7).expect("there is memory");
            piece.fill(3);
            piece
        });
        let (region, start) = (Arc::clone(&second.region), second.start + GIVEN_BACK);
        drop(second);
        // SAFETY: inside the mapping, and nobody's.
        let given_back = unsafe { *region.map.as_ptr().add(start) };
        assert!(given_back == 0 || !cfg!(target_os = "linux"));
        assert!(first.iter().chain(&*third).all(|byte| *byte == 3));
        first.fill(4);
        third.fill(5);
        assert!(first.iter().all(|byte| *byte == 4));
    }

    #[test]
    fn more_than_there_is_is_an_error() {
        assert!(Piece::new(usize::MAX / 4).is_err());
    }
}
