//! Evidence: one checkable thing that was seen, with where it came from.
//!
//! Facts and analyzers make [`Draft`]s; [`crate::card`] deduplicates them and
//! gives each an [`EvidenceId`]. Everything a person reads in an analysis
//! points at one of these.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::object::ObjectRef;

/// `E1`, `E2`, … within one analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EvidenceId(pub u16);

impl fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "E{}", self.0)
    }
}

impl Serialize for EvidenceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EvidenceId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.strip_prefix('E')
            .and_then(|digits| digits.parse().ok())
            .map(EvidenceId)
            .ok_or_else(|| serde::de::Error::custom(format!("evidence id {text:?} is not E<n>")))
    }
}

/// What sort of thing was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceKind {
    /// The alert itself.
    Alert,
    /// Kubernetes events, folded.
    Event,
    /// Lines of a container's log.
    Log,
    /// An object's status as the API server reports it.
    Status,
    /// An object's specification.
    Spec,
    /// Something that changed: a rollout, a ConfigMap, a node's cordon.
    Change,
    /// A series and the verdict on it.
    Metric,
    /// An active check.
    Probe,
}

/// Evidence before it has an id.
///
/// Two drafts with equal [`Draft::key`] are the same evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// What sort of thing this is.
    pub kind: EvidenceKind,
    /// The object it is about.
    pub object: ObjectRef,
    /// When it was seen or happened.
    pub at: Option<Timestamp>,
    /// One line that says what it shows.
    pub title: String,
    /// Verbatim lines, redacted; untrusted text.
    pub lines: Vec<String>,
    /// A read-only kubectl command or PromQL expression that shows it again.
    pub query: String,
    /// What was cut from `lines`, in words; empty when nothing was.
    pub truncated: String,
}

impl Draft {
    /// What makes two drafts the same evidence.
    pub fn key(&self) -> (EvidenceKind, &ObjectRef, &str) {
        (self.kind, &self.object, &self.title)
    }
}

impl Draft {
    /// Folded events of one object.
    pub fn event(fold: &crate::facts::EventFold) -> Self {
        Self {
            kind: EvidenceKind::Event,
            object: fold.object.clone(),
            at: fold.last.or(fold.first),
            title: format!("{} ×{}", fold.reason, fold.count),
            lines: vec![fold.message.clone()],
            query: events_query(&fold.object),
            truncated: String::new(),
        }
    }

    /// Log lines of one shape.
    pub fn log(template: &crate::facts::LogTemplate) -> Self {
        let previous = if template.previous { " --previous" } else { "" };
        Self {
            kind: EvidenceKind::Log,
            object: template.pod.clone(),
            at: template.last.or(template.first),
            title: format!(
                "log of container {}{}: {} like this",
                template.container,
                if template.previous {
                    " (previous instance)"
                } else {
                    ""
                },
                template.count
            ),
            lines: vec![template.exemplar.clone()],
            query: format!(
                "kubectl logs {}{} -c {}{previous}",
                template.pod.name,
                namespace_flag(&template.pod),
                template.container
            ),
            truncated: String::new(),
        }
    }

    /// A change on the time line.
    pub fn change(change: &crate::facts::Change) -> Self {
        Self {
            kind: EvidenceKind::Change,
            object: change.object.clone(),
            at: Some(change.at),
            title: change.what.clone(),
            lines: change.diff.clone(),
            query: get_query(&change.object),
            truncated: String::new(),
        }
    }

    /// A series and the verdict on it.
    pub fn metric(object: ObjectRef, verdict: &crate::facts::MetricVerdict) -> Self {
        Self {
            kind: EvidenceKind::Metric,
            object,
            at: None,
            title: format!(
                "{} went from {:.4} to {:.4}",
                verdict.name, verdict.before, verdict.after
            ),
            lines: Vec::new(),
            query: verdict.query.clone(),
            truncated: String::new(),
        }
    }

    /// Something an object's status says.
    pub fn status(object: ObjectRef, title: impl Into<String>, lines: Vec<String>) -> Self {
        Self::of_object(EvidenceKind::Status, object, title, lines)
    }

    /// Something an object's specification says.
    pub fn spec(object: ObjectRef, title: impl Into<String>, lines: Vec<String>) -> Self {
        Self::of_object(EvidenceKind::Spec, object, title, lines)
    }

    fn of_object(
        kind: EvidenceKind,
        object: ObjectRef,
        title: impl Into<String>,
        lines: Vec<String>,
    ) -> Self {
        Self {
            kind,
            query: get_query(&object),
            object,
            at: None,
            title: title.into(),
            lines,
            truncated: String::new(),
        }
    }

    /// The same evidence with the time it was seen.
    #[must_use]
    pub fn at(mut self, at: Option<Timestamp>) -> Self {
        self.at = at;
        self
    }
}

/// ` -n NAMESPACE` for namespaced objects, empty for the others.
pub fn namespace_flag(object: &ObjectRef) -> String {
    object
        .namespace
        .as_ref()
        .map_or_else(String::new, |namespace| format!(" -n {namespace}"))
}

/// The read-only command that shows `object` whole.
pub fn get_query(object: &ObjectRef) -> String {
    format!(
        "kubectl get {} {}{} -o yaml",
        object.kind.to_lowercase(),
        object.name,
        namespace_flag(object)
    )
}

/// The read-only command that shows the events of `object`.
pub fn events_query(object: &ObjectRef) -> String {
    format!(
        "kubectl events --for {}{}",
        object.kubectl_name(),
        namespace_flag(object)
    )
}
