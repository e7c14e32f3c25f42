//! One record on disk.
//!
//! `mark u32 | len u32 | seq u64 | time i64 | kind u8 | zero [3] | crc32c u32 | payload`,
//! little-endian. `mark` and `salt` belong to the segment and are random, so
//! that bytes inside a payload, which strangers write, cannot pass for a
//! record when reading resumes after damage. The checksum covers the payload,
//! then the header, then the salt; payload first, so that the sender's thread
//! can compute the long part.

use bytes::Bytes;

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 32;

/// Largest payload: a webhook body of 128 MiB and its envelope.
pub const PAYLOAD_BYTES_MAX: u64 = (128 << 20) + (1 << 20);

/// Bytes of the header the checksum covers, after the mark.
const COVERED: std::ops::Range<usize> = 4..28;

/// A record as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Sequence number, from 1, without gaps.
    pub seq: u64,
    /// When it was written, Unix time in microseconds.
    pub at_micros: i64,
    /// The writer's own kind.
    pub kind: u8,
    /// The payload.
    pub payload: Vec<u8>,
}

/// What an append carries: one piece of bytes, or several that follow each other.
#[derive(Clone, Debug, Default)]
pub struct Payload {
    parts: Vec<Bytes>,
}

impl Payload {
    /// The pieces, in order.
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// Total bytes.
    pub fn len(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn crc(&self) -> u32 {
        self.parts
            .iter()
            .fold(0, |crc, part| crc32c::crc32c_append(crc, part))
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl From<Bytes> for Payload {
    fn from(bytes: Bytes) -> Self {
        Self { parts: vec![bytes] }
    }
}

impl<const N: usize> From<[Bytes; N]> for Payload {
    fn from(parts: [Bytes; N]) -> Self {
        Self {
            parts: parts.into(),
        }
    }
}

/// What ties records to their segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Starts every record; never zero.
    pub(crate) mark: u32,
    /// Ends every checksum.
    pub(crate) salt: u32,
}

/// A record's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) len: u32,
    pub(crate) seq: u64,
    pub(crate) at_micros: i64,
    pub(crate) kind: u8,
    pub(crate) crc: u32,
}

impl Header {
    /// The header's bytes with the checksum computed.
    pub(crate) fn encode(&self, key: Key, payload_crc: u32) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&key.mark.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.len.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.seq.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.at_micros.to_le_bytes());
        bytes[24] = self.kind;
        let crc = seal(payload_crc, &bytes, key);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The header, if the bytes start with the segment's mark and a length
    /// that can be.
    pub(crate) fn decode(bytes: &[u8], key: Key) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEADER_BYTES>()?;
        let header = Self {
            len: u32_at(bytes, 4),
            seq: u64_at(bytes, 8),
            at_micros: u64_at(bytes, 16).cast_signed(),
            kind: bytes[24],
            crc: u32_at(bytes, 28),
        };
        let plausible = u32_at(bytes, 0) == key.mark && u64::from(header.len) <= PAYLOAD_BYTES_MAX;
        plausible.then_some(header)
    }

    /// Bytes of the whole record.
    pub(crate) fn record_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.len)
    }
}

/// Whether `header_bytes` and `payload` belong together in this segment.
pub(crate) fn is_intact(header_bytes: &[u8; HEADER_BYTES], payload: &[u8], key: Key) -> bool {
    u32_at(header_bytes, 28) == seal(crc32c::crc32c(payload), header_bytes, key)
}

fn seal(payload_crc: u32, header: &[u8; HEADER_BYTES], key: Key) -> u32 {
    let crc = crc32c::crc32c_append(payload_crc, &header[COVERED]);
    crc32c::crc32c_append(crc, &key.salt.to_le_bytes())
}

fn u32_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn u64_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}
