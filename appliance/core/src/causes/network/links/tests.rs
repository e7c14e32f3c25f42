use serde_json::json;

use super::*;
use crate::causes::fixture::Fixture;

fn nodes() -> Fixture {
    (1..=3).fold(Fixture::new(), |fixture, index| {
        fixture.with(json!({"kind": "Node", "metadata": {"name": format!("n{index}")},
            "status": {"addresses": [{"type": "InternalIP", "address": format!("10.0.0.{index}")}]}}))
    })
}

fn device(index: usize, device: &'static str) -> Vec<(&'static str, &'static str)> {
    let instance = ["10.0.0.1:9100", "10.0.0.2:9100", "10.0.0.3:9100"][index - 1];
    vec![("instance", instance), ("device", device)]
}

/// A counter that grows by `step` a minute in its last quarter.
fn counter(step: f64) -> Vec<f64> {
    (0..12).map(|at| f64::from(at.max(8) - 8) * step).collect()
}

#[test]
fn a_node_that_loses_packets_apart_from_the_others_is_found() {
    let lossy = |first: f64, second: f64| {
        nodes()
            .series(
                "node_network_receive_errs_total",
                &device(1, "eth0"),
                &counter(first),
            )
            .series(
                "node_network_receive_errs_total",
                &device(2, "eth0"),
                &counter(second),
            )
    };
    lossy(6000.0, 0.0).check(analyze, &["NodeNetworkLoss Node n1"]);
    lossy(6000.0, 5000.0).check(analyze, &[]);
    lossy(12.0, 0.0).check(analyze, &[]);
}

#[test]
fn errors_of_a_pods_own_interface_are_not_the_machines() {
    nodes()
        .series(
            "node_network_receive_errs_total",
            &device(1, "veth1a"),
            &counter(6000.0),
        )
        .check(analyze, &[]);
}

#[test]
fn a_carrier_that_comes_and_goes_flaps() {
    let changes = |to: f64| {
        nodes().series(
            "node_network_carrier_changes_total",
            &device(2, "eth0"),
            &[2.0, 2.0, to],
        )
    };
    let restarted = [40.0, 41.0, 1.0, 1.0];
    nodes()
        .series(
            "node_network_carrier_changes_total",
            &device(2, "eth0"),
            &restarted,
        )
        .check(analyze, &[]);
    changes(8.0).check(analyze, &["NicFlapping Node n2"]);
    changes(3.0).check(analyze, &[]);
}

#[test]
fn a_full_connection_table_is_told_from_a_busy_one() {
    let used = |entries: f64| {
        nodes()
            .series(
                "node_nf_conntrack_entries",
                &[("instance", "10.0.0.3:9100")],
                &[entries],
            )
            .series(
                "node_nf_conntrack_entries_limit",
                &[("instance", "10.0.0.3:9100")],
                &[1000.0],
            )
    };
    used(990.0).check(analyze, &["ConntrackFull Node n3"]);
    used(700.0).check(analyze, &[]);
}

fn sizes(first: f64, stalls: bool) -> Fixture {
    let fixture = nodes()
        .series("node_network_mtu_bytes", &device(1, "eth0"), &[first])
        .series("node_network_mtu_bytes", &device(2, "eth0"), &[9000.0])
        .series("node_network_mtu_bytes", &device(3, "eth0"), &[9000.0]);
    if stalls {
        fixture.log(
            "web-1",
            "web",
            false,
            "ERROR GET http://store:80/big: read timed out",
        )
    } else {
        fixture
    }
}

#[test]
fn one_nodes_own_mtu_matters_while_calls_stall() {
    sizes(1500.0, true).check(analyze, &["MtuMismatch Node n1"]);
    sizes(1500.0, false).check(analyze, &[]);
    sizes(9000.0, true).check(analyze, &[]);
}
