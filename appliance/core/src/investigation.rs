//! One incident from snapshot to card: the pure part of the data's way.

use jiff::{SignedDuration, Timestamp};

use crate::alert::Alert;
use crate::analysis::{Analysis, IncidentSummary};
use crate::causes::{self, Case};
use crate::facts::Facts;
use crate::object::ObjectRef;
use crate::resolver::{Aliases, resolve};
use crate::snapshot::Snapshot;
use crate::{card, graph};

/// The mixin's rules mostly wait 15 minutes before they fire, so the cause
/// precedes the start by at least that; half an hour more shows what led there.
const WINDOW_BEFORE_START: SignedDuration = SignedDuration::from_mins(45);

/// The evidence window of an incident that started at `started_at`.
pub fn evidence_window(started_at: Timestamp, now: Timestamp) -> (Timestamp, Timestamp) {
    let from = started_at
        .checked_sub(WINDOW_BEFORE_START)
        .unwrap_or(Timestamp::UNIX_EPOCH);
    (from, now.max(started_at))
}

/// What is investigated.
#[derive(Clone, Copy, Debug)]
pub struct Investigation<'a> {
    /// What was captured.
    pub snapshot: &'a Snapshot,
    /// The incident's alerts; empty for a plain dump.
    pub alerts: &'a [Alert],
    /// Where the alerts' labels led, best first.
    pub subjects: &'a [ObjectRef],
}

/// Where the labels of `alerts` lead, best first.
pub fn subjects_of(alerts: &[Alert], aliases: &Aliases, snapshot: &Snapshot) -> Vec<ObjectRef> {
    let mut subjects: Vec<ObjectRef> = Vec::new();
    for alert in alerts {
        for subject in resolve(alert, aliases, snapshot).subjects {
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
    }
    subjects
}

impl Investigation<'_> {
    /// Earliest start of the alerts, or the time of capture.
    pub fn started_at(&self) -> Timestamp {
        self.alerts
            .iter()
            .map(|alert| alert.starts_at)
            .min()
            .unwrap_or(self.snapshot.captured_at)
    }

    /// Finds facts, states causes, ranks them and makes the card.
    pub fn run(&self, incident: IncidentSummary) -> Analysis {
        let started_at = self.started_at();
        let facts = Facts::find(self.snapshot, started_at);
        let case = Case {
            snapshot: self.snapshot,
            facts: &facts,
            alerts: self.alerts,
            subjects: self.subjects,
            started_at,
        };
        let diagnosis = graph::diagnose(&case, causes::analyze(&case));
        card::assemble(&case, incident, &diagnosis)
    }
}
