//! Stored weights: a part of something that holds bytes.
//!
//! Invariant: the range of [`Bytes`] lies inside its storage.

use std::fmt;
use std::ops::{Deref, Range};
use std::sync::Arc;

use crate::error::KernelError;

/// Something that holds bytes, always the same ones: a mapped file or a buffer.
pub trait Storage: AsRef<[u8]> + Send + Sync {
    /// Says that `range` is unlikely to be read again, so that its memory may go.
    /// Reading it still gives the same bytes.
    fn release(&self, range: Range<usize>) {
        let _ = range;
    }
}

impl Storage for Vec<u8> {}

/// A part of a storage, shared.
#[derive(Clone)]
pub struct Bytes {
    storage: Arc<dyn Storage>,
    range: Range<usize>,
}

impl Bytes {
    /// The bytes of `storage` in `range`.
    ///
    /// # Errors
    /// [`KernelError::Range`] if it lies outside.
    pub fn new(storage: Arc<dyn Storage>, range: Range<usize>) -> Result<Self, KernelError> {
        let length = (*storage).as_ref().len();
        if range.start > range.end || range.end > length {
            let (start, end) = (range.start, range.end);
            return Err(KernelError::Range { start, end, length });
        }
        Ok(Self { storage, range })
    }

    /// Says that these bytes are unlikely to be read again.
    pub fn release(&self) {
        self.storage.release(self.range.clone());
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        let range = 0..bytes.len();
        Self {
            storage: Arc::new(bytes),
            range,
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &(*self.storage).as_ref()[self.range.clone()]
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({:?})", self.range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_outside_its_storage_is_refused() {
        let storage: Arc<dyn Storage> = Arc::new(vec![1, 2, 3]);
        assert_eq!(
            *Bytes::new(Arc::clone(&storage), 1..3).expect("fits"),
            [2, 3]
        );
        let error = Bytes::new(storage, 2..4).expect_err("lies outside");
        assert_eq!(
            error.to_string(),
            "bytes 2 to 4 lie outside a storage of 3 bytes"
        );
    }
}
