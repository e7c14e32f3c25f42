#![allow(
    clippy::needless_pass_by_value,
    reason = "fixtures are written in place"
)]

mod tools;

use serde_json::{Value, json};

use super::{change, daemon_sets, deployments, disruption_budgets, stateful_sets};
use crate::causes::fixture::{Fixture, ago, owner};
use crate::object::ObjectRef;

fn deployment(spec: Value, status: Value) -> Value {
    let mut spec = spec;
    spec["selector"] = json!({});
    spec["template"] = json!({"metadata": {"labels": {"app": "web"}}});
    json!({"kind": "Deployment", "metadata": {"name": "web", "generation": 3}, "spec": spec, "status": status})
}

fn asked(mut fixture: Fixture) -> Fixture {
    fixture.subjects = vec![ObjectRef::namespaced("Deployment", "shop", "web")];
    fixture
}

#[test]
fn a_rollout_past_its_deadline() {
    let stuck = json!({"conditions": [{"type": "Progressing", "status": "False",
        "reason": "ProgressDeadlineExceeded", "lastTransitionTime": ago(5)}]});
    Fixture::new()
        .with(deployment(json!({"replicas": 1}), stuck))
        .check(deployments, &["RolloutStuck Deployment shop/web"]);
    let fine = json!({"conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]});
    Fixture::new()
        .with(deployment(json!({"replicas": 1}), fine))
        .check(deployments, &[]);
}

#[test]
fn paused_counts_when_a_revision_waits() {
    let paused = |updated: i32| {
        Fixture::new().with(deployment(
            json!({"replicas": 2, "paused": true}),
            json!({"updatedReplicas": updated}),
        ))
    };
    paused(0).check(deployments, &["RolloutPaused Deployment shop/web"]);
    paused(2).check(deployments, &[]);
}

#[test]
fn zero_replicas_count_when_something_counts_on_them() {
    let zero = Fixture::new().with(deployment(json!({"replicas": 0}), json!({})));
    zero.check(deployments, &[]);
    Fixture::new()
        .with(deployment(json!({"replicas": 0}), json!({})))
        .with(json!({"kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}))
        .check(deployments, &["ScaledToZero Deployment shop/web"]);
    asked(Fixture::new().with(deployment(json!({"replicas": 0}), json!({}))))
        .check(deployments, &["ScaledToZero Deployment shop/web"]);
}

#[test]
fn a_specification_that_nobody_notices() {
    let observed = |generation: i64| {
        Fixture::new().with(deployment(
            json!({"replicas": 1}),
            json!({"observedGeneration": generation}),
        ))
    };
    observed(2).check(deployments, &["GenerationMismatch Deployment shop/web"]);
    observed(3).check(deployments, &[]);
}

#[test]
fn an_ordered_set_waits_for_its_unready_pod() {
    let set = |policy: &str| {
        let pod = json!({"kind": "Pod", "metadata": {"name": "db-0", "ownerReferences": [owner("StatefulSet", "db")]},
            "spec": {"containers": []}, "status": {"phase": "Pending"}});
        Fixture::new()
            .with(json!({"kind": "StatefulSet", "metadata": {"name": "db"},
                "spec": {"replicas": 3, "podManagementPolicy": policy, "selector": {}, "template": {}},
                "status": {"replicas": 1}}))
            .with(pod)
    };
    set("OrderedReady").check(stateful_sets, &["StatefulSetBlocked StatefulSet shop/db"]);
    set("Parallel").check(stateful_sets, &[]);
}

#[test]
fn daemons_that_lack_pods() {
    let set = |current: i32| {
        Fixture::new().with(json!({"kind": "DaemonSet", "metadata": {"name": "agent"},
            "spec": {"selector": {}, "template": {}},
            "status": {"desiredNumberScheduled": 3, "currentNumberScheduled": current,
                       "numberMisscheduled": 0, "numberReady": current}}))
    };
    set(2).check(
        daemon_sets,
        &["DaemonSetNotScheduledMisscheduled DaemonSet shop/agent"],
    );
    set(3).check(daemon_sets, &[]);
}

#[test]
fn a_budget_blocks_when_an_eviction_is_refused() {
    let budget = || {
        Fixture::new().with(json!({"kind": "PodDisruptionBudget", "metadata": {"name": "web"},
            "status": {"currentHealthy": 1, "desiredHealthy": 1, "disruptionsAllowed": 0, "expectedPods": 1}}))
    };
    budget().check(disruption_budgets, &[]);
    budget()
        .warning(
            "Pod/web-1",
            "FailedEviction",
            "Cannot evict pod as it would violate the pod's disruption budget.",
        )
        .check(
            disruption_budgets,
            &["PdbBlocks PodDisruptionBudget shop/web"],
        );
}

#[test]
fn a_change_without_consequences_is_no_cause() {
    Fixture::new()
        .deployment(
            "web",
            1,
            1,
            json!({"containers": [{"name": "main", "image": "a:1"}]}),
        )
        .check(change::analyze, &[]);
}
