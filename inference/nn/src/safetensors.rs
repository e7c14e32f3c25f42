//! Safetensors checkpoints: a folder with `config.json` and one or more files of weights.
//!
//! Decides whether the folder is whole and its files are well formed; leaves to
//! `architectures` whether the model makes sense.
//!
//! Invariant: the bytes of a [`StoredTensor`] lie inside its file and have the length of its shape; no two overlap.

mod header;
#[cfg(test)]
mod tests;
mod text_part;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use inference_kernels::{Bytes, Dtype, Mapping};
use serde_json::{Map, Value};

use crate::error::{ModelError, malformed};

/// Largest `config.json`; real ones have some KiB.
const CONFIG_BYTES_MAX: u64 = 1 << 20;
/// Largest index of shards; that of a model of a million tensors' names fits.
const INDEX_BYTES_MAX: u64 = 16 << 20;
/// Most files of one model.
const SHARDS_MAX: usize = 1024;

/// A model as transformers saves it.
#[derive(Debug)]
pub struct Safetensors {
    config: Map<String, Value>,
    tensors: BTreeMap<String, StoredTensor>,
    /// Tensors of a part that sees or hears.
    left_out: usize,
}

/// A tensor of one of the files.
#[derive(Clone, Debug)]
pub struct StoredTensor {
    /// Its dimensions, outermost first.
    pub shape: Vec<usize>,
    /// How it is stored; `None` for single bytes, which hold packed weights.
    pub dtype: Option<Dtype>,
    /// Where its bytes lie in the file.
    pub range: Range<usize>,
    pub(crate) mapping: Arc<Mapping>,
}

impl StoredTensor {
    /// Its bytes.
    ///
    /// # Errors
    /// None in practice: the range was judged when the file was opened.
    pub fn bytes(&self) -> Result<Bytes, ModelError> {
        let storage = Arc::clone(&self.mapping) as _;
        Ok(Bytes::new(storage, self.range.clone())?)
    }

    /// Weights of the tensor; two in each byte where they are packed.
    pub fn weights(&self) -> usize {
        let count: usize = self.shape.iter().product();
        if self.dtype.is_none() {
            2 * count
        } else {
            count
        }
    }
}

impl Safetensors {
    /// Maps and judges the model in the folder `directory`.
    ///
    /// # Errors
    /// [`ModelError::Io`], or [`ModelError::Malformed`] with the file and what is wrong with it.
    pub fn open(directory: &Path) -> Result<Self, ModelError> {
        let config = object(&directory.join("config.json"), CONFIG_BYTES_MAX)?;
        let index = directory.join("model.safetensors.index.json");
        let tensors = if index.exists() {
            sharded(directory, &object(&index, INDEX_BYTES_MAX)?)?
        } else {
            shard(Mapping::open(&directory.join("model.safetensors"))?)?
        };
        Self::of(config, tensors)
    }

    /// The model, or the part of it that reads and writes text.
    fn of(
        config: Map<String, Value>,
        tensors: BTreeMap<String, StoredTensor>,
    ) -> Result<Self, ModelError> {
        let Some(text) = text_part::config(&config) else {
            return Ok(Self {
                config,
                tensors,
                left_out: 0,
            });
        };
        let all = tensors.len();
        let tensors = text_part::tensors(tensors)?;
        Ok(Self {
            config: text,
            left_out: all - tensors.len(),
            tensors,
        })
    }

    /// Judges a model held in memory: its `config.json` and one file of weights.
    ///
    /// # Errors
    /// [`ModelError::Malformed`] with what is wrong.
    pub fn from_bytes(config: &[u8], weights: Vec<u8>) -> Result<Self, ModelError> {
        let config = parse(config, "config.json")?;
        Self::of(config, shard(Mapping::Memory(weights))?)
    }

    /// Whether the folder `directory` holds an encoder, which embeds texts and cannot write any.
    ///
    /// It tells by `modules.json`, which sentence-transformers writes, and by the model type; weights are not read.
    pub fn is_encoder(directory: &Path) -> bool {
        let encodes = || {
            let config = object(&directory.join("config.json"), CONFIG_BYTES_MAX).ok()?;
            Some(config.get("model_type")?.as_str()? == "bert")
        };
        directory.join("modules.json").is_file() || encodes() == Some(true)
    }

    /// Tensors that were left out because they belong to a part that sees or hears; 0 for models of text alone.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// What `config.json` says, under `text_config` if there is one.
    pub fn config(&self) -> &Map<String, Value> {
        &self.config
    }

    /// Every tensor by its name, in the names' order.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &StoredTensor)> {
        self.tensors
            .iter()
            .map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The tensor called `name`, if the model has it.
    pub fn tensor(&self, name: &str) -> Option<&StoredTensor> {
        self.tensors.get(name)
    }

    pub(crate) fn stored(&self, name: &str) -> Option<(&str, &StoredTensor)> {
        self.tensors
            .get_key_value(name)
            .map(|(name, tensor)| (name.as_str(), tensor))
    }
}

/// The tensors of one file.
fn shard(mapping: Mapping) -> Result<BTreeMap<String, StoredTensor>, ModelError> {
    let entries = header::read(&mapping)?;
    let mapping = Arc::new(mapping);
    let stored = |entry: header::Entry| {
        let tensor = StoredTensor {
            shape: entry.shape,
            dtype: entry.dtype,
            range: entry.range,
            mapping: Arc::clone(&mapping),
        };
        (entry.name, tensor)
    };
    Ok(entries.into_iter().map(stored).collect())
}

/// The tensors of all files that `index` names, which must be those it lists.
fn sharded(
    directory: &Path,
    index: &Map<String, Value>,
) -> Result<BTreeMap<String, StoredTensor>, ModelError> {
    let lists = || malformed("its index does not list files by tensor");
    let listed = index
        .get("weight_map")
        .and_then(Value::as_object)
        .ok_or_else(lists)?;
    let mut files = BTreeSet::new();
    for file in listed.values() {
        files.insert(
            file.as_str()
                .filter(|file| is_plain(file))
                .ok_or_else(lists)?,
        );
    }
    if files.len() > SHARDS_MAX {
        return Err(malformed(format!("its index lists {} files", files.len())));
    }
    let mut tensors = BTreeMap::new();
    for file in files {
        for (name, tensor) in shard(Mapping::open(&directory.join(file))?)? {
            if listed.get(&name).and_then(Value::as_str) != Some(file) {
                return Err(malformed(format!(
                    "the tensor `{name}` is in {file}, where the index does not have it"
                )));
            }
            tensors.insert(name, tensor);
        }
    }
    match listed.keys().find(|name| !tensors.contains_key(*name)) {
        Some(name) => Err(ModelError::MissingTensor(name.clone())),
        None => Ok(tensors),
    }
}

/// Whether `file` is a file's name and nothing more.
fn is_plain(file: &str) -> bool {
    file.ends_with(".safetensors") && !file.contains(['/', '\\', '\0']) && !file.starts_with('.')
}

/// The JSON object in the file at `path`, which has at most `most` bytes.
fn object(path: &Path, most: u64) -> Result<Map<String, Value>, ModelError> {
    let name = path
        .file_name()
        .map_or_else(String::new, |name| name.display().to_string());
    let mut bytes = Vec::new();
    File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(malformed(format!("{name} is larger than {most} bytes")));
    }
    parse(&bytes, &name)
}

fn parse(bytes: &[u8], name: &str) -> Result<Map<String, Value>, ModelError> {
    serde_json::from_slice(bytes)
        .map_err(|error| malformed(format!("{name} is not a JSON object: {error}")))
}
