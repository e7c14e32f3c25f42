//! Takes a model in: copied, hashed, judged, and only then given its name.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use inference_nn::gguf::{self, Part};
use jiff::Timestamp;
use models::Manifest;

use super::{Kind, MANIFEST, Piece, Shelf, ShelfError, Shelved, check_name, digest, io};

/// Files of a folder that belong to a model beside its weights.
const BESIDE: [&str; 11] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tekken.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "model.safetensors.index.json",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
];
/// Largest manifest that is read from a stick.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// Room that must stay free: the journal lives on the same disk.
const SPACE_LEFT_BYTES: u64 = 256 << 20;

/// Shows how far the work is.
pub trait Progress {
    /// `bytes` of `what` are to be read.
    fn begin(&self, what: &str, bytes: u64);
    /// `bytes` more were read.
    fn advance(&self, bytes: u64);
    /// All were read.
    fn end(&self);
}

/// What a model turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// What it is for.
    pub kind: Kind,
    /// Its architecture.
    pub architecture: String,
    /// Weights, counted.
    pub parameters: u64,
    /// Tokens of its window.
    pub context_tokens: usize,
}

/// An import.
#[allow(missing_debug_implementations, reason = "it holds functions")]
pub struct Import<'a> {
    /// A GGUF file, or a folder.
    pub source: &'a Path,
    /// The name to give; that of the file or folder where there is none.
    pub name: Option<&'a str>,
    /// Judges the copy at a path.
    pub check: &'a dyn Fn(&Path) -> Result<Checked, String>,
    /// Shows how far it is.
    pub progress: &'a dyn Progress,
}

impl Shelf {
    /// Copies the model, judges the copy, and puts it on the shelf in one step.
    ///
    /// # Errors
    /// [`ShelfError`] with what is wrong and what to do; nothing is left behind.
    pub fn import(&self, import: &Import<'_>) -> Result<Shelved, ShelfError> {
        let files = files(import.source)?;
        let name = import
            .name
            .map_or_else(|| name_of(import.source), ToOwned::to_owned);
        check_name(&name)?;
        let target = self.folder.join(&name);
        if target.exists() || self.folder.join(format!("{name}.gguf")).exists() {
            return Err(ShelfError::Taken(name));
        }
        fs::create_dir_all(&self.folder).map_err(|source| io(&self.folder, source))?;
        let bytes = sizes(import.source, &files)?;
        self.check_space(bytes)?;
        let staging = tempfile::Builder::new()
            .prefix(".import-")
            .tempdir_in(&self.folder)
            .map_err(|source| io(&self.folder, source))?;
        import.progress.begin(&name, bytes);
        let pieces = copy_all(import, &files, staging.path())?;
        import.progress.end();
        let shelved = judge(import, name, pieces, staging.path())?;
        write_manifest(staging.path(), &shelved)?;
        seal(staging.path())?;
        fs::rename(staging.path(), &target).map_err(|source| io(&target, source))?;
        sync(&self.folder)?;
        Ok(shelved)
    }

    fn check_space(&self, bytes: u64) -> Result<(), ShelfError> {
        let space =
            rustix::fs::statvfs(&self.folder).map_err(|error| io(&self.folder, error.into()))?;
        let free = space
            .f_bavail
            .saturating_mul(space.f_frsize)
            .saturating_sub(SPACE_LEFT_BYTES);
        if bytes <= free {
            return Ok(());
        }
        Err(ShelfError::NoSpace {
            folder: self.folder.clone(),
            needed: bytes,
            free,
        })
    }
}

/// The files of the model at `source`, relative to the folder they lie in.
fn files(source: &Path) -> Result<Vec<PathBuf>, ShelfError> {
    let no_model = || ShelfError::NoModel(source.to_owned());
    if source.is_file() {
        let name = source.file_name().filter(|_| has_extension(source, "gguf"));
        let name = PathBuf::from(name.ok_or_else(no_model)?);
        return Ok(Part::of(source).map_or_else(|| vec![name], |part| part.names()));
    }
    let entries = fs::read_dir(source).map_err(|error| io(source, error))?;
    let names: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| PathBuf::from(entry.file_name()))
        .collect();
    let of = |extension| {
        names
            .iter()
            .filter(move |name| has_extension(name, extension))
            .cloned()
    };
    if gguf::inside(source).is_some() {
        let mut files: Vec<PathBuf> = of("gguf").collect();
        files.sort();
        return Ok(files);
    }
    let mut files: Vec<PathBuf> = of("safetensors").collect();
    let complete = !files.is_empty()
        && source.join("config.json").is_file()
        && ["tokenizer.json", "tekken.json"]
            .iter()
            .any(|name| source.join(name).is_file());
    if !complete {
        return Err(no_model());
    }
    files.extend(
        BESIDE
            .iter()
            .map(PathBuf::from)
            .filter(|name| source.join(name).is_file()),
    );
    files.sort();
    Ok(files)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// A name from that of the file or folder: what may not be in one becomes `-`.
fn name_of(source: &Path) -> String {
    let canonical = source.canonicalize().unwrap_or_else(|_| source.to_owned());
    let part = Part::of(&canonical).map(|part| OsString::from(part.stem));
    let name = if part.is_some() {
        part.as_deref()
    } else if source.is_file() {
        canonical.file_stem()
    } else {
        canonical.file_name()
    };
    let name = name.unwrap_or_default().to_string_lossy();
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
            c
        } else {
            '-'
        }
    };
    name.chars().map(plain).collect()
}

/// Where a file of the source is: beside the source if that is a file.
fn path_of(source: &Path, file: &Path) -> PathBuf {
    if source.is_file() {
        source.with_file_name(file)
    } else {
        source.join(file)
    }
}

fn sizes(source: &Path, files: &[PathBuf]) -> Result<u64, ShelfError> {
    let size = |file: &PathBuf| {
        let path = path_of(source, file);
        fs::metadata(&path)
            .map(|found| found.len())
            .map_err(|error| io(&path, error))
    };
    files.iter().map(size).sum()
}

fn copy_all(
    import: &Import<'_>,
    files: &[PathBuf],
    staging: &Path,
) -> Result<Vec<Piece>, ShelfError> {
    let one = |file: &PathBuf| {
        let (from, to) = (path_of(import.source, file), staging.join(file));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(|error| io(folder, error))?;
        }
        let mut source = File::open(&from).map_err(|error| io(&from, error))?;
        let mut target = create(&to).map_err(|error| io(&to, error))?;
        let (bytes, sha256) = digest::copy(&mut source, &mut target, import.progress)
            .map_err(|error| io(&from, error))?;
        target.sync_all().map_err(|error| io(&to, error))?;
        Ok(Piece {
            file: file.to_string_lossy().into_owned(),
            bytes,
            sha256,
        })
    };
    files.iter().map(one).collect()
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o644)
        .open(path)
}

/// What the model is, once it was found usable and what its own manifest says.
fn judge(
    import: &Import<'_>,
    name: String,
    pieces: Vec<Piece>,
    staging: &Path,
) -> Result<Shelved, ShelfError> {
    let weights = pieces
        .iter()
        .find(|piece| {
            has_extension(Path::new(&piece.file), "gguf")
                || has_extension(Path::new(&piece.file), "safetensors")
        })
        .or(pieces.first());
    let Some(weights) = weights.cloned() else {
        return Err(ShelfError::NoModel(import.source.to_owned()));
    };
    let carried = carried_manifest(import.source, &weights)?;
    let path = super::loaded(staging, &pieces);
    let checked = (import.check)(&path).map_err(ShelfError::Unusable)?;
    let manifest = Manifest {
        name,
        file: weights.file,
        sha256: weights.sha256,
        bytes: weights.bytes,
        licence: carried
            .as_ref()
            .map_or_else(|| "unknown".to_owned(), |manifest| manifest.licence.clone()),
        architecture: checked.architecture,
        parameters: checked.parameters,
        context_tokens: checked.context_tokens,
        aliases: carried.as_ref().is_some_and(|manifest| manifest.aliases),
        recipe: carried
            .as_ref()
            .map(|manifest| manifest.recipe.clone())
            .unwrap_or_default(),
        figures: carried.map(|manifest| manifest.figures).unwrap_or_default(),
    };
    Ok(Shelved {
        manifest,
        kind: checked.kind,
        pieces,
        imported_at: Timestamp::now().to_string(),
        source: import.source.display().to_string(),
    })
}

/// The manifest that lies beside the source, which must tell the digest of the weights.
fn carried_manifest(source: &Path, weights: &Piece) -> Result<Option<Manifest>, ShelfError> {
    let folder = if source.is_file() {
        source.parent().unwrap_or(Path::new("."))
    } else {
        source
    };
    let path = folder.join(MANIFEST);
    if fs::metadata(&path).map_or(true, |found| found.len() > MANIFEST_BYTES_MAX) {
        return Ok(None);
    }
    let text = fs::read(&path).map_err(|error| io(&path, error))?;
    let manifest: Option<Manifest> = serde_json::from_slice(&text).ok();
    let manifest = manifest.filter(|manifest| manifest.file == weights.file);
    match manifest {
        Some(manifest) if manifest.sha256 != weights.sha256 => Err(ShelfError::Damaged(format!(
            "its manifest.json says {} has the digest {}, it has {}",
            weights.file, manifest.sha256, weights.sha256
        ))),
        manifest => Ok(manifest),
    }
}

fn write_manifest(folder: &Path, shelved: &Shelved) -> Result<(), ShelfError> {
    let path = folder.join(MANIFEST);
    let text = serde_json::to_vec_pretty(shelved).map_err(|error| io(&path, error.into()))?;
    fs::write(&path, text).map_err(|error| io(&path, error))?;
    let file = File::open(&path).map_err(|error| io(&path, error))?;
    file.sync_all().map_err(|error| io(&path, error))
}

/// Files are read from now on, never written.
fn seal(folder: &Path) -> Result<(), ShelfError> {
    for entry in fs::read_dir(folder)
        .map_err(|error| io(folder, error))?
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            seal(&path)?;
        } else {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o444))
                .map_err(|error| io(&path, error))?;
        }
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
        .map_err(|error| io(folder, error))?;
    sync(folder)
}

fn sync(folder: &Path) -> Result<(), ShelfError> {
    let opened = File::open(folder).map_err(|error| io(folder, error))?;
    opened.sync_all().map_err(|error| io(folder, error))
}
