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

/// Evidence kept per finding and side; more would only repeat itself.
const EVIDENCE_MAX: usize = 8;

impl Finding {
    /// A finding that cites nothing yet; [`Finding::because`] follows.
    pub fn new(
        cause: Cause,
        object: ObjectRef,
        strength: Strength,
        statement: impl Into<String>,
    ) -> Self {
        Self {
            cause,
            object,
            strength,
            statement: statement.into(),
            since: None,
            because: Vec::new(),
            against: Vec::new(),
            explains: Vec::new(),
            next_checks: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Adds evidence for it.
    #[must_use]
    pub fn because(mut self, draft: impl IntoIterator<Item = Draft>) -> Self {
        extend(&mut self.because, draft);
        self
    }

    /// Adds evidence against it.
    #[must_use]
    pub fn against(mut self, draft: impl IntoIterator<Item = Draft>) -> Self {
        extend(&mut self.against, draft);
        self
    }

    /// Says when it began; the earliest of several stays.
    #[must_use]
    pub fn since(mut self, at: Option<Timestamp>) -> Self {
        self.since = match (self.since, at) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
        self
    }

    /// Adds objects whose trouble this explains.
    #[must_use]
    pub fn explains(mut self, objects: impl IntoIterator<Item = ObjectRef>) -> Self {
        for object in objects {
            if object != self.object && !self.explains.contains(&object) {
                self.explains.push(object);
            }
        }
        self
    }

    /// Adds a read-only command to look further.
    #[must_use]
    pub fn check(mut self, command: impl Into<String>, why: impl Into<String>) -> Self {
        self.next_checks.push(NextCheck {
            command: command.into(),
            why: why.into(),
        });
        self
    }

    /// Adds an editor on an object, which a person can take back; its risk is
    /// the catalogue's.
    #[must_use]
    pub fn edit(mut self, command: impl Into<String>, why: impl Into<String>) -> Self {
        self.actions.push(Action {
            command: command.into(),
            risk: self.cause.risk(),
            reversible: true,
            undo: String::new(),
            why: why.into(),
        });
        self
    }

    /// Adds a repair that `undo` takes back; its risk is the catalogue's.
    #[must_use]
    pub fn repair(
        mut self,
        command: impl Into<String>,
        undo: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        let undo = undo.into();
        self.actions.push(Action {
            command: command.into(),
            risk: self.cause.risk(),
            reversible: !undo.is_empty(),
            undo,
            why: why.into(),
        });
        self
    }
}

fn extend(known: &mut Vec<Draft>, drafts: impl IntoIterator<Item = Draft>) {
    for draft in drafts {
        let repeated = known.iter().any(|other| other.key() == draft.key());
        if !repeated && known.len() < EVIDENCE_MAX {
            known.push(draft);
        }
    }
}

impl Findings {
    /// Adds a finding. One cause of one object stays one finding: the stronger
    /// statement is kept, evidence and explained objects add up.
    pub fn add(&mut self, finding: Finding) {
        let same = self
            .found
            .iter_mut()
            .find(|known| known.cause == finding.cause && known.object == finding.object);
        let Some(known) = same else {
            self.found.push(finding);
            return;
        };
        let (mut kept, other) = if finding.strength > known.strength {
            (finding, known.clone())
        } else {
            (known.clone(), finding)
        };
        kept = kept
            .because(other.because)
            .against(other.against)
            .explains(other.explains)
            .since(other.since);
        *known = kept;
    }

    /// Adds a look-alike that `because` excludes.
    pub fn exclude(&mut self, cause: Cause, object: ObjectRef, because: Vec<Draft>) {
        let known = self
            .excluded
            .iter()
            .any(|other| other.cause == cause && other.object == object);
        if !known && !because.is_empty() {
            self.excluded.push(Exclusion {
                cause,
                object,
                because,
            });
        }
    }
}
