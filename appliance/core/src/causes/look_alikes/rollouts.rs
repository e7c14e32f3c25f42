//! Rows "only new-`ReplicaSet` pods bad", "restart count high" and "old
//! warning event".

use serde_json::{Value, json};

use super::{Fixture, ago, check, crashing, running, server, spec, waiting, web};
use crate::causes::fixture::owner;

/// A Deployment whose rollout is past its deadline or still within it.
fn rolling(status: &str, reason: &str) -> Fixture {
    let spec = spec(json!({}));
    let labels = json!({"app": "web"});
    Fixture::new()
        .alert(&[("alertname", "KubeDeploymentRolloutStuck"), ("namespace", "shop"), ("deployment", "web")])
        .with(json!({"kind": "Deployment", "metadata": {"name": "web", "labels": labels, "generation": 2, "creationTimestamp": ago(900)},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
            "status": {"replicas": 3, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1, "observedGeneration": 2,
                "conditions": [{"type": "Progressing", "status": status, "reason": reason, "lastTransitionTime": ago(4), "lastUpdateTime": ago(1)}]}}))
        .with(json!({"kind": "ReplicaSet", "metadata": {"name": "web-66d", "labels": labels, "creationTimestamp": ago(900), "ownerReferences": [owner("Deployment", "web")]},
            "spec": {"replicas": 2, "selector": {}, "template": {"spec": spec}}, "status": {"replicas": 2, "readyReplicas": 1}}))
        .with(json!({"kind": "ReplicaSet", "metadata": {"name": "web-77f", "labels": labels, "creationTimestamp": ago(6), "ownerReferences": [owner("Deployment", "web")]},
            "spec": {"replicas": 1, "selector": {}, "template": {"spec": spec}}, "status": {"replicas": 1, "readyReplicas": 0}}))
        .pod("web", "a", spec, running(false))
}

#[test]
fn a_rollout_is_told_apart_by_its_deadline() {
    check(
        "new pods are not ready",
        vec![
            (
                "past the deadline",
                rolling("False", "ProgressDeadlineExceeded"),
                "RolloutStuck Deployment shop/web",
            ),
            (
                "within it",
                rolling("True", "ReplicaSetUpdated"),
                "RolloutInProgress Deployment shop/web",
            ),
        ],
    );
}

/// The rollout of [`rolling`] with a pod of the old revision, both saying `line`.
fn both(old_ready: bool, line: &str) -> Fixture {
    let labels = json!({"app": "web"});
    let old = json!({"kind": "Pod", "metadata": {"name": "web-66d-o", "labels": labels, "creationTimestamp": ago(900),
        "ownerReferences": [owner("ReplicaSet", "web-66d")]}, "spec": spec(json!({})), "status": running(old_ready)});
    let fixture = rolling("False", "ProgressDeadlineExceeded").with(old);
    let fixture = if old_ready {
        fixture
    } else {
        fixture.log("web-66d-o", "main", false, line)
    };
    server(
        fixture.log("web-77f-a", "main", false, line),
        "ledger",
        old_ready,
    )
}

#[test]
fn a_bad_rollout_is_told_apart_by_whether_the_old_pods_suffer_too() {
    check(
        "only new-ReplicaSet pods bad",
        vec![
            (
                "the old pod serves",
                both(true, "level=warn msg=\"warming up\""),
                "RolloutStuck Deployment shop/web",
            ),
            (
                "the old pod is refused as well",
                both(
                    false,
                    "dial tcp 10.0.0.9:80: connect: connection refused: http://ledger:80/",
                ),
                "DependencyRefused Deployment shop/ledger",
            ),
        ],
    );
}

fn asked(fixture: Fixture) -> Fixture {
    fixture.alert(&[
        ("alertname", "KubeDeploymentReplicasMismatch"),
        ("namespace", "shop"),
        ("deployment", "web"),
    ])
}

fn deployment(spec: Value, status: Value) -> Fixture {
    let mut spec = spec;
    spec["selector"] = json!({"matchLabels": {"app": "web"}});
    spec["template"] =
        json!({"metadata": {"labels": {"app": "web"}}, "spec": super::spec(json!({}))});
    asked(Fixture::new().with(
        json!({"kind": "Deployment", "metadata": {"name": "web", "generation": 3}, "spec": spec, "status": status}),
    ))
}

#[test]
fn a_workload_that_does_not_follow_is_told_apart_by_who_stops_it() {
    check(
        "too few replicas",
        vec![
            (
                "somebody paused it",
                deployment(
                    json!({"replicas": 2, "paused": true}),
                    json!({"updatedReplicas": 0, "observedGeneration": 3}),
                ),
                "RolloutPaused Deployment shop/web",
            ),
            (
                "somebody scaled it away",
                deployment(json!({"replicas": 0}), json!({"observedGeneration": 3})),
                "ScaledToZero Deployment shop/web",
            ),
            (
                "nobody notices",
                deployment(json!({"replicas": 2}), json!({"observedGeneration": 1})),
                "GenerationMismatch Deployment shop/web",
            ),
        ],
    );
}

#[test]
fn restarts_count_when_they_are_recent() {
    let mut old = running(true);
    old["containerStatuses"][0]["restartCount"] = json!(40);
    old["containerStatuses"][0]["lastState"] = json!({"terminated": {"reason": "Error", "exitCode": 1,
        "startedAt": ago(6001), "finishedAt": ago(6000)}});
    check(
        "restart count high",
        vec![
            ("the last one days ago", web(spec(json!({})), old), ""),
            (
                "the last one now",
                web(spec(json!({})), crashing("Error", 1, 2)).log(
                    "web-77f-a",
                    "main",
                    true,
                    "panic: assignment to entry in nil map",
                ),
                "CrashAppException Deployment shop/web",
            ),
        ],
    );
}

#[test]
fn an_old_warning_is_told_apart_from_one_that_lasts() {
    let text = "Failed to pull image \"reg.local/team/web:2\": manifest unknown";
    check(
        "old warning event",
        vec![
            (
                "hours ago, and the pod runs",
                web(spec(json!({})), running(true)).event(
                    "Warning",
                    "Pod/web-77f-a",
                    "Failed",
                    text,
                    300,
                ),
                "",
            ),
            (
                "now, and the pod waits",
                web(spec(json!({})), waiting("ImagePullBackOff", "")).warning(
                    "Pod/web-77f-a",
                    "Failed",
                    text,
                ),
                "ImageNotFound Deployment shop/web",
            ),
        ],
    );
}
