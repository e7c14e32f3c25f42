//! A process that writes and is killed (`kill -9`) at a random moment, many
//! times over: every record it was told is durable must be there, in order,
//! byte for byte, and no other record may have its number.
//!
//! Run with a number to choose the rounds: `cargo test -p appliance-journal
//! --test process_crash -- 1000`.

#![allow(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "the child is this program; it tells its parent, the parent its result"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use appliance_journal::{Disk, Journal, Options};
use rand::{RngExt, SeedableRng, rngs::SmallRng};

const ROUNDS: u64 = 300;
const WRITERS: u64 = 8;
const OPTIONS: Options = Options {
    segment_bytes: 128 << 10,
    queue_records_max: 64,
    queue_bytes_max: 1 << 20,
};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("--child") => child(
            Path::new(&arguments[2]),
            arguments[3].parse().expect("round"),
        ),
        Some(rounds) => parent(rounds.parse().unwrap_or(ROUNDS)),
        None => parent(ROUNDS),
    }
}

/// What writer `writer` appends as its `count`th record of `round`.
fn payload(round: u64, writer: u64, count: u64) -> Vec<u8> {
    let mut random = SmallRng::seed_from_u64(round << 40 | writer << 32 | count);
    let len = if random.random_ratio(1, 50) {
        40_000
    } else {
        random.random_range(0..600)
    };
    let mut bytes = format!("{round}/{writer}/{count}/").into_bytes();
    bytes.extend((0..len).map(|_| random.random::<u8>()));
    bytes
}

fn child(dir: &Path, round: u64) {
    let (journal, _) = Journal::open_with(dir, OPTIONS, Arc::new(Disk)).expect("open");
    println!("open");
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let journal = &journal;
            scope.spawn(move || {
                for count in 0.. {
                    let seq = journal
                        .append(7, payload(round, writer, count))
                        .wait()
                        .expect("append");
                    let line = format!("{seq} {writer} {count}\n");
                    std::io::stdout()
                        .lock()
                        .write_all(line.as_bytes())
                        .expect("tell");
                }
            });
        }
    });
}

fn parent(rounds: u64) {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut random = SmallRng::seed_from_u64(20_261_120);
    let mut acknowledged = BTreeMap::new();
    let mut worst_open = Duration::ZERO;
    let (mut torn, mut last_seq) = (0, 0);
    for round in 0..rounds {
        run_and_kill(dir.path(), round, &mut random, &mut acknowledged);
        // Most rounds only recover; the whole history is read now and then, and at the end.
        let started = Instant::now();
        let (journal, report) =
            Journal::open_with(dir.path(), OPTIONS, Arc::new(Disk)).expect("reopen");
        worst_open = worst_open.max(started.elapsed());
        assert_eq!(report.damaged, [], "round {round}");
        assert!(report.last_seq >= last_seq, "round {round} lost records");
        torn += u64::from(report.torn.is_some());
        last_seq = report.last_seq;
        if round % 50 == 49 || round + 1 == rounds {
            verify(&journal, &acknowledged);
        }
    }
    println!(
        "process_crash: {rounds} kills, {} acknowledged, {last_seq} on disk, 0 lost, {torn} torn tails cut, \
         worst open {} ms",
        acknowledged.len(),
        worst_open.as_millis()
    );
}

#[allow(clippy::disallowed_methods, reason = "starts itself, to be killed")]
fn run_and_kill(
    dir: &Path,
    round: u64,
    random: &mut SmallRng,
    acknowledged: &mut BTreeMap<u64, (u64, u64, u64)>,
) {
    let mut child = Command::new(std::env::current_exe().expect("own path"))
        .args(["--child", dir.to_str().expect("utf-8"), &round.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("spawn");
    let lines = BufReader::new(child.stdout.take().expect("piped"));
    let reader =
        std::thread::spawn(move || lines.lines().map_while(Result::ok).collect::<Vec<_>>());
    std::thread::sleep(Duration::from_micros(random.random_range(0..40_000)));
    child.kill().expect("kill");
    child.wait().expect("wait");
    for line in reader.join().expect("reader") {
        let mut numbers = line.split(' ').map_while(|word| word.parse().ok());
        // The last line may be cut: it then has fewer numbers, or was never told whole.
        if let (Some(seq), Some(writer), Some(count)) =
            (numbers.next(), numbers.next(), numbers.next())
        {
            let previous = acknowledged.insert(seq, (round, writer, count));
            assert_eq!(previous, None, "number {seq} was acknowledged twice");
        }
    }
}

fn verify(journal: &Journal, acknowledged: &BTreeMap<u64, (u64, u64, u64)>) {
    let mut found = BTreeMap::new();
    for (expected_seq, record) in (1..).zip(journal.read_from(1)) {
        let record = record.expect("intact");
        assert_eq!(record.seq, expected_seq, "numbers have no gaps");
        found.insert(record.seq, record.payload);
    }
    for (seq, &(round, writer, count)) in acknowledged {
        assert_eq!(
            found.get(seq),
            Some(&payload(round, writer, count)),
            "record {seq}"
        );
    }
}
