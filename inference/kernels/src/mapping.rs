//! A model file's bytes, mapped into memory.

#![allow(
    unsafe_code,
    reason = "mapping a file is how weights larger than memory are read"
)]

use std::fmt;
use std::fs::File;
use std::ops::{Deref, Range};
use std::path::Path;

use memmap2::{Mmap, UncheckedAdvice};

use crate::bytes::Storage;

/// Pages are released whole; this is a multiple of every page size we meet.
const PAGE: usize = 1 << 16;

/// A model file's bytes.
pub enum Mapping {
    /// Pages of a file.
    File(Mmap),
    /// A buffer.
    Memory(Vec<u8>),
}

impl Mapping {
    /// Maps the file at `path` for reading.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the mapping is private and read-only, and every value read
        // from it is plain bytes for which any content is valid. The contract left is that nobody
        // writes to the file meanwhile: model files are put in place by rename and
        // never changed (a truncation would end the process by SIGBUS, not corrupt it).
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self::File(map))
    }
}

impl Storage for Mapping {
    fn release(&self, range: Range<usize>) {
        let Self::File(map) = self else { return };
        let start = range.start.next_multiple_of(PAGE);
        let end = range.end / PAGE * PAGE;
        if start < end {
            // SAFETY: the pages are those of a file mapped for reading and never written, so
            // what is dropped here is read again from the file with the same content.
            // Advice that the system does not take leaves the pages where they are.
            let _ = unsafe {
                map.unchecked_advise_range(UncheckedAdvice::DontNeed, start, end - start)
            };
        }
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::File(map) => map,
            Self::Memory(bytes) => bytes,
        }
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapping({} bytes)", self.len())
    }
}
