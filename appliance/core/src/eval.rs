//! Scores an analysis against the right answer of a recorded case.
//!
//! Decides whether cause and object are right, whether every citation holds,
//! and whether the analysis names anything that the snapshot does not
//! contain; in [`ablation`], what the model adds to the rules. Reading the
//! files is left to the caller.
//!
//! Invariant: an analysis is never shown its expectation; this module only
//! sees both side by side, afterwards.

pub mod ablation;
mod calibration;
mod citing;
mod contradiction;
mod evaluation;
mod expected;
mod names;
mod ownership;
mod report;
mod suspicion;
#[cfg(test)]
mod tests;
mod withheld;

use serde::Serialize;

pub use self::calibration::{Calibration, promised};
pub use self::citing::{Citing, CitingMeans, GoldEvidence};
pub use self::contradiction::contradictions;
pub use self::evaluation::{Evaluation, Scored};
pub use self::expected::{Expected, ExpectedError, ExpectedObject, LabelMap};
pub use self::names::KnownNames;
pub use self::report::{Report, Share, Tally, Wrong};
pub use self::suspicion::{Suspicion, Suspicions, WrongSuspicion};
pub use self::withheld::Withheld;

use crate::analysis::{Analysis, Confidence, StatedCause};
use crate::causes::{Cause, Family};
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// How one analysis compares with the right answer.
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent yes-or-no marks of one answer"
)]
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CaseScore {
    /// The expected answer's own label, for tables.
    pub label: String,
    /// The expected object in words; empty when any will do.
    pub expected_object: String,
    /// Family of the right cause; `Healthy` where nothing is wrong.
    pub family: String,
    /// Whether "no incident" is the right answer.
    pub healthy: bool,
    /// The first cause that was stated.
    pub got: Option<StatedCause>,
    /// Whether the first cause is right.
    pub cause_at_1: bool,
    /// Whether the first object is right.
    pub object_at_1: bool,
    /// Whether both are right.
    pub joint_at_1: bool,
    /// Whether both are right together in any of the first three.
    pub joint_at_3: bool,
    /// Place of the right answer among those stated, counted from 1.
    pub right_at: Option<usize>,
    /// Whether no cause was stated.
    pub abstained: bool,
    /// Names that the snapshot does not contain.
    pub phantoms: Vec<String>,
    /// Claims whose citations do not hold, in words.
    pub broken_citations: Vec<String>,
    /// How the suspected change compares with what was changed.
    pub suspicion: Suspicion,
    /// The object whose change is suspected.
    pub suspected: Option<ObjectRef>,
    /// What was changed, in words.
    pub changed: Vec<String>,
}

/// Scores `analysis` of `snapshot`.
pub fn score(analysis: &Analysis, snapshot: &Snapshot, expected: &Expected) -> CaseScore {
    let first = analysis.causes.first();
    let cause_right = |stated: &StatedCause| expected.accepts_cause(&stated.cause);
    let object_right = |stated: &StatedCause| expected.accepts_object(&stated.object, snapshot);
    let joint = |stated: &StatedCause| cause_right(stated) && object_right(stated);
    let right_at = analysis
        .causes
        .iter()
        .position(|stated| !expected.healthy && joint(stated))
        .map(|place| place + 1);
    let (cause_at_1, object_at_1, joint_at_1, joint_at_3) = if expected.healthy {
        let quiet = first.is_none_or(is_no_incident);
        (quiet, quiet, quiet, quiet)
    } else {
        (
            first.is_some_and(cause_right),
            first.is_some_and(object_right),
            right_at == Some(1),
            right_at.is_some_and(|place| place <= 3),
        )
    };
    CaseScore {
        label: expected.label.clone(),
        expected_object: expected
            .objects
            .first()
            .map(ToString::to_string)
            .unwrap_or_default(),
        family: expected.family(),
        healthy: expected.healthy,
        got: first.cloned(),
        cause_at_1,
        object_at_1,
        joint_at_1,
        joint_at_3,
        right_at,
        abstained: first.is_none(),
        phantoms: KnownNames::of(snapshot, analysis).phantoms(analysis),
        broken_citations: broken_citations(analysis),
        suspicion: Suspicion::of(analysis, snapshot, expected),
        suspected: suspicion::suspected(analysis).cloned(),
        changed: expected
            .changed
            .iter()
            .flatten()
            .map(ToString::to_string)
            .collect(),
    }
}

impl CaseScore {
    /// The confidence of the first cause, when one was stated.
    pub fn confidence(&self) -> Option<Confidence> {
        self.got.as_ref().map(|stated| stated.confidence)
    }
}

fn is_no_incident(stated: &StatedCause) -> bool {
    stated
        .cause
        .parse::<Cause>()
        .is_ok_and(|cause| cause.family() == Family::NotAnIncident)
}

/// Claims without evidence, and citations of evidence that is not there.
fn broken_citations(analysis: &Analysis) -> Vec<String> {
    let exists = |id| analysis.evidence.iter().any(|evidence| evidence.id == id);
    let mut broken = Vec::new();
    let mut claim = |what: String, because: &[_], needed: bool| {
        if needed && because.is_empty() {
            broken.push(format!("{what} cites nothing"));
        }
        for &id in because {
            if !exists(id) {
                broken.push(format!("{what} cites {id}, which is not there"));
            }
        }
    };
    for stated in &analysis.causes {
        claim(format!("cause {}", stated.cause), &stated.because, true);
        claim(format!("cause {}", stated.cause), &stated.against, false);
    }
    for ruled_out in &analysis.ruled_out {
        let what = format!("ruled out {}", ruled_out.cause);
        claim(what, &ruled_out.because, true);
    }
    for change in &analysis.changes {
        claim(
            format!("change of {}", change.object),
            &[change.evidence],
            true,
        );
    }
    let states_something = !analysis.summary.text.is_empty() && !analysis.causes.is_empty();
    claim(
        "summary".to_owned(),
        &analysis.summary.citations,
        states_something,
    );
    broken
}
