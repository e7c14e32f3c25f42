//! A model file's bytes, mapped into memory.
//!
//! Home of the crate's one `unsafe` block.

use std::fmt;
use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use memmap2::Mmap;

/// A model file's bytes.
pub(crate) enum Mapping {
    File(Mmap),
    Memory(Vec<u8>),
}

impl Mapping {
    /// Maps the file at `path` for reading.
    #[allow(
        unsafe_code,
        reason = "mapping a file is how weights larger than memory are read"
    )]
    pub(crate) fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: the mapping is private and read-only, and every value read
        // from it is plain bytes for which any content is valid. The contract left is that nobody
        // writes to the file meanwhile: model files are put in place by rename and
        // never changed (a truncation would end the process by SIGBUS, not corrupt it).
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self::File(map))
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
