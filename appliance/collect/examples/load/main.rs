//! What an analysis costs in a large cluster: `load [PODS [LOG_MIB]]`.
//!
//! Puts a fault of the simulator's into a cluster of many healthy workloads
//! with long logs, analyzes it with the rules, and prints the seconds of each
//! step, the slowest analyzers by their place, and the most memory the process held.
//! Without arguments: 10,000 pods and 100 MiB.

#![allow(clippy::print_stdout, reason = "a report for a person")]

mod crowd;

use std::error::Error;
use std::time::{Duration, Instant};

use appliance_core::analysis::IncidentSummary;
use appliance_core::card;
use appliance_core::causes::{Case, FAMILIES, Findings};
use appliance_core::facts::Facts;
use appliance_core::graph;
use appliance_core::investigation::subjects_of;
use appliance_core::resolver::Aliases;
use appliance_simulator::scenarios::{self, Params};

use self::crowd::Crowd;

/// The recipe whose fault is to be found.
const RECIPE: &str = "wrong-target-port";
/// Analyzers shown.
const SLOWEST: usize = 12;

fn main() -> Result<(), Box<dyn Error>> {
    let mut sizes = std::env::args().skip(1).map(|one| one.parse::<usize>());
    let pods = sizes.next().transpose()?.unwrap_or(10_000);
    let log_bytes = sizes.next().transpose()?.unwrap_or(100) << 20;
    let recipe = scenarios::find(RECIPE).ok_or("no such recipe")?;
    let run = (recipe.build)(&Params {
        seed: 4,
        now: "2026-09-21T14:00:00Z".parse()?,
    });
    let folder = tempfile::tempdir()?;
    run.write_bundle(folder.path())?;
    let bundle = appliance_collect::bundle::read(folder.path())?;
    let mut snapshot = bundle.snapshot;
    let crowd = Crowd {
        pods,
        log_bytes,
        now: snapshot.captured_at,
    };
    let mut step = Step(Instant::now());
    crowd.join(&mut snapshot)?;
    step.done("objects, logs and series come in");
    let alerts = bundle.alert.map(|alert| alert.alerts).unwrap_or_default();
    let starts = alerts.iter().map(|alert| alert.starts_at).min();
    let started_at = starts.unwrap_or(snapshot.captured_at);
    let subjects = subjects_of(&alerts, &Aliases::default(), &snapshot);
    step.done("subjects");
    let facts = Facts::find(&snapshot, started_at);
    step.done("facts");
    let case = Case {
        snapshot: &snapshot,
        facts: &facts,
        alerts: &alerts,
        subjects: &subjects,
        started_at,
    };
    let mut findings = Findings::default();
    let mut slowest: Vec<(Duration, usize, usize)> = Vec::new();
    for (family, analyzers) in FAMILIES.iter().enumerate() {
        for (place, analyze) in analyzers.iter().enumerate() {
            let start = Instant::now();
            analyze(&case, &mut findings);
            slowest.push((start.elapsed(), family, place));
        }
    }
    step.done("causes");
    let diagnosis = graph::diagnose(&case, findings);
    step.done("graph");
    let analysis = card::assemble(&case, IncidentSummary::default(), &diagnosis);
    step.done("card");
    slowest.sort();
    for (took, family, place) in slowest.iter().rev().take(SLOWEST) {
        println!("    analyzer {place} of family {family}: {took:.3?}");
    }
    let first = analysis.causes.first();
    let said = first.map(|one| format!("{} of {} ({:?})", one.cause, one.object, one.confidence));
    println!("{}", said.as_deref().unwrap_or("no clear cause"));
    println!(
        "{} pods, {} events, {} series, {} MiB of logs, peak memory {}",
        snapshot.objects.pods.len(),
        snapshot.objects.events.len(),
        snapshot.series.len(),
        log_bytes >> 20,
        peak_memory().unwrap_or_else(|| "unknown".to_owned())
    );
    Ok(())
}

/// When the step before ended.
struct Step(Instant);

impl Step {
    fn done(&mut self, what: &str) {
        println!("{what}: {:.3} s", self.0.elapsed().as_secs_f64());
        self.0 = Instant::now();
    }
}

/// What Linux tells of the most memory this process held.
fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().to_owned())
}
