//! What concerns nodes together: readiness that toggles, room for the loss of
//! one, and the address by which all of them reach the control plane.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};

use crate::causes::quantity::{bytes, cores, value};
use crate::causes::{
    Case, Cause, Finding, Findings, Strength, component, fired, machine, series, view,
};
use crate::evidence::Draft;
use crate::evidence::query::shell_word;
use crate::object::ObjectRef;

/// Turns of a node's readiness within the window that are no single fault.
const TURNS_MIN: usize = 4;

/// What holds the address of a control plane on bare metal.
const ADDRESS_HOLDERS: [&str; 5] = [
    "kube-vip",
    "kube-vip-ds",
    "keepalived",
    "haproxy",
    "nginx-proxy",
];

/// States that no node's heartbeat arrives: what they have in common is the way.
pub(super) fn all_lost(
    case: &Case<'_>,
    nodes: &[(&Node, Option<Timestamp>)],
    findings: &mut Findings,
) {
    let holders = component::pods(case, &ADDRESS_HOLDERS);
    let unwell: Vec<&Pod> = holders
        .iter()
        .copied()
        .filter(|pod| !view::is_well(pod))
        .collect();
    let object = component::workload(case, &unwell)
        .or_else(|| component::workload(case, &holders))
        .unwrap_or_else(component::control_plane);
    let drafts = nodes.iter().filter_map(|(node, _)| {
        let condition = machine::condition(node, "Ready")?;
        Some(machine::condition_draft(
            &view::reference("Node", *node),
            condition,
        ))
    });
    let statement = format!(
        "None of {} nodes sends heartbeats since about the same time: the way to the API server is down for all.",
        nodes.len()
    );
    findings.add(
        Finding::new(
            Cause::VipOrLoadBalancerDown,
            object,
            Strength::Stated,
            statement,
        )
        .because(drafts.take(4))
        .because(unwell.iter().take(2).map(|pod| component::state(pod)))
        .since(nodes.iter().filter_map(|(_, since)| *since).min())
        .explains(nodes.iter().map(|(node, _)| view::reference("Node", *node)))
        .check(
            "kubectl get nodes",
            "shows whether heartbeats have come back",
        ),
    );
}

/// Finds nodes whose readiness toggles, by its series or by events.
pub(super) fn flapping(case: &Case<'_>, findings: &mut Findings) {
    for one in series::named(case.snapshot, &["kube_node_status_condition"]) {
        let label = |name: &str| one.labels.get(name).map_or("", String::as_str);
        let ready = label("condition") == "Ready" && label("status") == "true";
        let from = (case.started_at - view::WINDOW).as_second() as f64;
        let recent: Vec<f64> = one
            .samples
            .iter()
            .filter(|sample| sample.at >= from && sample.value.is_finite())
            .map(|sample| sample.value)
            .collect();
        let turns = recent
            .windows(2)
            .filter(|pair| (pair[0] - pair[1]).abs() > 0.5)
            .count();
        let Some(node) = machine::of_series(case, one).filter(|_| ready && turns >= TURNS_MIN)
        else {
            continue;
        };
        let draft = series::draft(node.clone(), one, format!("readiness turned {turns} times"));
        findings.add(flaps(case, &node, turns, draft, None));
    }
    for event in &case.facts.events {
        let turned = event.object.kind == "Node" && event.reason == "NodeNotReady";
        let turns = usize::try_from(event.count).unwrap_or(usize::MAX);
        if !turned || turns < TURNS_MIN || !view::in_window(case, event.last) {
            continue;
        }
        if let Some(node) = machine::known(case, &event.object.name) {
            findings.add(flaps(case, &node, turns, Draft::event(event), event.first));
        }
    }
}

fn flaps(
    case: &Case<'_>,
    node: &ObjectRef,
    turns: usize,
    draft: Draft,
    since: Option<Timestamp>,
) -> Finding {
    let statement = format!("{node} turned ready and not ready {turns} times.");
    Finding::new(
        Cause::NodeFlapping,
        node.clone(),
        Strength::Strong,
        statement,
    )
    .because([draft])
    .since(since)
    .explains(machine::carried(case, node))
    .check(
        format!(
            "kubectl get lease {} -n kube-node-lease -o yaml",
            shell_word(&node.name)
        ),
        "shows how regularly the kubelet renews its lease",
    )
}

/// Requests that would not fit without the largest node, where an alert asks.
pub(super) fn overcommitted(case: &Case<'_>, findings: &mut Findings) {
    for alert in fired::named(case, &["KubeCPUOvercommit", "KubeMemoryOvercommit"]) {
        let resource = if alert.name == "KubeCPUOvercommit" {
            "cpu"
        } else {
            "memory"
        };
        let offers: Vec<(f64, ObjectRef)> = case
            .snapshot
            .objects
            .nodes
            .iter()
            .filter_map(|node| {
                let amounts = node.status.as_ref()?.allocatable.as_ref()?;
                Some((value(amounts.get(resource)?), view::reference("Node", node)))
            })
            .collect();
        let largest = offers
            .iter()
            .max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)));
        let Some((share, node)) = largest else {
            continue;
        };
        let whole: f64 = offers.iter().map(|(amount, _)| amount).sum();
        let requested: f64 = case
            .snapshot
            .objects
            .pods
            .iter()
            .map(|pod| requests(pod, resource))
            .sum();
        let shown = |amount: f64| {
            if resource == "cpu" {
                cores(amount)
            } else {
                bytes(amount)
            }
        };
        let title = format!(
            "pods that were captured request {} of {}; without {node}, {} are left",
            shown(requested),
            shown(whole),
            shown(whole - share)
        );
        let statement = format!(
            "The cluster's requests for {resource} do not fit without {node}, its largest node."
        );
        findings.add(
            Finding::new(
                Cause::ClusterOvercommitted,
                node.clone(),
                Strength::Strong,
                statement,
            )
            .because([alert.draft, Draft::status(node.clone(), title, Vec::new())])
            .since(alert.since)
            .check(
                "kubectl describe nodes",
                "shows what is requested on each node",
            ),
        );
    }
}

fn requests(pod: &Pod, resource: &str) -> f64 {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers
        .into_iter()
        .filter_map(|container| {
            container
                .resources
                .as_ref()?
                .requests
                .as_ref()?
                .get(resource)
        })
        .map(value)
        .sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::fixture::Fixture;

    fn node() -> Fixture {
        Fixture::new().with(json!({"kind": "Node", "metadata": {"name": "n1"}, "status": {"allocatable": {"cpu": "8", "memory": "16Gi"}}}))
    }

    #[test]
    fn a_node_that_toggles_flaps_and_one_that_turned_once_does_not() {
        let labels = &[("node", "n1"), ("condition", "Ready"), ("status", "true")];
        node()
            .series(
                "kube_node_status_condition",
                labels,
                &[1.0, 0.0, 1.0, 0.0, 1.0, 0.0],
            )
            .check(flapping, &["NodeFlapping Node n1"]);
        node()
            .series("kube_node_status_condition", labels, &[1.0, 1.0, 0.0, 0.0])
            .check(flapping, &[]);
    }

    #[test]
    fn overcommitment_is_told_where_an_alert_asks() {
        node()
            .alert(&[("alertname", "KubeCPUOvercommit")])
            .check(overcommitted, &["ClusterOvercommitted Node n1"]);
        node().check(overcommitted, &[]);
    }
}
