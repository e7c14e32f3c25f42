//! What tells look-alikes apart: each row of the catalogue's table, and pairs
//! beyond it, as clusters that differ in the telling detail alone.
//!
//! The whole way is tried, from objects, events and logs to the leading
//! cause, since a look-alike may be told apart by any step of it.

#![allow(
    clippy::needless_pass_by_value,
    reason = "JSON snippets read best when written where they are used"
)]

mod breaks;
mod certificates;
mod claims;
mod connections;
mod crashes;
mod exits;
mod images;
mod machines;
mod names;
mod owners;
mod pending;
mod probes;
mod rollouts;
mod scaling;

use serde_json::{Value, json};

use super::fixture::{Fixture, ago};
use super::{Case, Cause, Family, analyze};
use crate::facts::Facts;
use crate::graph;
use crate::investigation::subjects_of;
use crate::resolver::Aliases;

/// One side of a pair: what is seen, and what it means.
type Side = (&'static str, Fixture, &'static str);

/// Every side of `row` must lead with its cause, as `"Cause Kind namespace/name"`.
/// Without a kind the object is left open; `""` means that nothing is wrong,
/// or only that it was.
#[track_caller]
fn check(row: &str, sides: Vec<Side>) {
    let wrong: Vec<String> = sides
        .iter()
        .filter_map(|(seen, fixture, wanted)| {
            let found = leading(fixture);
            let first = found.first().map_or("", String::as_str);
            let cause = first.split(' ').next().unwrap_or_default();
            let known = cause.parse::<Cause>();
            let quiet = known.is_ok_and(|cause| cause.family() == Family::NotAnIncident);
            let right = first == *wanted || cause == *wanted || wanted.is_empty() && quiet;
            (!right).then(|| format!("{seen}: wanted {wanted:?}, got {found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{row}:\n{}", wrong.join("\n"));
}

/// The stated causes, best first.
fn leading(fixture: &Fixture) -> Vec<String> {
    let started_at = fixture.alerts[0].starts_at;
    let facts = Facts::find(&fixture.snapshot, started_at);
    let subjects = if fixture.subjects.is_empty() {
        subjects_of(&fixture.alerts, &Aliases::default(), &fixture.snapshot)
    } else {
        fixture.subjects.clone()
    };
    let case = Case {
        snapshot: &fixture.snapshot,
        facts: &facts,
        alerts: &fixture.alerts,
        subjects: &subjects,
        started_at,
    };
    let diagnosis = graph::diagnose(&case, analyze(&case));
    let stated = diagnosis.causes.iter().map(|one| &one.finding);
    stated
        .map(|finding| format!("{} {}", finding.cause, finding.object))
        .collect()
}

/// An alert about the pod of Deployment `web`.
fn asked(fixture: Fixture) -> Fixture {
    fixture.alert(&[
        ("alertname", "KubePodNotReady"),
        ("namespace", "shop"),
        ("pod", "web-77f-a"),
    ])
}

/// A pod spec on node `n1` whose one container, `main`, is `container`.
fn spec(mut container: Value) -> Value {
    container["name"] = json!("main");
    if container["image"].is_null() {
        container["image"] = json!("reg.local/team/web:2");
    }
    json!({"nodeName": "n1", "containers": [container]})
}

/// Deployment `web` with one pod of that spec and status, asked about.
fn web(spec: Value, status: Value) -> Fixture {
    let fixture = Fixture::new()
        .deployment("web", 1, 0, spec.clone())
        .pod("web", "a", spec, status);
    node(asked(fixture), "n1")
}

/// A healthy node.
fn node(fixture: Fixture, name: &str) -> Fixture {
    fixture.node(name, json!({}), json!({}))
}

/// The status of a pod whose container waits.
fn waiting(reason: &str, message: &str) -> Value {
    json!({"phase": "Pending", "containerStatuses": [{
        "name": "main", "image": "i", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}}}]})
}

/// The status of a pod that ended `restarts` times like that, the last time
/// after `seconds`, and waits to start again.
fn crashing(reason: &str, code: i32, seconds: i64) -> Value {
    let finished = super::fixture::now() - jiff::SignedDuration::from_mins(2);
    let started = finished - jiff::SignedDuration::from_secs(seconds);
    json!({"phase": "Running", "containerStatuses": [{
        "name": "main", "image": "i", "imageID": "", "ready": false, "restartCount": 5,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"reason": reason, "exitCode": code,
            "startedAt": started.to_string(), "finishedAt": finished.to_string()}}}]})
}

/// The status of a pod that runs, ready or not.
fn running(ready: bool) -> Value {
    let state = if ready { "True" } else { "False" };
    json!({"phase": "Running",
        "conditions": [{"type": "Ready", "status": state, "lastTransitionTime": ago(9)}],
        "containerStatuses": [{"name": "main", "image": "i", "imageID": "", "ready": ready,
            "restartCount": 0, "state": {"running": {"startedAt": ago(20)}}}]})
}

/// A Deployment with one pod behind a Service of its name and port 80 to 8080.
fn server(fixture: Fixture, name: &str, ready: bool) -> Fixture {
    let spec = spec(json!({"ports": [{"containerPort": 8080}]}));
    fixture
        .deployment(name, 1, i32::from(ready), spec.clone())
        .pod(name, "s", spec, running(ready))
        .with(
            json!({"kind": "Service", "metadata": {"name": name}, "spec": {
            "clusterIP": "10.0.0.9", "selector": {"app": name},
            "ports": [{"port": 80, "targetPort": 8080}]}}),
        )
}

/// `web` runs, is not ready and says `line`, beside a Service `ledger`.
fn says(line: &str, ledger_ready: bool) -> Fixture {
    let fixture = web(spec(json!({})), running(false)).log("web-77f-a", "main", false, line);
    server(fixture, "ledger", ledger_ready)
}
