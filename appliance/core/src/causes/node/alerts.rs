//! What the node mixin's alerts say about a machine.
//!
//! Each rule measures one thing of one node, so that its alert is evidence of
//! a cause by itself; the families' other analyzers add what else is seen.

use jiff::SignedDuration;

use crate::causes::fired::{self, Fired};
use crate::causes::{Case, Cause, Finding, Findings, Strength, machine, series};
use crate::evidence::Draft;
use crate::evidence::query::describe_query;
use crate::object::ObjectRef;

/// Rules, the cause they speak for, how strongly, and what they measured.
struct Rule {
    alerts: &'static [&'static str],
    cause: Cause,
    strength: Strength,
    what: &'static str,
}

const fn rule(
    alerts: &'static [&'static str],
    cause: Cause,
    strength: Strength,
    what: &'static str,
) -> Rule {
    Rule {
        alerts,
        cause,
        strength,
        what,
    }
}

const RULES: &[Rule] = &[
    rule(
        &["NodeClockSkewDetected", "NodeClockNotSynchronising"],
        Cause::ClockSkew,
        Strength::Strong,
        "has a clock that is off or not synchronized",
    ),
    rule(
        &["KubeNodeReadinessFlapping"],
        Cause::NodeFlapping,
        Strength::Strong,
        "turns ready and not ready again and again",
    ),
    rule(
        &[
            "KubeletClientCertificateExpiration",
            "KubeletServerCertificateExpiration",
            "KubeletClientCertificateRenewalErrors",
            "KubeletServerCertificateRenewalErrors",
        ],
        Cause::KubeletCert,
        Strength::Strong,
        "has a kubelet whose certificate ends or cannot be renewed",
    ),
    rule(
        &["KubeletPlegDurationHigh"],
        Cause::KubeletOrRuntimeFault,
        Strength::Likely,
        "has a kubelet that waits long for its container runtime",
    ),
    rule(
        &["NodeHighNumberConntrackEntriesUsed"],
        Cause::ConntrackFull,
        Strength::Strong,
        "has nearly used up its connection tracking table",
    ),
    rule(
        &["NodeNetworkInterfaceFlapping"],
        Cause::NicFlapping,
        Strength::Strong,
        "has a network interface that goes up and down",
    ),
    rule(
        &["NodeNetworkReceiveErrs", "NodeNetworkTransmitErrs"],
        Cause::PacketLossOrDelay,
        Strength::Strong,
        "has a network interface that damages or drops packets",
    ),
    rule(
        &["NodeRAIDDegraded", "NodeRAIDDiskFailure"],
        Cause::DiskFailing,
        Strength::Strong,
        "has a RAID array that lost a disk",
    ),
    rule(
        &["NodeDiskIOSaturation"],
        Cause::DiskIoSaturated,
        Strength::Strong,
        "has a disk with more requests waiting than it serves",
    ),
    rule(
        &[
            "NodeFilesystemSpaceFillingUp",
            "NodeFilesystemAlmostOutOfSpace",
        ],
        Cause::DiskPressure,
        Strength::Likely,
        "has a file system with little space left",
    ),
    rule(
        &[
            "NodeFilesystemFilesFillingUp",
            "NodeFilesystemAlmostOutOfFiles",
        ],
        Cause::Inodes,
        Strength::Strong,
        "has a file system with few inodes left",
    ),
    rule(
        &["NodeMemoryHighUtilization", "NodeMemoryMajorPagesFaults"],
        Cause::MemoryPressure,
        Strength::Likely,
        "has little memory left",
    ),
];

/// A node that last turned ready this long before the alert did not flap: the
/// rules look back over less.
const STEADY: SignedDuration = SignedDuration::from_hours(1);

/// Labels that say which part of the machine is meant.
const PARTS: [&str; 4] = ["device", "mountpoint", "chip", "sensor"];

/// States what alerts about machines measured.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for alert in fired::all(case) {
        let Some(rule) = RULES.iter().find(|rule| rule.alerts.contains(&alert.name)) else {
            continue;
        };
        let Some(node) = machine::of_labels(case, alert.labels) else {
            continue;
        };
        if rule.cause == Cause::NodeFlapping
            && let Some(steady) = always_ready(case, &node).or_else(|| long_ready(case, &node))
        {
            findings.exclude(rule.cause, node, vec![steady]);
            continue;
        }
        findings.add(finding(case, rule, &alert, &node));
    }
}

/// Evidence that the node was ready all the time that was captured.
fn always_ready(case: &Case<'_>, node: &ObjectRef) -> Option<Draft> {
    let ready = series::named(case.snapshot, &["kube_node_status_condition"]).find(|one| {
        let says = |label: &str, value: &str| one.labels.get(label).is_some_and(|own| own == value);
        says("condition", "Ready")
            && says("status", "true")
            && machine::of_series(case, one).as_ref() == Some(node)
    })?;
    let steady = series::is_judged(ready) && ready.samples.iter().all(|one| one.value > 0.5);
    steady.then(|| series::draft(node.clone(), ready, "was ready all the time"))
}

/// Evidence that the node has been ready since long before the alert: each
/// turn would have moved the time of its condition.
fn long_ready(case: &Case<'_>, node: &ObjectRef) -> Option<Draft> {
    let found = case.snapshot.objects.nodes.get("", &node.name)?;
    let ready = machine::condition(found, "Ready").filter(|ready| ready.status == "True")?;
    let turned = ready.last_transition_time.as_ref()?.0;
    let steady = turned + STEADY < case.started_at;
    steady.then(|| machine::condition_draft(node, ready))
}

fn finding(case: &Case<'_>, rule: &Rule, alert: &Fired<'_>, node: &ObjectRef) -> Finding {
    let part = PARTS
        .iter()
        .find(|label| !alert.label(label).is_empty())
        .map(|label| format!(" ({label} {})", alert.label(label)));
    let statement = format!("{node} {}{}.", rule.what, part.unwrap_or_default());
    Finding::new(rule.cause, node.clone(), rule.strength, statement)
        .because([alert.draft.clone()])
        .since(alert.since)
        .explains(machine::carried(case, node))
        .check(
            describe_query(node),
            "shows the node's conditions and events",
        )
}

#[cfg(test)]
mod tests;
