//! Scores the rules on recorded cases: `eval CASES_DIR LABELS.json [NAME…]`.
//!
//! Prints a line per case, totals, totals per label and how often each
//! confidence word was right. Names that follow limit the cases to those whose
//! directory name holds one of them, and show all causes of each.

#![allow(clippy::print_stdout, reason = "a report for a person")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

use appliance_core::alert::Alert;
use appliance_core::analysis::{AlertSummary, Analysis, IncidentSummary};
use appliance_core::card;
use appliance_core::causes::{self, Case};
use appliance_core::eval::{CaseScore, Expected, LabelMap, Report, Tally, score};
use appliance_core::facts::Facts;
use appliance_core::graph;
use appliance_core::resolver::{self, Aliases};
use appliance_core::snapshot::Snapshot;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: eval CASES_DIR LABELS.json [NAME…]";
    let directory = PathBuf::from(arguments.next().ok_or(usage)?);
    let labels = LabelMap::parse(&std::fs::read_to_string(arguments.next().ok_or(usage)?)?)?;
    let wanted: Vec<String> = arguments.collect();
    let mut cases: Vec<PathBuf> = std::fs::read_dir(directory)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("expected.json").exists())
        .filter(|path| {
            let name = path.to_string_lossy();
            wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()))
        })
        .collect();
    cases.sort();
    let mut report = Report::default();
    for case in &cases {
        let start = Instant::now();
        let expected = std::fs::read_to_string(case.join("expected.json"))?;
        let expected = Expected::parse(&expected, &labels)?;
        let (analysis, snapshot, words) = analyze(case)?;
        let took = start.elapsed();
        let scored = score(&analysis, &snapshot, &expected);
        print_case(case, &scored, took.as_secs_f64());
        if !wanted.is_empty() {
            for line in &words {
                println!("    {line}");
            }
        }
        report.add(&scored);
    }
    print_report(&report);
    Ok(())
}

fn analyze(path: &Path) -> Result<(Analysis, Snapshot, Vec<String>), Box<dyn Error>> {
    let bundle = appliance_collect::bundle::read(path)?;
    let snapshot = bundle.snapshot;
    let alerts = bundle.alert.map(|alert| alert.alerts).unwrap_or_default();
    let started_at = alerts
        .iter()
        .map(|alert| alert.starts_at)
        .min()
        .unwrap_or(snapshot.captured_at);
    let mut subjects = Vec::new();
    for alert in &alerts {
        for subject in resolver::resolve(alert, &Aliases::default(), &snapshot).subjects {
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
    }
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

fn print_case(path: &Path, scored: &CaseScore, seconds: f64) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
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
        "{verdict:10} {name}: wanted {} {}, got {got} [{seconds:.2} s]",
        scored.label, scored.expected_object
    );
    for phantom in &scored.phantoms {
        println!("    phantom name {phantom}");
    }
    for broken in &scored.broken_citations {
        println!("    {broken}");
    }
}

fn print_report(report: &Report) {
    println!();
    for (label, tally) in &report.by_label {
        println!("{label:40} {}", tally_line(tally));
    }
    println!("{:40} {}", "all", tally_line(&report.all));
    for (word, share) in &report.by_confidence {
        println!("confidence {word}: {} of {} right", share.of, share.total);
    }
    println!(
        "phantom names {}, broken citations {}",
        report.phantoms, report.broken_citations
    );
}

fn tally_line(tally: &Tally) -> String {
    format!(
        "n {:3}  cause@1 {:.2}  object@1 {:.2}  joint@1 {:.2}  joint@3 {:.2}  abstained {:.2}",
        tally.joint_at_1.total,
        tally.cause_at_1.ratio(),
        tally.object_at_1.ratio(),
        tally.joint_at_1.ratio(),
        tally.joint_at_3.ratio(),
        tally.abstained.ratio(),
    )
}
