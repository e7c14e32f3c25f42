mod limits;

use serde_json::{Value, json};

use super::{absent, expected, meant_to_fire, recovered, rolling_out};
use crate::alert::AlertStatus;
use crate::causes::fixture::{Fixture, ago, owner};
use crate::object::ObjectRef;

fn well() -> Value {
    json!({"phase": "Running", "containerStatuses": [{"name": "main", "image": "i", "imageID": "",
        "ready": true, "restartCount": 0, "state": {"running": {}}}]})
}

fn web(ready: bool) -> Fixture {
    let status = if ready {
        well()
    } else {
        json!({"phase": "Pending"})
    };
    let mut fixture = Fixture::new()
        .deployment("web", 1, i32::from(ready), json!({"containers": []}))
        .pod("web", "a", json!({"containers": []}), status);
    fixture.subjects = vec![ObjectRef::namespaced("Deployment", "shop", "web")];
    fixture
}

#[test]
fn a_watchdog_fires_on_purpose() {
    Fixture::new()
        .alert(&[("alertname", "Watchdog")])
        .check(meant_to_fire, &["WatchdogInfoInhibitor Namespace default"]);
    Fixture::new().check(meant_to_fire, &[]);
}

#[test]
fn what_is_well_again_has_recovered() {
    let measured = |ready| web(ready).series("up", &[], &[1.0]);
    measured(true).check(recovered, &["AlreadyRecovered Deployment shop/web"]);
    measured(false).check(recovered, &[]);
}

#[test]
fn what_fires_and_cannot_be_measured_has_not_recovered() {
    web(true).check(recovered, &[]);
    let mut resolved = web(true);
    resolved.alerts[0].status = AlertStatus::Resolved;
    resolved.check(recovered, &["AlreadyRecovered Deployment shop/web"]);
}

#[test]
fn an_alert_about_what_is_not_there() {
    let alert = |pod: &str| {
        web(true)
            .with(json!({"kind": "Namespace", "metadata": {"name": "shop"}}))
            .alert(&[("alertname", "A"), ("namespace", "shop"), ("pod", pod)])
    };
    alert("ghost-1-x").check(absent, &["AlertObjectAbsent Pod shop/ghost-1-x"]);
    alert("web-77f-a").check(absent, &[]);
    alert("web-77f-gone").check(absent, &[]);
}

#[test]
fn a_young_rollout_is_given_time() {
    let rollout = |minutes: i64| {
        let mut fixture = web(true).with(json!({"kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 3, "selector": {}, "template": {}},
            "status": {"updatedReplicas": 1, "availableReplicas": 2, "conditions": [{"type": "Progressing",
                "status": "True", "reason": "ReplicaSetUpdated", "lastUpdateTime": ago(minutes)}]}}));
        fixture.subjects = vec![ObjectRef::namespaced("Deployment", "shop", "web")];
        fixture
    };
    rollout(2).check(rolling_out, &["RolloutInProgress Deployment shop/web"]);
    rollout(60).check(rolling_out, &[]);
}

#[test]
fn a_failed_run_that_a_later_one_made_good() {
    let run = |name: &str, minutes: i64, status: Value| {
        json!({"kind": "Job", "metadata": {"name": name, "creationTimestamp": ago(minutes),
            "ownerReferences": [owner("CronJob", "nightly")]}, "status": status})
    };
    let mut fixture = Fixture::new()
        .with(run("nightly-1", 60, json!({"failed": 1})))
        .with(run("nightly-2", 5, json!({"succeeded": 1})));
    fixture.subjects = vec![ObjectRef::namespaced("Job", "shop", "nightly-1")];
    fixture.check(expected, &["ExpectedFailure CronJob shop/nightly"]);
}
