//! The header of a safetensors file, judged before it is believed.
//!
//! # Source
//! "Format" in the README of safetensors: a length, a JSON object, the tensors without holes.

use std::fmt;
use std::ops::Range;

use inference_kernels::Dtype;
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess, Visitor};

use crate::error::{ModelError, malformed};

/// Longest header; the largest real ones have some MiB.
const HEADER_BYTES_MAX: u64 = 16 << 20;
/// Most tensors of a file, as in GGUF.
const TENSORS_MAX: usize = 65_536;
/// Most elements of a tensor, as in GGUF.
const ELEMENTS_MAX: u64 = 1 << 40;
/// Most dimensions of a tensor; packed experts have four.
const DIMENSIONS_MAX: usize = 8;

/// A tensor of the header.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) dtype: Option<Dtype>,
    /// Within the file.
    pub(super) range: Range<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// The header's tensors in the order of the file; names may repeat still.
struct Header(Vec<(String, Stored)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut tensors = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if tensors.len() == TENSORS_MAX {
                return Err(serde::de::Error::custom("it has too many tensors"));
            }
            tensors.push((name, map.next_value()?));
        }
        Ok(Header(tensors))
    }
}

/// Reads and judges the header of `file`.
pub(super) fn read(file: &[u8]) -> Result<Vec<Entry>, ModelError> {
    let short = || malformed("it ends inside its header");
    let (length, rest) = file.split_first_chunk::<8>().ok_or_else(short)?;
    let length = u64::from_le_bytes(*length);
    if length > HEADER_BYTES_MAX {
        return Err(malformed(format!("it claims a header of {length} bytes")));
    }
    let length = usize::try_from(length).map_err(|_| short())?;
    let (header, data) = rest.split_at_checked(length).ok_or_else(short)?;
    let Header(stored) = serde_json::from_slice(header)
        .map_err(|error| malformed(format!("its header is no list of tensors: {error}")))?;
    let start = file.len() - data.len();
    let mut entries = stored
        .into_iter()
        .map(|(name, stored)| entry(name, &stored, start, data.len()))
        .collect::<Result<Vec<_>, _>>()?;
    check_places(&mut entries, start, file.len())?;
    check_names(&entries)?;
    Ok(entries)
}

fn entry(name: String, stored: &Stored, start: usize, length: usize) -> Result<Entry, ModelError> {
    let (dtype, size) = match stored.dtype.as_str() {
        "F32" => (Some(Dtype::F32), 4),
        "F16" => (Some(Dtype::F16), 2),
        "BF16" => (Some(Dtype::Bf16), 2),
        "U8" => (None, 1),
        // Numbers of positions, which encoders are saved with and nothing reads.
        "I64" => (None, 8),
        other => {
            return Err(ModelError::Unsupported(format!(
                "the tensor `{name}` is stored as {other}, which is not supported; use a model in F32, F16 or BF16"
            )));
        }
    };
    let shape = &stored.shape;
    let elements = shape
        .iter()
        .try_fold(1_u64, |product, &dim| product.checked_mul(dim))
        .filter(|elements| (1..=ELEMENTS_MAX).contains(elements) && shape.len() <= DIMENSIONS_MAX);
    let elements = elements.ok_or_else(|| {
        malformed(format!(
            "the tensor `{name}` has the impossible shape {shape:?}"
        ))
    })?;
    let [from, to] = stored.data_offsets;
    if to > length as u64 || from > to {
        return Err(malformed(format!(
            "the tensor `{name}` lies outside the file, which seems cut short"
        )));
    }
    if to - from != elements * size {
        return Err(malformed(format!(
            "the tensor `{name}` of shape {shape:?} takes {} bytes, not {}",
            elements * size,
            to - from
        )));
    }
    let place = |offset: u64| {
        usize::try_from(offset).map_err(|_| malformed(format!("the tensor `{name}` is too large")))
    };
    Ok(Entry {
        shape: shape
            .iter()
            .map(|&dim| place(dim))
            .collect::<Result<_, _>>()?,
        dtype,
        range: start + place(from)?..start + place(to)?,
        name,
    })
}

/// Tensors follow each other without holes or overlaps up to the end.
fn check_places(entries: &mut [Entry], start: usize, end: usize) -> Result<(), ModelError> {
    entries.sort_unstable_by_key(|entry| entry.range.start);
    let mut reached = start;
    for entry in &*entries {
        if entry.range.start != reached {
            return Err(malformed(format!(
                "the tensor `{}` overlaps another or leaves a hole",
                entry.name
            )));
        }
        reached = entry.range.end;
    }
    if reached == end {
        return Ok(());
    }
    Err(malformed(format!(
        "{} bytes belong to no tensor",
        end - reached
    )))
}

fn check_names(entries: &[Entry]) -> Result<(), ModelError> {
    let mut names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(malformed(format!("the tensor `{}` occurs twice", pair[0]))),
        None => Ok(()),
    }
}
