use serde_json::json;

use super::{components, unscheduled};
use crate::causes::fixture::{Fixture, ago};

fn waiting(scheduler: &str) -> Fixture {
    Fixture::new()
        .node("cp", json!({"node-role.kubernetes.io/control-plane": ""}), json!({}))
        .event("Normal", "Pod/other", "Pulled", "image is there", 5)
        .with(json!({"kind": "Pod", "metadata": {"name": "web-1", "creationTimestamp": ago(5)},
            "spec": {"schedulerName": scheduler, "containers": []}, "status": {"phase": "Pending"}}))
}

#[test]
fn pods_that_no_scheduler_tried_mean_no_scheduler() {
    waiting("default-scheduler").check(unscheduled, &["SchedulerDown Node cp"]);
}

#[test]
fn a_failed_attempt_or_another_scheduler_is_not_that() {
    waiting("default-scheduler")
        .warning("Pod/web-1", "FailedScheduling", "0/1 nodes are available")
        .check(unscheduled, &[]);
    waiting("volcano").check(unscheduled, &[]);
}

#[test]
fn a_leader_lease_that_nobody_renews() {
    let lease = |minutes: i64| {
        waiting("volcano").with(json!({"kind": "Lease",
            "metadata": {"name": "kube-controller-manager", "namespace": "kube-system"},
            "spec": {"renewTime": ago(minutes)}}))
    };
    lease(10).check(components, &["ControllerManagerDown Node cp"]);
    lease(0).check(components, &[]);
}
