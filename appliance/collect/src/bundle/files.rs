//! The files of a bundle, from a directory or an archive, within bounds.
//!
//! Links are not followed, entries that lead outside are passed over, and what
//! was passed over is told.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Component, Path, PathBuf};

use appliance_core::snapshot::Gap;

use super::BundleError;

/// Largest single file; a dump's pod list of 10 000 pods has about 100 MB.
const FILE_MAX: u64 = 256 << 20;
/// All files together.
const TOTAL_MAX: u64 = 1 << 30;
/// Most files; a dump has a few per pod and some twenty per namespace.
const FILES_MAX: usize = 200_000;
/// Deepest path: a wrapping directory, namespace, pod, file.
const DEPTH_MAX: usize = 5;

/// The files of one bundle by path, root taken off.
pub(super) struct Files {
    entries: BTreeMap<String, Content>,
    pub(super) gaps: Vec<Gap>,
}

enum Content {
    OnDisk(PathBuf),
    InMemory(Vec<u8>),
}

impl Files {
    /// Lists the directory or unpacks the archive at `path`.
    pub(super) fn open(path: &Path) -> Result<Self, BundleError> {
        let open = |source| BundleError::Open {
            path: path.to_owned(),
            source,
        };
        let mut files = Self {
            entries: BTreeMap::new(),
            gaps: Vec::new(),
        };
        if std::fs::metadata(path).map_err(open)?.is_dir() {
            files.list(path, "", 0).map_err(open)?;
        } else {
            let file = File::open(path).map_err(open)?;
            files.unpack(file).map_err(|source| BundleError::Archive {
                path: path.to_owned(),
                source,
            })?;
        }
        files.strip_root();
        Ok(files)
    }

    /// The paths, `/` between their parts.
    pub(super) fn paths(&self) -> Vec<String> {
        self.entries.keys().cloned().collect()
    }

    /// The content of one file, without a byte order mark; `None` where it
    /// cannot be read, which is told as a gap.
    pub(super) fn take(&mut self, path: &str) -> Option<Vec<u8>> {
        let mut bytes = match self.entries.remove(path)? {
            Content::InMemory(bytes) => bytes,
            Content::OnDisk(on_disk) => match read_bounded(&on_disk) {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.gap(path, &error.to_string());
                    return None;
                }
            },
        };
        if bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        Some(bytes)
    }

    fn gap(&mut self, path: &str, why: &str) {
        self.gaps.push(Gap {
            source: "bundle".to_owned(),
            detail: format!("{path}: {why}"),
        });
    }

    fn list(&mut self, directory: &Path, prefix: &str, depth: usize) -> std::io::Result<()> {
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}/{name}")
            };
            let kind = entry.file_type()?;
            if kind.is_symlink() {
                self.gap(&path, "links are not followed");
            } else if kind.is_file() && self.has_room() {
                self.entries.insert(path, Content::OnDisk(entry.path()));
            } else if kind.is_dir()
                && depth + 1 < DEPTH_MAX
                && let Err(error) = self.list(&entry.path(), &path, depth + 1)
            {
                self.gap(&path, &error.to_string());
            }
        }
        Ok(())
    }

    fn has_room(&mut self) -> bool {
        if self.entries.len() == FILES_MAX {
            self.gap("bundle", &format!("it has more than {FILES_MAX} files"));
        }
        self.entries.len() < FILES_MAX
    }

    fn unpack(&mut self, file: File) -> std::io::Result<()> {
        let decoder = zstd::Decoder::with_buffer(BufReader::new(file))?;
        let mut archive = tar::Archive::new(decoder.take(TOTAL_MAX));
        let mut total = 0;
        for entry in archive.entries()? {
            // A damaged tail costs what follows; what came before still counts.
            let mut entry = match entry {
                Ok(entry) => entry,
                Err(error) if self.entries.is_empty() => return Err(error),
                Err(error) => {
                    self.gap("archive", &format!("it ends early: {error}"));
                    break;
                }
            };
            let kind = entry.header().entry_type();
            let path = entry.path().ok().and_then(|path| inside(&path));
            let Some(path) = path.filter(|_| kind.is_file()) else {
                if !kind.is_dir() {
                    self.gap("archive", "an entry is no plain file inside the bundle");
                }
                continue;
            };
            total += entry.size();
            if entry.size() > FILE_MAX || total > TOTAL_MAX || !self.has_room() {
                self.gap(&path, "the archive is too large to read whole");
                break;
            }
            let mut bytes = Vec::new();
            if let Err(error) = entry.read_to_end(&mut bytes) {
                self.gap(&path, &error.to_string());
                break;
            }
            self.entries.insert(path, Content::InMemory(bytes));
        }
        Ok(())
    }

    /// Takes off the directory that holds the bundle, if there is one: the
    /// place of the shallowest `bundle.json` or, in a dump, `nodes.json`.
    fn strip_root(&mut self) {
        let place = |file: &str| {
            self.entries
                .keys()
                .filter(|path| path.rsplit('/').next() == Some(file))
                .min_by_key(|path| path.matches('/').count())
                .map(|path| path[..path.len() - file.len()].to_owned())
        };
        let Some(root) = place("bundle.json").or_else(|| place("nodes.json")) else {
            return;
        };
        if !root.is_empty() {
            self.entries = std::mem::take(&mut self.entries)
                .into_iter()
                .filter_map(|(path, content)| Some((path.strip_prefix(&root)?.to_owned(), content)))
                .collect();
        }
    }
}

fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(FILE_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(std::io::Error::other(format!(
            "it is larger than {} MiB",
            FILE_MAX >> 20
        )));
    }
    Ok(bytes)
}

/// The path as text if it stays inside the bundle.
fn inside(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => {}
            _ => return None,
        }
    }
    (!parts.is_empty() && parts.len() <= DEPTH_MAX).then(|| parts.join("/"))
}
