//! Causes at nodes: not reachable, kubelet, runtime, network plugin, pressure,
//! reboot, clock, and the proxy that carries Services.
//!
//! `Ready=Unknown` means that no heartbeat arrives: the machine is lost, or
//! only its kubelet when something else on it still answers. `Ready=False`
//! means that the kubelet itself says what is wrong.

mod alerts;
mod cluster;
mod faults;
mod proxy;
mod setup;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, NodeCondition};

use super::{Analyzer, Case, Cause, Finding, Findings, Strength, machine, series, view};
use crate::evidence::Draft;
use crate::evidence::query::describe_query;
use crate::facts::EventFold;
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// The analyzers of this family.
pub(crate) const ANALYZERS: &[Analyzer] = &[
    conditions,
    units,
    events,
    clock,
    proxy::analyze,
    alerts::analyze,
    faults::analyze,
    setup::kernel,
    setup::certificate,
    setup::images,
    setup::cordon,
    cluster::flapping,
    cluster::overcommitted,
];

/// A lease older than this is stale: kubelets renew every ten seconds and the
/// controller waits forty to fifty.
const LEASE_STALE: SignedDuration = SignedDuration::from_secs(45);

/// Words of a kubelet whose container runtime does not answer.
const RUNTIME_WORDS: [&str; 6] = [
    "container runtime is down",
    "container runtime network not ready: runtime",
    "containerd.sock",
    "crio.sock",
    "cri-dockerd.sock",
    "docker.sock",
];

/// Words of a kubelet without a network plugin.
const CNI_WORDS: [&str; 4] = [
    "networkpluginnotready",
    "cni plugin not initialized",
    "cni config uninitialized",
    "network plugin is not ready",
];

/// systemd units that make a node work, with the cause of their end.
const UNITS: &[(&str, Cause)] = &[
    ("kubelet", Cause::KubeletDown),
    ("containerd", Cause::ContainerRuntimeDown),
    ("crio", Cause::ContainerRuntimeDown),
    ("cri-o", Cause::ContainerRuntimeDown),
    ("docker", Cause::ContainerRuntimeDown),
    ("kube-proxy", Cause::KubeProxyDown),
    ("kube-scheduler", Cause::SchedulerDown),
    ("kube-controller-manager", Cause::ControllerManagerDown),
];

fn conditions(case: &Case<'_>, findings: &mut Findings) {
    let nodes = &case.snapshot.objects.nodes;
    let silent: Vec<(&Node, Option<Timestamp>)> = nodes
        .iter()
        .filter_map(|node| Some((node, ready(node)?)))
        .filter(|(_, ready)| ready.status == "Unknown")
        .map(|(node, ready)| (node, ready.last_transition_time.as_ref().map(|time| time.0)))
        .collect();
    let all = silent.len() == nodes.len() && nodes.len() >= 2;
    if all {
        cluster::all_lost(case, &silent, findings);
    }
    for node in nodes {
        let object = view::reference("Node", node);
        if let Some(condition) = ready(node) {
            match condition.status.as_str() {
                "Unknown" if !all => lost(case, node, condition, findings),
                "False" => unwell(case, &object, condition, findings),
                _ => {}
            }
        }
        pressure(case, node, &object, findings);
    }
}

fn ready(node: &Node) -> Option<&NodeCondition> {
    machine::condition(node, "Ready")
}

fn lost(case: &Case<'_>, node: &Node, condition: &NodeCondition, findings: &mut Findings) {
    let object = view::reference("Node", node);
    let since = condition.last_transition_time.as_ref().map(|time| time.0);
    let alive = sign_of_life(case, node, since);
    let (cause, statement) = if alive.is_some() {
        let statement =
            format!("The kubelet of {object} sends no heartbeat while the machine still answers.");
        (Cause::KubeletDown, statement)
    } else {
        (
            Cause::NodeUnreachable,
            format!("{object} sends no heartbeat."),
        )
    };
    findings.add(
        Finding::new(cause, object.clone(), Strength::Stated, statement)
            .because([machine::condition_draft(&object, condition)])
            .because(stale_lease(case, &object))
            .because(alive)
            .since(since)
            .explains(machine::carried(case, &object))
            .check(
                describe_query(&object),
                "shows the last heartbeat and what the node said before",
            ),
    );
}

/// Something on the machine that still speaks: an exporter, or a unit's state.
fn sign_of_life(case: &Case<'_>, node: &Node, since: Option<Timestamp>) -> Option<Draft> {
    let object = view::reference("Node", node);
    let since = since?.as_second() as f64;
    let speaks = case.snapshot.series.iter().find(|series| {
        let from_machine = series.name.starts_with("node_") || series.name == "up";
        let newest = series.samples.last();
        from_machine
            && machine::of_series(case, series).as_ref() == Some(&object)
            && newest.is_some_and(|sample| sample.at > since + 30.0 && sample.value.is_finite())
            && !(series.name == "up" && series::last(series) == Some(0.0))
    })?;
    Some(series::draft(
        object,
        speaks,
        "the machine still sends metrics",
    ))
}

fn unwell(case: &Case<'_>, object: &ObjectRef, condition: &NodeCondition, findings: &mut Findings) {
    let message = condition.message.as_deref().unwrap_or_default();
    let (cause, what) = if view::mentions(message, &RUNTIME_WORDS) {
        (
            Cause::ContainerRuntimeDown,
            "its container runtime does not answer",
        )
    } else if view::mentions(message, &CNI_WORDS) {
        (Cause::CniNotReady, "its network plugin is not ready")
    } else if view::mentions(message, &["pleg is not healthy"]) {
        let what = "its kubelet no longer hears of its containers (PLEG), so the runtime or its disk is too slow";
        (Cause::KubeletOrRuntimeFault, what)
    } else {
        (Cause::KubeletOrRuntimeFault, "its kubelet reports a fault")
    };
    let statement = format!("{object} is not ready: {what}.");
    findings.add(
        Finding::new(cause, object.clone(), Strength::Stated, statement)
            .because([machine::condition_draft(object, condition)])
            .since(condition.last_transition_time.as_ref().map(|time| time.0))
            .explains(machine::carried(case, object)),
    );
}

fn pressure(case: &Case<'_>, node: &Node, object: &ObjectRef, findings: &mut Findings) {
    const KINDS: [(&str, Cause); 3] = [
        ("DiskPressure", Cause::DiskPressure),
        ("MemoryPressure", Cause::MemoryPressure),
        ("PIDPressure", Cause::PidPressure),
    ];
    for (name, cause) in KINDS {
        let Some(found) = machine::condition(node, name).filter(|found| found.status == "True")
        else {
            continue;
        };
        let statement = format!("{object} is under {name}: the kubelet evicts pods to free it.");
        let evicted = case.facts.events.iter().filter(|event| {
            view::mentions(
                &event.reason,
                &["evict", "freediskspacefailed", "imagegcfailed", "systemoom"],
            ) && event.object.name == object.name
                && view::in_window(case, event.last)
        });
        findings.add(
            Finding::new(cause, object.clone(), Strength::Stated, statement)
                .because([machine::condition_draft(object, found)])
                .because(evicted.take(3).map(Draft::event))
                .since(found.last_transition_time.as_ref().map(|time| time.0))
                .explains(machine::carried(case, object)),
        );
    }
}

/// Units of systemd that are not active on a node.
fn units(case: &Case<'_>, findings: &mut Findings) {
    for series in series::named(case.snapshot, &["node_systemd_unit_state"]) {
        let is_active = series.labels.get("state").map(String::as_str) == Some("active");
        let name = series.labels.get("name").map_or("", String::as_str);
        let unit = name.strip_suffix(".service").unwrap_or(name);
        let Some((_, cause)) = UNITS.iter().find(|(known, _)| *known == unit) else {
            continue;
        };
        if !is_active || series::last(series) != Some(0.0) {
            continue;
        }
        let Some(object) = machine::of_series(case, series) else {
            continue;
        };
        if was_never_active(series) && !other_runtime_missing(case, *cause, &object) {
            continue;
        }
        let statement = format!("Unit {name} on {object} is not active.");
        let draft = series::draft(object.clone(), series, format!("{name} is not active"));
        findings.add(
            Finding::new(*cause, object.clone(), Strength::Strong, statement)
                .because([draft])
                .explains(machine::carried(case, &object)),
        );
    }
}

/// A unit that was off in every one of many samples is not installed for use.
fn was_never_active(series: &Series) -> bool {
    series.samples.len() >= 30 && series.samples.iter().all(|sample| sample.value == 0.0)
}

/// A node needs one runtime: an idle `docker` beside a running `containerd` is fine.
fn other_runtime_missing(case: &Case<'_>, cause: Cause, node: &ObjectRef) -> bool {
    cause == Cause::ContainerRuntimeDown
        && !series::named(case.snapshot, &["node_systemd_unit_state"]).any(|series| {
            let name = series.labels.get("name").map_or("", String::as_str);
            let unit = name.strip_suffix(".service").unwrap_or(name);
            let runtime = UNITS
                .iter()
                .any(|(known, cause)| *known == unit && *cause == Cause::ContainerRuntimeDown);
            runtime
                && series.labels.get("state").map(String::as_str) == Some("active")
                && series::last(series) == Some(1.0)
                && machine::of_series(case, series).as_ref() == Some(node)
        })
}

/// Events of nodes that state a cause in words.
fn events(case: &Case<'_>, findings: &mut Findings) {
    for event in &case.facts.events {
        if event.object.kind != "Node" || !view::in_window(case, event.last) {
            continue;
        }
        let Some(object) = machine::known(case, &event.object.name) else {
            continue;
        };
        if view::mentions(&event.reason, &["rebooted"]) {
            let statement = format!("{object} rebooted.");
            findings.add(event_finding(
                case,
                Cause::RebootOrKernelPanic,
                &object,
                event,
                statement,
            ));
        }
        let runtime = view::mentions(&event.message, &RUNTIME_WORDS)
            && view::mentions(
                &event.message,
                &["no such file", "refused", "deadline", "down", "unavailable"],
            );
        if runtime && still_so(case, &object, event) {
            let statement = format!("The container runtime of {object} does not answer.");
            findings.add(event_finding(
                case,
                Cause::ContainerRuntimeDown,
                &object,
                event,
                statement,
            ));
        }
    }
}

/// A complaint of a node that says it is ready since is over.
fn still_so(case: &Case<'_>, object: &ObjectRef, event: &EventFold) -> bool {
    let node = case.snapshot.objects.nodes.get("", &object.name);
    let Some(condition) = node.and_then(ready) else {
        return true;
    };
    let turned = condition.last_transition_time.as_ref().map(|time| time.0);
    condition.status != "True"
        || event
            .last
            .zip(turned)
            .is_some_and(|(last, turned)| last > turned)
}

fn event_finding(
    case: &Case<'_>,
    cause: Cause,
    object: &ObjectRef,
    event: &EventFold,
    statement: String,
) -> Finding {
    Finding::new(cause, object.clone(), Strength::Strong, statement)
        .because([Draft::event(event)])
        .since(event.first)
        .explains(machine::carried(case, object))
}

/// Clocks that are off, by node-exporter's own measures.
fn clock(case: &Case<'_>, findings: &mut Findings) {
    for series in series::named(
        case.snapshot,
        &["node_timex_offset_seconds", "node_timex_sync_status"],
    ) {
        let Some(value) = series::last(series) else {
            continue;
        };
        // The mixin's NodeClockSkewDetected fires at 50 ms.
        let off = if series.name.ends_with("offset_seconds") {
            value.abs() > 0.05
        } else {
            // A clock kept by other means says so too; its error stays small.
            let error = machine::beside(case, "node_timex_maxerror_seconds", series);
            value == 0.0 && error.is_none_or(|error| error >= 16.0)
        };
        let Some(object) = machine::of_series(case, series).filter(|_| off) else {
            continue;
        };
        let strength = if value.abs() > 1.0 {
            Strength::Strong
        } else {
            Strength::Likely
        };
        let statement = format!("The clock of {object} is off or not synchronized.");
        let title = format!("{} is {value}", series.name);
        findings.add(
            Finding::new(Cause::ClockSkew, object.clone(), strength, statement)
                .because([series::draft(object, series, title)]),
        );
    }
}

fn stale_lease(case: &Case<'_>, node: &ObjectRef) -> Option<Draft> {
    let lease = case
        .snapshot
        .objects
        .leases
        .get("kube-node-lease", &node.name)?;
    let renewed = lease.spec.as_ref()?.renew_time.as_ref()?.0;
    if case.snapshot.captured_at - LEASE_STALE < renewed {
        return None;
    }
    let object = ObjectRef::namespaced("Lease", "kube-node-lease", &node.name);
    let title = format!("lease was last renewed at {renewed}");
    Some(Draft::status(object, title, Vec::new()).at(Some(renewed)))
}
