//! `anchorite eval`: analyses recorded cases and scores the answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use appliance_collect::bundle;
use appliance_core::eval::{CaseScore, Expected, LabelMap, Report, Share, Tally, score};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::commands::analyze::said;
use crate::commands::{Outcome, WrongCall, print};
use crate::offline::{Offline, investigate};
use crate::options::{EvalOptions, TableFormat};

/// Most folders looked through for cases.
const FOLDERS_MAX: usize = 100_000;

/// One scored case.
#[derive(Debug, Serialize)]
struct Scored {
    case: String,
    #[serde(flatten)]
    score: CaseScore,
    by: String,
    seconds: f64,
}

/// Everything `--format json` prints.
#[derive(Debug, Serialize)]
struct Evaluation {
    report: Report,
    /// Analyses whose summary a model wrote.
    worded_by_model: usize,
    seconds_median: f64,
    seconds_max: f64,
    cases: Vec<Scored>,
}

/// Analyses and scores every bundle with an `expected.json` under the paths.
///
/// # Errors
/// Paths without cases, expectations that cannot be read, models that cannot
/// be loaded.
pub async fn run(options: EvalOptions) -> anyhow::Result<Outcome> {
    let cases = find_cases(&options.paths)?;
    let labels = label_map(&options)?;
    let offline = Offline::start(&options.model).await?;
    let progress = progress(cases.len());
    let mut evaluation = Evaluation {
        report: Report::default(),
        worded_by_model: 0,
        seconds_median: 0.0,
        seconds_max: 0.0,
        cases: Vec::new(),
    };
    for case in &cases {
        progress.set_message(name_of(case));
        let scored = score_case(case, &labels, &offline).await?;
        evaluation.report.add(&scored.score);
        evaluation.worded_by_model += usize::from(scored.by.starts_with("model:"));
        evaluation.cases.push(scored);
        progress.inc(1);
    }
    progress.finish_and_clear();
    let mut seconds: Vec<f64> = evaluation.cases.iter().map(|case| case.seconds).collect();
    seconds.sort_by(f64::total_cmp);
    evaluation.seconds_median = seconds.get(seconds.len() / 2).copied().unwrap_or_default();
    evaluation.seconds_max = seconds.last().copied().unwrap_or_default();
    match options.format {
        TableFormat::Json => print(&serde_json::to_string_pretty(&evaluation)?),
        TableFormat::Text => print(&table(&evaluation)),
    }
    let sound = evaluation.report.phantoms == 0 && evaluation.report.broken_citations == 0;
    Ok(if sound {
        Outcome::Done
    } else {
        Outcome::Problem
    })
}

async fn score_case(case: &Path, labels: &LabelMap, offline: &Offline) -> anyhow::Result<Scored> {
    let expected = std::fs::read_to_string(case.join("expected.json"))
        .with_context(|| format!("read the expectation of {}", case.display()))?;
    let expected = Expected::parse(&expected, labels)
        .with_context(|| format!("the expectation of {}", case.display()))?;
    let started = Instant::now();
    let bundle = bundle::read(case).map_err(|error| WrongCall(said(&error)))?;
    let analysis = offline.word(investigate(&bundle)).await;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Scored {
        case: name_of(case),
        score: score(&analysis, &bundle.snapshot, &expected),
        by: analysis.summary.by,
        seconds,
    })
}

/// Folders with an `expected.json`, sorted.
fn find_cases(paths: &[PathBuf]) -> Result<Vec<PathBuf>, WrongCall> {
    let mut found = Vec::new();
    let mut pending = paths.to_vec();
    let mut visited = 0;
    while let Some(folder) = pending.pop() {
        visited += 1;
        if folder.join("expected.json").is_file() {
            found.push(folder);
            continue;
        }
        let entries = std::fs::read_dir(&folder)
            .map_err(|error| WrongCall(format!("{}: {error}", folder.display())))?;
        if visited < FOLDERS_MAX {
            let folders = entries.filter_map(|entry| Some(entry.ok()?.path()));
            pending.extend(folders.filter(|path| path.is_dir()));
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(WrongCall(
            "no case found: a case is a bundle directory with an expected.json".to_owned(),
        ));
    }
    Ok(found)
}

/// The label map that was given, or `causes.json` at or above the paths.
fn label_map(options: &EvalOptions) -> anyhow::Result<LabelMap> {
    let beside = options.paths.iter().find_map(|path| {
        let mut folders = path
            .ancestors()
            .take(3)
            .map(|folder| folder.join("causes.json"));
        folders.find(|file| file.is_file())
    });
    let Some(file) = options.labels.clone().or(beside) else {
        return Ok(LabelMap::default());
    };
    let text = std::fs::read_to_string(&file)
        .map_err(|error| WrongCall(format!("{}: {error}", file.display())))?;
    LabelMap::parse(&text).with_context(|| format!("the label map {}", file.display()))
}

fn name_of(case: &Path) -> String {
    case.file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn progress(total: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total as u64).with_style(style)
}

fn table(evaluation: &Evaluation) -> String {
    let mut lines: Vec<String> = evaluation
        .cases
        .iter()
        .filter(|case| !case.score.joint_at_1)
        .map(wrong)
        .collect();
    lines.push(String::new());
    lines.push(format!(
        "{:<40} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "cause@1", "object@1", "joint@1", "joint@3", "abstained"
    ));
    lines.extend(tallies(&evaluation.report.by_label));
    lines.push(row("all", &evaluation.report.all));
    lines.push(String::new());
    for (word, share) in &evaluation.report.by_confidence {
        lines.push(format!("confidence {word}: {} right", fraction(*share)));
    }
    lines.push(format!(
        "phantom names {}, broken citations {}, worded by a model {} of {}",
        evaluation.report.phantoms,
        evaluation.report.broken_citations,
        evaluation.worded_by_model,
        evaluation.cases.len()
    ));
    lines.push(format!(
        "seconds per case: median {:.3}, most {:.3}",
        evaluation.seconds_median, evaluation.seconds_max
    ));
    lines.join("\n")
}

fn wrong(case: &Scored) -> String {
    let got = case.score.got.as_ref().map_or_else(
        || "no clear cause".to_owned(),
        |got| format!("{} of {}", got.cause, got.object),
    );
    format!(
        "{}: expected {} of {}, got {got}",
        case.case, case.score.label, case.score.expected_object
    )
}

fn tallies(by_label: &BTreeMap<String, Tally>) -> Vec<String> {
    by_label
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
    format!("{label:<40} {}", cells.join(" "))
}

fn fraction(share: Share) -> String {
    format!("{}/{}", share.of, share.total)
}
