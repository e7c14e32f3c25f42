//! What the index answers with.

use appliance_core::analysis::{Analysis, Confidence};
use appliance_core::incident::{Incident, IncidentId, IncidentStatus};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::blobs::BlobHash;
use crate::record::{AnalysisDigest, Stage, Verdict, shorten};

/// What last changed a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// Alerts were received.
    Incident,
    /// An analysis was recorded.
    Analysis,
    /// A verdict was given.
    Feedback,
    /// A note was taken.
    Note,
}

/// One incident, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListRow {
    /// The incident.
    pub id: IncidentId,
    /// One line; untrusted text.
    pub title: String,
    /// Severity word.
    pub severity: String,
    /// Firing or resolved.
    pub status: IncidentStatus,
    /// When the first alert began.
    pub started_at: Timestamp,
    /// When the last alert ended; absent while one fires.
    pub resolved_at: Option<Timestamp>,
    /// Namespace of the subject; empty for cluster-scoped ones.
    pub namespace: String,
    /// `kind/name` of the subject; empty when unknown.
    pub workload: String,
    /// Alerts ever.
    pub alert_count: u64,
    /// Alerts firing now.
    pub firing_count: u64,
    /// Whether it keeps coming back.
    pub flapping: bool,
    /// What the latest analysis says.
    pub analysis: AnalysisDigest,
    /// How far the latest analysis went; absent before the first.
    pub stage: Option<Stage>,
    /// Journal sequence number of the last change.
    pub seq: u64,
    /// What that change was.
    pub changed: ChangeKind,
}

impl ListRow {
    /// The row of `incident`, keeping what `before` knew of its analysis.
    pub(crate) fn new(incident: &Incident, before: Option<&Self>, seq: u64) -> Self {
        let subject = incident.subjects.first();
        Self {
            id: incident.id,
            title: incident.title.clone(),
            severity: shorten(&incident.severity),
            status: incident.status,
            started_at: incident.started_at,
            resolved_at: incident.resolved_at,
            namespace: incident.namespaces().into_iter().next().unwrap_or_default(),
            workload: subject
                .map(appliance_core::object::ObjectRef::kubectl_name)
                .unwrap_or_default(),
            alert_count: incident.alert_count,
            firing_count: incident.firing_count,
            flapping: incident.flapping,
            analysis: before.map(|row| row.analysis.clone()).unwrap_or_default(),
            stage: before.and_then(|row| row.stage),
            seq,
            changed: ChangeKind::Incident,
        }
    }

    /// Whether at least one alert fires.
    pub fn is_open(&self) -> bool {
        self.status == IncidentStatus::Firing
    }

    /// How sure the likely cause is, if there is one.
    pub fn confidence(&self) -> Option<Confidence> {
        self.analysis.confidence
    }
}

/// A change of an incident, for those who follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreEvent {
    /// Journal sequence number; several incidents may share one.
    pub seq: u64,
    /// What happened.
    pub kind: ChangeKind,
    /// The incident's row after it.
    pub row: ListRow,
    /// Whether the incident was opened or reopened by it: analyze it.
    pub opened: bool,
}

/// The latest analysis of an incident.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredAnalysis {
    /// Journal sequence number it was recorded under.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// How far it went.
    pub stage: Stage,
    /// All of it.
    pub analysis: Analysis,
}

/// Where an analysis is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AnalysisRow {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) stage: Stage,
    pub(crate) blob: BlobHash,
}

/// A verdict, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredFeedback {
    /// Journal sequence number.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The verdict.
    pub verdict: Verdict,
    /// One line; untrusted, may be empty.
    pub comment: String,
}

/// A note, as stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredNote {
    /// Journal sequence number.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The text; untrusted.
    pub text: String,
}
