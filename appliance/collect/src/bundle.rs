//! Incident bundles: one directory, or a .tar.zst of it, that holds everything
//! known when an incident was analysed.
//!
//! The cluster part has the layout of `kubectl cluster-info dump`, so a plain
//! dump is readable as it is. Reading is tolerant: a file or object that cannot
//! be read becomes a gap of the snapshot. Only a path that is no bundle at all
//! is an error. `expected.json`, which evaluation adds, is never read here.
//!
//! Invariant: sizes are bounded, no path leads out of the bundle, and what is
//! read or written is redacted.

mod files;
mod logs;
mod meta;
mod read;
mod write;

use std::path::PathBuf;

use appliance_core::alert::Notification;
use appliance_core::snapshot::Snapshot;

pub use self::meta::FORMAT;
pub use self::read::read;
pub use self::write::{write, write_archive};

/// What a bundle holds.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What was captured of the cluster.
    pub snapshot: Snapshot,
    /// The notification that opened the incident; a plain dump has none.
    pub alert: Option<Notification>,
    /// The body of `alert.json`, redacted.
    pub alert_json: Option<Vec<u8>>,
}

/// Why a bundle could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The path cannot be opened or listed.
    #[error("cannot read {path}: check that it exists and may be read")]
    Open {
        /// The path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The archive is damaged or none.
    #[error("{path} is no readable .tar.zst archive: make it with `tar -c DIR | zstd`")]
    Archive {
        /// The path.
        path: PathBuf,
        /// What the decoder said.
        #[source]
        source: std::io::Error,
    },
    /// Nothing in it looks like a bundle or a dump.
    #[error(
        "{path} holds no cluster objects: give an incident bundle or the directory that `kubectl cluster-info dump --output-directory` wrote"
    )]
    Empty {
        /// The path.
        path: PathBuf,
    },
    /// The bundle was written by a newer version.
    #[error("{path} has format {format:?}, this version reads \"incident-bundle/v1\"")]
    Format {
        /// The path.
        path: PathBuf,
        /// What its `bundle.json` says.
        format: String,
    },
    /// A file of the bundle cannot be written.
    #[error("cannot write {path}: check space and rights")]
    Write {
        /// The path.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A name in the snapshot cannot be a file's name.
    #[error("{name:?} cannot be part of a file's name")]
    Name {
        /// The name.
        name: String,
    },
}

#[cfg(test)]
mod tests;
