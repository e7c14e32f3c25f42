//! Maintenance, advice, and where the evidence ends.

use serde_json::{Value, json};

use super::super::{maintenance, visibility};
use super::web;
use crate::causes::fixture::Fixture;
use crate::object::ObjectRef;

#[allow(
    clippy::needless_pass_by_value,
    reason = "snippets are written in place"
)]
fn node(spec: Value, annotation: &str) -> Fixture {
    let mut fixture = Fixture::new().with(json!({"kind": "Node",
        "metadata": {"name": "n1", "annotations": {annotation: "true"}}, "spec": spec}));
    fixture.subjects = vec![ObjectRef::cluster("Node", "n1")];
    fixture
}

#[test]
fn a_cordon_that_its_tool_explains_is_planned() {
    let cordoned = json!({"unschedulable": true});
    let kured = "weave.works/kured-reboot-in-progress";
    node(cordoned.clone(), kured).check(maintenance::planned, &["PlannedMaintenance Node n1"]);
    node(cordoned.clone(), "owner").check(maintenance::planned, &[]);
    node(json!({}), kured).check(maintenance::planned, &[]);
    let mut elsewhere = node(cordoned, kured);
    elsewhere.subjects = vec![ObjectRef::namespaced("Deployment", "shop", "web")];
    elsewhere.check(maintenance::planned, &[]);
}

fn quota(used: &str, alert: &str) -> Fixture {
    let mut fixture = Fixture::new()
        .alert(&[("alertname", alert), ("namespace", "shop")])
        .with(json!({"kind": "ResourceQuota", "metadata": {"name": "q"},
            "status": {"hard": {"requests.cpu": "10"}, "used": {"requests.cpu": used}}}));
    fixture.subjects = vec![ObjectRef::namespaced("ResourceQuota", "shop", "q")];
    fixture
}

#[test]
fn a_quota_that_is_almost_full_is_advice_until_it_refuses() {
    quota("9", "KubeQuotaAlmostFull").check(
        maintenance::advice,
        &["CapacityAdvice ResourceQuota shop/q"],
    );
    quota("3", "KubeQuotaAlmostFull").check(maintenance::advice, &[]);
    quota("9", "KubePodNotReady").check(maintenance::advice, &[]);
    quota("10", "KubeQuotaFullyUsed")
        .warning(
            "ReplicaSet/web-1",
            "FailedCreate",
            "Error creating: exceeded quota: q",
        )
        .check(maintenance::advice, &[]);
}

fn complains(line: &str) -> Fixture {
    web(true).log("web-77f-a", "main", false, &format!("{line}\n").repeat(3))
}

#[test]
fn a_host_outside_the_cluster_is_outside_our_sight() {
    let expected = "OutsideVisibility Deployment shop/web";
    complains("dial tcp: lookup api.payments.example on 10.96.0.10:53: no such host")
        .check(visibility::analyze, &[expected]);
    complains("Error: connect ETIMEDOUT 203.0.113.7:443").check(visibility::analyze, &[expected]);
}

#[test]
fn a_host_of_the_cluster_is_within_our_sight() {
    complains("dial tcp 10.244.1.9:5432: i/o timeout").check(visibility::analyze, &[]);
    complains("lookup db.shop.svc.cluster.local: no such host").check(visibility::analyze, &[]);
    complains("INFO retried api.payments.example:443 after connection refused")
        .check(visibility::analyze, &[]);
}

#[test]
fn sources_that_may_not_be_read_are_named() {
    let mut fixture = web(false);
    fixture.snapshot.gap("pods", "403 Forbidden");
    fixture.check(
        visibility::analyze,
        &["OutsideVisibility Deployment shop/web"],
    );
    let mut slow = web(false);
    slow.snapshot.gap("metrics", "timed out after 5 s");
    slow.check(visibility::analyze, &[]);
}
