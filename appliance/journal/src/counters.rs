//! Plain counters of the journal, for whoever exports metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What the journal has done since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records made durable.
    pub records: u64,
    /// Their bytes on disk, headers included.
    pub bytes: u64,
    /// Batches synced; `records / batches` is the mean group.
    pub batches: u64,
    /// Time spent in `fdatasync`, nanoseconds.
    pub sync_nanos: u64,
    /// Appends refused because the queue was full.
    pub overloaded: u64,
    /// Appends answered with a write or sync error.
    pub failed: u64,
    /// Segments started.
    pub rotations: u64,
    /// Times the next segment could not be written ahead (disk nearly full).
    pub reserve_failures: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) records: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) batches: AtomicU64,
    pub(crate) sync_nanos: AtomicU64,
    pub(crate) overloaded: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) rotations: AtomicU64,
    pub(crate) reserve_failures: AtomicU64,
}

impl Tally {
    pub(crate) fn batch(&self, records: usize, bytes: u64, sync: Duration) {
        add(&self.records, records as u64);
        add(&self.bytes, bytes);
        add(&self.batches, 1);
        add(
            &self.sync_nanos,
            u64::try_from(sync.as_nanos()).unwrap_or(u64::MAX),
        );
    }

    pub(crate) fn read(&self) -> Counters {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counters {
            records: get(&self.records),
            bytes: get(&self.bytes),
            batches: get(&self.batches),
            sync_nanos: get(&self.sync_nanos),
            overloaded: get(&self.overloaded),
            failed: get(&self.failed),
            rotations: get(&self.rotations),
            reserve_failures: get(&self.reserve_failures),
        }
    }
}

/// Adds to a counter; they are read for display only, so no order is needed.
pub(crate) fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}
