//! Which models lie in a directory.
//!
//! Looked at for each request that names one, so that a model that was carried in is there
//! without a restart. Weights are not opened; one that is broken is found out when it is loaded. Sentence
//! models are left out: they write nothing.

use std::fs;
use std::path::{Path, PathBuf};

use inference_nn::Safetensors;
use inference_nn::gguf::{self, Part};

use crate::model::stem;

/// Most models that are listed.
const MODELS_MAX: usize = 256;

/// A model in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its file's or directory's name.
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// The models in `directory`, by name; none if it cannot be read.
pub(super) fn scan(directory: &Path) -> Vec<Found> {
    let paths = paths(directory);
    let mut found: Vec<Found> = paths.iter().filter_map(|path| model(path)).collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name);
    found.truncate(MODELS_MAX);
    found
}

/// The model at `path`: a GGUF file, or the first of several, a directory with such, or one of safetensors.
fn model(path: &Path) -> Option<Found> {
    if is_weights(path, "gguf") {
        let first = Part::of(path).is_none_or(|part| part.number == 1);
        return first.then_some(Found {
            name: stem(path)?,
            path: path.to_owned(),
        });
    }
    // Hidden folders are imports that are not finished.
    let name = path.file_name()?.to_str()?.to_owned();
    if name.starts_with('.') {
        return None;
    }
    if let Some(path) = gguf::inside(path) {
        return Some(Found { name, path });
    }
    let weights = paths(path)
        .iter()
        .any(|path| is_weights(path, "safetensors"));
    let writes = weights && path.join("config.json").is_file() && !Safetensors::is_encoder(path);
    let path = path.to_owned();
    writes.then_some(Found { name, path })
}

fn paths(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

fn is_weights(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension) && path.is_file()
}
