//! What can go wrong with the journal, in words for the operator.

use std::io;
use std::path::PathBuf;

/// Why the journal could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or directory could not be used.
    #[error("cannot {action} {}: {source}; check the data directory's owner, rights and free space", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process holds it.
    #[error("the journal {} is in use by another process; stop it or choose another data directory", path.display())]
    Locked {
        /// The journal's directory.
        path: PathBuf,
    },
    /// Written by a newer release.
    #[error("journal segment {} has format version {found}, this release reads up to {supported}; start the newer release again", path.display())]
    TooNew {
        /// The segment.
        path: PathBuf,
        /// Its version.
        found: u16,
        /// Ours.
        supported: u16,
    },
}

impl OpenError {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        Self::Io {
            action,
            path: path.into(),
            source,
        }
    }
}

/// Why a record was not made durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Too much is waiting; try again shortly.
    #[error("the journal's queue is full; try again shortly")]
    Overloaded,
    /// The record can never be taken.
    #[error("a record of {bytes} bytes is larger than the journal takes ({max} bytes)")]
    TooLarge {
        /// Its payload.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// The write failed and was undone, for example because the disk is full;
    /// appends work again once there is room.
    #[error("cannot write the journal: {reason}; free space on the data directory's disk")]
    Write {
        /// What the system said.
        reason: String,
    },
    /// A sync failed, so what is on the disk is unknown. Final until restart.
    #[error("the journal's disk failed ({reason}); restart the appliance once the disk is sound")]
    Failed {
        /// What the system said first.
        reason: String,
    },
    /// The journal is closing.
    #[error("the journal is closed")]
    Closed,
}

/// Why records could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Records are damaged on disk. Reading goes on after them.
    #[error("journal records {first} to {last} are damaged")]
    Damaged {
        /// First sequence number that is gone.
        first: u64,
        /// Last one.
        last: u64,
    },
    /// A segment could not be read.
    #[error("cannot read journal segment {}: {source}", path.display())]
    Io {
        /// The segment.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}
