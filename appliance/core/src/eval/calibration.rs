//! How far each confidence word can be trusted.
//!
//! A word promises a share of right answers; the calibration error says how
//! far the shares that were measured lie from what was promised.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{CaseScore, Share};
use crate::analysis::Confidence;

/// Share of right first answers per confidence word, and the error over all.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Calibration {
    /// First answers per word: how many were right.
    pub by_word: BTreeMap<String, Share>,
    /// Expected calibration error: the distance between measured and promised
    /// share, as a mean over all stated answers; 0 is best, 1 worst.
    pub error: f64,
}

impl Calibration {
    /// Counts the first answer of `score`, if there is one.
    pub fn add(&mut self, score: &CaseScore) {
        let Some(confidence) = score.confidence() else {
            return;
        };
        let word = self.by_word.entry(word(confidence).to_owned());
        word.or_default().add(score.joint_at_1);
        self.error = self.measured();
    }

    fn measured(&self) -> f64 {
        let total: usize = self.by_word.values().map(|share| share.total).sum();
        let distances = WORDS.iter().filter_map(|&confidence| {
            let share = self.by_word.get(word(confidence))?;
            Some((share.ratio() - promised(confidence)).abs() * share.total as f64)
        });
        distances.sum::<f64>() / total.max(1) as f64
    }
}

const WORDS: [Confidence; 3] = [Confidence::High, Confidence::Medium, Confidence::Low];

/// The share of right answers that a word promises: *high* is what people act
/// on and is held to 97 of 100; of *medium*, four of five should stand after
/// the one check it asks for; *low* is as good as a coin.
pub const fn promised(confidence: Confidence) -> f64 {
    match confidence {
        Confidence::High => 0.97,
        Confidence::Medium => 0.8,
        Confidence::Low => 0.5,
    }
}

/// A confidence as it is written everywhere.
pub(super) const fn word(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shares: &[(Confidence, usize, usize)], error: f64) {
        let mut calibration = Calibration::default();
        for &(confidence, of, total) in shares {
            let share = Share { of, total };
            let word = word(confidence).to_owned();
            calibration.by_word.insert(word, share);
        }
        let measured = calibration.measured();
        assert!((measured - error).abs() < 1e-9, "{measured} is not {error}");
    }

    #[test]
    fn nothing_stated_is_no_error() {
        check(&[], 0.0);
    }

    #[test]
    fn what_is_right_as_often_as_promised_is_calibrated() {
        check(
            &[(Confidence::High, 97, 100), (Confidence::Low, 5, 10)],
            0.0,
        );
    }

    #[test]
    fn a_sure_and_wrong_answer_weighs_by_its_share_of_all() {
        check(
            &[(Confidence::High, 0, 1), (Confidence::Low, 1, 2)],
            0.97 / 3.0,
        );
    }
}
