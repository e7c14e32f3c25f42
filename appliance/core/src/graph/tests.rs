//! Folding, elimination, ranking and confidence, and what a verdict must not
//! depend on: order, names, and healthy neighbours.

#![allow(
    clippy::needless_pass_by_value,
    reason = "fixtures are written in place"
)]

mod calm;
mod generated;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Diagnosis, diagnose};
use crate::analysis::Confidence;
use crate::causes::fixture::{Fixture, ago};
use crate::causes::{self, Case, Cause};
use crate::evidence::Draft;
use crate::facts::Facts;
use crate::object::ObjectRef;

fn diagnosis(fixture: &Fixture) -> Diagnosis {
    let started_at = fixture.alerts[0].starts_at;
    let facts = Facts::find(&fixture.snapshot, started_at);
    let case = Case {
        snapshot: &fixture.snapshot,
        facts: &facts,
        alerts: &fixture.alerts,
        subjects: &fixture.subjects,
        started_at,
    };
    diagnose(&case, causes::analyze(&case))
}

fn verdict(fixture: &Fixture) -> Vec<String> {
    diagnosis(fixture)
        .causes
        .iter()
        .map(|ranked| {
            let finding = &ranked.finding;
            format!(
                "{} {} {:?}",
                finding.cause, finding.object, ranked.confidence
            )
        })
        .collect()
}

#[track_caller]
fn check(fixture: &Fixture, expected: &[&str]) {
    assert_eq!(verdict(fixture), expected);
}

fn status(ready: bool, restarts: i32, last: Value) -> Value {
    json!({"phase": "Running", "containerStatuses": [{
        "name": "main", "image": "i", "imageID": "", "ready": ready, "restartCount": restarts,
        "state": if ready { json!({"running": {}}) } else { json!({"waiting": {"reason": "CrashLoopBackOff"}}) },
        "lastState": {"terminated": last},
    }]})
}

/// A workload behind a Service of its name; every piece of it as one list, so
/// that tests may reorder and rename it.
fn workload(name: &str, port: i32, status: &Value) -> Vec<Value> {
    let labels = json!({"app": name});
    let spec = json!({"nodeName": "n1", "containers": [{"name": "main", "image": "i:1",
        "ports": [{"containerPort": port}], "resources": {"limits": {"memory": "64Mi"}}}]});
    let owner = |kind: &str, name: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "u", "controller": true}]);
    vec![
        json!({"kind": "Deployment", "metadata": {"name": name, "namespace": "shop"},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}}),
        json!({"kind": "ReplicaSet", "metadata": {"name": format!("{name}-77f"), "namespace": "shop",
            "ownerReferences": owner("Deployment", name)}, "spec": {"replicas": 1, "selector": {}}, "status": {"replicas": 1}}),
        json!({"kind": "Pod", "metadata": {"name": format!("{name}-77f-a"), "namespace": "shop", "labels": labels,
            "creationTimestamp": ago(20), "ownerReferences": owner("ReplicaSet", &format!("{name}-77f"))},
            "spec": spec, "status": status}),
        json!({"kind": "Service", "metadata": {"name": name, "namespace": "shop"},
            "spec": {"selector": labels, "ports": [{"port": port, "targetPort": port}]}}),
    ]
}

fn oom() -> Value {
    let end =
        json!({"reason": "OOMKilled", "exitCode": 137, "startedAt": ago(4), "finishedAt": ago(2)});
    status(false, 4, end)
}

fn crash() -> Value {
    let end = json!({"reason": "Error", "exitCode": 1, "startedAt": ago(3), "finishedAt": ago(2)});
    status(false, 4, end)
}

fn well() -> Value {
    status(true, 0, Value::Null)
}

/// `db` is killed for memory, `api` cannot reach it and crashes.
fn chain() -> (Vec<Value>, Vec<(String, String)>) {
    let mut objects = workload("db", 5432, &oom());
    objects.extend(workload("api", 8080, &crash()));
    let log = "dial tcp: connect to db:5432: connection refused".to_owned();
    (objects, vec![("api-77f-a".to_owned(), log)])
}

fn build(objects: Vec<Value>, logs: &[(String, String)]) -> Fixture {
    let mut fixture = Fixture::new();
    for object in objects {
        fixture = fixture.with(object);
    }
    for (pod, text) in logs {
        fixture = fixture.log(pod, "main", true, text);
    }
    fixture.subjects = vec![ObjectRef::cluster("Namespace", "shop")];
    fixture
}

#[test]
fn symptoms_of_clients_fold_under_the_dependencys_cause() {
    let (objects, logs) = chain();
    let fixture = build(objects, &logs);
    check(&fixture, &["OomOwnLimit Deployment shop/db High"]);
    let diagnosis = diagnosis(&fixture);
    let explained = &diagnosis.causes[0].finding.explains;
    assert!(explained.contains(&ObjectRef::namespaced("Service", "shop", "db")));
}

#[test]
fn a_dependency_without_a_cause_of_its_own_is_named() {
    let mut objects = workload("db", 5432, &status(false, 0, Value::Null));
    objects.extend(workload("api", 8080, &crash()));
    let log = "dial tcp: connect to db:5432: connection refused".to_owned();
    let found = verdict(&build(objects, &[("api-77f-a".to_owned(), log)]));
    assert!(found[0].contains("shop/db"), "{found:?}");
}

#[test]
fn two_independent_causes_stay_two_and_neither_is_sure() {
    let mut objects = workload("db", 5432, &oom());
    objects.extend(workload("mail", 25, &oom()));
    let found = verdict(&build(objects, &[]));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found.iter().all(|line| !line.ends_with("High")),
        "{found:?}"
    );
}

#[test]
fn the_alerts_own_object_comes_first() {
    let mut objects = workload("db", 5432, &oom());
    objects.extend(workload("mail", 25, &oom()));
    let mut fixture = build(objects, &[]);
    fixture.subjects = vec![ObjectRef::namespaced("Deployment", "shop", "mail")];
    let found = verdict(&fixture);
    assert!(
        found[0].starts_with("OomOwnLimit Deployment shop/mail"),
        "{found:?}"
    );
}

#[test]
fn pods_of_a_broken_node_fold_under_the_node() {
    let mut objects = workload("api", 8080, &status(false, 0, Value::Null));
    objects.push(json!({"kind": "Node", "metadata": {"name": "n1"}, "status": {"conditions": [
        {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown", "lastTransitionTime": ago(5)}]}}));
    objects.push(
        json!({"kind": "Node", "metadata": {"name": "n2"}, "status": {"conditions": [
        {"type": "Ready", "status": "True"}]}}),
    );
    let found = verdict(&build(objects, &[]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("NodeUnreachable Node n1"), "{found:?}");
}

#[test]
fn a_cause_from_long_before_has_that_against_it() {
    let mut fixture = build(workload("db", 5432, &well()), &[]);
    fixture.subjects = vec![ObjectRef::namespaced("Deployment", "shop", "db")];
    let started_at = fixture.alerts[0].starts_at;
    let facts = Facts::find(&fixture.snapshot, started_at);
    let case = Case {
        snapshot: &fixture.snapshot,
        facts: &facts,
        alerts: &fixture.alerts,
        subjects: &fixture.subjects,
        started_at,
    };
    let finding = |name: &str, hours: i64| {
        let object = ObjectRef::namespaced("Deployment", "shop", name);
        let seen = Draft::status(object.clone(), "OOMKilled", Vec::new());
        let since = started_at - jiff::SignedDuration::from_hours(hours);
        causes::Finding::new(
            Cause::OomOwnLimit,
            object,
            causes::Strength::Strong,
            "killed for memory",
        )
        .because([seen])
        .since(Some(since))
    };
    let found = vec![
        (finding("mail", 10), 0),
        (finding("mail-new", 1), 0),
        (finding("db", 10), 0),
    ];
    let ranked = super::rank::rank(&case, &super::Edges::of(&case), found);
    let against: Vec<(&str, Vec<&str>)> = ranked
        .iter()
        .map(|one| {
            let titles = one.finding.against.iter().map(|draft| draft.title.as_str());
            (one.finding.object.name.as_str(), titles.collect())
        })
        .collect();
    let told = "began 10 hours before the alert and does not reach what it is about";
    assert_eq!(
        against,
        [("db", vec![]), ("mail-new", vec![]), ("mail", vec![told])]
    );
    assert_eq!(ranked[2].confidence, Confidence::Low);
}

#[test]
fn a_healthy_cluster_has_no_cause() {
    check(&build(workload("api", 8080, &well()), &[]), &[]);
}

#[test]
fn a_watchdog_is_the_whole_answer() {
    let mut fixture = build(workload("db", 5432, &oom()), &[]);
    fixture = fixture.alert(&[("alertname", "Watchdog")]);
    let causes = diagnosis(&fixture).causes;
    assert_eq!(causes.len(), 1);
    assert_eq!(causes[0].finding.cause, Cause::WatchdogInfoInhibitor);
    assert!(causes[0].confidence >= Confidence::Medium);
}

#[test]
fn every_cause_cites_and_none_is_ruled_out_too() {
    let (objects, logs) = chain();
    let diagnosis = diagnosis(&build(objects, &logs));
    for ranked in &diagnosis.causes {
        assert!(!ranked.finding.because.is_empty());
        let same = |exclusion: &causes::Exclusion| {
            exclusion.cause == ranked.finding.cause && exclusion.object == ranked.finding.object
        };
        assert!(!diagnosis.ruled_out.iter().any(same));
    }
}

/// Renames whole words of every string and key.
fn rename(value: &Value, from: &str, to: &str) -> Value {
    match value {
        Value::String(text) => Value::String(rename_text(text, from, to)),
        Value::Array(items) => items.iter().map(|item| rename(item, from, to)).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, field)| (key.clone(), rename(field, from, to)))
            .collect(),
        other => other.clone(),
    }
}

fn rename_text(text: &str, from: &str, to: &str) -> String {
    let mut renamed = String::new();
    let mut word = String::new();
    for c in text.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_alphanumeric() {
            word.push(c);
            continue;
        }
        renamed.push_str(if word == from { to } else { &word });
        word.clear();
        if c != '\0' {
            renamed.push(c);
        }
    }
    renamed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_capture_does_not_matter(order in Just((0..8usize).collect::<Vec<_>>()).prop_shuffle()) {
        let (objects, logs) = chain();
        let shuffled: Vec<Value> = order.iter().map(|&place| objects[place].clone()).collect();
        prop_assert_eq!(verdict(&build(shuffled, &logs)), verdict(&build(objects, &logs)));
    }

    #[test]
    fn names_do_not_matter(db in "[a-z]{4,9}x", api in "[a-z]{4,9}y") {
        let (objects, logs) = chain();
        let renamed = objects
            .iter()
            .map(|object| rename(&rename(object, "db", &db), "api", &api))
            .collect();
        let logs: Vec<(String, String)> = logs
            .iter()
            .map(|(pod, text)| (rename_text(pod, "api", &api), rename_text(text, "db", &db)))
            .collect();
        let expected = vec![format!("OomOwnLimit Deployment shop/{db} High")];
        prop_assert_eq!(verdict(&build(renamed, &logs)), expected);
    }

    #[test]
    fn a_healthy_neighbour_does_not_matter(name in "[a-z]{5,9}z", port in 1000..9000i32) {
        let (mut objects, logs) = chain();
        let alone = verdict(&build(objects.clone(), &logs));
        objects.extend(workload(&name, port, &well()));
        prop_assert_eq!(verdict(&build(objects, &logs)), alone);
    }
}
