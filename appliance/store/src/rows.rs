//! Rows in the index: any size, checksummed, counted.
//!
//! A row is cut into chunks that fit the index's values. Each chunk carries
//! the checksum of itself and its key, and how many there are, so that a
//! chunk lost or swapped is found; the total of chunks is kept with the
//! metadata, so that rows lost whole are found too.

use appliance_core::alert::AlertId;
use appliance_core::incident::IncidentId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::index::{Change, Index, IndexError, VALUE_BYTES_MAX};

const HEAD_BYTES: usize = 6;
const CHUNK_BYTES: usize = VALUE_BYTES_MAX - HEAD_BYTES;
const NUMBER_BYTES: usize = 2;

/// Kinds of rows, the first byte of their keys.
pub(crate) const META: u8 = b'm';
pub(crate) const INCIDENT: u8 = b'i';
pub(crate) const LIST: u8 = b'l';
pub(crate) const TRACKED: u8 = b't';
pub(crate) const ANALYSIS: u8 = b'a';
pub(crate) const FEEDBACK: u8 = b'f';
pub(crate) const NOTE: u8 = b'n';

/// What is wrong with the rows.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RowError {
    #[error(transparent)]
    Index(#[from] IndexError),
    #[error("a row is damaged")]
    Damaged,
    #[error("a row cannot be read: {0}")]
    Json(#[from] serde_json::Error),
}

/// Key of a row about an incident.
pub(crate) fn incident_key(kind: u8, id: IncidentId) -> Vec<u8> {
    let mut key = vec![kind];
    key.extend_from_slice(&id.number().to_be_bytes());
    key
}

/// Key of one of several rows about an incident.
pub(crate) fn numbered_key(kind: u8, id: IncidentId, seq: u64) -> Vec<u8> {
    let mut key = incident_key(kind, id);
    key.extend_from_slice(&seq.to_be_bytes());
    key
}

/// Key of a tracked alert.
pub(crate) fn tracked_key(id: &AlertId) -> Vec<u8> {
    let mut key = vec![TRACKED];
    key.extend_from_slice(id.as_bytes());
    key
}

/// Writes to rows, gathered for one batch.
#[derive(Debug, Default)]
pub(crate) struct RowChanges {
    pub(crate) changes: Vec<Change>,
    /// By how much the number of chunks changes.
    pub(crate) chunks: i64,
}

impl RowChanges {
    /// Writes a row, replacing the one of that key.
    pub(crate) fn put<T: Serialize>(
        &mut self,
        index: &Index,
        key: &[u8],
        row: &T,
    ) -> Result<(), RowError> {
        let bytes = serde_json::to_vec(row)?;
        let count = bytes.len().div_ceil(CHUNK_BYTES).max(1);
        let before = chunks_of(index, key)?;
        for number in 0..count {
            let from = number * CHUNK_BYTES;
            let chunk = &bytes[from..bytes.len().min(from + CHUNK_BYTES)];
            let key = chunk_key(key, number);
            let value = seal(&key, count, chunk);
            self.changes.push((key, Some(value)));
        }
        self.remove_chunks(key, count..before);
        self.chunks += signed(count) - signed(before);
        Ok(())
    }

    /// Removes a row if it is there.
    pub(crate) fn remove(&mut self, index: &Index, key: &[u8]) -> Result<(), RowError> {
        let before = chunks_of(index, key)?;
        self.remove_chunks(key, 0..before);
        self.chunks -= signed(before);
        Ok(())
    }

    fn remove_chunks(&mut self, key: &[u8], numbers: std::ops::Range<usize>) {
        self.changes
            .extend(numbers.map(|number| (chunk_key(key, number), None)));
    }
}

/// Chunks of one row are at most 65 536.
fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// The row of that key.
pub(crate) fn get<T: DeserializeOwned>(index: &Index, key: &[u8]) -> Result<Option<T>, RowError> {
    let Some(first) = index.get(&chunk_key(key, 0))? else {
        return Ok(None);
    };
    let (count, chunk) = open(&chunk_key(key, 0), &first)?;
    let mut bytes = chunk.to_vec();
    for number in 1..count {
        let key = chunk_key(key, number);
        let value = index.get(&key)?.ok_or(RowError::Damaged)?;
        bytes.extend_from_slice(open(&key, &value)?.1);
    }
    Ok(Some(serde_json::from_slice(&bytes)?))
}

/// All rows whose key begins with `prefix`, in order, keys without the chunk number.
pub(crate) fn scan<T: DeserializeOwned>(
    index: &Index,
    prefix: &[u8],
) -> Result<Vec<(Vec<u8>, T)>, RowError> {
    let mut rows = Vec::new();
    let mut parts: Vec<u8> = Vec::new();
    for (key, value) in index.pairs(prefix)? {
        let (count, chunk) = open(&key, &value)?;
        let (row_key, number) = key.split_at(key.len() - NUMBER_BYTES);
        let number = usize::from(u16::from_be_bytes([number[0], number[1]]));
        if number == 0 {
            parts.clear();
        }
        parts.extend_from_slice(chunk);
        if number + 1 == count {
            rows.push((row_key.to_vec(), serde_json::from_slice(&parts)?));
        }
    }
    Ok(rows)
}

/// Verifies every chunk; answers how many there are.
pub(crate) fn verify(index: &Index) -> Result<i64, RowError> {
    let mut chunks = 0;
    let mut sound = true;
    index.scan(&[], |key, value| {
        sound &= open(key, value).is_ok();
        chunks += 1;
    })?;
    if sound {
        Ok(chunks)
    } else {
        Err(RowError::Damaged)
    }
}

fn chunks_of(index: &Index, key: &[u8]) -> Result<usize, RowError> {
    let key = chunk_key(key, 0);
    match index.get(&key)? {
        Some(value) => Ok(open(&key, &value)?.0),
        None => Ok(0),
    }
}

fn chunk_key(key: &[u8], number: usize) -> Vec<u8> {
    let number = u16::try_from(number).unwrap_or(u16::MAX);
    [key, &number.to_be_bytes()].concat()
}

fn seal(key: &[u8], count: usize, chunk: &[u8]) -> Vec<u8> {
    let count = u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes();
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(key), &count), chunk);
    [&crc.to_be_bytes(), &count[..], chunk].concat()
}

fn open<'v>(key: &[u8], value: &'v [u8]) -> Result<(usize, &'v [u8]), RowError> {
    let (head, chunk) = value
        .split_first_chunk::<HEAD_BYTES>()
        .ok_or(RowError::Damaged)?;
    let count = usize::from(u16::from_be_bytes([head[4], head[5]]));
    if seal(key, count, chunk) == value && key.len() > NUMBER_BYTES {
        Ok((count, chunk))
    } else {
        Err(RowError::Damaged)
    }
}
