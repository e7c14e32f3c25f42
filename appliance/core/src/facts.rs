//! Things worth saying about a snapshot, found by code.
//!
//! Facts are computed once per incident and shared by all analyzers. Each can
//! become a [`crate::evidence::Draft`]. What a fact means is for
//! [`crate::causes`] to say.

mod by_object;
mod changes;
mod events;
mod logs;
pub mod metrics;
pub(crate) mod regime;
mod shape;
mod span;
pub(crate) mod units;
pub mod workloads;

use std::sync::OnceLock;

use jiff::{SignedDuration, Timestamp};

use crate::causes::signs::Seen;
use crate::object::ObjectRef;
use crate::snapshot::{Gap, Snapshot};

use self::by_object::ByObject;
pub use self::shape::shape;
pub(crate) use self::span::span;

/// Alert rules mostly wait this long before they fire; what is older than the
/// onset by more than that did not cause it.
pub const STALE_AFTER: SignedDuration = SignedDuration::from_mins(15);

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

/// What sort of change it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// A workload's pod template was rolled out or back, or a release installed.
    Rollout,
    /// An object was created.
    Created,
    /// An object was edited, or a workload's template edited and not rolled out.
    Edited,
    /// A workload's replicas were scaled.
    Scaled,
    /// A node: cordon, taint, reboot, a new machine.
    Node,
    /// A condition that the cluster reports. It tells when something began
    /// and is no change that somebody made.
    Condition,
    /// A scheduled job ran.
    Ran,
}

/// Something that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// What sort of change.
    pub kind: ChangeKind,
    /// What was changed.
    pub object: ObjectRef,
    /// What happened to the object, as a predicate: `rolled out revision 4:
    /// image of web a → b`, `was cordoned`.
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
    /// What the finding itself left out, for bounds on time and memory.
    pub gaps: Vec<Gap>,
    /// Known troubles in the logs; found when the first analyzer asks.
    pub(crate) signs: OnceLock<Vec<Seen>>,
    /// The lists above by object; counted when the first analyzer asks.
    by_object: OnceLock<ByObject>,
}

impl Facts {
    /// Finds the facts of `snapshot` around `started_at`, the alerts' onset.
    pub fn find(snapshot: &Snapshot, started_at: Timestamp) -> Self {
        let each = events::each(snapshot);
        let changes = changes::find(snapshot, &each, started_at);
        let (logs, gaps) = logs::find(snapshot, &changes, started_at);
        Self {
            events: events::fold(each),
            logs,
            metrics: metrics::find(snapshot, started_at),
            changes,
            gaps,
            signs: OnceLock::new(),
            by_object: OnceLock::new(),
        }
    }

    fn by_object(&self) -> &ByObject {
        self.by_object.get_or_init(|| ByObject::of(self))
    }

    /// The events about one object, newest first.
    pub fn events_of<'a>(
        &'a self,
        object: &ObjectRef,
    ) -> impl Iterator<Item = &'a EventFold> + use<'a> {
        let places = self.by_object().events(object).iter();
        places.map(|place| &self.events[*place])
    }

    /// The events with this reason, newest first.
    pub fn events_with_reason<'a>(
        &'a self,
        reason: &'a str,
    ) -> impl Iterator<Item = &'a EventFold> + 'a {
        self.events.iter().filter(move |fold| fold.reason == reason)
    }

    /// The log shapes of one pod, troubled ones first.
    pub fn logs_of<'a>(
        &'a self,
        pod: &ObjectRef,
    ) -> impl Iterator<Item = &'a LogTemplate> + use<'a> {
        let places = self.by_object().logs(pod).iter();
        places.map(|place| &self.logs[*place])
    }

    /// The changes of one object, newest first.
    pub fn changes_of<'a>(
        &'a self,
        object: &ObjectRef,
    ) -> impl Iterator<Item = &'a Change> + use<'a> {
        let places = self.by_object().changes(object).iter();
        places.map(|place| &self.changes[*place])
    }

    /// The changes in the `window` up to and including `at`, newest first.
    pub fn changes_before(
        &self,
        at: Timestamp,
        window: SignedDuration,
    ) -> impl Iterator<Item = &Change> {
        let from = at.saturating_sub(window).unwrap_or(Timestamp::MIN);
        self.changes
            .iter()
            .filter(move |change| from <= change.at && change.at <= at)
    }

    /// The verdicts on series that carry all of `labels`.
    pub fn metrics_with<'a>(
        &'a self,
        labels: &'a [(&'a str, &'a str)],
    ) -> impl Iterator<Item = &'a MetricVerdict> + 'a {
        self.metrics.iter().filter(move |verdict| {
            labels
                .iter()
                .all(|(name, value)| verdict.labels.get(*name).map(String::as_str) == Some(*value))
        })
    }
}

impl MetricVerdict {
    /// The change in words: `rose 9.2-fold`, `fell to zero`, `fell by 40 %`.
    pub fn in_words(&self) -> String {
        let (before, after) = (self.before, self.after);
        let verb = if after >= before { "rose" } else { "fell" };
        if before == 0.0 {
            return format!("{verb} from zero");
        }
        if after == 0.0 {
            return format!("{verb} to zero");
        }
        let ratio = after / before;
        if ratio >= 2.0 {
            format!("{verb} {ratio:.1}-fold")
        } else {
            format!("{verb} by {:.0} %", (ratio - 1.0).abs() * 100.0)
        }
    }
}

impl EventFold {
    /// Whether it is a `Warning`.
    pub fn is_warning(&self) -> bool {
        self.event_type == "Warning"
    }

    /// Whether it was last seen so long before the onset that it cannot tell
    /// of this incident. `rule_for` is how long the alert's rule waits before
    /// it fires, zero where that is not known.
    pub fn is_stale(&self, started_at: Timestamp, rule_for: SignedDuration) -> bool {
        let limit = started_at
            .saturating_sub(STALE_AFTER)
            .and_then(|limit| limit.saturating_sub(rule_for.abs()))
            .unwrap_or(Timestamp::MIN);
        self.last.is_some_and(|last| last < limit)
    }
}

#[cfg(test)]
mod tests;
