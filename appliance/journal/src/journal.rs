//! The handle: opens a journal, queues appends, hands out readers.
//!
//! Decides what is admitted to the queue; the order on disk and the sync are
//! [`crate::writer`]'s.

use std::fs::{self, File, TryLockError};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, ready};
use std::thread::JoinHandle;

use tokio::sync::{oneshot, watch};

use crate::counters::{Counters, Tally, add};
use crate::error::{AppendError, OpenError};
use crate::medium::{Disk, Medium};
use crate::reader::Reader;
use crate::record::{PAYLOAD_BYTES_MAX, Payload};
use crate::recovery::{self, RecoveryReport};
use crate::segment::Segment;
use crate::writer::Writer;

/// Limits of a journal.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Size of a segment. The next one is written ahead, so this much is
    /// taken in after the disk is full. A larger record gets its own segment.
    pub segment_bytes: u64,
    /// Most records waiting to be written.
    pub queue_records_max: usize,
    /// Most payload bytes waiting; one record alone may exceed it.
    pub queue_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            // At 1 ms a sync and 256 a batch this is 16 ms of waiting.
            queue_records_max: 4096,
            // One whole-group body of the largest size, and as much beside it.
            queue_bytes_max: 256 << 20,
        }
    }
}

/// An open journal. Clones share it; the last one to go closes it.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    sender: Option<SyncSender<Pending>>,
    writer: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    options: Options,
    /// Held until the writer has stopped.
    _lock: File,
}

/// What the handle, the writer and the readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// A plain mutex: held for a lookup or for noting a batch, never over I/O.
    segments: Mutex<Vec<Segment>>,
    pub(crate) durable: watch::Sender<u64>,
    pub(crate) tally: Tally,
    /// The first sync error; set once, final.
    pub(crate) failure: OnceLock<String>,
    queued_bytes: AtomicU64,
}

impl Shared {
    pub(crate) fn segments(&self) -> MutexGuard<'_, Vec<Segment>> {
        // A panic while it was held cannot leave the list half changed.
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claim(self: &Arc<Self>, bytes: u64, max: u64) -> Option<Claim> {
        let admit = |queued: u64| (queued == 0 || queued + bytes <= max).then_some(queued + bytes);
        self.queued_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, admit)
            .ok()
            .map(|_| Claim {
                shared: Arc::clone(self),
                bytes,
            })
    }
}

/// Bytes of the queue, given back on drop.
#[derive(Debug)]
pub(crate) struct Claim {
    shared: Arc<Shared>,
    bytes: u64,
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.shared
            .queued_bytes
            .fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// One append on its way to the writer.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) kind: u8,
    pub(crate) payload: Payload,
    /// Of the payload, computed by the sender.
    pub(crate) crc: u32,
    pub(crate) reply: oneshot::Sender<Result<u64, AppendError>>,
    pub(crate) claim: Claim,
}

impl Journal {
    /// Opens the journal in `dir`, creating it if needed, with default limits.
    pub fn open(dir: &Path) -> Result<(Self, RecoveryReport), OpenError> {
        Self::open_with(dir, Options::default(), Arc::new(Disk))
    }

    /// Opens the journal in `dir` with these limits on this medium.
    ///
    /// Reads every segment once and verifies each record.
    pub fn open_with(
        dir: &Path,
        options: Options,
        medium: Arc<dyn Medium>,
    ) -> Result<(Self, RecoveryReport), OpenError> {
        fs::create_dir_all(dir).map_err(|source| OpenError::io("create", dir, source))?;
        let lock = lock(dir)?;
        let recovered = recovery::recover(dir, medium.as_ref())?;
        let report = recovered.report.clone();
        let shared = Arc::new(Shared {
            segments: Mutex::new(Vec::new()),
            durable: watch::Sender::new(report.last_seq),
            tally: Tally::default(),
            failure: OnceLock::new(),
            queued_bytes: AtomicU64::new(0),
        });
        let writer = Writer::start(dir, options, medium, recovered, Arc::clone(&shared))?;
        let (sender, receiver) = mpsc::sync_channel(options.queue_records_max);
        let thread = std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(|source| OpenError::io("start the writer of", dir, source))?;
        let inner = Inner {
            sender: Some(sender),
            writer: Some(thread),
            shared,
            options,
            _lock: lock,
        };
        let journal = Self {
            inner: Arc::new(inner),
        };
        Ok((journal, report))
    }

    /// Queues a record at once, in the order of calls; the answer is its
    /// sequence number, once it is on the disk. Dropping the answer does not
    /// take the record back.
    pub fn append(&self, kind: u8, payload: impl Into<Payload>) -> Appended {
        match self.enqueue(kind, payload.into()) {
            Ok(receiver) => Appended(State::Waiting(receiver)),
            Err(error) => Appended(State::Refused(error)),
        }
    }

    fn enqueue(
        &self,
        kind: u8,
        payload: Payload,
    ) -> Result<oneshot::Receiver<Result<u64, AppendError>>, AppendError> {
        let shared = &self.inner.shared;
        if let Some(reason) = self.failure() {
            let reason = reason.to_owned();
            return Err(AppendError::Failed { reason });
        }
        let bytes = payload.len();
        if bytes > PAYLOAD_BYTES_MAX {
            let max = PAYLOAD_BYTES_MAX;
            return Err(AppendError::TooLarge { bytes, max });
        }
        let overloaded = || {
            add(&shared.tally.overloaded, 1);
            AppendError::Overloaded
        };
        let claim = shared
            .claim(bytes, self.inner.options.queue_bytes_max)
            .ok_or_else(overloaded)?;
        let (reply, receiver) = oneshot::channel();
        let pending = Pending {
            kind,
            crc: payload.crc(),
            payload,
            reply,
            claim,
        };
        let sender = self.inner.sender.as_ref().ok_or(AppendError::Closed)?;
        match sender.try_send(pending) {
            Ok(()) => Ok(receiver),
            Err(TrySendError::Full(_)) => Err(overloaded()),
            Err(TrySendError::Disconnected(_)) => Err(AppendError::Closed),
        }
    }

    /// Records from `seq` on, up to the last durable one.
    pub fn read_from(&self, seq: u64) -> Reader {
        Reader::new(Arc::clone(&self.inner.shared), seq)
    }

    /// The last durable sequence number, and every later one as it becomes durable.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.inner.shared.durable.subscribe()
    }

    /// The last durable sequence number; 0 when there is none.
    pub fn durable_seq(&self) -> u64 {
        *self.inner.shared.durable.borrow()
    }

    /// Why the journal no longer takes records, if its disk failed.
    pub fn failure(&self) -> Option<&str> {
        self.inner.shared.failure.get().map(String::as_str)
    }

    /// What it has done so far.
    pub fn counters(&self) -> Counters {
        self.inner.shared.tally.read()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Closing the queue ends the writer once it has written what waits.
        drop(self.sender.take());
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let file = File::create(&path).map_err(|source| OpenError::io("create", &path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked {
            path: dir.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(OpenError::io("lock", &path, source)),
    }
}

/// An append's answer: await it, or [`Appended::wait`] for it outside async code.
#[derive(Debug)]
pub struct Appended(State);

#[derive(Debug)]
enum State {
    Refused(AppendError),
    Waiting(oneshot::Receiver<Result<u64, AppendError>>),
}

impl Appended {
    /// Blocks until the record is durable or refused. Not for async code.
    pub fn wait(self) -> Result<u64, AppendError> {
        match self.0 {
            State::Refused(error) => Err(error),
            State::Waiting(receiver) => {
                receiver.blocking_recv().unwrap_or(Err(AppendError::Closed))
            }
        }
    }
}

impl Future for Appended {
    type Output = Result<u64, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Refused(error) => Poll::Ready(Err(error.clone())),
            State::Waiting(receiver) => {
                let answer = ready!(Pin::new(receiver).poll(context));
                Poll::Ready(answer.unwrap_or(Err(AppendError::Closed)))
            }
        }
    }
}
