//! A whole evaluation: scored cases, their totals, and both as one text.
//!
//! Decides the form of the report; running the cases and measuring what they
//! cost is left to the caller.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{CaseScore, Report, Share, Tally, Wrong};

/// One scored case.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scored {
    /// Its name.
    pub case: String,
    /// How right it is.
    #[serde(flatten)]
    pub score: CaseScore,
    /// Who wrote the summary: `rules` or `model:<name>`.
    pub by: String,
    /// From reading the evidence to the finished analysis.
    pub seconds: f64,
    /// Most memory the process held meanwhile, where the system tells.
    pub peak_bytes: Option<u64>,
}

/// Everything `eval --format json` prints.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Evaluation {
    /// Totals, calibration, and the wrong cases.
    pub report: Report,
    /// Analyses in which a model wrote part of the summary.
    pub worded_by_model: usize,
    /// Median seconds of a case.
    pub seconds_median: f64,
    /// Seconds of the slowest case.
    pub seconds_max: f64,
    /// Most memory the process held during any case.
    pub peak_bytes_max: Option<u64>,
    /// The cases one by one.
    pub cases: Vec<Scored>,
}

impl Evaluation {
    /// Counts a case.
    pub fn add(&mut self, scored: Scored) {
        self.report.add(&scored.case, &scored.score);
        self.worded_by_model += usize::from(scored.by.contains("model:"));
        self.cases.push(scored);
    }

    /// Computes what needs all cases.
    pub fn finish(&mut self) {
        let mut seconds: Vec<f64> = self.cases.iter().map(|case| case.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        self.seconds_median = seconds.get(seconds.len() / 2).copied().unwrap_or_default();
        self.seconds_max = seconds.last().copied().unwrap_or_default();
        self.peak_bytes_max = self.cases.iter().filter_map(|case| case.peak_bytes).max();
    }

    /// The report for a person: wrong cases first, then tables and totals.
    pub fn text(&self) -> String {
        let report = &self.report;
        let mut lines: Vec<String> = report.wrong.iter().map(wrong).collect();
        lines.push(String::new());
        lines.push(format!(
            "{:<48} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "", "cause@1", "object@1", "joint@1", "joint@3", "abstained"
        ));
        lines.extend(rows(&report.by_label));
        lines.push(String::new());
        lines.extend(rows(&report.by_family));
        lines.push(String::new());
        lines.push(row("all", &report.all));
        lines.push(String::new());
        for (word, share) in &report.calibration.by_word {
            lines.push(format!(
                "confidence {word}: {} right ({:.3})",
                fraction(*share),
                share.ratio()
            ));
        }
        lines.push(format!("calibration error {:.3}", report.calibration.error));
        lines.push(format!(
            "false alarms on healthy clusters {}",
            fraction(report.false_alarms)
        ));
        lines.push(format!(
            "phantom names {}, broken citations {}, worded by a model {} of {}",
            report.phantoms,
            report.broken_citations,
            self.worded_by_model,
            self.cases.len()
        ));
        lines.extend(report.suspicions.lines());
        lines.extend(self.costs());
        lines.join("\n")
    }

    fn costs(&self) -> Vec<String> {
        let slowest = self
            .cases
            .iter()
            .max_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let mut lines = vec![format!(
            "seconds per case: median {:.3}, most {:.3} ({})",
            self.seconds_median,
            self.seconds_max,
            slowest.map_or("", |case| &case.case)
        )];
        if let Some(bytes) = self.peak_bytes_max {
            lines.push(format!("peak memory: most {} MiB", bytes >> 20));
        }
        lines
    }
}

fn wrong(wrong: &Wrong) -> String {
    let said = if wrong.said.is_empty() {
        "no clear cause"
    } else {
        &wrong.said
    };
    let object = if wrong.expected_object.is_empty() {
        "anything"
    } else {
        &wrong.expected_object
    };
    let place = wrong
        .right_at
        .map(|place| format!(", right at {place}"))
        .unwrap_or_default();
    format!(
        "{}: expected {} of {object}, said {said}{place}",
        wrong.case, wrong.expected
    )
}

fn rows(tallies: &BTreeMap<String, Tally>) -> Vec<String> {
    tallies
        .iter()
        .map(|(label, tally)| row(label, tally))
        .collect()
}

fn row(label: &str, tally: &Tally) -> String {
    let cells = [
        tally.cause_at_1,
        tally.object_at_1,
        tally.joint_at_1,
        tally.joint_at_3,
        tally.abstained,
    ];
    let cells: Vec<String> = cells
        .iter()
        .map(|share| format!("{:>9}", fraction(*share)))
        .collect();
    format!("{label:<48} {}", cells.join(" "))
}

fn fraction(share: Share) -> String {
    format!("{}/{}", share.of, share.total)
}
