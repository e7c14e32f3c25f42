//! The comparison as a text for a person.

use std::collections::BTreeMap;

use super::{ALL, Ablation, Contender, Totals};
use crate::eval::Share;

/// Characters of a row's name, and of a cell.
const NAME: usize = 34;
const CELL: usize = 17;

impl Ablation {
    /// One table over all cases, one line per group, and each contradiction.
    pub fn text(&self) -> String {
        let mut lines: Vec<String> = self.contradictions();
        let none = BTreeMap::new();
        let all = self.totals.get(ALL).unwrap_or(&none);
        lines.push(format!(
            "model: {}, cases: {}",
            self.model,
            self.cases.len()
        ));
        lines.push(head());
        for (name, cell) in ROWS {
            lines.push(row(name, all, *cell));
        }
        for word in ["high", "medium", "low"] {
            lines.push(row(&format!("confidence {word}: right"), all, |totals| {
                let share = totals.calibration.by_word.get(word).copied();
                fraction(share.unwrap_or_default())
            }));
        }
        for part in ["cause", "confidence", "summary", "next check", "action"] {
            lines.push(row(
                &format!("{part} other than the card's"),
                all,
                |totals| {
                    totals
                        .changed
                        .get(part)
                        .copied()
                        .unwrap_or_default()
                        .to_string()
                },
            ));
        }
        lines.extend(self.authors());
        for (name, cell) in GROUP_ROWS {
            lines.push(String::new());
            lines.push(format!("{name} per group of cases"));
            for (slice, totals) in self.totals.iter().filter(|(slice, _)| *slice != ALL) {
                lines.push(row(slice, totals, *cell));
            }
        }
        lines.join("\n")
    }

    /// Every contradiction, with its case and who said it.
    fn contradictions(&self) -> Vec<String> {
        let answers = self.cases.iter().flat_map(|case| {
            let answers = case.answers.iter();
            answers.map(move |(contender, judged)| (&case.case, contender, judged))
        });
        let said = answers.flat_map(|(case, contender, judged)| {
            let found = judged.contradictions.iter();
            found.map(move |found| format!("{case}, {}: {found}", title(*contender)))
        });
        said.collect()
    }

    fn authors(&self) -> Vec<String> {
        let both = self
            .totals
            .get(ALL)
            .and_then(|all| all.get(&Contender::Both));
        let by = both.into_iter().flat_map(|totals| &totals.by);
        by.map(|(author, cases)| format!("summaries of both by {author}: {cases}"))
            .collect()
    }
}

type Cell = fn(&Totals) -> String;

const ROWS: &[(&str, Cell)] = &[
    ("joint@1", |totals| fraction(totals.joint_at_1)),
    ("joint@3", |totals| fraction(totals.joint_at_3)),
    ("no clear cause", |totals| fraction(totals.abstained)),
    ("false alarms on healthy clusters", |totals| {
        fraction(totals.false_alarms)
    }),
    ("calibration error", |totals| {
        format!("{:.3}", totals.calibration.error)
    }),
    ("evidence precision", |totals| {
        format!("{:.3}", totals.evidence.precision)
    }),
    ("evidence recall", |totals| {
        format!("{:.3}", totals.evidence.recall)
    }),
    ("evidence F1", |totals| format!("{:.3}", totals.evidence.f1)),
    ("contradicting sentences", |totals| {
        fraction(totals.contradictions)
    }),
    ("sentences the check kept", |totals| fraction(totals.kept)),
    ("answers that could not be read", |totals| {
        totals.unusable.to_string()
    }),
    ("phantom names", |totals| totals.phantoms.to_string()),
    ("broken citations", |totals| {
        totals.broken_citations.to_string()
    }),
    ("seconds, median", |totals| {
        format!("{:.3}", totals.seconds_median)
    }),
    ("seconds, most", |totals| {
        format!("{:.3}", totals.seconds_max)
    }),
    ("peak memory, most (MiB)", |totals| {
        totals
            .peak_bytes_max
            .map_or_else(|| "-".to_owned(), |bytes| (bytes >> 20).to_string())
    }),
];

const GROUP_ROWS: &[(&str, Cell)] = &[
    ("joint@1", |totals| fraction(totals.joint_at_1)),
    ("high and right", |totals| {
        fraction(
            totals
                .calibration
                .by_word
                .get("high")
                .copied()
                .unwrap_or_default(),
        )
    }),
    ("evidence F1", |totals| format!("{:.3}", totals.evidence.f1)),
];

fn head() -> String {
    let titles = Contender::ALL.map(|contender| format!("{:>CELL$}", title(contender)));
    format!("{:<NAME$}{}", "", titles.concat())
}

const fn title(contender: Contender) -> &'static str {
    match contender {
        Contender::Rules => "rules",
        Contender::Model => "model",
        Contender::ModelReversed => "model, reversed",
        Contender::Both => "both",
    }
}

fn row(
    name: &str,
    totals: &BTreeMap<Contender, Totals>,
    cell: impl Fn(&Totals) -> String,
) -> String {
    let cells = Contender::ALL.map(|contender| {
        let text = totals.get(&contender).map(&cell).unwrap_or_default();
        format!("{text:>CELL$}")
    });
    format!("{name:<NAME$}{}", cells.concat())
}

fn fraction(share: Share) -> String {
    format!("{}/{}", share.of, share.total)
}
