//! The analysis contract, `analysis/v1`: one JSON object that the API, the
//! command line and the evaluation share.
//!
//! These types are the wire form on purpose: the contract is the product.
//! Field order is the contract's order.

mod check;
mod draft;
mod reply;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::alert::Alert;
use crate::evidence::{EvidenceId, EvidenceKind};
use crate::object::ObjectRef;

pub(crate) use self::check::sentences;
pub use self::check::{Checked, Vocabulary};
pub use self::draft::SummaryDraft;
pub use self::reply::{Reading, ReplyError, ReplyReport, apply_reply};

/// Value of [`Analysis::format`].
pub const FORMAT: &str = "analysis/v1";

/// How sure an analysis is, by rule, in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// A hint; look before acting.
    Low,
    /// Likely; one more check settles it.
    Medium,
    /// The cluster itself says so.
    High,
}

impl Confidence {
    /// One word less; low stays low.
    #[must_use]
    pub fn lowered(self) -> Self {
        match self {
            Self::High => Self::Medium,
            Self::Medium | Self::Low => Self::Low,
        }
    }
}

/// Risk of an action, as the catalogue states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Reversible, touches one workload.
    Low,
    /// Touches traffic or several workloads.
    Medium,
    /// Data or the cluster may be lost.
    High,
}

/// A whole analysis of one incident.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Always [`FORMAT`].
    pub format: String,
    /// The incident as the analysis saw it.
    pub incident: IncidentSummary,
    /// The first object: where the alert's labels led.
    pub subject: Option<ObjectRef>,
    /// Causes, best first. Empty means no clear cause.
    pub causes: Vec<StatedCause>,
    /// Candidates that evidence speaks against.
    pub ruled_out: Vec<RuledOut>,
    /// What could not be seen.
    pub missing: Vec<Missing>,
    /// What changed before the onset, newest first.
    pub changes: Vec<ChangeEntry>,
    /// Everything cited, by id.
    pub evidence: Vec<Evidence>,
    /// The words.
    pub summary: Summary,
    /// Read-only commands to look further.
    pub next_checks: Vec<NextCheck>,
    /// Commands that would repair; never executed by the model.
    pub actions: Vec<Action>,
    /// Context an on-call engineer asks for.
    pub enrichment: Enrichment,
    /// What it cost.
    pub timing: Timing,
}

impl Analysis {
    /// The first sentence of the summary.
    pub fn first_sentence(&self) -> Option<String> {
        check::sentences(&self.summary.text).into_iter().next()
    }
}

/// The incident as the analysis saw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IncidentSummary {
    /// Incident id.
    pub id: String,
    /// One line for lists.
    pub title: String,
    /// `critical`, `warning`, `info` or the site's own word.
    pub severity: String,
    /// `firing` or `resolved`.
    pub status: String,
    /// Earliest start among its alerts.
    pub started_at: Option<Timestamp>,
    /// Alertmanager's group key, opaque.
    pub group_key: String,
    /// Its alerts.
    pub alerts: Vec<AlertSummary>,
}

/// One alert, as listed in an analysis.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertSummary {
    /// `alertname`.
    pub name: String,
    /// `firing` or `resolved`.
    pub status: String,
    /// Its labels; untrusted text.
    pub labels: crate::alert::Labels,
    /// Its annotations; untrusted text.
    pub annotations: crate::alert::Labels,
    /// When it began.
    pub starts_at: Option<Timestamp>,
    /// Alertmanager's fingerprint.
    pub fingerprint: String,
}

impl From<&Alert> for AlertSummary {
    fn from(alert: &Alert) -> Self {
        Self {
            name: alert.name().to_owned(),
            status: alert.status.as_str().to_owned(),
            labels: alert.labels.clone(),
            annotations: alert.annotations.clone(),
            starts_at: Some(alert.starts_at),
            fingerprint: alert.fingerprint.clone(),
        }
    }
}

/// A cause the analysis states.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatedCause {
    /// Identifier of the catalogue.
    pub cause: String,
    /// The thing to fix, not the symptom.
    pub object: ObjectRef,
    /// How sure, by rule.
    pub confidence: Confidence,
    /// Evidence for it.
    pub because: Vec<EvidenceId>,
    /// Evidence against it.
    pub against: Vec<EvidenceId>,
}

/// A candidate that evidence speaks against.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuledOut {
    /// Identifier of the catalogue.
    pub cause: String,
    /// What it would have been about.
    pub object: ObjectRef,
    /// The evidence that excludes it.
    pub because: Vec<EvidenceId>,
}

/// Something that could not be seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Which source: `logs`, `metrics`, `events`, a kind.
    pub source: String,
    /// Why, in words.
    pub detail: String,
}

/// One line of the time line of changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChangeEntry {
    /// When.
    pub at: Timestamp,
    /// What was changed.
    pub object: ObjectRef,
    /// How, in words.
    pub what: String,
    /// The evidence that shows it.
    pub evidence: EvidenceId,
    /// Why this change is suspected to have led to the first cause: what it
    /// reaches, and how long before. Absent for all but the suspected one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub suspected: String,
}

/// One piece of evidence, with its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// `E1`, `E2`, …
    pub id: EvidenceId,
    /// What sort of thing.
    pub kind: EvidenceKind,
    /// The object it is about.
    pub object: ObjectRef,
    /// When it was seen or happened.
    pub at: Option<Timestamp>,
    /// One line that says what it shows.
    pub title: String,
    /// Verbatim lines, redacted; untrusted text.
    pub lines: Vec<String>,
    /// A read-only command or PromQL that shows it again.
    pub query: String,
    /// What was cut, in words; empty when nothing was.
    pub truncated: String,
}

/// The words of an analysis and who wrote them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Plain text, two to four sentences.
    pub text: String,
    /// Who wrote its sentences, in their order: `rules`, `model:<name>`, or
    /// `rules, model:<name>` where the rules lead and the model goes on.
    pub by: String,
    /// Evidence the text rests on.
    pub citations: Vec<EvidenceId>,
}

/// A read-only command to look further.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextCheck {
    /// Copyable command.
    pub command: String,
    /// What it would tell.
    pub why: String,
}

/// A repairing command, for a person to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Action {
    /// Copyable command; names only what exists.
    pub command: String,
    /// Risk by the catalogue.
    pub risk: Risk,
    /// Whether it can be undone.
    pub reversible: bool,
    /// The command that undoes it; empty when there is none.
    pub undo: String,
    /// What it would change.
    pub why: String,
}

/// Context an on-call engineer asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Enrichment {
    /// The service the subject belongs to.
    pub service: String,
    /// Owner by label or annotation.
    pub owner: String,
    /// Objective named by the alert.
    pub slo: String,
    /// Container restarts of the subject's pods.
    pub restarts: i64,
    /// Metrics that changed most, at most three.
    pub top_metrics: Vec<TopMetric>,
    /// From annotations; shown, never dialled.
    pub dashboard_url: String,
    /// From annotations; shown, never dialled.
    pub runbook_url: String,
}

/// A metric that changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopMetric {
    /// Series in PromQL form.
    pub query: String,
    /// Median before the onset.
    pub before: f64,
    /// Median after it.
    pub after: f64,
    /// The change in words.
    pub change: String,
}

/// What an analysis cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// From the start of the analysis to the card, milliseconds.
    pub card_ms: u64,
    /// Spent gathering evidence, milliseconds.
    pub evidence_ms: u64,
    /// Prompt tokens read by the model.
    pub prefill_tokens: u64,
    /// Tokens the model wrote.
    pub decode_tokens: u64,
    /// Spent in the model, milliseconds.
    pub model_ms: u64,
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
