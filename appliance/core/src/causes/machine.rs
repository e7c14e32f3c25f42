//! Which node a series, an alert or an event is about, and what runs on it.
//!
//! Exporters name nodes by `node`, by host name or by address; an exporter
//! behind a Service names only its own pod, which stands on the node.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, NodeCondition};

use super::{Case, series, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// Labels that name a node, most telling first.
const LABELS: [&str; 7] = [
    "node",
    "nodename",
    "kubernetes_node",
    "Hostname",
    "exported_node",
    "exported_instance",
    "instance",
];

/// The node of that name or address.
pub(crate) fn known(case: &Case<'_>, name: &str) -> Option<ObjectRef> {
    let nodes = &case.snapshot.objects.nodes;
    let node = nodes.get("", name).or_else(|| {
        nodes.iter().find(|node| {
            let addresses = node
                .status
                .iter()
                .flat_map(|status| status.addresses.iter().flatten());
            addresses.into_iter().any(|address| address.address == name)
        })
    })?;
    Some(view::reference("Node", node))
}

/// The node that labels of a series or an alert name.
pub(crate) fn of_labels(case: &Case<'_>, labels: &BTreeMap<String, String>) -> Option<ObjectRef> {
    let named = LABELS
        .iter()
        .filter_map(|label| labels.get(*label))
        .find_map(|value| known(case, host(value)));
    named.or_else(|| {
        let (namespace, pod) = (labels.get("namespace")?, labels.get("pod")?);
        let pod = case.snapshot.objects.pods.get(namespace, pod)?;
        known(case, pod.spec.as_ref()?.node_name.as_deref()?)
    })
}

/// `host:port` or `[v6]:port` without the port.
pub(crate) fn host(address: &str) -> &str {
    if let Some(rest) = address.strip_prefix('[') {
        return rest.split(']').next().unwrap_or(rest);
    }
    match address.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') && port.bytes().all(|b| b.is_ascii_digit()) => {
            host
        }
        _ => address,
    }
}

/// The node that a series is about.
pub(crate) fn of_series(case: &Case<'_>, series: &Series) -> Option<ObjectRef> {
    of_labels(case, &series.labels)
}

/// The newest value of the series of that name with the labels of `like`.
pub(crate) fn beside(case: &Case<'_>, name: &str, like: &Series) -> Option<f64> {
    let same = |other: &&Series| other.name == name && other.labels == like.labels;
    series::last(case.snapshot.series.iter().find(same)?)
}

/// A condition of a node by its type.
pub(crate) fn condition<'a>(node: &'a Node, name: &str) -> Option<&'a NodeCondition> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == name)
}

/// Evidence of a node's condition.
pub(crate) fn condition_draft(object: &ObjectRef, condition: &NodeCondition) -> Draft {
    let reason = condition.reason.as_deref().unwrap_or("no reason");
    let title = format!("{} is {} ({reason})", condition.type_, condition.status);
    let lines = condition.message.iter().cloned().collect();
    Draft::status(object.clone(), title, lines)
        .at(condition.last_transition_time.as_ref().map(|time| time.0))
}

/// The pods on the node, their workloads and Services.
pub(crate) fn carried(case: &Case<'_>, node: &ObjectRef) -> Vec<ObjectRef> {
    let objects = &case.snapshot.objects;
    objects
        .pods
        .iter()
        .filter(|pod| {
            let on = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
            on == Some(node.name.as_str())
        })
        .flat_map(|pod| view::affected_by(objects, pod))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, expected: &str) {
        assert_eq!(host(address), expected);
    }

    #[test]
    fn an_address_loses_its_port_and_nothing_else() {
        check("10.0.0.1:9100", "10.0.0.1");
        check("node-1.lan:9100", "node-1.lan");
        check("[fd00::1]:9100", "fd00::1");
        check("fd00::1", "fd00::1");
        check("node-1", "node-1");
    }
}
