//! What the model brings: rules, model and both on the same cases.
//!
//! Decides what is compared and counted; running rules and model, and taking
//! the time, is left to the caller.
//!
//! Invariant: *both* is what the product shows. *Model* lets the model's
//! choice among the candidates count in full, and exists for measurement only.

mod alone;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Calibration, CaseScore, Citing, CitingMeans, Expected, GoldEvidence, Share, contradictions,
    score,
};
use crate::analysis::{Analysis, sentences};
use crate::evidence::EvidenceId;
use crate::snapshot::Snapshot;

pub use self::alone::{alone, reversed};

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Contender {
    /// The card, whose summary is plain templates.
    Rules,
    /// The model's choice among the rules' candidates, in full.
    Model,
    /// The same with the candidates in reverse order: does it choose, or take the first?
    ModelReversed,
    /// The product: what the model may change in the card.
    Both,
}

impl Contender {
    /// All, in the order of the table.
    pub const ALL: [Self; 4] = [Self::Rules, Self::Model, Self::ModelReversed, Self::Both];
}

/// What one contender said, and what it took.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its analysis.
    pub analysis: Analysis,
    /// Evidence it cites for its first cause.
    pub cited: Vec<EvidenceId>,
    /// Sentences of a model that the check dropped.
    pub dropped: usize,
    /// Whether the model gave no answer that could be read.
    pub unusable: bool,
    /// From the evidence to the answer.
    pub seconds: f64,
    /// Most memory the process held meanwhile, where the system tells.
    pub peak_bytes: Option<u64>,
}

/// A case that all contenders answer.
#[derive(Debug)]
pub struct Trial<'a> {
    /// Its name.
    pub case: String,
    /// Groups of cases it counts in, beside all.
    pub slices: Vec<String>,
    /// What was captured, less what is withheld.
    pub snapshot: &'a Snapshot,
    /// The right answer.
    pub expected: &'a Expected,
    /// The evidence a right answer cites.
    pub gold: GoldEvidence,
}

/// One answer, judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// How right it is.
    #[serde(flatten)]
    pub score: CaseScore,
    /// How its citations compare with the gold, where there is one.
    pub citing: Option<Citing>,
    /// Sentences of the summary that contradict the analysis, with the reason.
    pub contradictions: Vec<String>,
    /// The summary.
    pub summary: String,
    /// Who wrote it.
    pub by: String,
    /// Parts that are another than on the card: what the model decided.
    pub changed: Vec<&'static str>,
    /// Sentences of the summary.
    pub sentences: usize,
    /// Sentences of a model that the check dropped.
    pub dropped: usize,
    /// Whether the model gave no answer that could be read.
    pub unusable: bool,
    /// From the evidence to the answer.
    pub seconds: f64,
    /// Most memory the process held meanwhile, where the system tells.
    pub peak_bytes: Option<u64>,
}

/// One case with all its answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JudgedCase {
    /// Its name.
    pub case: String,
    /// Groups it counts in, beside all.
    pub slices: Vec<String>,
    /// The answers.
    pub answers: BTreeMap<Contender, Judged>,
}

/// Totals of one contender over a set of cases.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// First cause and object right.
    pub joint_at_1: Share,
    /// Both right in one of the first three.
    pub joint_at_3: Share,
    /// No cause stated.
    pub abstained: Share,
    /// Healthy clusters of which an incident was stated.
    pub false_alarms: Share,
    /// How far the confidence words can be trusted.
    pub calibration: Calibration,
    /// Precision, recall and F1 of the evidence cited.
    pub evidence: CitingMeans,
    /// Sentences that contradict the analysis, among all that are shown.
    pub contradictions: Share,
    /// Sentences of the model that the check kept, among all it wrote.
    pub kept: Share,
    /// Answers of the model that could not be read.
    pub unusable: usize,
    /// Who wrote the summaries.
    pub by: BTreeMap<String, usize>,
    /// Parts that differ from the card, and in how many cases.
    pub changed: BTreeMap<&'static str, usize>,
    /// Names that the snapshots do not contain.
    pub phantoms: usize,
    /// Claims whose citations do not hold.
    pub broken_citations: usize,
    /// Median seconds of a case.
    pub seconds_median: f64,
    /// Seconds of the slowest case.
    pub seconds_max: f64,
    /// Most memory the process held during any case.
    pub peak_bytes_max: Option<u64>,
}

/// The whole comparison; what `eval --ablation --format json` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Ablation {
    /// The model.
    pub model: String,
    /// Totals per group of cases and contender; the group `all` has every case.
    pub totals: BTreeMap<String, BTreeMap<Contender, Totals>>,
    /// The cases one by one.
    pub cases: Vec<JudgedCase>,
}

/// The group of every case.
pub const ALL: &str = "all";

impl Ablation {
    /// A comparison with the model of that name.
    pub fn new(model: String) -> Self {
        Self {
            model,
            ..Self::default()
        }
    }

    /// Judges the `answers` to `trial` and counts them; `card` is the rules' own.
    pub fn add(&mut self, trial: &Trial<'_>, card: &Analysis, answers: Vec<(Contender, Answer)>) {
        let judged = answers
            .into_iter()
            .map(|(contender, answer)| (contender, judge(trial, card, answer)));
        self.cases.push(JudgedCase {
            case: trial.case.clone(),
            slices: trial.slices.clone(),
            answers: judged.collect(),
        });
    }

    /// Computes the totals of all groups.
    pub fn finish(&mut self) {
        self.totals.clear();
        for case in &self.cases {
            let all = ALL.to_owned();
            for slice in case.slices.iter().chain([&all]) {
                let totals = self.totals.entry(slice.clone()).or_default();
                for (contender, judged) in &case.answers {
                    totals.entry(*contender).or_default().add(judged);
                }
            }
        }
        for (slice, totals) in &mut self.totals {
            for (contender, totals) in totals {
                let seconds = self
                    .cases
                    .iter()
                    .filter(|case| slice == ALL || case.slices.contains(slice))
                    .filter_map(|case| Some(case.answers.get(contender)?.seconds));
                totals.measure(seconds.collect());
            }
        }
    }

    /// Whether no contender named what does not exist or cited what is not there.
    ///
    /// The model by itself may: only what the product shows counts.
    pub fn is_sound(&self) -> bool {
        self.cases.iter().all(|case| {
            case.answers
                .iter()
                .filter(|(contender, _)| matches!(contender, Contender::Rules | Contender::Both))
                .all(|(_, judged)| {
                    judged.score.phantoms.is_empty() && judged.score.broken_citations.is_empty()
                })
        })
    }
}

fn judge(trial: &Trial<'_>, card: &Analysis, answer: Answer) -> Judged {
    let analysis = &answer.analysis;
    Judged {
        score: score(analysis, trial.snapshot, trial.expected),
        citing: trial.gold.score(analysis, &answer.cited),
        contradictions: contradictions(analysis),
        changed: changed(card, analysis),
        sentences: sentences(&analysis.summary.text).len(),
        dropped: answer.dropped,
        unusable: answer.unusable,
        seconds: answer.seconds,
        peak_bytes: answer.peak_bytes,
        by: answer.analysis.summary.by,
        summary: answer.analysis.summary.text,
    }
}

/// The parts of `analysis` that are not as on the card.
fn changed(card: &Analysis, analysis: &Analysis) -> Vec<&'static str> {
    let first = |analysis: &Analysis| {
        let first = analysis.causes.first();
        first.map(|stated| (stated.cause.clone(), stated.object.clone()))
    };
    let confidence = |analysis: &Analysis| analysis.causes.first().map(|stated| stated.confidence);
    let parts = [
        ("cause", first(card) != first(analysis)),
        ("confidence", confidence(card) != confidence(analysis)),
        ("summary", card.summary.text != analysis.summary.text),
        (
            "next check",
            card.next_checks.first() != analysis.next_checks.first(),
        ),
        ("action", card.actions.first() != analysis.actions.first()),
    ];
    let changed = parts.into_iter().filter(|(_, differs)| *differs);
    changed.map(|(part, _)| part).collect()
}

impl Totals {
    fn add(&mut self, judged: &Judged) {
        let score = &judged.score;
        self.joint_at_1.add(score.joint_at_1);
        self.joint_at_3.add(score.joint_at_3);
        self.abstained.add(score.abstained);
        if score.healthy {
            self.false_alarms.add(!score.joint_at_1);
        }
        self.calibration.add(score);
        if let Some(citing) = judged.citing {
            self.evidence.add(citing);
        }
        self.contradictions.of += judged.contradictions.len();
        self.contradictions.total += judged.sentences;
        let by_model = judged.by.contains("model:");
        if by_model || judged.dropped > 0 {
            // A lead of the rules stands before the model's own sentences.
            let led = judged.by.starts_with("rules") && by_model;
            let kept = if by_model {
                judged.sentences - usize::from(led)
            } else {
                0
            };
            self.kept.of += kept;
            self.kept.total += kept + judged.dropped;
        }
        self.unusable += usize::from(judged.unusable);
        *self.by.entry(judged.by.clone()).or_default() += 1;
        for part in &judged.changed {
            *self.changed.entry(part).or_default() += 1;
        }
        self.phantoms += score.phantoms.len();
        self.broken_citations += score.broken_citations.len();
        self.peak_bytes_max = self.peak_bytes_max.max(judged.peak_bytes);
    }

    fn measure(&mut self, mut seconds: Vec<f64>) {
        seconds.sort_by(f64::total_cmp);
        self.seconds_median = seconds.get(seconds.len() / 2).copied().unwrap_or_default();
        self.seconds_max = seconds.last().copied().unwrap_or_default();
    }
}
