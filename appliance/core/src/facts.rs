//! Things worth saying about a snapshot, found by code.
//!
//! Facts are computed once per incident and shared by all analyzers. Each can
//! become a [`crate::evidence::Draft`].

use jiff::Timestamp;

use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// Events of one object with one reason and one message shape, folded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFold {
    /// The involved object.
    pub object: ObjectRef,
    /// `Warning` or `Normal`.
    pub event_type: String,
    /// CamelCase reason.
    pub reason: String,
    /// The newest message, verbatim (redacted).
    pub message: String,
    /// How often, counts and series summed.
    pub count: i64,
    /// First seen.
    pub first: Option<Timestamp>,
    /// Last seen.
    pub last: Option<Timestamp>,
    /// Reporting component.
    pub component: String,
}

/// Log lines of one shape in one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogTemplate {
    /// The pod.
    pub pod: ObjectRef,
    /// Container name.
    pub container: String,
    /// Whether it is from the instance before.
    pub previous: bool,
    /// The shape, with variable parts as `<*>`.
    pub template: String,
    /// A verbatim line of that shape (the newest).
    pub exemplar: String,
    /// How many lines.
    pub count: usize,
    /// Time of the first and last line, where lines carry one.
    pub first: Option<Timestamp>,
    /// See `first`.
    pub last: Option<Timestamp>,
    /// Whether the line speaks of trouble (error, fatal, panic, refused…).
    pub trouble: bool,
    /// Whether the shape is new since the last change of its workload.
    pub new_since_change: bool,
}

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// What was changed.
    pub object: ObjectRef,
    /// One line in words: `rolled out revision 4: image a → b`.
    pub what: String,
    /// Lines of a diff (`- old`, `+ new`), may be empty.
    pub diff: Vec<String>,
    /// Who, where managedFields or annotations tell; may be empty.
    pub by: String,
}

/// A verdict on one series: did it change at the onset, and how much.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricVerdict {
    /// The series in PromQL form.
    pub query: String,
    /// Metric name.
    pub name: String,
    /// Labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Median before the onset.
    pub before: f64,
    /// Median after it.
    pub after: f64,
    /// Robust distance in units of the baseline's spread (MAD with a floor).
    pub score: f64,
    /// Newest value.
    pub last: f64,
}

/// Everything found in one snapshot.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Events, folded, newest first.
    pub events: Vec<EventFold>,
    /// Log shapes, troubled ones first.
    pub logs: Vec<LogTemplate>,
    /// Changes, newest first.
    pub changes: Vec<Change>,
    /// Series that changed, most first.
    pub metrics: Vec<MetricVerdict>,
}

impl Facts {
    /// Finds the facts of `snapshot` around `started_at`.
    pub fn find(snapshot: &Snapshot, started_at: Timestamp) -> Self {
        let _ = (snapshot, started_at);
        Self::default()
    }
}
