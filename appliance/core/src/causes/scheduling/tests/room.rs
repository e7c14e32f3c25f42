//! Who lost its place to another pod does not lack room of its own doing.

use serde_json::json;

use super::super::unplaced;
use super::{asking, cluster, waiting};

const MESSAGE: &str = "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.";

#[test]
fn a_replacement_of_a_preempted_pod_is_no_case_of_its_own() {
    let fixture = || {
        cluster(waiting(&asking("64", "1Gi"))).warning("Pod/web-77f-a", "FailedScheduling", MESSAGE)
    };
    fixture().check(unplaced, &["InsufficientCpu Deployment shop/web"]);
    let findings = fixture()
        .event(
            "Normal",
            "Pod/web-77f-z",
            "Preempted",
            "Preempted by pod 1b2 on node n1",
            3,
        )
        .check(unplaced, &[]);
    assert_eq!(findings.excluded.len(), 1);
}

#[test]
fn a_preemption_of_long_ago_excuses_nothing() {
    cluster(waiting(&asking("64", "1Gi")))
        .warning("Pod/web-77f-a", "FailedScheduling", MESSAGE)
        .event(
            "Normal",
            "Pod/web-77f-z",
            "Preempted",
            "Preempted by pod 1b2 on node n1",
            300,
        )
        .with(json!({"kind": "Namespace", "metadata": {"name": "shop"}}))
        .check(unplaced, &["InsufficientCpu Deployment shop/web"]);
}
