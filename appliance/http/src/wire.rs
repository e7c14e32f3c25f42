//! Wire forms of the console API that are not the analysis itself.
//!
//! Decides field names and closed sets of words. `openapi.json` describes
//! them, which a test holds against real answers; the console's `api.ts` has
//! the same types by hand. Text fields may hold untrusted text; the console
//! shows it as text.

use appliance_core::analysis::{AlertSummary, Confidence};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which incidents a list holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentState {
    /// At least one alert fires.
    #[default]
    Open,
    /// All alerts are resolved.
    Resolved,
    /// Both.
    All,
}

/// A validated question for a page of incidents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Open, resolved or all.
    pub state: IncidentState,
    /// Exact severity word.
    pub severity: Option<String>,
    /// Exact namespace.
    pub namespace: Option<String>,
    /// Text that title, cause, workload or owner contain, ignoring case.
    pub text: Option<String>,
    /// Where the page before ended, opaque.
    pub cursor: Option<String>,
    /// Most rows, 1 to 200.
    pub limit: usize,
}

/// Where the analysis of an incident stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waiting for its turn.
    #[default]
    Queued,
    /// Evidence is being gathered.
    Collecting,
    /// The model reads the evidence; the card is ready.
    Reading,
    /// The model writes.
    Writing,
    /// The analysis is complete.
    Done,
    /// The analysis broke off; what was found before it did is kept.
    Failed,
}

/// One row of the incident list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IncidentRow {
    /// Incident id.
    pub id: String,
    /// One line that says what is wrong.
    pub title: String,
    /// `critical`, `warning`, `info` or the site's own word.
    pub severity: String,
    /// `firing` or `resolved`.
    pub status: String,
    /// When the first alert began.
    pub started_at: Option<Timestamp>,
    /// When the last alert ended; absent while one fires.
    pub resolved_at: Option<Timestamp>,
    /// Namespace of the subject; empty for cluster-scoped ones.
    pub namespace: String,
    /// `kind/name` of the subject; empty when unknown.
    pub workload: String,
    /// Who owns it; empty when unknown.
    pub owner: String,
    /// Alerts in the incident.
    pub alert_count: u64,
    /// Pieces of evidence in the latest analysis.
    pub evidence_count: u64,
    /// The likely cause in one line; empty when there is no clear cause.
    pub cause: String,
    /// How sure that cause is.
    pub confidence: Option<Confidence>,
    /// Where the analysis stands.
    pub phase: Phase,
    /// Journal sequence number of the last change to this row.
    pub seq: u64,
}

/// Incidents per state and severity, over everything held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentCounts {
    /// Incidents with a firing alert.
    pub open: u64,
    /// Incidents whose alerts are all resolved.
    pub resolved: u64,
    /// Firing alerts over all open incidents.
    pub firing_alerts: u64,
}

/// One page of the incident list.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IncidentPage {
    /// The rows.
    pub incidents: Vec<IncidentRow>,
    /// Ask for the next page with this; absent on the last.
    pub next_cursor: Option<String>,
    /// Totals for the tabs.
    pub counts: IncidentCounts,
    /// Journal sequence number the page shows; follow events from here.
    pub seq: u64,
}

/// One incident in full.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IncidentDetail {
    /// What the list shows of it.
    pub incident: IncidentRow,
    /// Alertmanager's group key, opaque.
    pub group_key: String,
    /// Its alerts.
    pub alerts: Vec<AlertSummary>,
    /// Verdicts so far, oldest first.
    pub feedback: Vec<FeedbackEntry>,
    /// Why the last analysis broke off; empty when it did not.
    pub failure: String,
}

/// What a person thinks of an analysis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Cause and object are right.
    Accepted,
    /// Another cause.
    WrongCause,
    /// Right cause, wrong owner.
    WrongOwner,
    /// Neither right nor wrong, no help.
    NotUseful,
}

/// A verdict as it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// The verdict.
    pub verdict: Verdict,
    /// One line, may be empty.
    #[serde(default)]
    pub comment: String,
}

/// A follow-up question as it is sent; its answer is an
/// [`appliance_core::question::Answer`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The question, in English.
    pub question: String,
}

/// A verdict as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedbackEntry {
    /// The verdict.
    pub verdict: Verdict,
    /// One line, may be empty.
    pub comment: String,
    /// When it was given.
    pub at: Timestamp,
}

/// What a [`ConsoleEvent`] is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// An incident was opened or changed; `data` is its [`IncidentRow`].
    Incident,
    /// An analysis is complete; `data` is the incident's [`IncidentRow`].
    Analysis,
    /// A verdict was given; `data` is the [`FeedbackEntry`].
    Feedback,
    /// The appliance's state changed; `data` is the [`StatusReport`].
    Status,
    /// The reader's place is no longer held: load the list again.
    Reset,
}

impl EventKind {
    /// The SSE event name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Analysis => "analysis",
            Self::Feedback => "feedback",
            Self::Status => "status",
            Self::Reset => "reset",
        }
    }
}

/// One entry of the event stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConsoleEvent {
    /// Journal sequence number; never decreases.
    pub seq: u64,
    /// What it is about.
    pub kind: EventKind,
    /// The incident, if it is about one.
    pub incident_id: Option<String>,
    /// See [`EventKind`].
    pub data: serde_json::Value,
}

/// One entry of an analysis stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AnalysisEvent {
    /// Where it stands and all text so far; replaces what was shown.
    Snapshot {
        /// Where it stands.
        phase: Phase,
        /// The text so far.
        text: String,
    },
    /// A new phase began.
    Phase {
        /// The phase.
        phase: Phase,
        /// What exactly, in words: `logs 4 of 6`; may be empty.
        detail: String,
    },
    /// More text.
    Text {
        /// Appended to what was shown.
        text: String,
    },
    /// Complete: load the analysis.
    Done,
    /// Broke off.
    Failed {
        /// Why, in words.
        detail: String,
    },
}

impl AnalysisEvent {
    /// The SSE event name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Snapshot { .. } => "snapshot",
            Self::Phase { .. } => "phase",
            Self::Text { .. } => "text",
            Self::Done => "done",
            Self::Failed { .. } => "failed",
        }
    }
}

/// How a source or subsystem does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Works.
    Ok,
    /// Works in part or slowly.
    Degraded,
    /// Does not work.
    Down,
    /// Not configured.
    #[default]
    Off,
}

/// One source of evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// `kubernetes`, `prometheus`, `logs`, …
    pub name: String,
    /// How it does.
    pub condition: Condition,
    /// What is wrong, in words; empty when nothing is.
    pub detail: String,
    /// Since when it is so.
    pub since: Option<Timestamp>,
}

/// Where the model stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// Answers.
    Ready,
    /// Is being loaded.
    Loading,
    /// None configured; rules word the analyses.
    #[default]
    Off,
    /// Could not be loaded, or stopped answering.
    Failed,
}

/// The model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ModelStatus {
    /// Where it stands.
    pub state: ModelState,
    /// Its name; empty when off.
    pub name: String,
    /// Tokens per second it writes, as measured when it was loaded.
    pub tokens_per_second: Option<f64>,
    /// Failure, what to expect of an analysis and what the machine is enough for, in words; may be empty.
    pub detail: String,
}

/// Analyses waiting and running.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Waiting.
    pub waiting: u64,
    /// Running.
    pub running: u64,
    /// Age of the oldest waiting one, seconds.
    pub oldest_seconds: u64,
}

/// What came in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntakeStatus {
    /// Notifications acknowledged since the start.
    pub notifications_total: u64,
    /// Alerts in them.
    pub alerts_total: u64,
    /// When the last one came; absent before the first.
    pub last_at: Option<Timestamp>,
    /// When the Watchdog alert was last seen; absent before the first.
    pub watchdog_at: Option<Timestamp>,
    /// Whether a Watchdog is expected and overdue.
    pub watchdog_late: bool,
}

/// What went out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressStatus {
    /// Connections to allow-listed addresses since the start.
    pub allowed_total: u64,
    /// Connections refused because their address is not on the list.
    pub refused_total: u64,
}

/// The appliance's own state.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StatusReport {
    /// Version of the binary.
    pub version: String,
    /// Name of the cluster, as configured; may be empty.
    pub cluster: String,
    /// The appliance's clock.
    pub now: Timestamp,
    /// Highest durable journal sequence number.
    pub journal_seq: u64,
    /// Sources of evidence.
    pub sources: Vec<SourceStatus>,
    /// The model.
    pub model: ModelStatus,
    /// Analyses waiting and running.
    pub queue: QueueStatus,
    /// What came in.
    pub intake: IntakeStatus,
    /// What went out.
    pub egress: EgressStatus,
}
