use std::fs;
use std::path::PathBuf;

use appliance_core::incident::IncidentStatus;
use serde_json::{Value, json};

use super::*;
use crate::query::{ListFilter, StateFilter};

/// A ledger on its own directory and runtime.
struct Case {
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    ledger: Option<Ledger>,
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("in range")
}

fn alert(name: &str, namespace: &str, workload: &str, severity: &str, firing: bool) -> Value {
    json!({
        "status": if firing { "firing" } else { "resolved" },
        "labels": {"alertname": name, "namespace": namespace, "deployment": workload, "severity": severity},
        "annotations": {"summary": "s".repeat(100)},
        "startsAt": at(0).to_string(),
        "endsAt": if firing { "0001-01-01T00:00:00Z".to_owned() } else { at(50).to_string() },
    })
}

fn body(alerts: &[Value]) -> Bytes {
    json!({"version": "4", "groupKey": "g", "alerts": alerts})
        .to_string()
        .into()
}

fn analysis(cause: &str) -> Analysis {
    serde_json::from_value(json!({
        "format": "analysis/v1",
        "incident": {"id": "INC-000001", "title": "t", "severity": "", "status": "firing", "started_at": null, "group_key": "", "alerts": []},
        "subject": null,
        "causes": [{"cause": cause, "object": {"kind": "Deployment", "namespace": "shop", "name": "ads"},
                    "confidence": "high", "because": [], "against": []}],
        "ruled_out": [], "missing": [], "changes": [], "evidence": [],
        "summary": {"text": "x".repeat(10_000), "by": "rules", "citations": []},
        "next_checks": [], "actions": [],
        "enrichment": {"service": "", "owner": "team-a", "slo": "", "restarts": 0, "top_metrics": [], "dashboard_url": "", "runbook_url": ""},
        "timing": {"card_ms": 0, "evidence_ms": 0, "prefill_tokens": 0, "decode_tokens": 0, "model_ms": 0},
    }))
    .expect("an analysis")
}

impl Case {
    fn new() -> Self {
        let mut case = Self {
            dir: tempfile::tempdir().expect("tempdir"),
            runtime: tokio::runtime::Runtime::new().expect("runtime"),
            ledger: None,
        };
        case.open();
        case
    }

    fn open(&mut self) -> OpenReport {
        let options = LedgerOptions {
            journal: Options {
                segment_bytes: 1 << 20,
                ..Options::default()
            },
            ..LedgerOptions::default()
        };
        let (ledger, report) = Ledger::open(self.dir.path(), options).expect("open");
        let last = report.journal.last_seq;
        self.ledger = Some(ledger);
        assert!(self.wait(last), "the index follows");
        report
    }

    fn close(&mut self) {
        self.ledger = None;
    }

    fn ledger(&self) -> &Ledger {
        self.ledger.as_ref().expect("open")
    }

    fn wait(&self, seq: u64) -> bool {
        self.runtime.block_on(self.ledger().applied(seq))
    }

    fn post(&self, seconds: i64, alerts: &[Value]) -> u64 {
        let ledger = self.ledger();
        let seq = self
            .runtime
            .block_on(ledger.accept_notification(body(alerts), "10.0.0.1", at(seconds)))
            .expect("accepted");
        assert!(self.wait(seq));
        seq
    }

    fn analyze(&self, number: u64, cause: &str) -> u64 {
        let id = IncidentId::from_number(number);
        let ledger = self.ledger();
        let analysis = analysis(cause);
        let recorded = ledger.record_analysis(id, Stage::Card, &analysis, at(100));
        let seq = self.runtime.block_on(recorded).expect("recorded");
        assert!(self.wait(seq));
        seq
    }

    fn feedback(&self, number: u64) -> u64 {
        let id = IncidentId::from_number(number);
        let recorded = self
            .ledger()
            .record_feedback(id, Verdict::WrongCause, "no\nquota", at(200));
        let seq = self.runtime.block_on(recorded).expect("recorded");
        assert!(self.wait(seq));
        seq
    }

    /// A history with everything in it.
    fn history(&self) {
        for i in 0..30 {
            let name = format!("w{}", i % 7);
            self.post(
                i * 20,
                &[
                    alert("A", "shop", &name, "warning", i % 3 != 2),
                    alert("B", "bank", "x", "critical", true),
                ],
            );
        }
        self.analyze(1, "ImageTagNotFound");
        self.analyze(1, "QuotaExceeded");
        self.feedback(1);
        let noted = self
            .ledger()
            .record_note(IncidentId::from_number(2), "rolled back", at(300));
        let seq = self.runtime.block_on(noted).expect("recorded");
        assert!(self.wait(seq));
    }

    fn digest(&self) -> String {
        self.ledger().store().digest().expect("digest").to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

#[test]
fn a_rebuilt_index_is_the_same_and_so_is_one_that_went_on() {
    let mut case = Case::new();
    case.history();
    let before = case.digest();
    case.close();
    assert_eq!(case.open().rebuilt, None);
    assert_eq!(case.digest(), before, "reopened");
    case.close();
    fs::remove_dir_all(case.path("index")).expect("remove");
    assert!(case.open().rebuilt.is_some());
    assert_eq!(case.digest(), before, "rebuilt");
    // Both ways of getting here go on alike.
    case.post(10_000, &[alert("A", "shop", "w1", "warning", true)]);
    let after = case.digest();
    case.close();
    fs::remove_dir_all(case.path("index")).expect("remove");
    case.open();
    assert_eq!(case.digest(), after);
}

#[test]
fn an_index_behind_the_journal_catches_up() {
    let mut case = Case::new();
    case.history();
    let before = case.digest();
    case.close();
    let old = case.path("old");
    copy_dir(&case.path("index"), &old);
    case.open();
    case.post(20_000, &[alert("C", "shop", "late", "critical", true)]);
    let after = case.digest();
    assert_ne!(before, after);
    case.close();
    fs::remove_dir_all(case.path("index")).expect("remove");
    fs::rename(&old, case.path("index")).expect("rename");
    assert_eq!(case.open().rebuilt, None);
    assert_eq!(case.digest(), after);
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).expect("create");
    for entry in fs::read_dir(from).expect("dir") {
        let path = entry.expect("entry").path();
        let target = to.join(path.file_name().expect("name"));
        if path.is_dir() {
            copy_dir(&path, &target);
        } else {
            fs::copy(&path, target).expect("copy");
        }
    }
}

#[test]
fn a_damaged_index_is_set_aside_and_rebuilt() {
    let mut case = Case::new();
    case.history();
    let before = case.digest();
    for (round, share) in [3, 2, 5, 7].into_iter().enumerate() {
        case.close();
        let db = case.path("index/db");
        let mut bytes = fs::read(&db).expect("read");
        let at = bytes.len() / share;
        bytes[at..at + 64].fill(0);
        fs::write(&db, bytes).expect("damage");
        case.open();
        assert_eq!(case.digest(), before, "round {round}");
    }
    case.close();
    fs::write(case.path("index/db"), b"not sled").expect("damage");
    let rebuilt = case.open().rebuilt.expect("rebuilt");
    assert!(rebuilt.set_aside.is_some_and(|path| path.exists()));
    assert_eq!(case.digest(), before);
    let bad = fs::read_dir(case.dir.path())
        .expect("dir")
        .filter_map(Result::ok);
    let bad = bad.filter(|entry| {
        entry
            .file_name()
            .to_string_lossy()
            .starts_with("index.bad-")
    });
    assert!(bad.count() <= 2, "only the newest are kept");
}

#[test]
fn an_index_of_another_journal_is_rebuilt() {
    let mut case = Case::new();
    case.history();
    case.close();
    fs::remove_dir_all(case.path("journal")).expect("remove");
    let report = case.open();
    assert!(
        report
            .rebuilt
            .is_some_and(|rebuilt| rebuilt.reason.contains("ahead of the journal"))
    );
    assert_eq!(
        case.ledger().store().counts(),
        crate::query::Counts::default()
    );
}

#[test]
fn a_notification_of_thousands_is_one_change_that_survives() {
    let mut case = Case::new();
    let alerts: Vec<_> = (0..3000)
        .map(|i| alert("A", &format!("n{i}"), "x", "warning", true))
        .collect();
    case.post(0, &alerts);
    let counts = case.ledger().store().counts();
    assert_eq!((counts.open, counts.firing_alerts), (101, 3000));
    let before = case.digest();
    case.close();
    assert_eq!(case.open().rebuilt, None);
    assert_eq!(case.digest(), before);
}

#[test]
fn incidents_are_listed_open_and_worst_first_in_pages_that_hold() {
    let case = Case::new();
    case.post(
        0,
        &[
            alert("A", "shop", "one", "warning", true),
            alert("A", "bank", "two", "critical", true),
        ],
    );
    case.post(
        1,
        &[
            alert("A", "shop", "three", "info", true),
            alert("A", "shop", "four", "critical", true),
        ],
    );
    case.post(2, &[alert("A", "bank", "two", "critical", false)]);
    let store = case.ledger().store();
    let mut filter = ListFilter {
        state: StateFilter::All,
        limit: 2,
        ..ListFilter::default()
    };
    let mut seen = Vec::new();
    loop {
        let page = store.list(&filter);
        seen.extend(page.rows.iter().map(|row| row.workload.clone()));
        assert_eq!(
            (
                page.counts.open,
                page.counts.resolved,
                page.counts.firing_alerts
            ),
            (3, 1, 3)
        );
        match page.next {
            Some(next) => filter.after = Some(next.to_string().parse().expect("a cursor")),
            None => break,
        }
    }
    assert_eq!(
        seen,
        [
            "deployment/four",
            "deployment/one",
            "deployment/three",
            "deployment/two"
        ]
    );
    let count = |filter: ListFilter| {
        store
            .list(&ListFilter {
                limit: 10,
                ..filter
            })
            .rows
            .len()
    };
    assert_eq!(count(ListFilter::default()), 3);
    assert_eq!(
        count(ListFilter {
            state: StateFilter::Resolved,
            ..ListFilter::default()
        }),
        1
    );
    assert_eq!(
        count(ListFilter {
            severity: Some("critical".into()),
            ..ListFilter::default()
        }),
        1
    );
    assert_eq!(
        count(ListFilter {
            namespace: Some("shop".into()),
            ..ListFilter::default()
        }),
        3
    );
    assert_eq!(
        count(ListFilter {
            text: Some("THREE".into()),
            ..ListFilter::default()
        }),
        1
    );
    assert!("1.2".parse::<crate::query::Cursor>().is_err());
    assert!("9.2.3".parse::<crate::query::Cursor>().is_err());
}

#[test]
fn analysis_feedback_and_notes_are_kept_with_their_incident() {
    let mut case = Case::new();
    case.post(0, &[alert("A", "shop", "ads", "warning", true)]);
    case.analyze(1, "ImageTagNotFound");
    let seq = case.analyze(1, "QuotaExceeded");
    let feedback_seq = case.feedback(1);
    case.close();
    case.open();
    let id = IncidentId::from_number(1);
    let store = case.ledger().store();
    let stored = store.analysis(id).expect("readable").expect("there");
    assert_eq!(
        (stored.seq, stored.analysis),
        (seq, analysis("QuotaExceeded"))
    );
    let row = store.row(id).expect("there");
    assert_eq!(
        (row.analysis.cause.as_str(), row.analysis.owner.as_str()),
        ("QuotaExceeded", "team-a")
    );
    assert_eq!((row.seq, row.stage), (feedback_seq, Some(Stage::Card)));
    let feedback = store.feedback(id).expect("readable");
    assert_eq!(feedback[0].comment, "no quota", "one line");
    let incident = store.incident(id).expect("readable").expect("there");
    assert_eq!(incident.status, IncidentStatus::Firing);
    let unknown = case
        .ledger()
        .record_note(IncidentId::from_number(9), "x", at(0));
    assert!(matches!(
        case.runtime.block_on(unknown),
        Err(LedgerError::UnknownIncident(_))
    ));
}

#[test]
fn followers_get_what_happens_and_what_they_missed() {
    let case = Case::new();
    let mut events = case.ledger().subscribe();
    let first = case.post(0, &[alert("A", "shop", "one", "warning", true)]);
    let second = case.post(1, &[alert("A", "shop", "two", "warning", true)]);
    let third = case.feedback(1);
    let got: Vec<_> = (0..3).map(|_| events.try_recv().expect("told")).collect();
    assert_eq!(
        got.iter().map(|event| event.seq).collect::<Vec<_>>(),
        [first, second, third]
    );
    assert!(got[0].opened && got[1].opened && !got[2].opened);
    let missed = case.ledger().events_since(first).expect("known");
    assert_eq!(
        missed
            .iter()
            .map(|event| (event.seq, event.row.id.number()))
            .collect::<Vec<_>>(),
        [(second, 2), (third, 1)]
    );
    assert_eq!(case.ledger().events_since(third).expect("known"), []);
    assert_eq!(
        case.ledger().events_since(third + 1),
        None,
        "another journal's number"
    );
}

#[test]
fn the_watchdog_and_the_intake_are_counted() {
    let mut case = Case::new();
    case.post(
        5,
        &[json!({"labels": {"alertname": "Watchdog", "severity": "none"}})],
    );
    case.close();
    case.open();
    let store = case.ledger().store();
    assert_eq!(store.watchdog(at(6)), (Some(at(5)), false));
    assert_eq!(store.watchdog(at(6 + 13 * 3600)), (Some(at(5)), true));
    assert_eq!(store.intake(), (1, 1, Some(at(5))));
    assert_eq!(store.counts().open, 0);
}
