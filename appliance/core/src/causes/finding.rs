//! What analyzers take and give.

use jiff::Timestamp;

use super::Cause;
use crate::alert::Alert;
use crate::analysis::{Action, NextCheck};
use crate::evidence::Draft;
use crate::facts::Facts;
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// What an analyzer may look at.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// What was captured.
    pub snapshot: &'a Snapshot,
    /// What is worth saying about it.
    pub facts: &'a Facts,
    /// The incident's alerts.
    pub alerts: &'a [Alert],
    /// Where the alerts' labels led, best first.
    pub subjects: &'a [ObjectRef],
    /// Earliest start of the alerts.
    pub started_at: Timestamp,
}

/// How strongly the evidence carries a finding, before ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Strength {
    /// A hint that needs another fact beside it.
    Hint,
    /// The facts fit this cause better than its look-alikes.
    Likely,
    /// Two independent facts say it, or one that has no other reading.
    Strong,
    /// The API server or a component states the cause in words.
    Stated,
}

/// A cause an analyzer sees, with evidence for and against.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What is wrong.
    pub cause: Cause,
    /// The thing to fix, not the symptom.
    pub object: ObjectRef,
    /// How strongly the evidence carries it.
    pub strength: Strength,
    /// One plain sentence with the names and numbers, for the card.
    pub statement: String,
    /// When it began, as far as the evidence tells.
    pub since: Option<Timestamp>,
    /// Evidence for it; at least one.
    pub because: Vec<Draft>,
    /// Evidence against it.
    pub against: Vec<Draft>,
    /// Objects whose trouble this explains (pods, workloads, services).
    pub explains: Vec<ObjectRef>,
    /// Read-only commands to look further.
    pub next_checks: Vec<NextCheck>,
    /// Commands that would repair.
    pub actions: Vec<Action>,
}

/// A candidate that evidence excludes.
#[derive(Clone, Debug, PartialEq)]
pub struct Exclusion {
    /// The look-alike that was considered.
    pub cause: Cause,
    /// What it would have been about.
    pub object: ObjectRef,
    /// The evidence that excludes it; at least one.
    pub because: Vec<Draft>,
}

/// What all analyzers together say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Causes seen.
    pub found: Vec<Finding>,
    /// Look-alikes excluded.
    pub excluded: Vec<Exclusion>,
}
