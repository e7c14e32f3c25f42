//! What was acknowledged is there after the process was killed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::http::{self, EventStream, get_json, post_json};
use super::support::{Folder, Served, wait_for, webhook};

/// How often the process is killed.
const KILLS: usize = 40;
/// Who posts alerts meanwhile.
const CLIENTS: usize = 4;
/// Incidents of one client: together fewer than what counts as a storm, where
/// alerts are folded.
const GROUPS: usize = 22;
/// Alerts of one incident: fewer than an incident keeps in full.
const ALERTS: usize = 40;
/// Longest wait for the appliance to show what it holds.
const PATIENCE: Duration = Duration::from_secs(20);

/// What the clients know.
struct Load {
    base: Mutex<String>,
    acknowledged: Mutex<BTreeSet<String>>,
    over: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load {
    /// Posts alerts one by one, each until it is acknowledged, as Alertmanager does.
    fn post(&self, client: usize, mut random: Random) {
        for group in 0..GROUPS {
            for alert in 0..ALERTS {
                let name = format!("Test{client}x{group}x{alert}");
                let body = webhook(&name, &format!("load-{client}-{group}"));
                while !self.acknowledges(&body) {
                    if self.over.load(Ordering::Relaxed) {
                        return;
                    }
                    thread::sleep(Duration::from_millis(20));
                }
                lock(&self.acknowledged).insert(name);
                if self.over.load(Ordering::Relaxed) {
                    return;
                }
                thread::sleep(Duration::from_millis(random.below(30)));
            }
        }
    }

    fn acknowledges(&self, body: &Value) -> bool {
        let url = format!("{}/api/v1/alertmanager", lock(&self.base));
        post_json(&url, body).is_some_and(|answer| answer.status == 200)
    }
}

/// Xorshift: what moments are killed at is printed and can be had again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

fn serve(data: &str) -> Served {
    Served::start(&["--no-model", "--data-dir", data])
}

fn incidents(base: &str) -> Option<Vec<Value>> {
    let page = get_json(&format!("{base}/api/v1/incidents?state=all&limit=200"))?;
    page["incidents"].as_array().cloned()
}

/// How many alerts all incidents hold.
fn held(base: &str) -> Option<u64> {
    let incidents = incidents(base)?;
    incidents
        .iter()
        .map(|row| row["alert_count"].as_u64())
        .sum()
}

/// In how many incidents each alert is.
fn names(base: &str) -> Option<BTreeMap<String, usize>> {
    let mut found = BTreeMap::new();
    for row in incidents(base)? {
        let detail = get_json(&format!("{base}/api/v1/incidents/{}", row["id"].as_str()?))?;
        for alert in detail["alerts"].as_array()? {
            *found.entry(alert["name"].as_str()?.to_owned()).or_default() += 1;
        }
    }
    Some(found)
}

#[test]
fn alerts_acknowledged_between_kills_are_in_one_incident_each() {
    let folder = Folder::new();
    let data = folder.path("data");
    let seed = jiff::Timestamp::now().as_microsecond().unsigned_abs() | 1;
    println!("seed {seed}");
    let mut random = Random(seed);
    let mut served = serve(&data);
    let load = Load {
        base: Mutex::new(served.base.clone()),
        acknowledged: Mutex::default(),
        over: AtomicBool::new(false),
    };
    let started = Instant::now();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let random = Random(random.below(u64::MAX - 1) + 1);
            let load = &load;
            scope.spawn(move || load.post(client, random));
        }
        for kill in 0..KILLS {
            thread::sleep(Duration::from_millis(50 + random.below(600)));
            served.process.kill();
            let before = lock(&load.acknowledged).len() as u64;
            served = serve(&data);
            lock(&load.base).clone_from(&served.base);
            wait_for(&format!("all alerts after kill {kill}"), PATIENCE, || {
                held(&served.base).filter(|held| *held >= before)
            });
        }
        load.over.store(true, Ordering::Relaxed);
    });
    let acknowledged = lock(&load.acknowledged).clone();
    println!(
        "{KILLS} kills in {:.1?}, {} alerts acknowledged",
        started.elapsed(),
        acknowledged.len()
    );
    assert!(acknowledged.len() > KILLS, "the clients got through");

    let found = wait_for("every alert", PATIENCE, || {
        let found = names(&served.base)?;
        acknowledged
            .iter()
            .all(|name| found.contains_key(name))
            .then_some(found)
    });
    let twice: Vec<_> = found.iter().filter(|(_, times)| **times != 1).collect();
    assert!(twice.is_empty(), "in more than one incident: {twice:?}");
    for row in incidents(&served.base).expect("it answers") {
        let id = row["id"].as_str().expect("incidents have ids");
        wait_for(&format!("the analysis of {id}"), PATIENCE, || {
            get_json(&format!("{}/api/v1/incidents/{id}/analysis", served.base))
        });
    }
}

#[test]
fn a_restart_keeps_incidents_analyses_and_verdicts() {
    let folder = Folder::new();
    let data = folder.path("data");
    let mut served = serve(&data);
    let url = format!("{}/api/v1/alertmanager", served.base);
    let answer = post_json(&url, &webhook("Test", "orders"));
    assert_eq!(answer.expect("it answers").status, 200);
    let incident = format!("{}/api/v1/incidents/INC-000001", served.base);
    wait_for("the analysis", PATIENCE, || {
        get_json(&format!("{incident}/analysis"))
    });
    let verdict = json!({"verdict": "wrong_cause", "comment": "It was the switch."});
    let answer = post_json(&format!("{incident}/feedback"), &verdict);
    assert_eq!(answer.expect("it answers").status, 204);
    let before = get_json(&incident).expect("it answers");
    assert!(served.process.terminate(), "it ends well when told to");

    let served = serve(&data);
    let incident = format!("{}/api/v1/incidents/INC-000001", served.base);
    let after = get_json(&incident).expect("it is there at once");
    assert_eq!(after["alerts"], before["alerts"]);
    assert_eq!(after["feedback"], before["feedback"]);
    assert_eq!(after["feedback"][0]["comment"], "It was the switch.");
    assert_eq!(after["incident"]["title"], before["incident"]["title"]);
    assert!(get_json(&format!("{incident}/analysis")).is_some());
}

/// Reads events until every one of `wanted` (incident id, kind) was seen;
/// gives the last id.
fn read_until(stream: &mut EventStream, wanted: &[(&str, &str)]) -> u64 {
    let mut missing = wanted.to_vec();
    let mut last = 0;
    while !missing.is_empty() {
        let event = stream
            .next(PATIENCE)
            .unwrap_or_else(|| panic!("never came: {missing:?}"));
        let Some(id) = event.id else {
            continue;
        };
        assert!(id >= last, "{id} after {last}");
        assert_ne!(event.kind, "reset");
        last = id;
        let incident = event.data["incident_id"].as_str().unwrap_or_default();
        missing.retain(|wanted| *wanted != (incident, event.kind.as_str()));
    }
    last
}

#[test]
fn a_reader_of_events_goes_on_across_a_restart() {
    let folder = Folder::new();
    let data = folder.path("data");
    let mut served = serve(&data);
    let alerts = format!("{}/api/v1/alertmanager", served.base);
    post_json(&alerts, &webhook("First", "orders")).expect("it answers");
    let mut stream = open(&format!("{}/api/v1/events?since=0", served.base), None);
    let last = read_until(&mut stream, &[("INC-000001", "analysis")]);
    // What the reader misses: it hangs up before, and the process is killed after.
    drop(stream);
    post_json(&alerts, &webhook("Second", "payments")).expect("it answers");
    wait_for("the second analysis", PATIENCE, || {
        get_json(&format!(
            "{}/api/v1/incidents/INC-000002/analysis",
            served.base
        ))
    });
    served.process.kill();

    let served = serve(&data);
    let alerts = format!("{}/api/v1/alertmanager", served.base);
    post_json(&alerts, &webhook("Third", "invoices")).expect("it answers");
    let events = format!("{}/api/v1/events", served.base);
    let mut stream = open(&format!("{events}?since=0"), Some(last));
    let last = read_until(
        &mut stream,
        &[("INC-000002", "analysis"), ("INC-000003", "analysis")],
    );
    assert!(
        open(&events, Some(last)).next(PATIENCE).is_some(),
        "it is alive"
    );
    let ahead = open(&events, Some(last + 1_000));
    assert_eq!(first_with_id(ahead), "reset", "another journal's place");
}

fn open(url: &str, last_id: Option<u64>) -> EventStream {
    wait_for("the events", PATIENCE, || EventStream::open(url, last_id))
}

fn first_with_id(mut stream: EventStream) -> String {
    loop {
        let event: http::SentEvent = stream.next(PATIENCE).expect("an event comes");
        if event.id.is_some() {
            return event.kind;
        }
    }
}
