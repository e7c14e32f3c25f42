//! What is kept of an incident and of each of its alerts.
//!
//! These are stored as they are. Invariant: every list has a limit; what is
//! beyond it is counted.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::severity::severity_rank;
use crate::alert::{Alert, AlertStatus, Labels};
use crate::analysis::{AlertSummary, IncidentSummary};
use crate::object::ObjectRef;

/// Most alerts kept in full: more than a card shows.
const ALERTS_KEPT_MAX: usize = 50;
/// Bytes of labels and annotations after which alerts are only counted.
const ALERT_BYTES_MAX: usize = 256 << 10;
/// Longest annotation kept with an incident, bytes; the journal has all of it.
const ANNOTATION_BYTES_MAX: usize = 4 << 10;
/// Most subjects, group keys, names and senders kept.
const NAMES_MAX: usize = 16;
/// Longest name in a title, characters.
const TITLE_NAME_CHARS_MAX: usize = 80;
/// Reopenings kept for telling flapping.
const REOPENINGS_MAX: usize = 8;
/// Reopenings older than this no longer count as flapping.
const FLAPPING_WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// Name of an incident: `INC-000123`. Sorts as text up to a million, as a
/// number always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct IncidentId(u64);

impl IncidentId {
    /// The first one.
    pub const FIRST: Self = Self(1);

    /// Its number.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The id with that number.
    pub fn from_number(number: u64) -> Self {
        Self(number)
    }

    /// The id after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "INC-{:06}", self.0)
    }
}

/// The text is not an incident's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an incident id looks like INC-000123")]
pub struct NotAnIncidentId;

impl FromStr for IncidentId {
    type Err = NotAnIncidentId;

    fn from_str(text: &str) -> Result<Self, NotAnIncidentId> {
        let digits = text.strip_prefix("INC-").ok_or(NotAnIncidentId)?;
        let canonical = digits.parse().map(Self).map_err(|_| NotAnIncidentId)?;
        // One spelling per incident, so that texts can be compared.
        (canonical.to_string() == text)
            .then_some(canonical)
            .ok_or(NotAnIncidentId)
    }
}

impl From<IncidentId> for String {
    fn from(id: IncidentId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for IncidentId {
    type Error = NotAnIncidentId;

    fn try_from(text: String) -> Result<Self, NotAnIncidentId> {
        text.parse()
    }
}

/// Whether an incident is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IncidentStatus {
    /// At least one alert fires.
    Firing,
    /// All have ended.
    Resolved,
}

/// One incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its name.
    pub id: IncidentId,
    /// What its alerts share: a subject, a group, or the storm.
    pub key: String,
    /// One line for lists; untrusted text.
    pub title: String,
    /// The worst severity word among its alerts.
    pub severity: String,
    /// Firing or resolved.
    pub status: IncidentStatus,
    /// Earliest start among its alerts.
    pub started_at: Timestamp,
    /// When the last alert ended; absent while one fires.
    pub resolved_at: Option<Timestamp>,
    /// When its first alert was received.
    pub opened_at: Timestamp,
    /// When its last end was received; absent while one fires.
    pub closed_at: Option<Timestamp>,
    /// When its newest alert was received.
    pub joined_at: Timestamp,
    /// Journal sequence number of its last change.
    pub updated_seq: u64,
    /// First alerts in full, at most fifty.
    pub alerts: Vec<Alert>,
    /// Alerts ever, those beyond the list included.
    pub alert_count: u64,
    /// Tracked alerts that fire now.
    pub firing_count: u64,
    /// Alerts Alertmanager left out of its messages, at most at once.
    pub truncated_alerts: u64,
    /// Objects the labels led to, best first.
    pub subjects: Vec<ObjectRef>,
    /// What was unclear about the subjects, in words; may be empty.
    pub subject_note: String,
    /// Alertmanager's group keys.
    pub group_keys: Vec<String>,
    /// Alert names, in the order they came.
    pub alert_names: Vec<String>,
    /// Who sent them; two for a highly available pair.
    pub seen_by: Vec<String>,
    /// When it was reopened, latest last.
    pub reopened_at: Vec<Timestamp>,
    /// Whether it keeps coming back.
    pub flapping: bool,
}

/// What is kept of each alert, to tell news from repetition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracked {
    /// Firing or resolved.
    pub status: AlertStatus,
    /// Latest start that was told.
    pub starts_at: Timestamp,
    /// The incident it is in, if it is in one.
    pub incident: Option<IncidentId>,
    /// Who told the status.
    pub sender: String,
    /// When it was last heard of.
    pub heard_at: Timestamp,
    /// Who has told of it.
    pub seen_by: Vec<String>,
    /// The namespace whose informational alerts it holds back; for an
    /// `InfoInhibitor` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inhibits: Option<String>,
}

impl Tracked {
    /// Whether it has ended.
    pub fn is_ended(&self) -> bool {
        self.status == AlertStatus::Resolved
    }
}

impl Incident {
    /// Whether at least one alert fires.
    pub fn is_open(&self) -> bool {
        self.status == IncidentStatus::Firing
    }

    /// Namespaces its subjects are in.
    pub fn namespaces(&self) -> Vec<String> {
        let named = self
            .subjects
            .iter()
            .filter_map(|subject| match &subject.namespace {
                Some(namespace) => Some(namespace.clone()),
                None => (subject.kind == "Namespace").then(|| subject.name.clone()),
            });
        let mut namespaces: Vec<String> = named.collect();
        namespaces.sort();
        namespaces.dedup();
        namespaces
    }

    /// As an analysis shows it.
    pub fn summary(&self) -> IncidentSummary {
        IncidentSummary {
            id: self.id.to_string(),
            title: self.title.clone(),
            severity: self.severity.clone(),
            status: match self.status {
                IncidentStatus::Firing => "firing".to_owned(),
                IncidentStatus::Resolved => "resolved".to_owned(),
            },
            started_at: Some(self.started_at),
            group_key: self.group_keys.first().cloned().unwrap_or_default(),
            alerts: self.alerts.iter().map(AlertSummary::from).collect(),
        }
    }

    /// Takes an alert in: its names, severity and start.
    pub(super) fn join(&mut self, alert: &Alert, starts_at: Timestamp, now: Timestamp) {
        self.alert_count += 1;
        self.joined_at = now;
        self.started_at = self.started_at.min(starts_at);
        let worse = severity_rank(alert.severity()) > severity_rank(&self.severity);
        if worse || self.severity.is_empty() {
            alert.severity().clone_into(&mut self.severity);
        }
        push_new(&mut self.alert_names, alert.name());
        self.keep(alert, starts_at);
        self.retitle();
    }

    fn keep(&mut self, alert: &Alert, starts_at: Timestamp) {
        let bytes = || {
            self.alerts
                .iter()
                .chain([alert])
                .map(text_bytes)
                .sum::<usize>()
        };
        if self.alerts.len() >= ALERTS_KEPT_MAX || bytes() > ALERT_BYTES_MAX {
            return;
        }
        let mut kept = alert.clone();
        kept.starts_at = starts_at;
        for annotation in kept.annotations.values_mut() {
            cut(annotation, ANNOTATION_BYTES_MAX);
        }
        self.alerts.push(kept);
    }

    /// Updates the kept copy of an alert.
    pub(super) fn refresh(&mut self, alert: &Alert, starts_at: Timestamp) {
        if let Some(kept) = self
            .alerts
            .iter_mut()
            .find(|kept| kept.labels == alert.labels)
        {
            kept.status = alert.status;
            kept.starts_at = starts_at;
            kept.ends_at = alert.ends_at;
        }
    }

    /// Notes where a message came from; answers whether that is news.
    pub(super) fn note_source(
        &mut self,
        group_key: &str,
        sender: &str,
        truncated_alerts: u64,
    ) -> bool {
        let more_truncated = truncated_alerts > self.truncated_alerts;
        self.truncated_alerts = self.truncated_alerts.max(truncated_alerts);
        let new_group = push_new(&mut self.group_keys, group_key);
        let new_sender = push_new(&mut self.seen_by, sender);
        more_truncated || new_group || new_sender
    }

    pub(super) fn add_subjects(&mut self, subjects: Vec<ObjectRef>) {
        for subject in subjects {
            if self.subjects.len() < NAMES_MAX && !self.subjects.contains(&subject) {
                self.subjects.push(subject);
            }
        }
    }

    pub(super) fn close(&mut self, ended_at: Timestamp, now: Timestamp) {
        self.status = IncidentStatus::Resolved;
        self.resolved_at = Some(ended_at);
        self.closed_at = Some(now);
    }

    pub(super) fn reopen(&mut self, now: Timestamp, flapping_reopenings: usize) {
        self.status = IncidentStatus::Firing;
        self.resolved_at = None;
        self.closed_at = None;
        if self.reopened_at.len() == REOPENINGS_MAX {
            self.reopened_at.remove(0);
        }
        self.reopened_at.push(now);
        let lately = |at: &&Timestamp| now.duration_since(**at) <= FLAPPING_WITHIN;
        self.flapping = self.reopened_at.iter().filter(lately).count() >= flapping_reopenings;
    }

    fn retitle(&mut self) {
        let first = self.alert_names.first().map_or("", String::as_str);
        let name = if first.is_empty() {
            "Alert without a name"
        } else {
            first
        };
        let mut title = one_line(name);
        if let Some(subject) = self.subjects.first() {
            title = format!("{title} on {subject}");
        }
        let others = self.alert_count - 1;
        self.title = match others {
            0 => title,
            1 => format!("{title} and 1 more alert"),
            _ => format!("{title} and {others} more alerts"),
        };
    }
}

fn text_bytes(alert: &Alert) -> usize {
    let bytes = |labels: &Labels| {
        labels
            .iter()
            .map(|(name, value)| name.len() + value.len().min(ANNOTATION_BYTES_MAX))
            .sum::<usize>()
    };
    bytes(&alert.labels) + bytes(&alert.annotations)
}

/// Adds a text that is not in the list yet, while there is room.
pub(super) fn push_new(list: &mut Vec<String>, text: &str) -> bool {
    let new = list.len() < NAMES_MAX && !list.iter().any(|known| known == text);
    if new {
        list.push(text.to_owned());
    }
    new
}

/// One line for a list: no control characters, not too long.
fn one_line(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control())
        .take(TITLE_NAME_CHARS_MAX)
        .collect()
}

fn cut(text: &mut String, bytes_max: usize) {
    if text.len() > bytes_max {
        let mut end = bytes_max;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
}
