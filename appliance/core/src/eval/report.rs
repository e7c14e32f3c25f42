//! Totals over many scored cases.
//!
//! Decides what is counted; printing is left to the caller.

use std::collections::BTreeMap;

use serde::Serialize;

use super::CaseScore;

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// How many hold.
    pub of: usize,
    /// Among how many.
    pub total: usize,
}

impl Share {
    fn add(&mut self, holds: bool) {
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

/// Totals, per label and per confidence word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Over all cases.
    pub all: Tally,
    /// Per expected label.
    pub by_label: BTreeMap<String, Tally>,
    /// Share of right first answers per confidence word: the calibration.
    pub by_confidence: BTreeMap<String, Share>,
    /// Phantom names in all cases; must be 0.
    pub phantoms: usize,
    /// Claims whose citations do not hold, in all cases.
    pub broken_citations: usize,
}

impl Report {
    /// Counts one case.
    pub fn add(&mut self, score: &CaseScore) {
        self.all.add(score);
        self.by_label
            .entry(score.label.clone())
            .or_default()
            .add(score);
        if let Some(confidence) = score.confidence() {
            let word = format!("{confidence:?}").to_lowercase();
            self.by_confidence
                .entry(word)
                .or_default()
                .add(score.joint_at_1);
        }
        self.phantoms += score.phantoms.len();
        self.broken_citations += score.broken_citations.len();
    }
}
