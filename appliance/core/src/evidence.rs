//! Evidence: one checkable thing that was seen, with where it came from.
//!
//! Facts and analyzers make [`Draft`]s; [`crate::card`] deduplicates them and
//! gives each an [`EvidenceId`]. Everything a person reads in an analysis
//! points at one of these.

mod draft;
pub mod query;

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::object::ObjectRef;

pub use self::query::{events_query, get_query, namespace_flag};

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
