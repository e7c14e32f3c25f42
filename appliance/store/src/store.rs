//! The index: opened or rebuilt, brought forward record by record, and read.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use appliance_core::incident::{Incident, IncidentId, Policy};
use appliance_core::resolver::Aliases;
use jiff::Timestamp;

use crate::blobs::{BlobError, BlobHash, Blobs};
use crate::index::{Change, Index, IndexError};
use crate::projection::{Meta, Projection, SCHEMA};
use crate::query::{self, Counts, ListFilter, Page};
use crate::record::Record;
use crate::row::{AnalysisRow, ListRow, StoreEvent, StoredAnalysis, StoredFeedback, StoredNote};
use crate::rows::{self, RowChanges, RowError};

/// Most changes in one batch of the index.
const BATCH_MAX: usize = 1000;
/// Indexes set aside that are kept for a look.
const BAD_KEPT: usize = 2;

/// Why the store could not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The index is damaged or its files cannot be used.
    #[error("the index cannot be used: {0}; it is rebuilt from the journal at the next start")]
    Index(String),
    /// An analysis's blob could not be read.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// What a blob holds is not an analysis.
    #[error("blob {hash} holds no analysis: {source}")]
    Analysis {
        /// Its name.
        hash: BlobHash,
        /// What the parser met.
        #[source]
        source: serde_json::Error,
    },
}

impl From<RowError> for StoreError {
    fn from(error: RowError) -> Self {
        Self::Index(error.to_string())
    }
}

impl From<IndexError> for StoreError {
    fn from(error: IndexError) -> Self {
        Self::Index(error.to_string())
    }
}

/// Why the index starts empty and is filled from the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// In words.
    pub reason: String,
    /// Where the old files are, if there were any.
    pub set_aside: Option<PathBuf>,
    /// Whether the new index is in memory only, because sled does not open.
    pub in_memory: bool,
}

/// The index and the blobs of one data directory.
#[derive(Debug)]
pub struct Store {
    index: Index,
    blobs: Blobs,
    /// Held while a record is applied; readers do not take it.
    projection: Mutex<Projection>,
    /// The projection's metadata as of the last record, for readers.
    meta: RwLock<Meta>,
    policy: Policy,
    /// List rows of all incidents: many readers, one short write per record.
    list: RwLock<BTreeMap<IncidentId, ListRow>>,
    /// The first error of the index, after which nothing is applied.
    failure: RwLock<Option<String>>,
}

impl Store {
    /// Opens the store in `dir`. `journal_last_seq` is the last record there
    /// is: an index ahead of it is not of this journal.
    ///
    /// Whatever is wrong with the index is answered as [`Rebuilt`]; only the
    /// blobs' directory can make it fail.
    pub fn open(
        dir: &Path,
        policy: Policy,
        aliases: &Aliases,
        journal_last_seq: u64,
    ) -> Result<(Self, Option<Rebuilt>), BlobError> {
        let blobs = Blobs::open(&dir.join("blobs"))?;
        let path = dir.join("index");
        let (loaded, rebuilt) = match load(&path, &policy, aliases, journal_last_seq) {
            Ok(loaded) => (loaded, None),
            Err(reason) => {
                let is_first_start = !path.exists() && journal_last_seq == 0;
                let (loaded, rebuilt) = start_over(dir, &path, reason, &policy, aliases);
                if !is_first_start {
                    tracing::warn!(reason = %rebuilt.reason, "the index is rebuilt from the journal");
                }
                let told = !is_first_start || rebuilt.in_memory;
                (loaded, told.then_some(rebuilt))
            }
        };
        let store = Self {
            index: loaded.index,
            blobs,
            meta: RwLock::new(loaded.projection.meta.clone()),
            policy,
            projection: Mutex::new(loaded.projection),
            list: RwLock::new(loaded.list),
            failure: RwLock::new(None),
        };
        Ok((store, rebuilt))
    }

    fn projection(&self) -> MutexGuard<'_, Projection> {
        // A panic while applying leaves at worst a record half applied in
        // memory; the failure is noted before anyone gets here again.
        self.projection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn meta(&self) -> Meta {
        self.meta
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn list_rows(&self) -> RwLockReadGuard<'_, BTreeMap<IncidentId, ListRow>> {
        self.list.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last record applied.
    pub fn applied_seq(&self) -> u64 {
        self.meta().applied_seq
    }

    /// Why records are no longer applied, if the index broke.
    pub fn failure(&self) -> Option<String> {
        self.failure
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Applies the record `seq`; one that was applied before changes nothing.
    /// After an error nothing more is applied until the next start.
    pub fn apply(&self, seq: u64, record: &Record) -> Result<Vec<StoreEvent>, StoreError> {
        self.guarded(seq, |projection| {
            let applied = projection.apply(&self.index, &self.list_rows(), seq, record)?;
            self.write(applied.changes, &projection.meta)?;
            let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
            for event in &applied.events {
                list.insert(event.row.id, event.row.clone());
            }
            for id in &applied.removed {
                list.remove(id);
            }
            Ok(applied.events)
        })
    }

    /// Moves on over a record that is damaged or of an unknown kind.
    pub fn skip(&self, seq: u64) -> Result<(), StoreError> {
        self.guarded(seq, |projection| {
            projection.skip(seq);
            self.write(RowChanges::default(), &projection.meta)?;
            Ok(Vec::new())
        })?;
        Ok(())
    }

    fn guarded(
        &self,
        seq: u64,
        apply: impl FnOnce(&mut Projection) -> Result<Vec<StoreEvent>, StoreError>,
    ) -> Result<Vec<StoreEvent>, StoreError> {
        let mut projection = self.projection();
        if let Some(reason) = self.failure() {
            return Err(StoreError::Index(reason));
        }
        if seq <= projection.meta.applied_seq {
            return Ok(Vec::new());
        }
        let events = apply(&mut projection).inspect_err(|error| self.fail(error))?;
        *self.meta.write().unwrap_or_else(PoisonError::into_inner) = projection.meta.clone();
        Ok(events)
    }

    fn fail(&self, error: &StoreError) {
        tracing::error!(%error, "the index no longer follows the journal");
        let mut failure = self.failure.write().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert_with(|| error.to_string());
    }

    /// Writes the rows and, with the last of them, that the record is applied.
    fn write(&self, changes: RowChanges, meta: &Meta) -> Result<(), StoreError> {
        let mut rest: Vec<Change> = changes.changes;
        if rest.len() > BATCH_MAX {
            // Found at the next start if we do not get to the end.
            let dirty = Meta {
                dirty: true,
                ..meta.clone()
            };
            self.index.write(self.meta_changes(&dirty)?)?;
        }
        while rest.len() > BATCH_MAX {
            let later = rest.split_off(BATCH_MAX);
            self.index.write(std::mem::replace(&mut rest, later))?;
        }
        rest.extend(self.meta_changes(meta)?);
        self.index.write(rest)?;
        Ok(())
    }

    fn meta_changes(&self, meta: &Meta) -> Result<Vec<Change>, StoreError> {
        let mut changes = RowChanges::default();
        changes.put(&self.index, &[rows::META], meta)?;
        Ok(changes.changes)
    }

    /// Makes what was applied durable. Without it a crash costs time, not data.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.index
            .sync()
            .map_err(StoreError::from)
            .inspect_err(|error| self.fail(error))
    }

    /// One page of incidents.
    pub fn list(&self, filter: &ListFilter) -> Page {
        let seq = self.applied_seq();
        query::page(self.list_rows().values(), filter, seq)
    }

    /// Totals over all incidents held.
    pub fn counts(&self) -> Counts {
        query::count(self.list_rows().values())
    }

    /// An incident's list row.
    pub fn row(&self, id: IncidentId) -> Option<ListRow> {
        self.list_rows().get(&id).cloned()
    }

    /// One incident in full.
    pub fn incident(&self, id: IncidentId) -> Result<Option<Incident>, StoreError> {
        Ok(rows::get(
            &self.index,
            &rows::incident_key(rows::INCIDENT, id),
        )?)
    }

    /// The latest analysis of an incident.
    pub fn analysis(&self, id: IncidentId) -> Result<Option<StoredAnalysis>, StoreError> {
        let key = rows::incident_key(rows::ANALYSIS, id);
        let Some(row) = rows::get::<AnalysisRow>(&self.index, &key)? else {
            return Ok(None);
        };
        let content = self.blobs.get(row.blob)?;
        let analysis = serde_json::from_slice(&content).map_err(|source| StoreError::Analysis {
            hash: row.blob,
            source,
        })?;
        Ok(Some(StoredAnalysis {
            seq: row.seq,
            at: row.at,
            stage: row.stage,
            analysis,
        }))
    }

    /// Verdicts on an incident, oldest first.
    pub fn feedback(&self, id: IncidentId) -> Result<Vec<StoredFeedback>, StoreError> {
        let rows = rows::scan(&self.index, &rows::incident_key(rows::FEEDBACK, id))?;
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// Notes about an incident, oldest first.
    pub fn notes(&self, id: IncidentId) -> Result<Vec<StoredNote>, StoreError> {
        let rows = rows::scan(&self.index, &rows::incident_key(rows::NOTE, id))?;
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// What changed after `seq`, in order: each incident once, as it is now.
    pub fn events_since(&self, seq: u64) -> Vec<StoreEvent> {
        let list = self.list_rows();
        let changed = list.values().filter(|row| row.seq > seq);
        let mut events: Vec<_> = changed
            .map(|row| StoreEvent {
                seq: row.seq,
                kind: row.changed,
                row: row.clone(),
                opened: false,
            })
            .collect();
        events.sort_by_key(|event| (event.seq, event.row.id));
        events
    }

    /// Notifications and alerts applied, and when the last one was received.
    pub fn intake(&self) -> (u64, u64, Option<Timestamp>) {
        let meta = self.meta();
        (meta.notifications, meta.alerts, meta.received_at)
    }

    /// When the Watchdog was last seen, and whether it is overdue.
    pub fn watchdog(&self, now: Timestamp) -> (Option<Timestamp>, bool) {
        let at = self.meta().watchdog_at;
        let late = at.is_some_and(|at| self.policy.is_watchdog_late(at, now));
        (at, late)
    }

    /// Content-addressed files for large values.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Hash of every row: two indexes of the same records have the same.
    pub fn digest(&self) -> Result<BlobHash, StoreError> {
        let _steady = self.projection();
        let mut all = Vec::new();
        self.index.scan(&[], |key, value| {
            all.extend_from_slice(
                BlobHash::of(&[key, b"=", value].concat())
                    .to_string()
                    .as_bytes(),
            );
        })?;
        Ok(BlobHash::of(&all))
    }
}

struct Loaded {
    index: Index,
    projection: Projection,
    list: BTreeMap<IncidentId, ListRow>,
}

/// Opens and verifies the index; the error is why it cannot be used.
fn load(
    path: &Path,
    policy: &Policy,
    aliases: &Aliases,
    journal_last_seq: u64,
) -> Result<Loaded, String> {
    if !path.exists() {
        return Err("there is none yet".to_owned());
    }
    let index = Index::open(path).map_err(|error| error.to_string())?;
    read(index, policy, aliases, journal_last_seq)
}

fn read(
    index: Index,
    policy: &Policy,
    aliases: &Aliases,
    journal_last_seq: u64,
) -> Result<Loaded, String> {
    let words = |error: RowError| error.to_string();
    let chunks = rows::verify(&index).map_err(words)?;
    let meta = rows::get::<Meta>(&index, &[rows::META]).map_err(words)?;
    let meta = match meta {
        Some(meta) => meta,
        None if chunks == 0 && journal_last_seq == 0 => Meta::default(),
        None => return Err("its metadata is gone".to_owned()),
    };
    if chunks > 0 && meta.chunks + 1 != chunks {
        return Err(format!(
            "it has {chunks} values where {} were written",
            meta.chunks + 1
        ));
    }
    if meta.schema != SCHEMA || meta.dirty {
        return Err("it was left in the middle of a change, or by another release".to_owned());
    }
    if meta.applied_seq > journal_last_seq {
        return Err(format!(
            "it is ahead of the journal ({} > {journal_last_seq})",
            meta.applied_seq
        ));
    }
    let list = rows::scan::<ListRow>(&index, &[rows::LIST]).map_err(words)?;
    let projection =
        Projection::load(&index, meta, policy.clone(), aliases.clone()).map_err(words)?;
    Ok(Loaded {
        index,
        projection,
        list: list.into_iter().map(|(_, row)| (row.id, row)).collect(),
    })
}

/// Sets the old index aside and begins an empty one.
fn start_over(
    dir: &Path,
    path: &Path,
    reason: String,
    policy: &Policy,
    aliases: &Aliases,
) -> (Loaded, Rebuilt) {
    let set_aside = path.exists().then(|| set_aside(dir, path)).flatten();
    let opened = Index::open(path).and_then(|index| {
        // Rows in a fresh directory: the old one could not be moved away.
        let empty = index.pairs(&[])?.is_empty();
        if empty {
            Ok(index)
        } else {
            Err(IndexError::Panicked)
        }
    });
    let index = opened.unwrap_or_else(|error| {
        tracing::error!(%error, "the index is kept in memory only");
        Index::memory()
    });
    let in_memory = index.is_memory();
    let incidents = Projection::empty(policy.clone(), aliases.clone());
    let loaded = Loaded {
        index,
        projection: incidents,
        list: BTreeMap::new(),
    };
    let rebuilt = Rebuilt {
        reason,
        set_aside,
        in_memory,
    };
    (loaded, rebuilt)
}

fn set_aside(dir: &Path, path: &Path) -> Option<PathBuf> {
    let nanos = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    let bad = dir.join(format!("index.bad-{nanos:020}"));
    match fs::rename(path, &bad) {
        Ok(()) => {
            remove_old(dir);
            Some(bad)
        }
        Err(error) => {
            tracing::error!(%error, "the damaged index cannot be renamed");
            None
        }
    }
}

/// Keeps the newest of the indexes set aside.
fn remove_old(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else {
        return;
    };
    let is_bad = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with("index.bad-"))
    };
    let mut bad: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(is_bad)
        .collect();
    bad.sort();
    for old in bad.iter().rev().skip(BAD_KEPT) {
        if let Err(error) = fs::remove_dir_all(old) {
            tracing::warn!(%error, path = %old.display(), "an old index cannot be removed");
        }
    }
}

#[cfg(test)]
mod tests;
