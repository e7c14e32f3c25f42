//! The one thread that writes.
//!
//! Takes what waits, writes it, syncs once, then answers everyone in the
//! batch. There is no fixed collecting delay: while one batch is synced the
//! next one gathers by itself. Only when the last batch had company does it
//! linger for those who will be back, at most a quarter of a sync and 2 ms.
//!
//! Invariant: an answer `Ok(seq)` is sent only after the sync that covers it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::counters::add;
use crate::error::{AppendError, OpenError};
use crate::journal::{Options, Pending, Shared};
use crate::medium::{Medium, SegmentFile};
use crate::record::{HEADER_BYTES, Header, Key};
use crate::recovery::Recovered;
use crate::segment::{self, HEADER_BLOCK_BYTES, Segment, SegmentHeader};

/// Most records synced together: keeps the wait of the first one short.
const BATCH_RECORDS_MAX: usize = 256;
/// Bytes after which a batch is closed.
const BATCH_BYTES_MAX: u64 = 8 << 20;
/// Longest wait for company.
const LINGER_MAX: Duration = Duration::from_millis(2);
/// Pieces up to this size are copied together into one write.
const COALESCE_BYTES: usize = 1 << 20;
/// Pause between attempts to make a segment on a full disk, since each one
/// fills what little space is left.
const CREATE_RETRY: Duration = Duration::from_secs(1);

/// Why a batch was not written.
enum Fault {
    /// It was undone; later batches may succeed.
    Undone(String),
    /// What is on the disk is unknown.
    Final(String),
}

impl Fault {
    fn undone(error: &io::Error) -> Self {
        Self::Undone(error.to_string())
    }

    fn last(error: &io::Error) -> Self {
        Self::Final(error.to_string())
    }
}

type Created = io::Result<Box<dyn SegmentFile>>;

/// The segment written ahead.
enum Spare {
    Ready(u64, Box<dyn SegmentFile>),
    Creating(u64, JoinHandle<Created>),
    None,
}

/// The segment being written.
struct Active {
    file: Box<dyn SegmentFile>,
    key: Key,
    end: u64,
}

pub(crate) struct Writer {
    dir: PathBuf,
    options: Options,
    medium: Arc<dyn Medium>,
    shared: Arc<Shared>,
    active: Active,
    spare: Spare,
    next_seq: u64,
    next_number: u64,
    create_failed_at: Option<Instant>,
    last_batch: usize,
    last_sync: Duration,
}

impl Writer {
    /// Continues where recovery ended.
    pub(crate) fn start(
        dir: &Path,
        options: Options,
        medium: Arc<dyn Medium>,
        recovered: Recovered,
        shared: Arc<Shared>,
    ) -> Result<Self, OpenError> {
        let Recovered {
            mut segments,
            spare,
            mut next_number,
            report,
        } = recovered;
        if segments.is_empty() {
            let number = spare.unwrap_or(next_number);
            next_number = next_number.max(number + 1);
            segments.push(first_segment(
                dir,
                options,
                medium.as_ref(),
                number,
                spare.is_some(),
            )?);
        }
        let spare =
            spare.filter(|&number| segments.last().is_some_and(|s| s.header.number < number));
        let last = segments
            .last()
            .cloned()
            .ok_or_else(|| OpenError::io("start", dir, io::Error::other("no segment was made")))?;
        let open = |path: &Path| {
            medium
                .open(path)
                .map_err(|source| OpenError::io("open", path, source))
        };
        let active = Active {
            file: open(&last.path)?,
            key: last.header.key,
            end: last.end,
        };
        let spare = match spare {
            Some(number) => Spare::Ready(number, open(&segment::path(dir, number))?),
            None => Spare::None,
        };
        medium
            .sync_dir(dir)
            .map_err(|source| OpenError::io("sync", dir, source))?;
        *shared.segments() = segments;
        Ok(Self {
            dir: dir.to_owned(),
            options,
            medium,
            shared,
            active,
            spare,
            next_seq: report.last_seq + 1,
            next_number,
            create_failed_at: None,
            last_batch: 1,
            last_sync: Duration::ZERO,
        })
    }

    /// Serves the queue until every sender is gone.
    pub(crate) fn run(mut self, queue: &Receiver<Pending>) {
        self.write_ahead();
        while let Ok(first) = queue.recv() {
            let batch = self.collect(first, queue);
            self.last_batch = batch.len();
            let outcome = match self.shared.failure.get() {
                Some(reason) => Err(Fault::Final(reason.clone())),
                None => self.commit(&batch),
            };
            self.answer(batch, outcome);
        }
        if let Spare::Creating(_, thread) = self.spare {
            // The lock must not be given up while a file is still being made.
            let _ = thread.join();
        }
    }

    fn collect(&self, first: Pending, queue: &Receiver<Pending>) -> Vec<Pending> {
        let bytes_max = BATCH_BYTES_MAX.min(self.options.segment_bytes / 4);
        let linger_until =
            (self.last_batch > 1).then(|| Instant::now() + LINGER_MAX.min(self.last_sync / 4));
        let mut bytes = first.payload.len();
        let mut batch = vec![first];
        while batch.len() < BATCH_RECORDS_MAX && bytes < bytes_max {
            let next = match linger_until.filter(|_| batch.len() < self.last_batch) {
                Some(until) => queue
                    .recv_timeout(until.saturating_duration_since(Instant::now()))
                    .ok(),
                None => queue.try_recv().ok(),
            };
            let Some(next) = next else { break };
            bytes += next.payload.len();
            batch.push(next);
        }
        batch
    }

    /// Writes and syncs `batch`; its first record has number `next_seq`.
    fn commit(&mut self, batch: &[Pending]) -> Result<(), Fault> {
        let total: u64 = batch.iter().map(record_bytes).sum();
        let fits = self.active.end + total <= self.options.segment_bytes;
        if !fits && self.active.end > HEADER_BLOCK_BYTES as u64 {
            self.rotate()?;
        }
        if let Err(error) = self.write(batch) {
            return Err(self.undo(&error));
        }
        let started = Instant::now();
        self.active
            .file
            .sync_data()
            .map_err(|error| Fault::last(&error))?;
        self.last_sync = started.elapsed();
        self.note(batch);
        self.shared.tally.batch(batch.len(), total, self.last_sync);
        Ok(())
    }

    fn write(&mut self, batch: &[Pending]) -> io::Result<()> {
        let at_micros = now_micros();
        let mut out = Coalesced {
            file: self.active.file.as_mut(),
            at: self.active.end,
            buffer: Vec::new(),
        };
        for (seq, pending) in (self.next_seq..).zip(batch) {
            let header = Header {
                len: u32::try_from(pending.payload.len()).map_err(io::Error::other)?,
                seq,
                at_micros,
                kind: pending.kind,
                crc: 0,
            };
            out.push(&header.encode(self.active.key, pending.crc))?;
            for part in pending.payload.parts() {
                out.push(part)?;
            }
        }
        out.flush()
    }

    /// Takes a failed write back, so that the next batch starts on clean ground.
    fn undo(&mut self, error: &io::Error) -> Fault {
        let file = self.active.file.as_mut();
        match file
            .set_len(self.active.end)
            .and_then(|()| file.sync_data())
        {
            Ok(()) => Fault::undone(error),
            Err(_) => Fault::last(error),
        }
    }

    /// Makes the batch visible to readers.
    fn note(&mut self, batch: &[Pending]) {
        let mut segments = self.shared.segments();
        for pending in batch {
            let bytes = record_bytes(pending);
            if let Some(segment) = segments.last_mut() {
                segment.note(self.next_seq, self.active.end, bytes);
            }
            self.active.end += bytes;
            self.next_seq += 1;
        }
        drop(segments);
        self.shared.durable.send_replace(self.next_seq - 1);
    }

    fn answer(&self, batch: Vec<Pending>, outcome: Result<(), Fault>) {
        let count = batch.len() as u64;
        let error = match outcome {
            Ok(()) => {
                for (seq, pending) in (self.next_seq - count..).zip(batch) {
                    reply(pending, Ok(seq));
                }
                return;
            }
            Err(Fault::Undone(reason)) => AppendError::Write { reason },
            Err(Fault::Final(reason)) => {
                let reason = self.shared.failure.get_or_init(|| reason).clone();
                AppendError::Failed { reason }
            }
        };
        add(&self.shared.tally.failed, count);
        tracing::error!(%error, records = count, "records were not made durable");
        for pending in batch {
            reply(pending, Err(error.clone()));
        }
    }

    /// Starts the next segment.
    fn rotate(&mut self) -> Result<(), Fault> {
        let (number, mut file) = self.take_spare().map_err(|error| Fault::undone(&error))?;
        let header = SegmentHeader::new(number, self.next_seq - 1);
        file.write_all_at(&header.encode(), 0)
            .map_err(|error| Fault::undone(&error))?;
        file.sync_data().map_err(|error| Fault::last(&error))?;
        self.active = Active {
            file,
            key: header.key,
            end: HEADER_BLOCK_BYTES as u64,
        };
        self.shared.segments().push(Segment::new(&self.dir, header));
        add(&self.shared.tally.rotations, 1);
        self.write_ahead();
        Ok(())
    }

    fn take_spare(&mut self) -> io::Result<(u64, Box<dyn SegmentFile>)> {
        match std::mem::replace(&mut self.spare, Spare::None) {
            Spare::Ready(number, file) => return Ok((number, file)),
            Spare::Creating(number, thread) => {
                if let Ok(Ok(file)) = thread.join() {
                    return Ok((number, file));
                }
                add(&self.shared.tally.reserve_failures, 1);
            }
            Spare::None => {}
        }
        self.create_now()
    }

    fn create_now(&mut self) -> io::Result<(u64, Box<dyn SegmentFile>)> {
        if self
            .create_failed_at
            .is_some_and(|at| at.elapsed() < CREATE_RETRY)
        {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let number = self.take_number();
        let path = segment::path(&self.dir, number);
        let created = create(
            self.medium.as_ref(),
            &self.dir,
            &path,
            self.options.segment_bytes,
        );
        self.create_failed_at = created.is_err().then(Instant::now);
        Ok((number, created?))
    }

    /// Has the next segment written ahead, beside the writing.
    fn write_ahead(&mut self) {
        if !matches!(self.spare, Spare::None) {
            return;
        }
        let number = self.take_number();
        let (dir, path) = (self.dir.clone(), segment::path(&self.dir, number));
        let (medium, bytes) = (Arc::clone(&self.medium), self.options.segment_bytes);
        let thread = std::thread::Builder::new()
            .name("journal-reserve".to_owned())
            .spawn(move || create(medium.as_ref(), &dir, &path, bytes));
        // Without a thread the segment is made when it is needed.
        self.spare = thread.map_or(Spare::None, |thread| Spare::Creating(number, thread));
    }

    fn take_number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number - 1
    }
}

fn create(medium: &dyn Medium, dir: &Path, path: &Path, bytes: u64) -> Created {
    let file = medium.create(path, bytes)?;
    medium.sync_dir(dir)?;
    Ok(file)
}

/// The first segment of an empty journal, on the spare if there is one.
fn first_segment(
    dir: &Path,
    options: Options,
    medium: &dyn Medium,
    number: u64,
    exists: bool,
) -> Result<Segment, OpenError> {
    let header = SegmentHeader::new(number, 0);
    let path = segment::path(dir, number);
    let made = if exists {
        medium.open(&path)
    } else {
        create(medium, dir, &path, options.segment_bytes)
    };
    made.and_then(|mut file| {
        file.write_all_at(&header.encode(), 0)?;
        file.sync_data()
    })
    .map_err(|source| OpenError::io("create", path, source))?;
    Ok(Segment::new(dir, header))
}

/// Frees the queue before the sender hears, so that its next append finds room.
fn reply(pending: Pending, answer: Result<u64, AppendError>) {
    let Pending { reply, claim, .. } = pending;
    drop(claim);
    // The sender may have stopped waiting; the record stays.
    let _ = reply.send(answer);
}

fn record_bytes(pending: &Pending) -> u64 {
    HEADER_BYTES as u64 + pending.payload.len()
}

fn now_micros() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}

/// Gathers small pieces into one write; large ones go straight to the file.
struct Coalesced<'f> {
    file: &'f mut dyn SegmentFile,
    at: u64,
    buffer: Vec<u8>,
}

impl Coalesced<'_> {
    fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        if piece.len() > COALESCE_BYTES {
            self.flush()?;
            return self.write(piece);
        }
        self.buffer.extend_from_slice(piece);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.buffer);
        self.write(&buffer)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, self.at)?;
        self.at += bytes.len() as u64;
        Ok(())
    }
}
