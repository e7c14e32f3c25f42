//! The models of a site: imported from a stick, checked, kept by name.
//!
//! A model is a folder `models/NAME` in the data directory with its files and a
//! `manifest.json` that holds their digests. Names are a few plain characters, so that no name is a path.
//!
//! Invariant: a folder with a manifest is complete and was usable when it came; it
//! appears under its name in one step.

mod digest;
mod import;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use inference_nn::gguf::Part;
use models::Manifest;
use serde::{Deserialize, Serialize};

pub use self::import::{Checked, Import, Progress};

/// Where the manifest lies in a model's folder.
const MANIFEST: &str = "manifest.json";
/// Longest name; it is also part of answers under `/v1/`.
const NAME_BYTES_MAX: usize = 64;

/// Why the shelf cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The name is not one.
    #[error(
        "`{0}` is no model name: use up to {NAME_BYTES_MAX} letters, digits, `.`, `_` and `-`, beginning with a letter or digit"
    )]
    Name(String),
    /// Nothing has that name.
    #[error("no imported model is called `{name}`; there are: {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The name is taken.
    #[error(
        "a model called `{0}` is already there; choose another with --name, or remove it first"
    )]
    Taken(String),
    /// The source has no model.
    #[error("{} holds no model: give a .gguf file, or a folder with config.json, tokenizer.json (or tekken.json) and .safetensors files", .0.display())]
    NoModel(PathBuf),
    /// There is not enough room.
    #[error("{} has {free} bytes free and the model needs {needed}; make room or use another --data-dir", folder.display())]
    NoSpace {
        /// Where it should go.
        folder: PathBuf,
        /// Bytes of the model.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The files are not what they should be.
    #[error(
        "the model is damaged: {0}; copy it again and compare digests (error page: model-damaged)"
    )]
    Damaged(String),
    /// The model is refused by the engine.
    #[error("the model cannot be used: {0}")]
    Unusable(String),
    /// The configuration uses it.
    #[error(
        "the configuration uses `{0}`; change model.file or inference.embedding_model first, or give --force"
    )]
    InUse(String),
    /// A file or folder cannot be read or written.
    #[error("cannot read or write {}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Its name in the model's folder.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// What a model is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It writes: `model.file`, and by name under `/v1/`.
    #[default]
    Chat,
    /// It turns texts into vectors: `inference.embedding_model`.
    Embedding,
}

impl Kind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embedding => "embedding",
        }
    }
}

/// What is known of an imported model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shelved {
    /// The model.
    #[serde(flatten)]
    pub manifest: Manifest,
    /// What it is for.
    #[serde(default)]
    pub kind: Kind,
    /// Every file of it.
    pub pieces: Vec<Piece>,
    /// When it was imported, RFC 3339.
    pub imported_at: String,
    /// Where it came from.
    pub source: String,
}

impl Shelved {
    /// Bytes of all its files.
    pub fn bytes(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.bytes).sum()
    }
}

/// The folder of imported models.
#[derive(Clone, Debug)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// The shelf in `folder`, which need not be there yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The imported models, by name. Folders without a readable manifest are left out.
    pub fn list(&self) -> Vec<Shelved> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut models: Vec<Shelved> = names.filter_map(|name| self.get(&name).ok()).collect();
        models.sort_by(|left, right| left.manifest.name.cmp(&right.manifest.name));
        models
    }

    /// The imported model called `name`.
    ///
    /// # Errors
    /// [`ShelfError::Name`] and [`ShelfError::Unknown`].
    pub fn get(&self, name: &str) -> Result<Shelved, ShelfError> {
        check_name(name)?;
        let text = fs::read(self.folder.join(name).join(MANIFEST)).ok();
        let shelved: Option<Shelved> = text.and_then(|text| serde_json::from_slice(&text).ok());
        shelved
            .filter(|model| model.manifest.name == name)
            .ok_or_else(|| ShelfError::Unknown {
                name: name.to_owned(),
                known: self.known(),
            })
    }

    /// What to load for the model called `name`: its GGUF file, or its folder.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn path(&self, name: &str) -> Result<PathBuf, ShelfError> {
        let model = self.get(name)?;
        let folder = self.folder.join(name);
        Ok(loaded(&folder, &model.pieces))
    }

    /// The name of the imported model whose file or folder is `path`, if it is one.
    pub fn name_at(path: &Path) -> Option<String> {
        let folder = if path.is_dir() { path } else { path.parent()? };
        let text = fs::read(folder.join(MANIFEST)).ok()?;
        let model: Shelved = serde_json::from_slice(&text).ok()?;
        let name = model.manifest.name;
        (folder.file_name()?.to_str()? == name).then_some(name)
    }

    /// Reads every file of the model called `name` again; the files that are not what the manifest says.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn verify(&self, name: &str, progress: &dyn Progress) -> Result<Vec<String>, ShelfError> {
        let model = self.get(name)?;
        progress.begin(name, model.bytes());
        let wrong = |piece: &Piece| {
            let path = self.folder.join(name).join(&piece.file);
            match digest::of_file(&path, progress) {
                Ok((bytes, _)) if bytes != piece.bytes => Some(format!(
                    "{} has {bytes} bytes instead of {}",
                    piece.file, piece.bytes
                )),
                Ok((_, sha256)) if sha256 != piece.sha256 => {
                    Some(format!("{} has another digest", piece.file))
                }
                Ok(_) => None,
                Err(error) => Some(format!("{}: {error}", piece.file)),
            }
        };
        let found = model.pieces.iter().filter_map(wrong).collect();
        progress.end();
        Ok(found)
    }

    /// Removes the model called `name`, unless one of `used` lies in its folder.
    ///
    /// # Errors
    /// As [`get`](Self::get), [`ShelfError::InUse`], and what the file system says.
    pub fn remove(&self, name: &str, used: &[PathBuf]) -> Result<(), ShelfError> {
        self.get(name)?;
        let folder = self.folder.join(name);
        if used.iter().any(|used| is_within(used, &folder)) {
            return Err(ShelfError::InUse(name.to_owned()));
        }
        // Out of the list first, so that half a model is never found.
        let gone = self.folder.join(format!(".removed-{name}"));
        fs::rename(&folder, &gone).map_err(|source| io(&folder, source))?;
        fs::remove_dir_all(&gone).map_err(|source| io(&gone, source))
    }

    fn known(&self) -> String {
        let names: Vec<String> = self
            .list()
            .into_iter()
            .map(|model| model.manifest.name)
            .collect();
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(", ")
        }
    }
}

/// What to load of a model's `pieces` in `folder`: its first GGUF file, or the folder.
fn loaded(folder: &Path, pieces: &[Piece]) -> PathBuf {
    match pieces.first() {
        Some(first) if pieces.len() == 1 || Part::of(Path::new(&first.file)).is_some() => {
            folder.join(&first.file)
        }
        _ => folder.to_owned(),
    }
}

/// Whether `name` is a name and no path.
///
/// # Errors
/// [`ShelfError::Name`].
pub fn check_name(name: &str) -> Result<(), ShelfError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let good = !name.is_empty()
        && name.len() <= NAME_BYTES_MAX
        && name.as_bytes()[0].is_ascii_alphanumeric()
        && name.bytes().all(plain)
        && !name.contains("..");
    if good {
        Ok(())
    } else {
        Err(ShelfError::Name(name.to_owned()))
    }
}

fn is_within(path: &Path, folder: &Path) -> bool {
    match (path.canonicalize(), folder.canonicalize()) {
        (Ok(path), Ok(folder)) => path.starts_with(folder),
        _ => path.starts_with(folder),
    }
}

fn io(path: &Path, source: std::io::Error) -> ShelfError {
    ShelfError::Io {
        path: path.to_owned(),
        source,
    }
}
