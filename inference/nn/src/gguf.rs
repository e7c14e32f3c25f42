//! GGUF files: metadata and tensors, judged before they are believed.
//!
//! Decides whether a file is well formed: every count, length, offset and
//! shape is checked against the file's size before it is used. Leaves to
//! `llama` whether the model makes sense.
//!
//! Invariant: the bytes of a [`TensorInfo`] lie inside the file, aligned, and overlap no other's.
//!
//! # Source
//! `docs/gguf.md` of ggml, versions 2 and 3.

mod reader;
mod split;
mod tensor;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

pub use inference_kernels::Dtype;
use inference_kernels::Mapping;

use self::reader::Reader;
pub use self::split::{Part, inside};
pub use self::tensor::TensorInfo;
pub use self::value::{Array, Value};
use crate::error::{ModelError, malformed};

/// Most metadata keys; real files have below 100.
const KEYS_MAX: u64 = 4096;
/// Most tensors; the largest models have some thousands.
const TENSORS_MAX: u64 = 65_536;
/// Longest key, by the format.
const KEY_BYTES_MAX: u64 = 65_535;
/// Longest tensor name; the format says 64, files in the wild have a little more.
const TENSOR_NAME_BYTES_MAX: u64 = 127;
/// Alignment of tensors where the file does not say.
const ALIGNMENT_DEFAULT: u64 = 32;

/// A GGUF file whose header was found well formed.
#[derive(Debug)]
pub struct Gguf {
    metadata: BTreeMap<String, Value>,
    tensors: BTreeMap<String, TensorInfo>,
    /// Those of its files, the first one's first.
    mappings: Vec<Arc<Mapping>>,
}

impl Gguf {
    /// Maps and judges the file at `path`, and those beside it if it is the first of several.
    ///
    /// # Errors
    /// [`ModelError::Io`], or [`ModelError::Malformed`] with what is wrong.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        split::join(Self::parse(Mapping::open(path)?)?, path)
    }

    /// Judges a file held in memory.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] with what is wrong.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, ModelError> {
        let file = Self::parse(Mapping::Memory(bytes))?;
        split::check_whole(&file)?;
        Ok(file)
    }

    fn parse(mapping: Mapping) -> Result<Self, ModelError> {
        let mut reader = Reader::new(&mapping);
        let (tensor_count, key_count) = header(&mut reader)?;
        let metadata = metadata(&mut reader, key_count)?;
        let alignment = alignment(&metadata)?;
        let infos = (0..tensor_count)
            .map(|_| TensorInfo::read(&mut reader, TENSOR_NAME_BYTES_MAX))
            .collect::<Result<Vec<_>, _>>()?;
        let tensors = tensor::place(infos, reader.position(), alignment, mapping.len())?;
        Ok(Self {
            metadata,
            tensors,
            mappings: vec![Arc::new(mapping)],
        })
    }

    /// The value of `key`, if the file has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.metadata.get(key)
    }

    /// Every key and value, in the keys' order.
    pub fn metadata(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.metadata
            .iter()
            .map(|(key, value)| (key.as_str(), value))
    }

    /// Every tensor, in the names' order.
    pub fn tensors(&self) -> impl Iterator<Item = &TensorInfo> {
        self.tensors.values()
    }

    /// The tensor called `name`, if the file has it.
    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.tensors.get(name)
    }

    /// The file that `tensor`, one of this model's, lies in.
    pub(crate) fn mapping(&self, tensor: &TensorInfo) -> &Arc<Mapping> {
        &self.mappings[tensor.file]
    }

    /// The text of `key`; `None` if the file does not have it.
    ///
    /// # Errors
    /// [`ModelError::BadKey`] if it is something else.
    pub fn text(&self, key: &str) -> Result<Option<&str>, ModelError> {
        self.typed(key, "text", Value::as_text)
    }

    /// The whole number of `key`, of any width; `None` if the file does not have it.
    ///
    /// # Errors
    /// [`ModelError::BadKey`] if it is something else or negative.
    pub fn number(&self, key: &str) -> Result<Option<u64>, ModelError> {
        self.typed(key, "a whole number", Value::as_u64)
    }

    /// The real number of `key`; `None` if the file does not have it.
    ///
    /// # Errors
    /// [`ModelError::BadKey`] if it is something else or not finite.
    pub fn real(&self, key: &str) -> Result<Option<f32>, ModelError> {
        self.typed(key, "a finite number", Value::as_f32)
    }

    /// The truth value of `key`; `None` if the file does not have it.
    ///
    /// # Errors
    /// [`ModelError::BadKey`] if it is something else.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, ModelError> {
        self.typed(key, "true or false", Value::as_bool)
    }

    /// The array of texts of `key`; `None` if the file does not have it.
    ///
    /// # Errors
    /// [`ModelError::BadKey`] if it is something else.
    pub fn texts(&self, key: &str) -> Result<Option<&[String]>, ModelError> {
        self.typed(key, "an array of texts", Value::as_texts)
    }

    /// The array of 32-bit reals of `key`; `None` if the file does not have it.
    ///
    /// # Errors
    /// [`ModelError::BadKey`] if it is something else.
    pub fn reals(&self, key: &str) -> Result<Option<&[f32]>, ModelError> {
        self.typed(key, "an array of 32-bit reals", Value::as_reals)
    }

    /// The array of whole numbers of `key`; `None` if the file does not have it.
    ///
    /// # Errors
    /// [`ModelError::BadKey`] if it is something else.
    pub fn integers(&self, key: &str) -> Result<Option<&[i64]>, ModelError> {
        self.typed(key, "an array of whole numbers", Value::as_integers)
    }

    fn typed<'a, T>(
        &'a self,
        key: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, ModelError> {
        let bad = || ModelError::BadKey {
            key: key.to_owned(),
            expected: expected.to_owned(),
        };
        self.metadata
            .get(key)
            .map(|value| read(value).ok_or_else(bad))
            .transpose()
    }
}

/// Reads magic, version and the counts of tensors and keys.
fn header(reader: &mut Reader<'_>) -> Result<(u64, u64), ModelError> {
    if reader.bytes(4)? != b"GGUF" {
        return Err(malformed("it does not start with `GGUF`"));
    }
    let version = reader.u32()?;
    if version.swap_bytes() == 2 || version.swap_bytes() == 3 {
        return Err(ModelError::Unsupported(
            "the file is big-endian; convert it to little-endian".to_owned(),
        ));
    }
    if version != 2 && version != 3 {
        return Err(ModelError::Unsupported(format!(
            "GGUF version {version} is not supported; use version 3"
        )));
    }
    let tensor_count = reader.count(TENSORS_MAX, "tensors")?;
    let key_count = reader.count(KEYS_MAX, "metadata keys")?;
    Ok((tensor_count, key_count))
}

fn metadata(reader: &mut Reader<'_>, count: u64) -> Result<BTreeMap<String, Value>, ModelError> {
    let mut metadata = BTreeMap::new();
    for _ in 0..count {
        let key = reader.text(KEY_BYTES_MAX)?;
        if key.is_empty() || !key.is_ascii() {
            return Err(malformed("a metadata key is empty or not ASCII"));
        }
        let value = Value::read(reader)?;
        if metadata.insert(key.clone(), value).is_some() {
            return Err(malformed(format!("the metadata key `{key}` occurs twice")));
        }
    }
    Ok(metadata)
}

fn alignment(metadata: &BTreeMap<String, Value>) -> Result<u64, ModelError> {
    let Some(value) = metadata.get("general.alignment") else {
        return Ok(ALIGNMENT_DEFAULT);
    };
    match value.as_u64() {
        Some(alignment) if alignment.is_power_of_two() && (8..=65_536).contains(&alignment) => {
            Ok(alignment)
        }
        _ => Err(ModelError::BadKey {
            key: "general.alignment".to_owned(),
            expected: "a power of two from 8 to 65536".to_owned(),
        }),
    }
}
