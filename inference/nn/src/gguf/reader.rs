//! A cursor over a file's bytes that never passes their end.

use crate::error::{ModelError, malformed};

/// A cursor over a file's bytes.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(super) fn position(&self) -> usize {
        self.position
    }

    pub(super) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The next `count` bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], ModelError> {
        let bytes = self.bytes[self.position..].get(..count).ok_or_else(|| {
            malformed(format!(
                "it ends at byte {} inside its header",
                self.bytes.len()
            ))
        })?;
        self.position += count;
        Ok(bytes)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ModelError> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N)?);
        Ok(array)
    }

    pub(super) fn u32(&mut self) -> Result<u32, ModelError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, ModelError> {
        self.array().map(u64::from_le_bytes)
    }

    /// A count of `what`, at most `most` and no more than bytes that remain.
    pub(super) fn count(&mut self, most: u64, what: &str) -> Result<u64, ModelError> {
        let count = self.u64()?;
        if count > most || count > self.remaining() as u64 {
            return Err(malformed(format!("it claims {count} {what}")));
        }
        Ok(count)
    }

    /// A text of at most `most` bytes.
    pub(super) fn text(&mut self, most: u64) -> Result<String, ModelError> {
        let length = self.count(most, "bytes in one text")?;
        let length = usize::try_from(length).map_err(|_| malformed("a text is too long"))?;
        let bytes = self.bytes(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("a text is not UTF-8"))?;
        Ok(text.to_owned())
    }
}
