//! Files named by the hash of their content: `blobs/ab/cdef…`.
//!
//! A blob is written beside its place, synced, renamed and the directory
//! synced, so a name in the journal always has its content. Reading verifies
//! the hash.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// blake3 of a blob's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct BlobHash([u8; 32]);

impl BlobHash {
    /// The hash of `content`.
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }
}

/// Prints 64 hex digits.
impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for BlobHash {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        blake3::Hash::from_hex(text)
            .map(|hash| Self(*hash.as_bytes()))
            .map_err(|_| "a blob hash has 64 hex digits")
    }
}

impl From<BlobHash> for String {
    fn from(hash: BlobHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for BlobHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Why a blob could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The file could not be used.
    #[error("cannot {action} blob {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The content is not what its name says.
    #[error("blob {hash} is damaged on disk")]
    Damaged {
        /// Its name.
        hash: BlobHash,
    },
}

/// The blobs of one data directory.
#[derive(Debug)]
pub struct Blobs {
    dir: PathBuf,
    /// Makes temporary names distinct within the process.
    temporaries: AtomicU64,
}

impl Blobs {
    /// Opens the blobs in `dir`, creating it if needed.
    pub fn open(dir: &Path) -> Result<Self, BlobError> {
        fs::create_dir_all(dir).map_err(io_error("create", dir))?;
        Ok(Self {
            dir: dir.to_owned(),
            temporaries: AtomicU64::new(0),
        })
    }

    /// Stores `content` durably. Content that is there already is not written again.
    pub fn put(&self, content: &[u8]) -> Result<BlobHash, BlobError> {
        let hash = BlobHash::of(content);
        if self.get(hash).is_ok() {
            return Ok(hash);
        }
        let path = self.path(hash);
        let folder = path.parent().unwrap_or(&self.dir);
        let new_folder = !folder.exists();
        fs::create_dir_all(folder).map_err(io_error("create", folder))?;
        if new_folder {
            sync_dir(&self.dir)?;
        }
        let number = self.temporaries.fetch_add(1, Ordering::Relaxed);
        let temporary = self
            .dir
            .join(format!("{}-{number}.tmp", std::process::id()));
        let written = write_synced(&temporary, content)
            .and_then(|()| fs::rename(&temporary, &path))
            .map_err(io_error("write", &path));
        if written.is_err() {
            // Best effort; a leftover takes space and nothing else.
            let _ = fs::remove_file(&temporary);
        }
        written?;
        sync_dir(folder)?;
        Ok(hash)
    }

    /// Reads a blob and verifies it.
    pub fn get(&self, hash: BlobHash) -> Result<Vec<u8>, BlobError> {
        let path = self.path(hash);
        let content = fs::read(&path).map_err(io_error("read", &path))?;
        if BlobHash::of(&content) == hash {
            Ok(content)
        } else {
            Err(BlobError::Damaged { hash })
        }
    }

    fn path(&self, hash: BlobHash) -> PathBuf {
        let name = hash.to_string();
        let (folder, file) = name.split_at(2);
        self.dir.join(folder).join(file)
    }
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn sync_dir(dir: &Path) -> Result<(), BlobError> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(io_error("sync", dir))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BlobError {
    let path = path.to_owned();
    move |source| BlobError::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_back_and_damage_is_told_and_repaired_by_writing_again() {
        let dir = tempfile::tempdir().expect("tempdir");
        let blobs = Blobs::open(dir.path()).expect("open");
        let hash = blobs.put(b"evidence").expect("put");
        assert_eq!(blobs.put(b"evidence").expect("again"), hash);
        assert_eq!(blobs.get(hash).expect("get"), b"evidence");
        fs::write(blobs.path(hash), b"evidencf").expect("damage");
        assert!(matches!(blobs.get(hash), Err(BlobError::Damaged { .. })));
        blobs.put(b"evidence").expect("put again");
        assert_eq!(blobs.get(hash).expect("get"), b"evidence");
        assert!(matches!(
            blobs.get(BlobHash::of(b"other")),
            Err(BlobError::Io { .. })
        ));
        let leftovers = fs::read_dir(dir.path())
            .expect("dir")
            .filter_map(Result::ok);
        assert_eq!(leftovers.filter(|entry| entry.path().is_file()).count(), 0);
    }
}
