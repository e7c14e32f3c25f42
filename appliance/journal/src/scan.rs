//! Finds the records in a segment's bytes, intact or not.
//!
//! Invariant: only records whose checksum holds under the segment's key, with
//! rising sequence numbers, are reported.

use crate::record::{self, HEADER_BYTES, Header, Key};
use crate::recovery::SeqRange;
use crate::segment::HEADER_BLOCK_BYTES;

/// What a scan found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// Records that are gone though later ones are there.
    pub(crate) damaged: Vec<SeqRange>,
    /// Bytes after the last intact record up to the last that is not zero.
    pub(crate) trailing_bytes: u64,
}

/// Walks `file` (a whole segment); `visit` gets sequence number, offset and
/// length of each intact record.
pub(crate) fn scan(
    file: &[u8],
    key: Key,
    prior_last_seq: u64,
    mut visit: impl FnMut(u64, u64, u64),
) -> Scanned {
    let mut scanned = Scanned::default();
    let mut at = HEADER_BLOCK_BYTES.min(file.len());
    let mut last_seq = prior_last_seq;
    while let Some((found_at, header)) = next_intact(file, at, key, last_seq) {
        if header.seq > last_seq.saturating_add(1) {
            scanned.damaged.push(SeqRange {
                first: last_seq + 1,
                last: header.seq - 1,
            });
        }
        visit(header.seq, found_at as u64, header.record_bytes());
        last_seq = header.seq;
        at = found_at + HEADER_BYTES + header.len as usize;
    }
    scanned.trailing_bytes = used_bytes(&file[at..]) as u64;
    scanned
}

/// The first intact record at or after `from` with a number above `last_seq`.
pub(crate) fn next_intact(
    file: &[u8],
    from: usize,
    key: Key,
    last_seq: u64,
) -> Option<(usize, Header)> {
    let mut at = from;
    loop {
        if let Some(header) = intact_at(file, at, key).filter(|header| header.seq > last_seq) {
            return Some((at, header));
        }
        at = find_mark(file, at + 1, key.mark)?;
    }
}

fn intact_at(file: &[u8], at: usize, key: Key) -> Option<Header> {
    let rest = file.get(at..)?;
    let header = Header::decode(rest, key)?;
    let (header_bytes, rest) = rest.split_first_chunk::<HEADER_BYTES>()?;
    let payload = rest.get(..header.len as usize)?;
    record::is_intact(header_bytes, payload, key).then_some(header)
}

/// Where the segment's mark occurs next. Zeros, of which a fresh segment is
/// made, are skipped by the block.
fn find_mark(file: &[u8], from: usize, mark: u32) -> Option<usize> {
    const BLOCK: usize = 4096;
    let mark = mark.to_le_bytes();
    let mut at = from;
    while at + mark.len() <= file.len() {
        // One mark's length more, so that a mark across the edge is not missed.
        let block = &file[at..file.len().min(at + BLOCK + mark.len() - 1)];
        if !is_zero(block) {
            let found = block.windows(mark.len()).position(|window| window == mark);
            if let Some(found) = found {
                return Some(at + found);
            }
        }
        at += BLOCK;
    }
    None
}

fn is_zero(block: &[u8]) -> bool {
    const ZEROS: [u8; 8192] = [0; 8192];
    block == &ZEROS[..block.len()]
}

/// Length without the zeros at the end.
fn used_bytes(bytes: &[u8]) -> usize {
    let mut end = bytes.len();
    while end >= 4096 && is_zero(&bytes[end - 4096..end]) {
        end -= 4096;
    }
    while end > 0 && bytes[end - 1] == 0 {
        end -= 1;
    }
    end
}
