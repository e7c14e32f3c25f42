//! Not an incident: stale events, rollouts under way, retried jobs, planned
//! maintenance, recovery and namesakes, each beside the case that only looks
//! like it.

use super::*;
use crate::alert::AlertStatus;
use crate::causes::fixture::owner;

fn about(mut fixture: Fixture, kind: &str, name: &str) -> Fixture {
    fixture.subjects = vec![ObjectRef::namespaced(kind, "shop", name)];
    fixture
}

fn causes_of(fixture: &Fixture) -> Vec<&'static str> {
    let causes = diagnosis(fixture).causes;
    causes
        .iter()
        .map(|ranked| ranked.finding.cause.id())
        .collect()
}

#[test]
fn an_old_warning_about_a_pod_that_is_well_is_no_cause() {
    let refused = "0/3 nodes are available: 3 Insufficient cpu.";
    let with = |status: &Value, minutes: i64| {
        about(build(workload("web", 80, status), &[]), "Deployment", "web").event(
            "Warning",
            "Pod/web-77f-a",
            "FailedScheduling",
            refused,
            minutes,
        )
    };
    let old = causes_of(&with(&well(), 50));
    assert!(!old.contains(&"InsufficientCpu"), "{old:?}");
    // The same words about a pod that still waits are the cause.
    let mut waiting = with(&json!({"phase": "Pending"}), 2);
    waiting = waiting.with(json!({"kind": "Pod", "metadata": {"name": "web-77f-a", "labels": {"app": "web"},
            "ownerReferences": [owner("ReplicaSet", "web-77f")]},
        "spec": {"containers": [{"name": "main", "resources": {"requests": {"cpu": "64"}}}]}, "status": {"phase": "Pending"}}));
    let now = causes_of(&waiting);
    assert!(
        now.iter().any(|cause| cause.starts_with("Insufficient")),
        "{now:?}"
    );
}

/// A Deployment of three, one pod of which is new; `new` is that pod's status.
fn rolling(new: &Value, minutes: i64) -> Fixture {
    let mut objects = workload("web", 80, &well());
    objects.push(json!({"kind": "Pod", "metadata": {"name": "web-77f-b", "namespace": "shop", "labels": {"app": "web"},
            "creationTimestamp": ago(2), "ownerReferences": [owner("ReplicaSet", "web-77f")]},
        "spec": {"nodeName": "n1", "containers": [{"name": "main"}]}, "status": new}));
    objects.push(json!({"kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}}}},
        "status": {"replicas": 3, "updatedReplicas": 1, "availableReplicas": 2, "conditions": [{"type": "Progressing",
            "status": "True", "reason": "ReplicaSetUpdated", "lastUpdateTime": ago(minutes)}]}}));
    about(build(objects, &[]), "Deployment", "web")
}

#[test]
fn a_rollout_under_way_is_given_its_time_until_a_pod_fails() {
    let starting = json!({"phase": "Pending", "containerStatuses": [{"name": "main", "image": "i", "imageID": "",
        "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}]});
    assert_eq!(causes_of(&rolling(&starting, 2)), ["RolloutInProgress"]);
    assert!(!causes_of(&rolling(&starting, 60)).contains(&"RolloutInProgress"));
    let failing = causes_of(&rolling(&oom(), 2));
    assert_eq!(failing.first(), Some(&"OomOwnLimit"), "{failing:?}");
    assert!(!failing.contains(&"RolloutInProgress"), "{failing:?}");
}

/// A schedule whose first run failed and whose second ended as given.
fn runs(second: &Value) -> Fixture {
    let run = |name: &str, minutes: i64, status: Value| {
        json!({"kind": "Job", "metadata": {"name": name, "namespace": "shop", "creationTimestamp": ago(minutes),
            "ownerReferences": [owner("CronJob", "nightly")]}, "status": status})
    };
    let failed = json!({"failed": 1, "conditions": [{"type": "Failed", "status": "True",
        "reason": "BackoffLimitExceeded", "lastTransitionTime": ago(30)}]});
    let objects = vec![
        run("nightly-1", 60, failed),
        run("nightly-2", 20, second.clone()),
    ];
    about(build(objects, &[]), "Job", "nightly-1")
}

#[test]
fn a_failure_that_a_later_run_made_good_is_expected() {
    let good = json!({"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]});
    assert_eq!(causes_of(&runs(&good)), ["ExpectedFailure"]);
    let bad = json!({"failed": 1, "conditions": [{"type": "Failed", "status": "True",
        "reason": "BackoffLimitExceeded", "lastTransitionTime": ago(15)}]});
    let found = causes_of(&runs(&bad));
    assert_eq!(found.first(), Some(&"JobFailedBackoff"), "{found:?}");
    assert!(!found.contains(&"ExpectedFailure"), "{found:?}");
}

#[test]
fn a_resolved_alert_about_what_is_well_has_recovered() {
    let mut resolved = about(
        build(workload("web", 80, &well()), &[]),
        "Deployment",
        "web",
    );
    resolved.alerts[0].status = AlertStatus::Resolved;
    assert_eq!(causes_of(&resolved), ["AlreadyRecovered"]);
    let mut unwell = about(build(workload("web", 80, &oom()), &[]), "Deployment", "web");
    unwell.alerts[0].status = AlertStatus::Resolved;
    assert_eq!(causes_of(&unwell), ["OomOwnLimit"]);
}

#[test]
fn a_node_in_planned_maintenance_is_not_a_forgotten_cordon() {
    let node = |mark: &str| {
        let mut fixture = build(workload("web", 80, &well()), &[]).with(json!({"kind": "Node",
            "metadata": {"name": "n1", "annotations": {mark: "true"}}, "spec": {"unschedulable": true},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}}));
        fixture.subjects = vec![ObjectRef::cluster("Node", "n1")];
        causes_of(&fixture)
    };
    let planned = node("weave.works/kured-reboot-in-progress");
    assert_eq!(planned.first(), Some(&"PlannedMaintenance"), "{planned:?}");
    assert!(!node("example.com/owner").contains(&"PlannedMaintenance"));
}

#[test]
fn a_namesake_does_not_take_the_blame_of_the_alerts_object() {
    let mut objects = workload("web", 80, &oom());
    objects.extend(workload("web-old", 80, &oom()));
    let found = verdict(&about(build(objects, &[]), "Deployment", "web"));
    assert!(
        found[0].starts_with("OomOwnLimit Deployment shop/web "),
        "{found:?}"
    );
}
