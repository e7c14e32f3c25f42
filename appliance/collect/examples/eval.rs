//! Scores the rules on recorded cases or the simulator's scenarios, without
//! building the whole appliance: `eval CASES_DIR LABELS.json [NAME…]` or
//! `eval --scenarios SEEDS [NAME…]`.
//!
//! `--without=events`, `--without=logs` and `--without=metrics` in front take
//! that source away.
//!
//! Prints a line per case and the report of `anchorite eval`. Names that
//! follow limit the cases to those whose name holds one of them, and show all
//! causes of each.

#![allow(clippy::print_stdout, reason = "a report for a person")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use appliance_core::alert::Alert;
use appliance_core::analysis::{AlertSummary, Analysis, IncidentSummary};
use appliance_core::card;
use appliance_core::causes::{self, Case};
use appliance_core::eval::{Evaluation, Expected, LabelMap, Scored, Withheld, score};
use appliance_core::facts::Facts;
use appliance_core::graph;
use appliance_core::investigation::subjects_of;
use appliance_core::resolver::Aliases;
use appliance_core::snapshot::Snapshot;
use appliance_simulator::scenarios::{self, Params};
use jiff::Timestamp;

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, rest): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|one| one.starts_with("--without="));
    let without = flags
        .iter()
        .map(|flag| match flag.as_str() {
            "--without=events" => Ok(Withheld::Events),
            "--without=logs" => Ok(Withheld::Logs),
            "--without=metrics" => Ok(Withheld::Metrics),
            other => Err(format!("{other} is no source")),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut arguments = rest.into_iter();
    let usage = "usage: eval CASES_DIR LABELS.json [NAME…] | eval --scenarios SEEDS [NAME…]";
    let (first, second) = arguments.next().zip(arguments.next()).ok_or(usage)?;
    let wanted: Vec<String> = arguments.collect();
    let is_wanted =
        |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let mut evaluation = Evaluation::default();
    if first == "--scenarios" {
        for recipe in scenarios::all().iter().filter(|one| is_wanted(one.id)) {
            for seed in 0..second.parse::<u32>()? {
                // The same runs as `anchorite eval --scenarios`.
                let now = Timestamp::from_second(1_790_000_000 + i64::from(seed) * 86_417)?;
                let params = Params {
                    seed: u64::from(seed),
                    now,
                };
                let folder = tempfile::tempdir()?;
                (recipe.build)(&params).write_bundle(folder.path())?;
                let name = format!("{}-{seed}", recipe.id);
                let labels = LabelMap::default();
                evaluation.add(score_case(
                    name,
                    folder.path(),
                    &labels,
                    !wanted.is_empty(),
                    &without,
                )?);
            }
        }
    } else {
        let labels = LabelMap::parse(&std::fs::read_to_string(second)?)?;
        let mut cases: Vec<PathBuf> = std::fs::read_dir(first)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.join("expected.json").exists())
            .collect();
        cases.sort();
        for case in cases {
            let name = case.file_name().unwrap_or_default().to_string_lossy();
            if is_wanted(&name) {
                evaluation.add(score_case(
                    name.into_owned(),
                    &case,
                    &labels,
                    !wanted.is_empty(),
                    &without,
                )?);
            }
        }
    }
    evaluation.finish();
    println!("{}", evaluation.text());
    Ok(())
}

fn score_case(
    name: String,
    path: &Path,
    labels: &LabelMap,
    tell_all: bool,
    without: &[Withheld],
) -> Result<Scored, Box<dyn Error>> {
    let expected = std::fs::read_to_string(path.join("expected.json"))?;
    let expected = Expected::parse(&expected, labels)?;
    let start = Instant::now();
    let (analysis, snapshot, words) = analyze(path, without)?;
    let scored = Scored {
        seconds: start.elapsed().as_secs_f64(),
        score: score(&analysis, &snapshot, &expected),
        case: name,
        by: analysis.summary.by,
        peak_bytes: None,
    };
    print_case(&scored);
    for line in words.iter().filter(|_| tell_all) {
        println!("    {line}");
    }
    Ok(scored)
}

fn analyze(
    path: &Path,
    without: &[Withheld],
) -> Result<(Analysis, Snapshot, Vec<String>), Box<dyn Error>> {
    let bundle = appliance_collect::bundle::read(path)?;
    let mut snapshot = bundle.snapshot;
    for source in without {
        source.take_from(&mut snapshot);
    }
    let alerts = bundle.alert.map(|alert| alert.alerts).unwrap_or_default();
    let started_at = alerts
        .iter()
        .map(|alert| alert.starts_at)
        .min()
        .unwrap_or(snapshot.captured_at);
    let subjects = subjects_of(&alerts, &Aliases::default(), &snapshot);
    let facts = Facts::find(&snapshot, started_at);
    let case = Case {
        snapshot: &snapshot,
        facts: &facts,
        alerts: &alerts,
        subjects: &subjects,
        started_at,
    };
    let diagnosis = graph::diagnose(&case, causes::analyze(&case));
    let mut words = vec![format!("subjects {subjects:?}")];
    for ranked in &diagnosis.causes {
        let finding = &ranked.finding;
        words.push(format!(
            "{} {} {:?} {:?}: {}",
            finding.cause, finding.object, ranked.confidence, finding.strength, finding.statement
        ));
        for draft in &finding.because {
            words.push(format!(
                "    {:?} {}: {} {:?}",
                draft.kind,
                draft.object,
                draft.title,
                draft.lines.first()
            ));
        }
    }
    let analysis = card::assemble(&case, summary_of(&alerts), &diagnosis);
    Ok((analysis, snapshot, words))
}

fn summary_of(alerts: &[Alert]) -> IncidentSummary {
    IncidentSummary {
        alerts: alerts.iter().map(AlertSummary::from).collect(),
        ..IncidentSummary::default()
    }
}

fn print_case(case: &Scored) {
    let scored = &case.score;
    let verdict = match (scored.joint_at_1, scored.joint_at_3, scored.abstained) {
        (true, ..) => "right",
        (_, true, _) => "right at 3",
        (_, _, true) => "abstained",
        _ => "WRONG",
    };
    let got = scored.got.as_ref().map_or_else(
        || "no clear cause".to_owned(),
        |got| format!("{} {} ({:?})", got.cause, got.object, got.confidence),
    );
    println!(
        "{verdict:10} {}: wanted {} {}, got {got} [{:.2} s]",
        case.case, scored.label, scored.expected_object, case.seconds
    );
    for phantom in &scored.phantoms {
        println!("    phantom name {phantom}");
    }
    for broken in &scored.broken_citations {
        println!("    {broken}");
    }
}
