//! Objects that will not go, and `CronJobs` that do not run.

use serde_json::{Value, json};

use super::super::{jobs, stuck};
use crate::causes::fixture::{Fixture, ago, owner};
use crate::object::ObjectRef;

fn claim(finalizers: Value) -> Fixture {
    let mut fixture = Fixture::new().with(json!({"kind": "PersistentVolumeClaim",
        "metadata": {"name": "data", "deletionTimestamp": ago(60), "finalizers": finalizers}, "spec": {}}));
    fixture.subjects = vec![ObjectRef::namespaced(
        "PersistentVolumeClaim",
        "shop",
        "data",
    )];
    fixture
}

#[test]
fn a_claim_that_a_driver_holds_is_stuck_and_one_in_use_is_not() {
    claim(json!(["driver.example/unmap"])).check(
        stuck::analyze,
        &["StuckTerminating PersistentVolumeClaim shop/data"],
    );
    claim(json!(["kubernetes.io/pvc-protection"])).check(stuck::analyze, &[]);
}

#[test]
fn a_namespace_whose_content_stays_is_stuck() {
    let namespace = |minutes: i64, status: &str| {
        Fixture::new().with(json!({"kind": "Namespace",
            "metadata": {"name": "old", "deletionTimestamp": ago(minutes)},
            "status": {"phase": "Terminating", "conditions": [{"type": "NamespaceFinalizersRemaining",
                "status": status, "reason": "SomeFinalizersRemain",
                "message": "Some content in the namespace has finalizers remaining: x in 1 resource instances"}]}}))
    };
    namespace(60, "True").check(stuck::analyze, &["StuckTerminating Namespace old"]);
    namespace(2, "True").check(stuck::analyze, &[]);
    namespace(60, "False").check(stuck::analyze, &[]);
}

fn cron(spec: Value) -> Fixture {
    let mut fixture = Fixture::new()
        .with(json!({"kind": "CronJob", "metadata": {"name": "nightly"}, "spec": spec}));
    fixture.subjects = vec![ObjectRef::namespaced("CronJob", "shop", "nightly")];
    fixture
}

fn run(minutes: i64) -> Value {
    json!({"kind": "Job", "metadata": {"name": "nightly-1", "creationTimestamp": ago(minutes),
        "ownerReferences": [owner("CronJob", "nightly")]},
        "status": {"active": 1, "startTime": ago(minutes)}})
}

#[test]
fn a_run_that_does_not_end_keeps_the_next_one_back() {
    let forbid = json!({"schedule": "* * * * *", "jobTemplate": {}, "concurrencyPolicy": "Forbid"});
    let expected = "CronjobNotRunning CronJob shop/nightly";
    cron(forbid.clone())
        .with(run(300))
        .check(jobs::analyze, &[expected]);
    cron(forbid).with(run(5)).check(jobs::analyze, &[]);
    let allow = json!({"schedule": "* * * * *", "jobTemplate": {}});
    cron(allow).with(run(300)).check(jobs::analyze, &[]);
}

#[test]
fn a_suspended_cron_job_is_a_finding_only_when_asked_about() {
    let suspended = json!({"schedule": "* * * * *", "jobTemplate": {}, "suspend": true});
    cron(suspended.clone()).check(jobs::analyze, &["CronjobNotRunning CronJob shop/nightly"]);
    let mut unasked = cron(suspended);
    unasked.subjects.clear();
    unasked.check(jobs::analyze, &[]);
}

#[test]
fn a_schedule_nobody_can_read_is_said_by_the_controller() {
    let spec = json!({"schedule": "every day", "jobTemplate": {}});
    cron(spec)
        .warning(
            "CronJob/nightly",
            "UnparseableSchedule",
            "unparseable schedule: every day",
        )
        .check(jobs::analyze, &["CronjobNotRunning CronJob shop/nightly"]);
}
