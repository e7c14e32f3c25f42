//! Totals over many scored cases.
//!
//! Decides what is counted; printing is left to the caller.

use std::collections::BTreeMap;

use serde::Serialize;

use super::calibration::{Calibration, word};
use super::{CaseScore, Suspicions};

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// How many hold.
    pub of: usize,
    /// Among how many.
    pub total: usize,
}

impl Share {
    pub(super) fn add(&mut self, holds: bool) {
        self.of += usize::from(holds);
        self.total += 1;
    }

    /// The share between 0 and 1; 0 of nothing.
    pub fn ratio(self) -> f64 {
        if self.total == 0 {
            0.0
        } else {
            self.of as f64 / self.total as f64
        }
    }
}

/// What is counted for a set of cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// First cause right.
    pub cause_at_1: Share,
    /// First object right.
    pub object_at_1: Share,
    /// Both right.
    pub joint_at_1: Share,
    /// Both right in one of the first three.
    pub joint_at_3: Share,
    /// No cause stated.
    pub abstained: Share,
}

impl Tally {
    fn add(&mut self, score: &CaseScore) {
        self.cause_at_1.add(score.cause_at_1);
        self.object_at_1.add(score.object_at_1);
        self.joint_at_1.add(score.joint_at_1);
        self.joint_at_3.add(score.joint_at_3);
        self.abstained.add(score.abstained);
    }
}

/// A case whose first answer is not right, and what was said instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// Name of the case.
    pub case: String,
    /// The right cause, by its label.
    pub expected: String,
    /// The right object in words; empty when any will do.
    pub expected_object: String,
    /// What was stated first, with its confidence; empty after an abstention.
    pub said: String,
    /// Place of the right answer among those stated, counted from 1.
    pub right_at: Option<usize>,
}

/// Totals, per family, per label and per confidence word.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// Over all cases.
    pub all: Tally,
    /// Per expected label: a benchmark's own, or the identifiers that count as right.
    pub by_label: BTreeMap<String, Tally>,
    /// Per family of the catalogue; `Healthy` where nothing is wrong.
    pub by_family: BTreeMap<String, Tally>,
    /// Share of right first answers per confidence word.
    pub calibration: Calibration,
    /// Healthy clusters of which an incident was stated.
    pub false_alarms: Share,
    /// Phantom names in all cases; must be 0.
    pub phantoms: usize,
    /// Claims whose citations do not hold, in all cases.
    pub broken_citations: usize,
    /// How often the suspected change is the right one.
    pub suspicions: Suspicions,
    /// The cases whose first answer is not right.
    pub wrong: Vec<Wrong>,
}

impl Report {
    /// Counts the case of that name.
    pub fn add(&mut self, case: &str, score: &CaseScore) {
        self.all.add(score);
        self.by_label
            .entry(score.label.clone())
            .or_default()
            .add(score);
        self.by_family
            .entry(score.family.clone())
            .or_default()
            .add(score);
        if score.healthy {
            self.false_alarms.add(!score.joint_at_1);
        }
        if !score.joint_at_1 {
            self.wrong.push(wrong(case, score));
        }
        self.calibration.add(score);
        self.suspicions.add(case, score);
        self.phantoms += score.phantoms.len();
        self.broken_citations += score.broken_citations.len();
    }
}

fn wrong(case: &str, score: &CaseScore) -> Wrong {
    let said = score.got.as_ref().map_or_else(String::new, |got| {
        let confidence = word(got.confidence);
        format!("{} of {} ({confidence})", got.cause, got.object)
    });
    Wrong {
        case: case.to_owned(),
        expected: score.label.clone(),
        expected_object: score.expected_object.clone(),
        said,
        right_at: score.right_at,
    }
}
