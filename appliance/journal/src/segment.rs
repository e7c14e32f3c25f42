//! A segment file: its name, its header and what is known of it in memory.
//!
//! The header is written twice, in different sectors, because without its
//! mark and salt no record of the segment can be read. A file whose header
//! block is all zeros is the one written ahead, not in use yet.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};

use crate::record::Key;

/// Bytes before the first record.
pub(crate) const HEADER_BLOCK_BYTES: usize = 4096;
/// Where the second copy of the header begins: another sector than the first.
const COPY_AT: usize = 2048;
const MAGIC: &[u8; 8] = b"ANCHJRNL";
/// Format of header and records.
pub(crate) const VERSION: u16 = 1;
const HEADER_BYTES: usize = 40;

/// How far apart [`Segment::waypoints`] are, bytes: a read from the middle
/// scans at most this much before the first record it wants.
const WAYPOINT_BYTES: u64 = 256 << 10;

/// Header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) number: u64,
    /// Last sequence number of the segment before.
    pub(crate) prior_last_seq: u64,
    pub(crate) key: Key,
}

/// What the header block of a file says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HeaderBlock {
    Used(SegmentHeader),
    Unused,
    TooNew(u16),
    Damaged,
}

impl SegmentHeader {
    /// A header with a fresh random key.
    pub(crate) fn new(number: u64, prior_last_seq: u64) -> Self {
        // The standard library seeds its hash maps from the system's
        // randomness; nothing stronger is needed to be unguessable in a body.
        let random = RandomState::new().build_hasher().finish().to_le_bytes();
        let half = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| random[at + i]));
        Self {
            number,
            prior_last_seq,
            key: Key {
                mark: half(0).max(1),
                salt: half(4),
            },
        }
    }

    /// The whole header block.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&[0; 2]);
        header.extend_from_slice(&self.number.to_le_bytes());
        header.extend_from_slice(&self.prior_last_seq.to_le_bytes());
        header.extend_from_slice(&self.key.mark.to_le_bytes());
        header.extend_from_slice(&self.key.salt.to_le_bytes());
        header.extend_from_slice(&crc32c::crc32c(&header).to_le_bytes());
        let mut block = vec![0; HEADER_BLOCK_BYTES];
        block[..HEADER_BYTES].copy_from_slice(&header);
        block[COPY_AT..COPY_AT + HEADER_BYTES].copy_from_slice(&header);
        block
    }

    fn decode(copy: &[u8]) -> Result<Self, Option<u16>> {
        let bytes = copy.first_chunk::<HEADER_BYTES>().ok_or(None)?;
        let (body, crc) = bytes.split_at(HEADER_BYTES - 4);
        if crc != crc32c::crc32c(body).to_le_bytes() || !body.starts_with(MAGIC) {
            return Err(None);
        }
        let version = u16::from_le_bytes([bytes[8], bytes[9]]);
        if version != VERSION {
            return Err(Some(version));
        }
        let u64_at = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        let u32_at = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        Ok(Self {
            number: u64_at(12),
            prior_last_seq: u64_at(20),
            key: Key {
                mark: u32_at(28),
                salt: u32_at(32),
            },
        })
    }
}

/// Reads a file's header block.
pub(crate) fn read_header(file: &[u8]) -> HeaderBlock {
    let copies = [file, file.get(COPY_AT..).unwrap_or_default()];
    let mut newer = None;
    for copy in copies {
        match SegmentHeader::decode(copy) {
            Ok(header) => return HeaderBlock::Used(header),
            Err(version) => newer = newer.or(version),
        }
    }
    match newer {
        Some(version) => HeaderBlock::TooNew(version),
        None if file.iter().take(HEADER_BLOCK_BYTES).all(|&byte| byte == 0) => HeaderBlock::Unused,
        None => HeaderBlock::Damaged,
    }
}

/// What is known of a segment that holds records.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) header: SegmentHeader,
    /// Last durable sequence number, `prior_last_seq` when empty.
    pub(crate) last_seq: u64,
    /// Where the next record goes.
    pub(crate) end: u64,
    /// Some records' sequence numbers and offsets, in order.
    pub(crate) waypoints: Vec<(u64, u64)>,
}

impl Segment {
    pub(crate) fn new(dir: &Path, header: SegmentHeader) -> Self {
        Self {
            path: path(dir, header.number),
            header,
            last_seq: header.prior_last_seq,
            end: HEADER_BLOCK_BYTES as u64,
            waypoints: Vec::new(),
        }
    }

    /// Notes a record at `offset`.
    pub(crate) fn note(&mut self, seq: u64, offset: u64, record_bytes: u64) {
        if self
            .waypoints
            .last()
            .is_none_or(|last| offset - last.1 >= WAYPOINT_BYTES)
        {
            self.waypoints.push((seq, offset));
        }
        self.last_seq = seq;
        self.end = offset + record_bytes;
    }

    /// An offset at or before the record `seq`.
    pub(crate) fn offset_before(&self, seq: u64) -> u64 {
        let after = self.waypoints.partition_point(|waypoint| waypoint.0 <= seq);
        after
            .checked_sub(1)
            .map_or(HEADER_BLOCK_BYTES as u64, |at| self.waypoints[at].1)
    }
}

/// Path of segment `number`.
pub(crate) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:012}.wal"))
}

/// The number in a segment's file name.
pub(crate) fn number_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(".wal")?;
    (name.len() == 12).then(|| name.parse().ok()).flatten()
}
