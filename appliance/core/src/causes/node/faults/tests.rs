#![allow(
    clippy::needless_pass_by_value,
    reason = "JSON snippets read best where they are used"
)]

use serde_json::{Value, json};

use super::*;
use crate::causes::fixture::Fixture;

fn node(status: Value) -> Fixture {
    Fixture::new().with(json!({"kind": "Node", "metadata": {"name": "n1"}, "status": status}))
}

fn plain() -> Fixture {
    node(json!({"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}))
}

fn check_words(message: &str, expected: &[&str]) {
    plain()
        .warning("Node/n1", "KernelMessage", message)
        .check(analyze, expected);
}

#[test]
fn the_kernels_words_tell_the_part_that_fails() {
    check_words(
        "mce: [Hardware Error]: Machine check events logged",
        &["HardwareEccThermal Node n1"],
    );
    check_words("NVRM: Xid (PCI:0000:3b:00): 79", &["GpuFault Node n1"]);
    check_words(
        "nf_conntrack: nf_conntrack: table full, dropping packet",
        &["ConntrackFull Node n1"],
    );
    check_words(
        "ixgbe 0000:01:00.0 eth0: NIC Link is Down",
        &["NicFlapping Node n1"],
    );
    check_words(
        "BUG: soft lockup; kernel panic",
        &["RebootOrKernelPanic Node n1"],
    );
}

#[test]
fn other_old_and_normal_words_tell_nothing() {
    check_words("eth0: link becomes ready", &[]);
    plain()
        .event(
            "Warning",
            "Node/n1",
            "KernelMessage",
            "NVRM: Xid (PCI): 79",
            600,
        )
        .event(
            "Normal",
            "Node/n1",
            "KernelMessage",
            "hardware error count 0",
            2,
        )
        .check(analyze, &[]);
}

#[test]
fn a_condition_of_the_problem_detector_counts_while_it_holds() {
    let condition = |status: &str| {
        node(json!({"conditions": [{"type": "CperHardwareErrorFatal", "status": status}]}))
    };
    condition("True").check(analyze, &["HardwareEccThermal Node n1"]);
    condition("False").check(analyze, &[]);
}

#[test]
fn a_gpu_that_is_no_longer_offered_is_faulty() {
    let gpus = |offered: &str| {
        node(
            json!({"capacity": {"nvidia.com/gpu": "8", "cpu": "8"}, "allocatable": {"nvidia.com/gpu": offered, "cpu": "7"}}),
        )
    };
    gpus("7").check(analyze, &["GpuFault Node n1"]);
    gpus("8").check(analyze, &[]);
}

#[test]
fn sensors_count_beyond_their_limits_only() {
    let sensor = &[
        ("instance", "10.0.0.1:9100"),
        ("chip", "cpu"),
        ("sensor", "temp1"),
    ];
    let hot = |celsius: f64, limit: f64| {
        plain()
            .series("node_hwmon_temp_celsius", sensor, &[celsius])
            .series("node_hwmon_temp_crit_celsius", sensor, &[limit])
    };
    hot(101.0, 100.0).check(analyze, &["HardwareEccThermal Node n1"]);
    hot(70.0, 100.0).check(analyze, &[]);
    hot(40.0, 0.0).check(analyze, &[]);
    let errors = |values: &[f64]| {
        plain().series(
            "node_edac_uncorrectable_errors_total",
            &[("instance", "10.0.0.1:9100")],
            values,
        )
    };
    errors(&[0.0, 2.0]).check(analyze, &["HardwareEccThermal Node n1"]);
    errors(&[3.0, 3.0]).check(analyze, &[]);
}
