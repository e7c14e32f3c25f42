//! A machine whose network is slow or lossy: everything on it is late, nothing
//! elsewhere is, or it alone sends segments again.

use std::collections::{BTreeMap, BTreeSet};

use super::latency::{Slow, slow_workloads};
use crate::causes::rise::Risen;
use crate::causes::{
    Case, Cause, Finding, Findings, Strength, calls, machine, runtime, series, view,
};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// How far a node's retransmits must stand out from every other's.
const RISE: f64 = 3.0;
/// Retransmitted segments per second from which a link is lossy.
const RETRANSMITS_MIN: f64 = 1.0;
/// Fewest pods that make "all on this node" a statement.
const PODS_MIN: usize = 3;

/// Finds the node whose network explains the slow workloads.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let slow = slow_workloads(case);
    if let Some((node, risen)) = lossy(case) {
        findings.add(loss(&node, &risen, &slow));
    } else if let Some(node) = slow_machine(case, &slow) {
        findings.add(delay(case, &node, &slow));
    }
}

/// The machine that makes everything on it slow: no processor and no lossy link
/// is the reason, and nothing on it is quick.
pub(super) fn slow_machine(case: &Case<'_>, slow: &Slow<'_>) -> Option<String> {
    let node = common(case, slow)?;
    let other = lossy(case).is_some() || !runtime::cpu_bound(case).is_empty();
    (!other).then_some(node)
}

/// Whether a latency is about something that runs in pods here.
pub(super) fn is_pod(workload: &ObjectRef) -> bool {
    workload.kind != "Service"
}

/// The node whose retransmits rose far beyond the other nodes'.
fn lossy<'a>(case: &Case<'a>) -> Option<(ObjectRef, Risen<'a>)> {
    let mut nodes: Vec<(ObjectRef, Risen<'a>)> = series::named(case.snapshot, &["retrans"])
        .filter_map(|one| Some((machine::of_series(case, one)?, Risen::find(one)?)))
        .collect();
    nodes.sort_by(|a, b| {
        b.1.step()
            .total_cmp(&a.1.step())
            .then_with(|| a.0.cmp(&b.0))
    });
    let next = nodes.get(1).map_or(0.0, |(_, one)| one.step());
    let (node, risen) = nodes.into_iter().next()?;
    (risen.step() >= RETRANSMITS_MIN && risen.step() >= next * RISE).then_some((node, risen))
}

fn loss(node: &ObjectRef, risen: &Risen<'_>, slow: &Slow<'_>) -> Finding {
    let statement = format!(
        "{node} loses packets: it sends {:.1} segments per second again, its peers do not.",
        risen.regime.level
    );
    let cause = Cause::NodeNetworkLoss;
    Finding::new(cause, node.clone(), Strength::Strong, statement)
        .because([risen.draft(node.clone())])
        .since(risen.since())
        .explains(slow.keys().filter(|one| is_pod(one)).cloned())
}

fn delay(case: &Case<'_>, node: &str, slow: &Slow<'_>) -> Finding {
    let object = ObjectRef::cluster("Node", node);
    let statement =
        format!("The services on node {node} are slow together, those elsewhere are not.");
    let drafts = slow
        .iter()
        .filter(|(workload, _)| calls::nodes_of(case, workload).contains(node))
        .map(|(_, risen)| risen.draft(object.clone()));
    let pods = case.snapshot.objects.pods.iter().filter(|pod| {
        let on = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        on == Some(node)
    });
    let placement = Draft::status(
        object.clone(),
        "runs every one of the alerted or slow workloads that share a node",
        pods.take(20)
            .map(|pod| view::pod_ref(pod).to_string())
            .collect(),
    );
    let cause = Cause::NodeNetworkDelay;
    Finding::new(cause, object.clone(), Strength::Likely, statement)
        .because([placement])
        .because(drafts)
        .since(slow.values().filter_map(Risen::since).min())
        .explains(slow.keys().filter(|one| is_pod(one)).cloned())
}

/// The only node whose workloads are all slow or alerted, several of them,
/// while every other node has workloads that are not.
fn common(case: &Case<'_>, slow: &Slow<'_>) -> Option<String> {
    let objects = &case.snapshot.objects;
    let troubled: BTreeSet<ObjectRef> = slow
        .keys()
        .filter(|one| is_pod(one))
        .cloned()
        .chain(alerted(case))
        .collect();
    let namespaces: BTreeSet<_> = troubled.iter().map(|one| &one.namespace).collect();
    let mut by_node: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for pod in objects
        .pods
        .iter()
        .filter(|pod| namespaces.contains(&pod.metadata.namespace))
    {
        let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) else {
            continue;
        };
        let counts = by_node.entry(node).or_default();
        counts.1 += 1;
        counts.0 += usize::from(troubled.contains(&view::workload_of(objects, pod)));
    }
    let mut whole = by_node
        .iter()
        .filter(|(_, (bad, all))| bad == all && *all >= PODS_MIN);
    let (node, _) = whole.next()?;
    (whole.next().is_none() && by_node.len() >= 2).then(|| (*node).to_owned())
}

/// The workloads behind the Services that alerts are about.
fn alerted<'a>(case: &Case<'a>) -> impl Iterator<Item = ObjectRef> + use<'a> {
    let objects = &case.snapshot.objects;
    let services = case.subjects.iter().filter(|one| one.kind == "Service");
    services.filter_map(|service| {
        let namespace = service.namespace.as_deref().unwrap_or_default();
        let service = objects.services.get(namespace, &service.name)?;
        Some(crate::causes::wiring::workload_behind(objects, service))
    })
}
