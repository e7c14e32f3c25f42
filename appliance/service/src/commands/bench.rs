//! `anchorite bench`: a model's speed on this machine, beside what the machine could do at most.
//!
//! Measures the machine first, then the model, on threads of its own. Decides nothing: what
//! the figures mean for a site is left to the reader.

mod measure;
mod report;

use anyhow::Context;

use self::report::Report;
use crate::commands::{Outcome, print};
use crate::options::{BenchOptions, TableFormat};

/// Measures and prints.
///
/// # Errors
/// A model that cannot be loaded, or whose window is too small for what is asked.
pub fn run(options: &BenchOptions) -> anyhow::Result<Outcome> {
    let threads = match options.threads {
        Some(threads) => usize::try_from(threads)?,
        None => std::thread::available_parallelism().map_or(1, usize::from),
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .context("start threads")?;
    let report = pool.install(|| measure::measure(options, threads))?;
    print(&render(&report, options.format)?);
    Ok(Outcome::Done)
}

fn render(report: &Report, format: TableFormat) -> anyhow::Result<String> {
    match format {
        TableFormat::Text => Ok(report.to_string()),
        TableFormat::Json => serde_json::to_string_pretty(report).context("write the report"),
    }
}

#[cfg(test)]
mod tests;
