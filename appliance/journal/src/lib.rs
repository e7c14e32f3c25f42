//! The append-only journal: the truth of what was acknowledged.
//!
//! [`Journal::append`] answers a sequence number once the record is on the
//! disk (`fdatasync`), and never before. One thread writes; what waits when it
//! comes round is written and synced together (group commit), so 64 senders
//! pay for one sync, not 64. A failed sync is final: the kernel may have
//! dropped the pages, so every later append fails until the process starts
//! again and reads what is really there.
//!
//! Layout: numbered segments of [`Options::segment_bytes`], one written ahead
//! with zeros so that a full disk does not stop intake at once. Every record
//! carries its sequence number and a checksum keyed by its segment
//! ([`record`]), so [`Journal::open`] can cut a torn tail, read past damage in
//! the middle and name the records that are gone.
//!
//! This crate knows nothing of what the payloads mean. Invariant: a sequence
//! number is answered at most once, in order, and its record is read back
//! byte for byte or reported as damaged.

mod counters;
mod error;
mod journal;
mod medium;
mod reader;
pub mod record;
mod recovery;
mod scan;
mod segment;
mod writer;

pub use self::counters::Counters;
pub use self::error::{AppendError, OpenError, ReadError};
pub use self::journal::{Appended, Journal, Options};
pub use self::medium::{Disk, Medium, SegmentFile};
pub use self::reader::Reader;
pub use self::record::{Payload, Record};
pub use self::recovery::{RecoveryReport, SeqRange, TornTail};
