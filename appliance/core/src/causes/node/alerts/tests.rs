use serde_json::json;

use super::*;
use crate::causes::fixture::{Fixture, ago};

fn node() -> Fixture {
    Fixture::new().with(json!({"kind": "Node", "metadata": {"name": "n1"},
        "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}}))
}

#[track_caller]
fn check(name: &str, instance: &str, expected: &[&str]) {
    node()
        .alert(&[
            ("alertname", name),
            ("instance", instance),
            ("device", "eth0"),
        ])
        .check(analyze, expected);
}

#[test]
fn each_rule_speaks_for_what_it_measures() {
    for (name, cause) in [
        ("NodeClockSkewDetected", "ClockSkew"),
        ("NodeNetworkInterfaceFlapping", "NicFlapping"),
        ("NodeNetworkReceiveErrs", "PacketLossOrDelay"),
        ("NodeHighNumberConntrackEntriesUsed", "ConntrackFull"),
        ("NodeRAIDDegraded", "DiskFailing"),
        ("NodeFilesystemAlmostOutOfFiles", "Inodes"),
        ("KubeletClientCertificateExpiration", "KubeletCert"),
    ] {
        check(name, "10.0.0.1:9100", &[&format!("{cause} Node n1")]);
    }
}

#[test]
fn an_alert_of_another_name_or_an_unknown_machine_says_nothing() {
    check("NodeSomethingElse", "10.0.0.1:9100", &[]);
    check("NodeClockSkewDetected", "10.0.0.9:9100", &[]);
}

#[test]
fn an_alert_beside_the_incident_counts_while_it_fires() {
    let labels = |state: &'static str| {
        [
            ("alertname", "NodeNetworkInterfaceFlapping"),
            ("alertstate", state),
            ("instance", "10.0.0.1:9100"),
        ]
    };
    node()
        .series("ALERTS", &labels("firing"), &[1.0])
        .check(analyze, &["NicFlapping Node n1"]);
    node()
        .series("ALERTS", &labels("pending"), &[1.0])
        .check(analyze, &[]);
}

#[test]
fn a_node_that_was_ready_all_the_time_did_not_flap() {
    let ready = [("condition", "Ready"), ("status", "true"), ("node", "n1")];
    let flapping = |values: &[f64]| {
        node()
            .alert(&[("alertname", "KubeNodeReadinessFlapping"), ("node", "n1")])
            .series("kube_node_status_condition", &ready, values)
    };
    let ruled_out = flapping(&[1.0; 20]).check(analyze, &[]);
    assert_eq!(ruled_out.excluded[0].cause, Cause::NodeFlapping);
    flapping(&[1.0, 0.0].repeat(10)).check(analyze, &["NodeFlapping Node n1"]);
    flapping(&[1.0; 3]).check(analyze, &["NodeFlapping Node n1"]);
}

#[test]
fn a_node_that_turned_ready_long_ago_did_not_flap() {
    let turned = |minutes: i64| {
        Fixture::new()
            .with(json!({"kind": "Node", "metadata": {"name": "n1"}, "status": {"conditions": [{"type": "Ready",
                "status": "True", "lastTransitionTime": ago(minutes), "lastHeartbeatTime": ago(1)}]}}))
            .alert(&[("alertname", "KubeNodeReadinessFlapping"), ("node", "n1")])
    };
    let ruled_out = turned(600).check(analyze, &[]);
    assert_eq!(ruled_out.excluded[0].cause, Cause::NodeFlapping);
    turned(40).check(analyze, &["NodeFlapping Node n1"]);
}
