//! An ordered map of small values that outlives the process if it can.
//!
//! On sled, by the rules that make it safe to use: no flusher of its own
//! (ours also syncs the file, which sled's flush does not), opened in a
//! thread that may hang or panic, values well below the size at which sled
//! writes unsynced blob files. In memory when sled cannot be opened at all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Longest time sled may take to open; beyond it the index is rebuilt.
const OPEN_WITHIN: Duration = Duration::from_secs(30);
/// Longest wait for another owner of the files; one that holds on is alive.
const LOCK_WITHIN: Duration = Duration::from_secs(10);
/// Pause between two tries for the lock.
const LOCK_RETRY: Duration = Duration::from_millis(20);
/// sled's default is 1 GiB.
const CACHE_BYTES: u64 = 64 << 20;
/// Largest value: keeps sled's nodes of 16 values below its blob threshold.
pub(crate) const VALUE_BYTES_MAX: usize = 4096;

/// Why the index could not be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    #[error("{0}")]
    Sled(#[from] sled::Error),
    #[error("cannot sync {}: {source}", path.display())]
    Sync {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("opening took longer than {} s", OPEN_WITHIN.as_secs())]
    Slow,
    #[error("opening broke off; the files are damaged")]
    Panicked,
}

/// One change of a batch: a key and its value, or none to remove it.
pub(crate) type Change = (Vec<u8>, Option<Vec<u8>>);
type Pair = (Vec<u8>, Vec<u8>);

#[derive(Debug)]
pub(crate) enum Index {
    Sled { db: sled::Db, dir: PathBuf },
    Memory(RwLock<BTreeMap<Vec<u8>, Vec<u8>>>),
}

impl Index {
    /// Opens sled in `dir`.
    pub(crate) fn open(dir: &Path) -> Result<Self, IndexError> {
        let (sender, receiver) = mpsc::channel();
        let path = dir.to_owned();
        std::thread::spawn(move || {
            let opened = catch_unwind(AssertUnwindSafe(|| open_sled(&path)));
            // Nobody listens any more if it took too long.
            let _ = sender.send(opened.unwrap_or(Err(IndexError::Panicked)));
        });
        let db = receiver
            .recv_timeout(OPEN_WITHIN)
            .unwrap_or(Err(IndexError::Slow))?;
        sync(dir)?;
        if let Some(parent) = dir.parent() {
            sync(parent)?;
        }
        Ok(Self::Sled {
            db,
            dir: dir.to_owned(),
        })
    }

    /// An index that is gone when the process ends.
    pub(crate) fn memory() -> Self {
        Self::Memory(RwLock::new(BTreeMap::new()))
    }

    pub(crate) fn is_memory(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        match self {
            Self::Sled { db, .. } => Ok(db.get(key)?.map(|value| value.to_vec())),
            Self::Memory(map) => {
                let map = map.read().unwrap_or_else(PoisonError::into_inner);
                Ok(map.get(key).cloned())
            }
        }
    }

    /// All pairs whose key begins with `prefix`, in order.
    pub(crate) fn scan(
        &self,
        prefix: &[u8],
        mut visit: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), IndexError> {
        match self {
            Self::Sled { db, .. } => {
                for pair in db.scan_prefix(prefix) {
                    let (key, value) = pair?;
                    visit(&key, &value);
                }
            }
            Self::Memory(map) => {
                let map = map.read().unwrap_or_else(PoisonError::into_inner);
                let from = map.range(prefix.to_vec()..);
                for (key, value) in from.take_while(|(key, _)| key.starts_with(prefix)) {
                    visit(key, value);
                }
            }
        }
        Ok(())
    }

    /// All pairs whose key begins with `prefix`, copied.
    pub(crate) fn pairs(&self, prefix: &[u8]) -> Result<Vec<Pair>, IndexError> {
        let mut pairs = Vec::new();
        self.scan(prefix, |key, value| {
            pairs.push((key.to_vec(), value.to_vec()));
        })?;
        Ok(pairs)
    }

    /// Applies all changes or, after a crash, none.
    pub(crate) fn write(&self, changes: Vec<Change>) -> Result<(), IndexError> {
        debug_assert!(
            changes.iter().all(|(_, value)| value
                .as_ref()
                .is_none_or(|value| value.len() <= VALUE_BYTES_MAX)),
            "values stay within the limit"
        );
        match self {
            Self::Sled { db, .. } => {
                let mut batch = sled::Batch::default();
                for (key, value) in changes {
                    match value {
                        Some(value) => batch.insert(key, value),
                        None => batch.remove(key),
                    }
                }
                db.apply_batch(batch)?;
            }
            Self::Memory(map) => {
                let mut map = map.write().unwrap_or_else(PoisonError::into_inner);
                for (key, value) in changes {
                    match value {
                        Some(value) => map.insert(key, value),
                        None => map.remove(&key),
                    };
                }
            }
        }
        Ok(())
    }

    /// Makes what was written durable: sled's flush only asks the kernel to
    /// begin writing, so the file is synced as well.
    pub(crate) fn sync(&self) -> Result<(), IndexError> {
        if let Self::Sled { db, dir } = self {
            db.flush()?;
            sync(&dir.join("db"))?;
        }
        Ok(())
    }
}

/// Opens sled, waiting for its lock: an earlier owner's threads give it back
/// a moment after that owner is dropped, or its process ends.
fn open_sled(path: &Path) -> Result<sled::Db, IndexError> {
    let deadline = Instant::now() + LOCK_WITHIN;
    loop {
        let opened = sled::Config::new()
            .path(path)
            .mode(sled::Mode::LowSpace)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            .open();
        match opened {
            Err(error) if is_locked(&error) && Instant::now() < deadline => {
                std::thread::sleep(LOCK_RETRY);
            }
            opened => return Ok(opened?),
        }
    }
}

/// sled 0.34 has no error of its own for this, only a text (`src/config.rs`).
fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

fn sync(path: &Path) -> Result<(), IndexError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| IndexError::Sync {
            path: path.to_owned(),
            source,
        })
}
