//! Services that fail from one node only: the proxy of that node.

use std::collections::BTreeMap;

use crate::causes::{Case, Cause, Finding, Findings, Strength, series, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// Fewest checks per node that show a difference between nodes.
const CHECKS_MIN: usize = 2;

/// Finds the node from which checks fail that succeed from the others.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    by_pod(case, findings);
    let mut by_node: BTreeMap<&str, Vec<&Series>> = BTreeMap::new();
    for series in series::named(case.snapshot, &["probe_success"]) {
        if let Some(node) = series.labels.get("node") {
            by_node.entry(node).or_default().push(series);
        }
    }
    let enough = by_node.values().all(|checks| checks.len() >= CHECKS_MIN);
    if by_node.len() < 2 || !enough {
        return;
    }
    let bad: Vec<(&&str, &Vec<&Series>)> = by_node
        .iter()
        .filter(|(_, checks)| checks.iter().all(|check| series::last(check) == Some(0.0)))
        .collect();
    let [(node, checks)] = bad.as_slice() else {
        return;
    };
    if case.snapshot.objects.nodes.get("", node).is_none() {
        return;
    }
    let object = ObjectRef::cluster("Node", **node);
    let statement = format!(
        "No Service answers from node {node}, while all other nodes reach them: its kube-proxy is at fault."
    );
    let drafts = checks
        .iter()
        .take(3)
        .map(|check| series::draft(object.clone(), check, "the check fails from this node only"));
    findings.add(
        Finding::new(
            Cause::KubeProxyNodeLocal,
            object.clone(),
            Strength::Strong,
            statement,
        )
        .because(drafts),
    );
}

/// A kube-proxy pod that is not ready.
fn by_pod(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let pods = objects.pods.in_namespace("kube-system");
    for pod in pods.filter(|pod| view::name_of(*pod).starts_with("kube-proxy")) {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let Some(node) = node.filter(|_| !view::is_well(pod) && !view::is_terminating(pod)) else {
            continue;
        };
        let object = ObjectRef::cluster("Node", node);
        let title = format!("kube-proxy pod is {}", view::phase(pod));
        let statement = format!("kube-proxy on node {node} is not running.");
        findings.add(
            Finding::new(Cause::KubeProxyDown, object, Strength::Likely, statement)
                .because([Draft::status(view::pod_ref(pod), title, Vec::new())]),
        );
    }
}
