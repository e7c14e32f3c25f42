use serde_json::{Value, json};

use super::*;
use crate::analysis::Confidence;
use crate::causes::fixture::{Fixture, ago, owner};
use crate::causes::{Cause, Finding, Strength};
use crate::facts::Facts;

/// A workload of one crashing pod, its template as given, rolled out long ago.
fn workload(fixture: Fixture, name: &str, spec: &Value) -> Fixture {
    let status = json!({"phase": "Running", "containerStatuses": [
        {"name": "main", "ready": false, "restartCount": 3, "image": "i", "imageID": ""}]});
    fixture
        .deployment(name, 1, 0, spec.clone())
        .pod(name, "a", spec.clone(), status)
        .with(json!({"kind": "ReplicaSet", "metadata": {"name": format!("{name}-77f"), "creationTimestamp": ago(200_000),
            "ownerReferences": [owner("Deployment", name)]}, "spec": {"selector": {}}}))
        .with(json!({"kind": "Service", "metadata": {"name": name},
            "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}}))
}

fn plain() -> Value {
    json!({"containers": [{"name": "main"}]})
}

fn reads(map: &str) -> Value {
    json!({"containers": [{"name": "main", "envFrom": [{"configMapRef": {"name": map}}]}]})
}

fn calls(server: &str) -> Value {
    json!({"containers": [{"name": "main", "env": [{"name": "BACKEND_ADDR", "value": format!("{server}:80")}]}]})
}

fn edited(kind: &str, name: &str, minutes: i64) -> Value {
    json!({"kind": kind, "metadata": {"name": name, "creationTimestamp": ago(100_000), "managedFields": [
        {"manager": "kubectl-edit", "operation": "Update", "time": ago(minutes)}]}})
}

fn revision(name: &str, number: u32, minutes: i64) -> Value {
    json!({"kind": "ReplicaSet", "metadata": {"name": format!("{name}-r{number}"), "creationTimestamp": ago(minutes),
            "annotations": {"deployment.kubernetes.io/revision": number.to_string()},
            "ownerReferences": [owner("Deployment", name)]},
        "spec": {"selector": {}, "template": {"spec": {"containers": [{"name": "main", "image": format!("i:{number}")}]}}}})
}

/// The suspect of a crash of `target`, as `OBJECT: why`.
fn suspect(fixture: &Fixture, target: &str) -> Option<String> {
    suspect_of(fixture, target, Cause::CrashAppException)
}

/// The suspect of that cause on `target`.
fn suspect_of(fixture: &Fixture, target: &str, cause: Cause) -> Option<String> {
    let started_at = fixture.alerts[0].starts_at;
    let facts = Facts::find(&fixture.snapshot, started_at);
    let case = Case {
        snapshot: &fixture.snapshot,
        facts: &facts,
        alerts: &fixture.alerts,
        subjects: &fixture.subjects,
        started_at,
    };
    let object = ObjectRef::namespaced("Deployment", "shop", target);
    let finding = Finding::new(cause, object, Strength::Strong, "it crashes");
    let cause = RankedCause {
        finding,
        confidence: Confidence::High,
    };
    let edges = Edges::of(&case);
    find(&case, &edges, &[cause]).map(|one| format!("{}: {}", one.change.object, one.why))
}

#[track_caller]
fn check(fixture: &Fixture, target: &str, expected: &str) {
    assert_eq!(suspect(fixture, target).as_deref(), Some(expected));
}

#[test]
fn a_change_that_reaches_is_suspected_before_a_newer_one_that_does_not() {
    let fixture = workload(Fixture::new(), "web", &reads("web-config"))
        .with(edited("ConfigMap", "web-config", 25))
        // A near name, and nearer in time.
        .with(edited("ConfigMap", "web-config-old", 12));
    let fixture =
        workload(fixture, "api", &reads("api-config")).with(edited("ConfigMap", "api-config", 11));
    check(
        &fixture,
        "web",
        "ConfigMap shop/web-config: nearest change that reaches Deployment shop/web, \
         15 minutes before the trouble began",
    );
}

#[test]
fn a_change_of_the_object_itself_is_nearer_than_one_a_step_away() {
    let fixture = workload(Fixture::new(), "web", &reads("web-config"))
        .with(revision("web", 1, 5000))
        .with(revision("web", 2, 30))
        .with(edited("ConfigMap", "web-config", 12));
    check(
        &fixture,
        "web",
        "Deployment shop/web: nearest change of Deployment shop/web itself, \
         20 minutes before the trouble began",
    );
}

#[test]
fn an_old_change_of_the_object_yields_to_a_fresh_one_of_its_dependency() {
    let fixture = workload(Fixture::new(), "web", &calls("store"))
        .with(revision("web", 1, 5000))
        .with(revision("web", 2, 600));
    let fixture = workload(fixture, "store", &plain())
        .with(revision("store", 1, 5000))
        .with(revision("store", 2, 15));
    check(
        &fixture,
        "web",
        "Deployment shop/store: nearest change that reaches Deployment shop/web through \
         Service shop/store, 5 minutes before the trouble began",
    );
    // The client's change does not reach what it calls.
    let store = suspect(&fixture, "store").unwrap_or_default();
    assert!(
        store.starts_with("Deployment shop/store: nearest change of"),
        "{store}"
    );
}

#[test]
fn what_came_after_the_onset_or_days_before_is_not_suspected() {
    for minutes in [5, 3000] {
        let fixture = workload(Fixture::new(), "web", &reads("web-config")).with(edited(
            "ConfigMap",
            "web-config",
            minutes,
        ));
        assert_eq!(suspect(&fixture, "web"), None, "{minutes}");
    }
}

#[test]
fn a_rollout_that_served_for_hours_is_suspected_only_of_what_builds_up() {
    let rolled = |minutes: i64| {
        workload(Fixture::new(), "web", &plain())
            .with(revision("web", 1, 5000))
            .with(revision("web", 2, minutes))
    };
    assert!(suspect(&rolled(300), "web").is_some());
    assert_eq!(suspect(&rolled(600), "web"), None);
    assert!(suspect_of(&rolled(600), "web", Cause::MemoryLeak).is_some());
    // A setting is read at the next start, whenever that is.
    let edit = edited("ConfigMap", "web-config", 600);
    let fixture = workload(Fixture::new(), "web", &reads("web-config")).with(edit);
    assert!(suspect(&fixture, "web").is_some());
}

#[test]
fn a_taint_that_the_control_plane_sets_is_no_change_and_one_by_hand_is() {
    let on_node = json!({"nodeName": "n1", "containers": [{"name": "main"}]});
    let tainted = |key: &str| {
        let node = json!({"kind": "Node", "metadata": {"name": "n1", "creationTimestamp": ago(100_000)},
            "spec": {"taints": [{"key": key, "effect": "NoExecute", "timeAdded": ago(12)}]}});
        workload(Fixture::new(), "web", &on_node).with(node)
    };
    for key in ["unreachable", "not-ready", "disk-pressure"] {
        let fixture = tainted(&format!("node.kubernetes.io/{key}"));
        assert_eq!(suspect(&fixture, "web"), None, "{key}");
    }
    assert!(suspect(&tainted("maintenance"), "web").is_some());
    assert!(suspect(&tainted("node.kubernetes.io/out-of-service"), "web").is_some());
}

#[test]
fn a_condition_of_a_node_is_no_change_and_its_reboot_is() {
    let on_node = json!({"nodeName": "n1", "containers": [{"name": "main"}]});
    let node = json!({"kind": "Node", "metadata": {"name": "n1", "creationTimestamp": ago(100_000)},
        "status": {"conditions": [{"type": "DiskPressure", "status": "True", "lastTransitionTime": ago(12)}]}});
    let fixture = workload(Fixture::new(), "web", &on_node).with(node);
    assert_eq!(suspect(&fixture, "web"), None);
    let fixture = fixture.event(
        "Warning",
        "Node/n1",
        "Rebooted",
        "Node n1 has been rebooted",
        14,
    );
    check(
        &fixture,
        "web",
        "Node n1: nearest change that reaches Deployment shop/web, 4 minutes before the trouble began",
    );
}

#[test]
fn a_quota_is_suspected_by_workloads_that_lack_pods_only() {
    let quota = edited("ResourceQuota", "compute", 15);
    let whole = workload(Fixture::new(), "web", &plain()).with(quota);
    assert_eq!(suspect(&whole, "web"), None);
    let short = whole.with(json!({"kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 3, "selector": {}, "template": {"metadata": {"labels": {"app": "web"}}}},
        "status": {"replicas": 1}}));
    check(
        &short,
        "web",
        "ResourceQuota shop/compute: nearest change that reaches Deployment shop/web, \
         5 minutes before the trouble began",
    );
}
