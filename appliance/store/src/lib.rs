//! What the appliance remembers: every change is a record in the journal, and
//! an index answers questions about them.
//!
//! [`Ledger`] is the one facade: it appends records, applies them in order to
//! the index, and tells subscribers. The index ([`Store`]) is never the
//! truth: sled's flush does not reach the disk and it opens damaged files
//! without a word, so rows carry checksums and a count, and whatever is
//! missing, ahead or damaged is set aside and rebuilt from the journal.
//! Large values are files named by their content ([`Blobs`]).
//!
//! Leaves what an alert means to `appliance-core`. Invariant: the index is a
//! function of the journal's records and nothing else, so rebuilding gives
//! the same rows.

mod blobs;
mod index;
mod ledger;
mod projection;
mod query;
mod record;
mod row;
mod rows;
mod store;

pub use self::blobs::{BlobError, BlobHash, Blobs};
pub use self::ledger::{AcceptError, Ledger, LedgerError, LedgerOptions, OpenReport};
pub use self::query::{Counts, Cursor, CursorError, ListFilter, Page, StateFilter};
pub use self::record::{AnalysisDigest, Feedback, Note, Record, RecordError, Stage, Verdict};
pub use self::row::{ChangeKind, ListRow, StoreEvent, StoredAnalysis, StoredFeedback, StoredNote};
pub use self::store::{Rebuilt, Store, StoreError};
