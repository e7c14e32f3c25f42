//! `anchorite eval`: analyses cases and scores the answers.
//!
//! Cases are bundles with an `expected.json`, or runs of the simulator's
//! recipes; both go the same way, from files to the finished analysis. With
//! `--ablation` rules and model answer every case apart and together.

mod ablation;
mod cases;
mod memory;
mod variant;

use std::time::Instant;

use anyhow::Context;
use appliance_collect::bundle::{self, Bundle};
use appliance_core::analysis::Analysis;
use appliance_core::eval::ablation::Ablation;
use appliance_core::eval::{Evaluation, Expected, LabelMap, Scored, Withheld, score};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

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
    let mut evaluation = Evaluation::default();
    let mut ablation = Ablation::new(offline.model_name());
    let progress = progress(cases.len());
    for case in &cases {
        progress.set_message(case.name());
        let opened = Opened::open(case, &labels, &options)?;
        if options.ablation {
            ablation::add(&mut ablation, case, opened, &offline).await?;
        } else {
            evaluation.add(score_case(case.name(), opened, &offline).await);
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    let sound = if options.ablation {
        ablation.finish();
        report(options.format, &ablation, Ablation::text)?;
        ablation.is_sound()
    } else {
        evaluation.finish();
        report(options.format, &evaluation, Evaluation::text)?;
        evaluation.report.phantoms == 0 && evaluation.report.broken_citations == 0
    };
    Ok(if sound {
        Outcome::Done
    } else {
        Outcome::Problem
    })
}

fn report<T: Serialize>(
    format: TableFormat,
    result: &T,
    text: fn(&T) -> String,
) -> anyhow::Result<()> {
    match format {
        TableFormat::Json => print(&serde_json::to_string_pretty(result)?),
        TableFormat::Text => print(&text(result)),
    }
    Ok(())
}

/// A case as it was read, less what is withheld.
struct Opened {
    bundle: Bundle,
    expected: Expected,
    /// What the rules say when nothing is withheld, where something is.
    complete: Option<Analysis>,
    /// When reading began.
    started: Instant,
}

impl Opened {
    fn open(case: &EvalCase, labels: &LabelMap, options: &EvalOptions) -> anyhow::Result<Self> {
        let folder = case.lay_out()?;
        let path = folder.path();
        let expected = std::fs::read_to_string(path.join("expected.json"))
            .with_context(|| format!("read the expectation of {}", path.display()))?;
        let expected = Expected::parse(&expected, labels)
            .with_context(|| format!("the expectation of {}", case.name()))?;
        let withheld: Vec<Withheld> = options
            .without
            .iter()
            .map(|source| withheld(*source))
            .chain(case.withheld())
            .collect();
        let complete = if options.ablation && !withheld.is_empty() {
            let bundle = bundle::read(path).map_err(|error| WrongCall(said(&error)))?;
            Some(investigate(&bundle))
        } else {
            None
        };
        memory::forget_peak();
        let started = Instant::now();
        let mut bundle = bundle::read(path).map_err(|error| WrongCall(said(&error)))?;
        for source in withheld {
            source.take_from(&mut bundle.snapshot);
        }
        Ok(Self {
            bundle,
            expected,
            complete,
            started,
        })
    }
}

async fn score_case(name: String, opened: Opened, offline: &Offline) -> Scored {
    let Opened {
        bundle,
        expected,
        started,
        ..
    } = opened;
    let analysis = offline.word(investigate(&bundle)).await;
    let seconds = started.elapsed().as_secs_f64();
    Scored {
        case: name,
        peak_bytes: memory::peak_bytes(),
        score: score(&analysis, &bundle.snapshot, &expected),
        by: analysis.summary.by,
        seconds,
    }
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
