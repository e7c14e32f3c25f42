//! Torn tails, damage in the middle, full disks, failed syncs, lost power.

#[path = "recovery/faulty.rs"]
mod faulty;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use appliance_journal::{
    AppendError, Disk, Journal, OpenError, Options, ReadError, RecoveryReport, SeqRange,
};
use proptest::prelude::*;

use self::faulty::Faulty;

const OPTIONS: Options = Options {
    segment_bytes: 16 << 10,
    queue_records_max: 64,
    queue_bytes_max: 1 << 20,
};

fn open(dir: &Path) -> (Journal, RecoveryReport) {
    Journal::open_with(dir, OPTIONS, Arc::new(Disk)).expect("open")
}

fn body(seq: u64, len: usize) -> Vec<u8> {
    (0..len as u64)
        .map(|i| (seq * 31 + i * 7 + 1).to_le_bytes()[0])
        .collect()
}

/// A journal of `count` records of `len` bytes, closed.
fn written(dir: &Path, count: u64, len: usize) {
    let (journal, _) = open(dir);
    for seq in 1..=count {
        assert_eq!(journal.append(1, body(seq, len)).wait(), Ok(seq));
    }
}

/// Reads everything: numbers of intact records, and ranges told as damaged.
fn read(journal: &Journal, len: usize) -> (Vec<u64>, Vec<SeqRange>) {
    let (mut seqs, mut damaged) = (Vec::new(), Vec::new());
    for item in journal.read_from(1) {
        match item {
            Ok(record) => {
                assert_eq!(
                    record.payload,
                    body(record.seq, len),
                    "record {}",
                    record.seq
                );
                seqs.push(record.seq);
            }
            Err(ReadError::Damaged { first, last }) => damaged.push(SeqRange { first, last }),
            Err(error @ ReadError::Io { .. }) => panic!("{error}"),
        }
    }
    (seqs, damaged)
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(dir)
        .expect("dir")
        .map(|entry| entry.expect("entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wal"))
        .collect();
    paths.sort();
    paths
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let file = OpenOptions::new().write(true).open(path).expect("open");
    file.write_all_at(bytes, at).expect("write");
}

#[test]
fn what_was_appended_is_read_back_across_segments_and_restarts() {
    let dir = tempfile::tempdir().expect("tempdir");
    written(dir.path(), 40, 1000);
    let (journal, report) = open(dir.path());
    assert_eq!(
        (report.first_seq, report.last_seq, report.records),
        (1, 40, 40)
    );
    assert_eq!(report.segments, 4, "15 records of 1032 bytes fit in 16 KiB");
    assert_eq!(read(&journal, 1000), ((1..=40).collect(), vec![]));
    assert_eq!(journal.append(1, body(41, 1000)).wait(), Ok(41));
    assert_eq!(journal.read_from(39).count(), 3);
    assert_eq!(journal.read_from(42).count(), 0);
}

#[test]
fn a_reader_goes_on_when_more_is_durable() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (journal, _) = open(dir.path());
    let mut reader = journal.read_from(1);
    let durable = journal.subscribe();
    assert!(reader.next().is_none());
    for seq in 1..=50 {
        journal.append(1, body(seq, 900)).wait().expect("append");
        assert_eq!(*durable.borrow(), seq);
        assert_eq!(reader.next().expect("there").expect("intact").seq, seq);
        assert!(reader.next().is_none());
    }
}

#[test]
fn a_second_opener_is_refused() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (_journal, _) = open(dir.path());
    let second = Journal::open_with(dir.path(), OPTIONS, Arc::new(Disk));
    assert!(matches!(second, Err(OpenError::Locked { .. })));
}

#[test]
fn a_tail_torn_at_any_byte_is_cut_and_nothing_else() {
    const LEN: usize = 40;
    const RECORD: u64 = 32 + LEN as u64;
    for keep in 0..RECORD {
        let dir = tempfile::tempdir().expect("tempdir");
        written(dir.path(), 3, LEN);
        let end = 4096 + 3 * RECORD;
        let torn_from = end - RECORD + keep;
        overwrite(
            &segments(dir.path())[0],
            torn_from,
            &vec![0; usize::try_from(end - torn_from).expect("small")],
        );
        let (journal, report) = open(dir.path());
        assert_eq!(report.last_seq, 2, "torn after {keep} bytes");
        assert_eq!(report.damaged, []);
        assert_eq!(report.torn.is_some(), keep > 0, "torn after {keep} bytes");
        assert_eq!(journal.append(1, body(3, LEN)).wait(), Ok(3));
        drop(journal);
        let (journal, report) = open(dir.path());
        assert_eq!(report.torn, None, "the cut is final");
        assert_eq!(read(&journal, LEN), (vec![1, 2, 3], vec![]));
    }
}

#[test]
fn a_flipped_byte_anywhere_in_the_middle_costs_that_record_only() {
    const LEN: usize = 40;
    const RECORD: u64 = 32 + LEN as u64;
    let dir = tempfile::tempdir().expect("tempdir");
    written(dir.path(), 5, LEN);
    let path = &segments(dir.path())[0];
    let sound = fs::read(path).expect("read");
    for at in 0..RECORD {
        let place = 4096 + 2 * RECORD + at;
        let old = sound[usize::try_from(place).expect("small")];
        overwrite(path, place, &[old ^ 0x55]);
        let (journal, report) = open(dir.path());
        let gone = vec![SeqRange { first: 3, last: 3 }];
        // Three bytes of the header are reserved, and the checksum covers them too.
        assert_eq!(report.damaged, gone, "byte {at}");
        assert_eq!((report.last_seq, report.torn), (5, None), "byte {at}");
        assert_eq!(read(&journal, LEN), (vec![1, 2, 4, 5], gone), "byte {at}");
        drop(journal);
        overwrite(path, place, &[old]);
    }
}

#[test]
fn damage_while_running_is_told_by_the_reader() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (journal, _) = open(dir.path());
    for seq in 1..=5 {
        journal.append(1, body(seq, 40)).wait().expect("append");
    }
    overwrite(&segments(dir.path())[0], 4096 + 72, &[0; 144]);
    assert_eq!(
        read(&journal, 40),
        (vec![1, 4, 5], vec![SeqRange { first: 2, last: 3 }])
    );
}

#[test]
fn one_damaged_copy_of_a_segment_header_is_survived_and_two_are_told() {
    let dir = tempfile::tempdir().expect("tempdir");
    written(dir.path(), 30, 1000);
    let path = segments(dir.path())[0].clone();
    overwrite(&path, 0, &[0xff; 512]);
    assert_eq!(open(dir.path()).1.records, 30);
    overwrite(&path, 2048, &[0xff; 512]);
    let (journal, report) = open(dir.path());
    assert_eq!(report.unreadable.len(), 1);
    assert_eq!(
        (report.first_seq, report.last_seq, report.records),
        (12, 30, 19)
    );
    assert_eq!(journal.append(1, body(31, 1000)).wait(), Ok(31));
    assert_eq!(read(&journal, 1000).0, (12..=31).collect::<Vec<_>>());
}

#[test]
fn a_lost_segment_in_the_middle_is_told() {
    let dir = tempfile::tempdir().expect("tempdir");
    written(dir.path(), 40, 1000);
    fs::remove_file(&segments(dir.path())[1]).expect("remove");
    let (journal, report) = open(dir.path());
    let gone = vec![SeqRange {
        first: 12,
        last: 22,
    }];
    assert_eq!(report.damaged, gone);
    assert_eq!(read(&journal, 1000).1, gone);
}

#[test]
fn a_record_inside_a_payload_is_never_taken_for_one() {
    let dir = tempfile::tempdir().expect("tempdir");
    written(dir.path(), 2, 100);
    // A copy of another journal's whole segment, as a hostile body would carry it.
    let foreign = fs::read(&segments(dir.path())[0]).expect("read")[..4500].to_vec();
    let other = tempfile::tempdir().expect("tempdir");
    let (journal, _) = open(other.path());
    journal.append(1, foreign).wait().expect("append");
    journal.append(1, body(2, 100)).wait().expect("append");
    drop(journal);
    overwrite(&segments(other.path())[0], 4096, &[0; 32]);
    let (_, report) = open(other.path());
    assert_eq!((report.records, report.last_seq), (1, 2));
    assert_eq!(report.damaged, [SeqRange { first: 1, last: 1 }]);
}

#[test]
fn a_record_larger_than_a_segment_gets_its_own() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (journal, _) = open(dir.path());
    let sizes = [100, 100_000, 3 << 20, 10];
    for (seq, size) in (1..).zip(sizes) {
        assert_eq!(journal.append(1, body(seq, size)).wait(), Ok(seq));
    }
    drop(journal);
    let (journal, report) = open(dir.path());
    assert_eq!((report.records, report.damaged), (4, vec![]));
    let lens: Vec<_> = journal
        .read_from(1)
        .map(|r| r.expect("intact").payload.len())
        .collect();
    assert_eq!(lens, sizes);
}

#[test]
fn a_failed_sync_is_final_until_restart() {
    let dir = tempfile::tempdir().expect("tempdir");
    let medium = Faulty::default();
    let (journal, _) =
        Journal::open_with(dir.path(), OPTIONS, Arc::new(medium.clone())).expect("open");
    assert_eq!(journal.append(1, body(1, 10)).wait(), Ok(1));
    medium.fail_syncs(true);
    assert!(matches!(
        journal.append(1, body(2, 10)).wait(),
        Err(AppendError::Failed { .. })
    ));
    medium.fail_syncs(false);
    assert!(matches!(
        journal.append(1, body(2, 10)).wait(),
        Err(AppendError::Failed { .. })
    ));
    assert!(journal.failure().is_some());
    drop(journal);
    let (journal, _) = open(dir.path());
    let seq = journal.append(1, body(9, 10)).wait().expect("works again");
    assert!(seq >= 2);
}

#[test]
fn a_full_disk_is_survived_by_the_reserve_then_refused_then_used_again() {
    let dir = tempfile::tempdir().expect("tempdir");
    let medium = Faulty::default();
    let (journal, _) =
        Journal::open_with(dir.path(), OPTIONS, Arc::new(medium.clone())).expect("open");
    journal.append(1, body(1, 1000)).wait().expect("append");
    while segments(dir.path()).len() < 2 {
        std::thread::yield_now();
    }
    medium.fail_creates(true);
    let mut seq = 1;
    let refused = loop {
        match journal.append(1, body(seq + 1, 1000)).wait() {
            Ok(next) => seq = next,
            Err(error) => break error,
        }
    };
    assert_eq!(
        seq, 22,
        "this segment and the reserve are used up: 11 records each"
    );
    assert!(matches!(refused, AppendError::Write { .. }), "{refused}");
    assert!(journal.counters().reserve_failures > 0);
    medium.fail_creates(false);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(journal.append(1, body(23, 1000)).wait(), Ok(23));
    drop(journal);
    assert_eq!(
        read(&open(dir.path()).0, 1000),
        ((1..=23).collect(), vec![])
    );
}

#[test]
fn a_failed_write_is_undone_and_its_number_used_again() {
    let dir = tempfile::tempdir().expect("tempdir");
    let medium = Faulty::default();
    let (journal, _) =
        Journal::open_with(dir.path(), OPTIONS, Arc::new(medium.clone())).expect("open");
    journal.append(1, body(1, 100)).wait().expect("append");
    medium.cut_next_write(50);
    assert!(matches!(
        journal.append(1, body(2, 100)).wait(),
        Err(AppendError::Write { .. })
    ));
    assert_eq!(journal.append(1, body(2, 100)).wait(), Ok(2));
    drop(journal);
    assert_eq!(read(&open(dir.path()).0, 100), (vec![1, 2], vec![]));
}

#[test]
fn a_full_queue_is_overload_at_once() {
    let dir = tempfile::tempdir().expect("tempdir");
    let options = Options {
        queue_records_max: 4,
        queue_bytes_max: 1000,
        ..OPTIONS
    };
    let medium = Faulty::default();
    let (journal, _) =
        Journal::open_with(dir.path(), options, Arc::new(medium.clone())).expect("open");
    let hold = medium.hold_syncs();
    let waiting: Vec<_> = (0..20)
        .map(|seq| journal.append(1, body(seq, 300)))
        .collect();
    drop(hold);
    let answers: Vec<_> = waiting
        .into_iter()
        .map(appliance_journal::Appended::wait)
        .collect();
    let overloaded = answers
        .iter()
        .filter(|a| **a == Err(AppendError::Overloaded))
        .count();
    assert_eq!(overloaded, 17, "three of 300 bytes fit in 1000");
    assert_eq!(
        journal.append(1, body(1, 5000)).wait(),
        Ok(4),
        "one large record fits alone"
    );
}

#[test]
fn a_record_beyond_the_limit_is_refused() {
    let dir = tempfile::tempdir().expect("tempdir");
    let (journal, _) = open(dir.path());
    let answer = journal.append(1, vec![0; (130 << 20) + 1]).wait();
    assert!(matches!(answer, Err(AppendError::TooLarge { .. })));
}

#[test]
fn lost_power_loses_nothing_that_was_acknowledged() {
    for seed in 0..60 {
        let dir = tempfile::tempdir().expect("tempdir");
        let medium = Faulty::default();
        let (journal, _) =
            Journal::open_with(dir.path(), OPTIONS, Arc::new(medium.clone())).expect("open");
        let cut_after = 1 + seed * 7 % 60;
        let mut waiting = Vec::new();
        for seq in 1..=80 {
            let len = usize::try_from(seq * seed * 37 % 2500).expect("small");
            waiting.push(journal.append(1, body(seq, len)));
            if seq == cut_after {
                medium.cut_power(seed);
            }
        }
        let acknowledged: Vec<u64> = waiting.into_iter().filter_map(|a| a.wait().ok()).collect();
        drop(journal);
        medium.lose_unsynced();
        let (journal, _) = open(dir.path());
        let kept: Vec<u64> = journal
            .read_from(1)
            .filter_map(Result::ok)
            .inspect(|record| {
                let len = usize::try_from(record.seq * seed * 37 % 2500).expect("small");
                assert_eq!(
                    record.payload,
                    body(record.seq, len),
                    "seed {seed} record {}",
                    record.seq
                );
            })
            .map(|record| record.seq)
            .collect();
        assert!(
            kept.starts_with(&acknowledged),
            "seed {seed}: acknowledged {acknowledged:?}, kept {kept:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_damage_yields_a_record_that_was_not_written(
        places in prop::collection::vec((0_u64..16 << 10, any::<u8>(), 1_usize..600), 1..6),
    ) {
        let dir = tempfile::tempdir().expect("tempdir");
        written(dir.path(), 20, 500);
        for (at, byte, len) in places {
            overwrite(&segments(dir.path())[0], at, &vec![byte; len]);
        }
        let (journal, report) = open(dir.path());
        let (seqs, _) = read(&journal, 500);
        prop_assert!(seqs.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert_eq!(seqs.len() as u64, report.records);
        let next = report.last_seq + 1;
        prop_assert_eq!(journal.append(1, body(next, 500)).wait(), Ok(next));
    }

    #[test]
    fn arbitrary_bytes_open_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..9000)) {
        let dir = tempfile::tempdir().expect("tempdir");
        fs::write(dir.path().join("000000000001.wal"), bytes).expect("write");
        let (journal, report) = open(dir.path());
        prop_assert_eq!(report.records, 0);
        prop_assert_eq!(journal.append(1, body(1, 10)).wait(), Ok(1));
    }
}
