//! `inference-fuzz TARGET|all SECONDS [SEED]`: hostile input for as long as asked, and how much it was.

#![allow(
    clippy::print_stdout,
    reason = "a program of the workshop speaks to whoever runs it"
)]

use std::time::{Duration, Instant};

use anyhow::Context;
use inference_fuzz::{TARGETS, Target, drive, target};

const USAGE: &str = "usage: inference-fuzz TARGET|all SECONDS [SEED]";

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().context(USAGE)?;
    let seconds: u64 = arguments.next().context(USAGE)?.parse().context(USAGE)?;
    let seed = arguments
        .next()
        .map_or(Ok(1), |seed| seed.parse())
        .context(USAGE)?;
    let targets: Vec<Target> = if name == "all" {
        TARGETS.to_vec()
    } else {
        vec![target(&name).with_context(|| format!("there is no target `{name}`"))?]
    };
    for target in targets {
        let end = Instant::now() + Duration::from_secs(seconds);
        let report = drive(target, seed, |_| Instant::now() < end);
        println!(
            "{}: {} inputs in {seconds} s, nothing found",
            target.name, report.runs
        );
    }
    Ok(())
}
