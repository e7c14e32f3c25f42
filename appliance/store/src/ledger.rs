//! The facade: journal and store as one.
//!
//! A change is appended, is durable, and is then applied to the index by one
//! thread, in order. Acknowledging a notification needs the journal alone, so
//! it goes on while the index is slow, broken or being rebuilt.

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use appliance_core::analysis::Analysis;
use appliance_core::incident::{IncidentId, Policy};
use appliance_core::resolver::Aliases;
use appliance_journal::{
    AppendError, Disk, Journal, OpenError, Options, ReadError, Reader, RecoveryReport,
};
use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::{broadcast, watch};

use crate::blobs::BlobError;
use crate::record::{AnalysisDigest, Feedback, Note, Record, RecordError, Stage, Verdict};
use crate::row::StoreEvent;
use crate::store::{Rebuilt, Store, StoreError};

/// Events a slow follower may be behind before it must ask for what it missed.
const EVENTS_MAX: usize = 1024;
/// How often the index is made durable.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Settings of a ledger.
#[derive(Clone, Debug, Default)]
pub struct LedgerOptions {
    /// Limits of the journal.
    pub journal: Options,
    /// When alerts fold into incidents.
    pub policy: Policy,
    /// Labels that name a subject.
    pub aliases: Aliases,
}

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenReport {
    /// Of the journal.
    pub journal: RecoveryReport,
    /// Why the index is rebuilt, if it is.
    pub rebuilt: Option<Rebuilt>,
}

/// Why a ledger could not be opened or a change not recorded.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The journal did not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The change was not made durable.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// An analysis could not be stored.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// The change cannot be written down.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The index could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No incident has this id.
    #[error("no incident has the id {0}")]
    UnknownIncident(IncidentId),
    /// The thread that applies records did not start.
    #[error("cannot start the thread that applies records: {0}")]
    Thread(#[source] std::io::Error),
}

/// Why a notification was not accepted. All of these may pass: send it again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    /// Too much at once.
    #[error("too many notifications at once; send it again")]
    Overloaded,
    /// The disk does not take it, or the appliance is stopping.
    #[error("{0}")]
    Unavailable(String),
}

impl From<AppendError> for AcceptError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Overloaded => Self::Overloaded,
            AppendError::TooLarge { .. }
            | AppendError::Write { .. }
            | AppendError::Failed { .. }
            | AppendError::Closed => Self::Unavailable(error.to_string()),
        }
    }
}

/// Journal and store of one data directory. Clones share them.
#[derive(Clone, Debug)]
pub struct Ledger {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    journal: Journal,
    store: Arc<Store>,
    events: broadcast::Sender<StoreEvent>,
    applied: watch::Receiver<u64>,
    stop: watch::Sender<bool>,
    applier: Option<JoinHandle<()>>,
}

impl Ledger {
    /// Opens journal and store under `dir` and begins to apply what the index
    /// has not seen yet.
    pub fn open(dir: &Path, options: LedgerOptions) -> Result<(Self, OpenReport), LedgerError> {
        let (journal, recovery) =
            Journal::open_with(&dir.join("journal"), options.journal, Arc::new(Disk))?;
        let (store, rebuilt) =
            Store::open(dir, options.policy, &options.aliases, recovery.last_seq)?;
        let store = Arc::new(store);
        let events = broadcast::Sender::new(EVENTS_MAX);
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(LedgerError::Thread)?;
        let from = store.applied_seq() + 1;
        let (applied_sender, applied) = watch::channel(from - 1);
        let applier = Applier {
            store: Arc::clone(&store),
            records: journal.read_from(from),
            durable: journal.subscribe(),
            events: events.clone(),
            applied: applied_sender,
            stopped,
            runtime,
            synced_at: Instant::now(),
            unsynced: false,
        };
        let thread = std::thread::Builder::new()
            .name("applier".to_owned())
            .spawn(move || applier.run())
            .map_err(LedgerError::Thread)?;
        let ledger = Self {
            inner: Arc::new(Inner {
                journal,
                store,
                events,
                applied,
                stop,
                applier: Some(thread),
            }),
        };
        let report = OpenReport {
            journal: recovery,
            rebuilt,
        };
        Ok((ledger, report))
    }

    /// The index.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The journal.
    pub fn journal(&self) -> &Journal {
        &self.inner.journal
    }

    /// Records a webhook body that was found readable; answers its sequence
    /// number once it is on the disk.
    pub async fn accept_notification(
        &self,
        body: Bytes,
        sender: &str,
        received_at: Timestamp,
    ) -> Result<u64, AcceptError> {
        let record = Record::Notification {
            received_at,
            sender: sender.to_owned(),
            body,
        };
        let (kind, payload) = record
            .encode()
            .map_err(|error| AcceptError::Unavailable(error.to_string()))?;
        Ok(self.inner.journal.append(kind, payload).await?)
    }

    /// Records a change; answers its sequence number once it is on the disk.
    pub async fn record(&self, record: &Record) -> Result<u64, LedgerError> {
        let (kind, payload) = record.encode()?;
        Ok(self.inner.journal.append(kind, payload).await?)
    }

    /// Stores an analysis and records it.
    pub async fn record_analysis(
        &self,
        incident: IncidentId,
        stage: Stage,
        analysis: &Analysis,
        at: Timestamp,
    ) -> Result<u64, LedgerError> {
        self.must_exist(incident)?;
        let malformed = |source| RecordError::Malformed { kind: 0, source };
        let content = serde_json::to_vec(analysis).map_err(malformed)?;
        let store = Arc::clone(&self.inner.store);
        let written = tokio::task::spawn_blocking(move || store.blobs().put(&content)).await;
        let blob = written.map_err(|error| LedgerError::Thread(std::io::Error::other(error)))??;
        self.record(&Record::Analysis {
            incident,
            at,
            stage,
            blob,
            digest: AnalysisDigest::of(analysis),
        })
        .await
    }

    /// Records a verdict.
    pub async fn record_feedback(
        &self,
        incident: IncidentId,
        verdict: Verdict,
        comment: &str,
        at: Timestamp,
    ) -> Result<u64, LedgerError> {
        self.must_exist(incident)?;
        self.record(&Record::Feedback(Feedback {
            incident,
            at,
            verdict,
            comment: crate::record::shorten(comment),
        }))
        .await
    }

    /// Records a note.
    pub async fn record_note(
        &self,
        incident: IncidentId,
        text: &str,
        at: Timestamp,
    ) -> Result<u64, LedgerError> {
        self.must_exist(incident)?;
        self.record(&Record::Note(Note {
            incident,
            at,
            text: crate::record::shorten(text),
        }))
        .await
    }

    fn must_exist(&self, incident: IncidentId) -> Result<(), LedgerError> {
        match self.inner.store.row(incident) {
            Some(_) => Ok(()),
            None => Err(LedgerError::UnknownIncident(incident)),
        }
    }

    /// Waits until the index shows the record `seq`; false if it never will,
    /// because the index broke.
    pub async fn applied(&self, seq: u64) -> bool {
        let mut applied = self.inner.applied.clone();
        applied.wait_for(|&applied| applied >= seq).await.is_ok()
    }

    /// What changed after `seq`: each incident once, as it is now. `None` when
    /// `seq` is ahead of us, so its holder followed another journal.
    pub fn events_since(&self, seq: u64) -> Option<Vec<StoreEvent>> {
        let known = seq <= self.inner.journal.durable_seq();
        known.then(|| self.inner.store.events_since(seq))
    }

    /// Changes from now on. A follower that lags asks [`Ledger::events_since`].
    pub fn subscribe(&self) -> broadcast::Receiver<StoreEvent> {
        self.inner.events.subscribe()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(applier) = self.applier.take() {
            let _ = applier.join();
        }
    }
}

/// The thread that brings the index forward.
struct Applier {
    store: Arc<Store>,
    records: Reader,
    durable: watch::Receiver<u64>,
    events: broadcast::Sender<StoreEvent>,
    applied: watch::Sender<u64>,
    stopped: watch::Receiver<bool>,
    /// Of this thread alone, to wait for the journal, a stop and the time at once.
    runtime: tokio::runtime::Runtime,
    synced_at: Instant,
    unsynced: bool,
}

impl Applier {
    fn run(mut self) {
        if let Err(error) = self.follow() {
            // Intake goes on; the next start rebuilds the index.
            tracing::error!(%error, "records are no longer applied");
        }
    }

    fn follow(&mut self) -> Result<(), StoreError> {
        while !*self.stopped.borrow() {
            self.durable.borrow_and_update();
            match self.records.next() {
                Some(item) => self.apply(item)?,
                None => self.wait(),
            }
            if self.unsynced && self.synced_at.elapsed() >= SYNC_EVERY {
                self.sync()?;
            }
        }
        self.sync()
    }

    fn apply(
        &mut self,
        item: Result<appliance_journal::Record, ReadError>,
    ) -> Result<(), StoreError> {
        let applied = match item {
            Ok(record) => self.apply_record(record)?,
            Err(ReadError::Damaged { first, last }) => {
                tracing::error!(first, last, "records are damaged and left out");
                self.store.skip(last)?;
                last
            }
            Err(error @ ReadError::Io { .. }) => return Err(StoreError::Index(error.to_string())),
        };
        self.unsynced = true;
        self.applied.send_replace(applied);
        Ok(())
    }

    fn apply_record(&mut self, record: appliance_journal::Record) -> Result<u64, StoreError> {
        let seq = record.seq;
        match Record::decode(record.kind, record.payload) {
            Ok(decoded) => {
                for event in self.store.apply(seq, &decoded)? {
                    // Nobody may be following.
                    let _ = self.events.send(event);
                }
            }
            Err(error) => {
                tracing::error!(%error, seq, "a record is left out");
                self.store.skip(seq)?;
            }
        }
        Ok(seq)
    }

    /// Waits for more, a stop, or the time of the next sync.
    fn wait(&mut self) {
        let (durable, stopped) = (&mut self.durable, &mut self.stopped);
        let until_sync = async {
            if self.unsynced {
                tokio::time::sleep(SYNC_EVERY.saturating_sub(self.synced_at.elapsed())).await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        self.runtime.block_on(async {
            tokio::select! {
                _ = durable.changed() => {}
                _ = stopped.changed() => {}
                () = until_sync => {}
            }
        });
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.synced_at = Instant::now();
        if std::mem::take(&mut self.unsynced) {
            self.store.sync()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
