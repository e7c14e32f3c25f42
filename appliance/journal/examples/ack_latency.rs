//! Measures what durability costs: `fdatasync` of the disk alone, then the
//! journal's acknowledgement at 64 writers, and the ratio of the two.
//!
//! `cargo run --release -p appliance-journal --example ack_latency [DIR] [SECONDS]`

#![allow(clippy::print_stdout, reason = "a measurement prints its result")]

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use appliance_journal::Journal;

const WRITERS: usize = 64;
/// A webhook body of two alerts.
const RECORD_BYTES: usize = 2048;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments
        .next()
        .map_or_else(|| PathBuf::from("."), PathBuf::from);
    let seconds = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let dir = parent.join(format!("ack-latency-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let measured = measure(&dir, Duration::from_secs(seconds));
    std::fs::remove_dir_all(&dir)?;
    measured
}

fn measure(dir: &Path, span: Duration) -> Result<(), Box<dyn Error + Send + Sync>> {
    let mut disk = disk_syncs(dir, span / 2)?;
    let disk_p50 = print("fdatasync alone, 1 writer", &mut disk);

    let (journal, _) = Journal::open(&dir.join("wal"))?;
    let mut acknowledged = acknowledgements(&journal, span)?;
    let rate = acknowledged.len() as f64 / span.as_secs_f64();
    let p50 = print(
        &format!("acknowledgement, {WRITERS} writers"),
        &mut acknowledged,
    );

    let counters = journal.counters();
    println!(
        "{rate:.0} records/s, {:.1} records per sync, ratio of medians {:.2}",
        counters.records as f64 / counters.batches.max(1) as f64,
        p50.as_secs_f64() / disk_p50.as_secs_f64()
    );
    Ok(())
}

/// Overwrites an allocated file block by block, syncing each: what the writer does.
fn disk_syncs(dir: &Path, span: Duration) -> std::io::Result<Vec<Duration>> {
    const FILE_BYTES: usize = 8 << 20;
    let file = File::create(dir.join("probe"))?;
    file.write_all_at(&vec![0; FILE_BYTES], 0)?;
    file.sync_all()?;
    let (block, blocks) = ([1; RECORD_BYTES], (FILE_BYTES / RECORD_BYTES) as u64);
    let (mut times, until) = (Vec::new(), Instant::now() + span);
    for at in (0..blocks).cycle() {
        let started = Instant::now();
        if started > until {
            break;
        }
        file.write_all_at(&block, at * RECORD_BYTES as u64)?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    Ok(times)
}

fn acknowledgements(
    journal: &Journal,
    span: Duration,
) -> Result<Vec<Duration>, Box<dyn Error + Send + Sync>> {
    let until = Instant::now() + span;
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let journal = journal.clone();
            std::thread::spawn(move || {
                let mut times = Vec::new();
                while Instant::now() < until {
                    let started = Instant::now();
                    journal.append(1, vec![7; RECORD_BYTES]).wait()?;
                    times.push(started.elapsed());
                }
                Ok::<_, appliance_journal::AppendError>(times)
            })
        })
        .collect();
    let mut all = Vec::new();
    for writer in writers {
        all.extend(writer.join().map_err(|_| "a writer panicked")??);
    }
    Ok(all)
}

fn print(what: &str, times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    println!(
        "{what}: p50 {:?}, p99 {:?}, max {:?}",
        at(50),
        at(99),
        at(100)
    );
    at(50)
}
