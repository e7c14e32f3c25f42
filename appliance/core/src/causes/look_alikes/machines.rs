//! Rows "node `NotReady`", "only one node's pods bad" and "everything bad at
//! one instant".

use serde_json::{Value, json};

use super::{Fixture, ago, check};

fn machine(fixture: Fixture, name: &str, conditions: Value) -> Fixture {
    fixture.with(json!({"kind": "Node", "metadata": {"name": name},
        "status": {"conditions": conditions, "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"}}}))
}

fn ready(status: &str, message: &str) -> Value {
    json!([{"type": "Ready", "status": status, "reason": "R", "message": message, "lastTransitionTime": ago(8)}])
}

/// Node `n2` among two others that are well.
fn second(conditions: Value) -> Fixture {
    let fixture = Fixture::new().alert(&[("alertname", "KubeNodeNotReady"), ("node", "n2")]);
    let fixture = machine(fixture, "n1", ready("True", ""));
    machine(machine(fixture, "n3", ready("True", "")), "n2", conditions)
}

const SILENT: &str = "Kubelet stopped posting node status.";

#[test]
fn a_node_that_is_not_ready_is_told_apart_by_who_says_so() {
    let all = ["n1", "n2", "n3"].into_iter().fold(
        Fixture::new().alert(&[("alertname", "KubeNodeNotReady"), ("node", "n2")]),
        |fixture, name| machine(fixture, name, ready("Unknown", SILENT)),
    );
    let cni = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized";
    check(
        "node NotReady",
        vec![
            (
                "Unknown, nothing answers",
                second(ready("Unknown", SILENT)),
                "NodeUnreachable Node n2",
            ),
            (
                "Unknown, an exporter answers",
                second(ready("Unknown", SILENT)).series(
                    "node_load1",
                    &[("node", "n2")],
                    &[1.0, 1.0],
                ),
                "KubeletDown Node n2",
            ),
            (
                "Unknown on every node at once",
                all,
                "VipOrLoadBalancerDown",
            ),
            (
                "False, the runtime is down",
                second(ready("False", "container runtime is down")),
                "ContainerRuntimeDown Node n2",
            ),
            (
                "False, PLEG",
                second(ready(
                    "False",
                    "PLEG is not healthy: pleg was last seen active 4m0s ago; threshold is 3m0s",
                )),
                "KubeletOrRuntimeFault Node n2",
            ),
            (
                "False, the network plugin",
                second(ready("False", cni)),
                "CniNotReady Node n2",
            ),
        ],
    );
}

fn pressed(kind: &str) -> Fixture {
    second(json!([
        {"type": "Ready", "status": "True", "reason": "KubeletReady"},
        {"type": kind, "status": "True", "reason": "R", "lastTransitionTime": ago(8)}]))
}

#[test]
fn pressure_is_told_apart_by_its_condition() {
    check(
        "a node under pressure",
        vec![
            ("disk", pressed("DiskPressure"), "DiskPressure Node n2"),
            (
                "memory",
                pressed("MemoryPressure"),
                "MemoryPressure Node n2",
            ),
            ("processes", pressed("PIDPressure"), "PidPressure Node n2"),
        ],
    );
}

#[test]
fn checks_that_fail_are_told_apart_by_where_they_are_made() {
    let from = |other: f64| {
        let mut fixture = second(ready("True", ""));
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
    check(
        "only one node's pods bad",
        vec![
            (
                "from one node only",
                from(1.0),
                "KubeProxyNodeLocal Node n2",
            ),
            ("from every node", from(0.0), ""),
        ],
    );
}

#[test]
fn lost_packets_are_told_apart_from_a_lost_clock() {
    let off = |seconds: f64| {
        second(ready("True", "")).series("node_timex_offset_seconds", &[("node", "n2")], &[seconds])
    };
    check(
        "a node that others do not trust",
        vec![
            ("its clock is off", off(4.0), "ClockSkew Node n2"),
            ("its clock is right", off(0.001), ""),
        ],
    );
}

#[test]
fn a_restart_of_the_machine_is_told_apart_from_one_of_its_kubelet() {
    let rebooted = "Node n2 has been rebooted, boot id: 1f2e";
    let unit = [
        ("node", "n2"),
        ("name", "kubelet.service"),
        ("state", "active"),
    ];
    check(
        "all pods of a node restart",
        vec![
            (
                "a new boot",
                second(ready("True", "")).event("Warning", "Node/n2", "Rebooted", rebooted, 3),
                "RebootOrKernelPanic Node n2",
            ),
            (
                "the kubelet's unit is down",
                second(ready("True", "")).series("node_systemd_unit_state", &unit, &[0.0, 0.0]),
                "KubeletDown Node n2",
            ),
        ],
    );
}

fn alerted(alertname: &str) -> Fixture {
    let all = second(ready("True", ""));
    all.alert(&[
        ("alertname", alertname),
        ("node", "n2"),
        ("device", "eth0"),
        ("mountpoint", "/var"),
    ])
}

#[test]
fn a_network_card_is_told_apart_by_whether_its_link_or_its_packets_are_lost() {
    let card = [("node", "n2"), ("device", "eth0")];
    let grows = |name: &str, by: f64| {
        let values: Vec<f64> = (0..30).map(|minute| f64::from(minute) * by).collect();
        alerted("HighRetransmits").series(name, &card, &values)
    };
    check(
        "NIC",
        vec![
            (
                "its alert",
                alerted("NodeNetworkInterfaceFlapping"),
                "NicFlapping Node n2",
            ),
            (
                "its link comes and goes",
                grows("node_network_carrier_changes_total", 2.0),
                "NicFlapping Node n2",
            ),
            (
                "its packets are damaged",
                alerted("NodeNetworkReceiveErrs"),
                "PacketLossOrDelay Node n2",
            ),
            (
                "its link stays",
                grows("node_network_carrier_changes_total", 0.0),
                "",
            ),
            (
                "the kernel says so",
                second(ready("True", "")).event(
                    "Warning",
                    "Node/n2",
                    "NICLinkDown",
                    "eth0: NIC Link is Down",
                    3,
                ),
                "NicFlapping Node n2",
            ),
        ],
    );
}

#[test]
fn a_full_disk_is_told_apart_by_what_is_used_up() {
    check(
        "disk pressure against inodes",
        vec![
            (
                "bytes",
                alerted("NodeFilesystemAlmostOutOfSpace"),
                "DiskPressure Node n2",
            ),
            (
                "inodes",
                alerted("NodeFilesystemAlmostOutOfFiles"),
                "Inodes Node n2",
            ),
            (
                "the kubelet says so",
                pressed("DiskPressure"),
                "DiskPressure Node n2",
            ),
        ],
    );
}
