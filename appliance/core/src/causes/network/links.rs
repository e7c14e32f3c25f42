//! Links of nodes, by what node exporters count: damaged packets, a carrier
//! that comes and goes, a full connection tracking table, an MTU of its own.
//!
//! Nodes are compared with each other and with their own past, since every
//! network counts a few errors.

use std::collections::BTreeMap;

use crate::causes::signs::{self, Sign};
use crate::causes::{Case, Cause, Finding, Findings, Strength, machine, series};
use crate::facts::metrics::{increase, rates};
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// Damaged or dropped packets per second that nobody overlooks.
const LOSS_MIN: f64 = 1.0;
/// How far a node must stand out from the others.
const APART: f64 = 5.0;
/// Changes of the carrier within what was captured that mean flapping.
const CARRIER_CHANGES_MIN: f64 = 4.0;
/// Share of the table in use from which new connections are at risk.
const TABLE_FULL: f64 = 0.95;

/// Counters of packets that a network interface damages or drops.
const LOSSES: [&str; 4] = [
    "node_network_receive_errs_total",
    "node_network_transmit_errs_total",
    "node_network_receive_drop_total",
    "node_network_transmit_drop_total",
];

/// Finds nodes whose links stand out.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    losses(case, findings);
    flapping(case, findings);
    tables(case, findings);
    mtu(case, findings);
}

/// Interfaces that belong to a pod or to the node itself say nothing of a cable.
fn is_physical(series: &Series) -> bool {
    const VIRTUAL: [&str; 9] = [
        "lo",
        "veth",
        "cali",
        "cni",
        "flannel",
        "docker",
        "lxc",
        "tunl",
        "kube-ipvs",
    ];
    let device = series.labels.get("device").map_or("", String::as_str);
    !device.is_empty() && !VIRTUAL.iter().any(|start| device.starts_with(start))
}

/// Packets per second over the last quarter of what was captured.
fn recent_rate(series: &Series) -> Option<f64> {
    let rates = rates(&series.samples);
    let tail = &rates[rates.len() - rates.len().div_ceil(4)..];
    if tail.is_empty() {
        return None;
    }
    Some(tail.iter().map(|sample| sample.value).sum::<f64>() / tail.len() as f64)
}

fn losses(case: &Case<'_>, findings: &mut Findings) {
    let mut nodes: BTreeMap<ObjectRef, (f64, &Series)> = BTreeMap::new();
    let named = case.snapshot.series.iter();
    for one in named.filter(|one| LOSSES.contains(&one.name.as_str()) && is_physical(one)) {
        let Some((rate, node)) = recent_rate(one).zip(machine::of_series(case, one)) else {
            continue;
        };
        let worst = nodes.entry(node).or_insert((rate, one));
        if rate > worst.0 {
            *worst = (rate, one);
        }
    }
    let mut order: Vec<(&ObjectRef, &(f64, &Series))> = nodes.iter().collect();
    order.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then_with(|| a.0.cmp(b.0)));
    let next = order.get(1).map_or(0.0, |(_, (rate, _))| *rate);
    let Some((node, (rate, one))) = order.first() else {
        return;
    };
    if *rate < LOSS_MIN || *rate < next * APART {
        return;
    }
    let device = one.labels.get("device").map_or("?", String::as_str);
    let shown = format!("{rate:.1}");
    let statement = format!(
        "Interface {device} of {node} damages or drops {shown} packets per second, other nodes' do not."
    );
    let title = format!("{} grows by {shown} per second", one.name);
    findings.add(
        Finding::new(
            Cause::NodeNetworkLoss,
            (*node).clone(),
            Strength::Strong,
            statement,
        )
        .because([series::draft((*node).clone(), one, title)])
        .explains(machine::carried(case, node)),
    );
}

fn flapping(case: &Case<'_>, findings: &mut Findings) {
    for one in series::named(case.snapshot, &["node_network_carrier_changes_total"]) {
        let changes = increase(&one.samples);
        if !is_physical(one) || changes < CARRIER_CHANGES_MIN {
            continue;
        }
        let Some(node) = machine::of_series(case, one) else {
            continue;
        };
        let device = one.labels.get("device").map_or("?", String::as_str);
        let statement =
            format!("Interface {device} of {node} lost and found its link {changes} times.");
        let title = format!("the carrier of {device} changed {changes} times");
        findings.add(
            Finding::new(
                Cause::NicFlapping,
                node.clone(),
                Strength::Strong,
                statement,
            )
            .because([series::draft(node.clone(), one, title)])
            .explains(machine::carried(case, &node)),
        );
    }
}

fn tables(case: &Case<'_>, findings: &mut Findings) {
    let entries = case.snapshot.series.iter();
    for one in entries.filter(|one| one.name == "node_nf_conntrack_entries") {
        let used = series::last(one);
        let whole = machine::beside(case, "node_nf_conntrack_entries_limit", one);
        let Some((used, whole)) = used.zip(whole).filter(|(_, whole)| *whole > 0.0) else {
            continue;
        };
        let Some(node) = machine::of_series(case, one).filter(|_| used / whole >= TABLE_FULL)
        else {
            continue;
        };
        let statement =
            format!("{node} tracks {used} of at most {whole} connections: new ones are dropped.");
        let title = format!("{used} of {whole} entries used");
        findings.add(
            Finding::new(
                Cause::ConntrackFull,
                node.clone(),
                Strength::Strong,
                statement,
            )
            .because([series::draft(node.clone(), one, title)])
            .explains(machine::carried(case, &node)),
        );
    }
}

/// One node whose interface has another MTU than the same interface elsewhere,
/// while calls stall.
fn mtu(case: &Case<'_>, findings: &mut Findings) {
    let mut devices: BTreeMap<&str, Vec<(f64, &Series)>> = BTreeMap::new();
    let all = case.snapshot.series.iter();
    for one in all.filter(|one| one.name == "node_network_mtu_bytes" && is_physical(one)) {
        let device = one.labels.get("device").map_or("", String::as_str);
        if let Some(bytes) = series::last(one) {
            devices.entry(device).or_default().push((bytes, one));
        }
    }
    let stalls: Vec<_> = signs::seen(case)
        .iter()
        .filter(|one| matches!(one.sign, Sign::TimedOut | Sign::Reset) && !one.is_over())
        .collect();
    for (device, nodes) in devices {
        let Some((odd, usual, one)) = odd_one(&nodes).filter(|_| !stalls.is_empty()) else {
            continue;
        };
        let Some(node) = machine::of_series(case, one) else {
            continue;
        };
        let statement = format!(
            "Interface {device} of {node} has MTU {odd}, the other nodes have {usual}: large packets are lost."
        );
        let title = format!("MTU {odd} where the other nodes have {usual}");
        findings.add(
            Finding::new(
                Cause::MtuMismatch,
                node.clone(),
                Strength::Likely,
                statement,
            )
            .because([series::draft(node.clone(), one, title)])
            .because(stalls.iter().take(3).map(|one| one.draft()))
            .explains(machine::carried(case, &node)),
        );
    }
}

/// The only node that differs from at least two others that agree.
fn odd_one<'a>(nodes: &[(f64, &'a Series)]) -> Option<(f64, f64, &'a Series)> {
    let differs = |value: f64| {
        let others = nodes
            .iter()
            .filter(|(other, _)| (*other - value).abs() >= 1.0);
        others.count()
    };
    let (odd, one) = nodes
        .iter()
        .find(|(value, _)| differs(*value) == nodes.len() - 1)?;
    let usual = nodes
        .iter()
        .map(|(value, _)| *value)
        .find(|value| (value - odd).abs() >= 1.0)?;
    let agree = nodes
        .iter()
        .filter(|(value, _)| (value - usual).abs() < 1.0)
        .count();
    (agree >= 2 && agree + 1 == nodes.len()).then_some((*odd, usual, one))
}

#[cfg(test)]
mod tests;
