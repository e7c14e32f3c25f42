//! `anchorite bench`: what this machine can do, and a model's speed on it.
//!
//! Measures the machine first, then the model, then the product's own work, on threads of its own.
//! Decides nothing: what the figures mean for a site is left to the reader.

mod measure;
mod passes;
mod report;
mod same;
mod work;

use anyhow::Context;

use self::report::{MachineReport, Report};
use crate::commands::{Outcome, print};
use crate::machine;
use crate::options::{BenchOptions, TableFormat};

/// Measures and prints.
///
/// # Errors
/// A model that cannot be loaded, or whose window is too small for what is asked.
pub fn run(options: &BenchOptions) -> anyhow::Result<Outcome> {
    let report = bench(options, machine::bytes_read())?;
    print(&render(&report, options.format)?);
    Ok(Outcome::Done)
}

/// Measures all that is asked, the machine over `bytes` bytes of memory.
fn bench(options: &BenchOptions, bytes: usize) -> anyhow::Result<Report> {
    let threads = match options.threads {
        Some(threads) => usize::try_from(threads)?,
        None => machine::threads(),
    };
    let machine = MachineReport::new(threads, &machine::measure(threads, bytes)?);
    let Some(file) = &options.model else {
        return Ok(Report::of(machine));
    };
    let pool = inference_nn::Pool::new(threads).context("start threads")?;
    let measured = pool.install(|| measure::measure(file, options, &machine))?;
    let work = options
        .work
        .then(|| work::measure(file, threads, options.storm))
        .transpose()?;
    Ok(Report {
        model: Some(measured),
        work,
        ..Report::of(machine)
    })
}

fn render(report: &Report, format: TableFormat) -> anyhow::Result<String> {
    match format {
        TableFormat::Text => Ok(report.to_string().trim_end().to_owned()),
        TableFormat::Json => serde_json::to_string_pretty(report).context("write the report"),
    }
}

#[cfg(test)]
mod tests;
