#![allow(
    clippy::needless_pass_by_value,
    reason = "fixtures are written in place"
)]

use serde_json::{Value, json};

use super::{clock, conditions, events, proxy, units};
use crate::causes::fixture::{Fixture, ago};

fn node(name: &str, condition: Value) -> Value {
    json!({"kind": "Node", "metadata": {"name": name}, "status": {"conditions": [condition]}})
}

fn ready(status: &str, message: &str) -> Value {
    json!({"type": "Ready", "status": status, "reason": "R", "message": message, "lastTransitionTime": ago(5)})
}

fn pair(condition: Value) -> Fixture {
    Fixture::new()
        .with(node("n1", ready("True", "")))
        .with(node("n2", condition))
}

#[test]
fn a_node_without_heartbeat_is_lost_or_only_its_kubelet() {
    let silent = ready("Unknown", "Kubelet stopped posting node status.");
    pair(silent.clone()).check(conditions, &["NodeUnreachable Node n2"]);
    pair(silent)
        .series("node_load1", &[("node", "n2")], &[1.0, 1.0])
        .check(conditions, &["KubeletDown Node n2"]);
}

#[test]
fn all_nodes_silent_means_the_way_to_the_api_server() {
    let silent = ready("Unknown", "Kubelet stopped posting node status.");
    let found = Fixture::new()
        .with(node("n1", silent.clone()))
        .with(node("n2", silent))
        .findings(conditions);
    assert!(
        found
            .found
            .iter()
            .all(|finding| finding.cause == crate::causes::Cause::VipOrLoadBalancerDown)
    );
}

#[test]
fn a_kubelet_says_what_is_wrong() {
    pair(ready("False", "container runtime is down"))
        .check(conditions, &["ContainerRuntimeDown Node n2"]);
    pair(ready(
        "False",
        "container runtime network not ready: NetworkPluginNotReady cni plugin not initialized",
    ))
    .check(conditions, &["CniNotReady Node n2"]);
    pair(ready("True", "kubelet is posting ready status")).check(conditions, &[]);
}

#[test]
fn pressure_is_a_condition() {
    for (name, cause) in [
        ("DiskPressure", "DiskPressure"),
        ("MemoryPressure", "MemoryPressure"),
        ("PIDPressure", "PidPressure"),
    ] {
        let expected = format!("{cause} Node n2");
        pair(json!({"type": name, "status": "True"})).check(conditions, &[&expected]);
        pair(json!({"type": name, "status": "False"})).check(conditions, &[]);
    }
}

#[test]
fn a_unit_that_is_not_active() {
    let unit = |value: f64| {
        let labels = [
            ("node", "n2"),
            ("name", "kubelet.service"),
            ("state", "active"),
        ];
        pair(ready("True", "")).series("node_systemd_unit_state", &labels, &[value])
    };
    unit(0.0).check(units, &["KubeletDown Node n2"]);
    unit(1.0).check(units, &[]);
}

#[test]
fn an_idle_second_runtime_is_fine() {
    let of = |name, value| (name, value);
    let mut fixture = pair(ready("True", ""));
    for (name, value) in [of("containerd.service", 1.0), of("docker.service", 0.0)] {
        let labels = [("node", "n2"), ("name", name), ("state", "active")];
        fixture = fixture.series("node_systemd_unit_state", &labels, &vec![value; 40]);
    }
    fixture.check(units, &[]);
}

#[test]
fn a_reboot_and_a_complaint_that_is_over() {
    pair(ready("True", ""))
        .event(
            "Warning",
            "Node/n2",
            "Rebooted",
            "Node n2 has been rebooted",
            3,
        )
        .check(events, &["RebootOrKernelPanic Node n2"]);
    let words = "dial unix /run/containerd/containerd.sock: connect: no such file or directory";
    pair(ready("True", ""))
        .event("Warning", "Node/n2", "ContainerGCFailed", words, 20)
        .check(events, &[]);
}

#[test]
fn checks_that_fail_from_one_node_only() {
    let with = |other: f64| {
        let mut fixture = pair(ready("True", ""));
        for (node, value) in [("n1", other), ("n2", 0.0)] {
            for target in ["a:80", "b:80"] {
                fixture = fixture.series(
                    "probe_success",
                    &[("node", node), ("target", target)],
                    &[value],
                );
            }
        }
        fixture
    };
    with(1.0).check(proxy::analyze, &["KubeProxyNodeLocal Node n2"]);
    with(0.0).check(proxy::analyze, &[]);
}

#[test]
fn a_clock_that_is_off() {
    let off = |value: f64| {
        pair(ready("True", "")).series("node_timex_offset_seconds", &[("node", "n2")], &[value])
    };
    off(4.0).check(clock, &["ClockSkew Node n2"]);
    off(0.001).check(clock, &[]);
}
