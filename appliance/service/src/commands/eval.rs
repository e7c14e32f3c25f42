//! `anchorite eval`: analyses cases and scores the answers.
//!
//! Cases are bundles with an `expected.json`, or runs of the simulator's
//! recipes; both go the same way, from files to the finished analysis.

mod cases;
mod memory;

use std::time::Instant;

use anyhow::Context;
use appliance_collect::bundle;
use appliance_core::eval::{Evaluation, Expected, LabelMap, Scored, Withheld, score};
use indicatif::{ProgressBar, ProgressStyle};

use self::cases::EvalCase;
use crate::commands::analyze::said;
use crate::commands::{Outcome, WrongCall, print};
use crate::offline::{Offline, investigate};
use crate::options::{EvalOptions, Source, TableFormat};

/// Analyses and scores every case that the options name.
///
/// # Errors
/// Paths without cases, expectations that cannot be read, models that cannot
/// be loaded.
pub async fn run(options: EvalOptions) -> anyhow::Result<Outcome> {
    let cases = cases::find(&options)?;
    let labels = label_map(&options)?;
    let offline = Offline::start(&options.model).await?;
    let progress = progress(cases.len());
    let mut evaluation = Evaluation::default();
    for case in &cases {
        progress.set_message(case.name());
        evaluation.add(score_case(case, &labels, &offline, &options.without).await?);
        progress.inc(1);
    }
    progress.finish_and_clear();
    evaluation.finish();
    match options.format {
        TableFormat::Json => print(&serde_json::to_string_pretty(&evaluation)?),
        TableFormat::Text => print(&evaluation.text()),
    }
    let sound = evaluation.report.phantoms == 0 && evaluation.report.broken_citations == 0;
    Ok(if sound {
        Outcome::Done
    } else {
        Outcome::Problem
    })
}

async fn score_case(
    case: &EvalCase,
    labels: &LabelMap,
    offline: &Offline,
    without: &[Source],
) -> anyhow::Result<Scored> {
    let folder = case.lay_out()?;
    let path = folder.path();
    let expected = std::fs::read_to_string(path.join("expected.json"))
        .with_context(|| format!("read the expectation of {}", path.display()))?;
    let expected = Expected::parse(&expected, labels)
        .with_context(|| format!("the expectation of {}", case.name()))?;
    memory::forget_peak();
    let started = Instant::now();
    let mut bundle = bundle::read(path).map_err(|error| WrongCall(said(&error)))?;
    for source in without {
        withheld(*source).take_from(&mut bundle.snapshot);
    }
    let analysis = offline.word(investigate(&bundle)).await;
    let seconds = started.elapsed().as_secs_f64();
    Ok(Scored {
        case: case.name(),
        peak_bytes: memory::peak_bytes(),
        score: score(&analysis, &bundle.snapshot, &expected),
        by: analysis.summary.by,
        seconds,
    })
}

fn withheld(source: Source) -> Withheld {
    match source {
        Source::Events => Withheld::Events,
        Source::Logs => Withheld::Logs,
        Source::Metrics => Withheld::Metrics,
    }
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

fn progress(total: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total as u64).with_style(style)
}
