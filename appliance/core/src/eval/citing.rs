//! Which of the right evidence an answer cites.
//!
//! The gold is what the rules cite for the right cause when nothing is
//! withheld. Two analyses number their evidence differently, so that a piece
//! is the same when its kind, its object and its title are.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Expected;
use crate::analysis::Analysis;
use crate::evidence::{EvidenceId, EvidenceKind};
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// What makes two pieces of evidence the same.
type Key = (EvidenceKind, ObjectRef, String);

/// The evidence that a right answer should cite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoldEvidence(BTreeSet<Key>);

impl GoldEvidence {
    /// What `complete`, the rules' analysis of the whole case, cites for the
    /// right cause; nothing where it does not state the right cause.
    pub fn of(complete: &Analysis, snapshot: &Snapshot, expected: &Expected) -> Self {
        let right = complete.causes.iter().find(|stated| {
            !expected.healthy
                && expected.accepts_cause(&stated.cause)
                && expected.accepts_object(&stated.object, snapshot)
        });
        let because = right.map_or(&[][..], |stated| &stated.because);
        Self(keys(complete, because))
    }

    /// Compares what `analysis` cites with the gold; none without a gold.
    pub fn score(&self, analysis: &Analysis, cited: &[EvidenceId]) -> Option<Citing> {
        let cited = keys(analysis, cited);
        (!self.0.is_empty()).then(|| Citing {
            right: cited.intersection(&self.0).count(),
            cited: cited.len(),
            gold: self.0.len(),
        })
    }
}

fn keys(analysis: &Analysis, ids: &[EvidenceId]) -> BTreeSet<Key> {
    let evidence = analysis.evidence.iter();
    evidence
        .filter(|one| ids.contains(&one.id))
        .map(|one| (one.kind, one.object.clone(), one.title.clone()))
        .collect()
}

/// Citations of one answer beside the gold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Citing {
    /// Pieces cited that are in the gold.
    pub right: usize,
    /// Pieces cited.
    pub cited: usize,
    /// Pieces in the gold.
    pub gold: usize,
}

impl Citing {
    /// Share of what is cited that is right; 0 where nothing is cited.
    pub fn precision(self) -> f64 {
        self.right as f64 / self.cited.max(1) as f64
    }

    /// Share of the gold that is cited.
    pub fn recall(self) -> f64 {
        self.right as f64 / self.gold.max(1) as f64
    }

    /// Harmonic mean of both.
    pub fn f1(self) -> f64 {
        2.0 * self.right as f64 / (self.cited + self.gold).max(1) as f64
    }
}

/// Means over cases, each case with equal weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CitingMeans {
    /// Cases that have a gold.
    pub cases: usize,
    /// Mean [`Citing::precision`].
    pub precision: f64,
    /// Mean [`Citing::recall`].
    pub recall: f64,
    /// Mean [`Citing::f1`].
    pub f1: f64,
}

impl CitingMeans {
    /// Counts one answer.
    pub fn add(&mut self, citing: Citing) {
        self.cases += 1;
        let weight = 1.0 / self.cases as f64;
        let toward = |mean: &mut f64, value: f64| *mean += (value - *mean) * weight;
        toward(&mut self.precision, citing.precision());
        toward(&mut self.recall, citing.recall());
        toward(&mut self.f1, citing.f1());
    }
}
