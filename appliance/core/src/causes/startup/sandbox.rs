//! Pods whose sandbox gets no network.
//!
//! The kubelet creates a sandbox before any container; the CNI plugin of the
//! node gives it an address. One node's failure is that node's, all nodes'
//! failure is the CNI's. A sandbox image that cannot be pulled is the node's
//! way to its registry.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;

use crate::causes::said::{Said, about_pod};
use crate::causes::view::{
    affected_by, is_terminating, is_well, mentions, namespace_of, pod_ref, reference,
};
use crate::causes::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::Draft;
use crate::evidence::query::pods_on_node;
use crate::object::ObjectRef;
use crate::snapshot::Objects;

const NETWORK: &[&str] = &[
    "failed to setup network",
    "failed to set up network",
    "setup network for sandbox",
    "set up sandbox container",
    "no ip addresses available",
    "no available ip",
    "ipam",
    "cni plugin not initialized",
    "cni config uninitialized",
    "network plugin",
    "networkplugin",
    "plugin type=",
    "failed to allocate for range",
];

const SANDBOX_IMAGE: &[&str] = &["failed to get sandbox image", "failed to pull image"];

/// Name parts of the network plugins' DaemonSets.
const PLUGINS: &[&str] = &[
    "calico",
    "cilium",
    "flannel",
    "weave",
    "antrea",
    "kube-router",
    "canal",
    "ovn",
    "multus",
    "kindnet",
    "cni",
];

/// Finds nodes, or the cluster's CNI, that give pods no network.
pub(crate) fn network(case: &Case<'_>, findings: &mut Findings) {
    let mut by_node: BTreeMap<String, Vec<(&Pod, Said)>> = BTreeMap::new();
    for pod in &case.snapshot.objects.pods {
        if is_well(pod) || is_terminating(pod) {
            continue;
        }
        let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()) else {
            continue;
        };
        let failed = about_pod(case, pod).into_iter().find(|said| {
            said.is(&[
                "FailedCreatePodSandBox",
                "NetworkNotReady",
                "FailedPodSandBoxStatus",
            ])
        });
        if let Some(said) = failed {
            by_node.entry(node).or_default().push((pod, said));
        }
    }
    let (images, networks) = split(by_node);
    for (node, pods) in images {
        let object = ObjectRef::cluster("Node", &node);
        let statement =
            format!("node {node} cannot pull the sandbox image, so no new pod starts on it");
        findings.add(state(
            case,
            Cause::RegistryUnreachable,
            object,
            statement,
            &pods,
        ));
    }
    let plugin = (networks.len() > 1)
        .then(|| plugin(&case.snapshot.objects))
        .flatten();
    for (node, pods) in networks {
        let object = plugin
            .clone()
            .unwrap_or_else(|| ObjectRef::cluster("Node", &node));
        let statement = format!(
            "the network plugin on node {node} gives new pods no network; {} pod(s) wait for their sandbox",
            pods.len()
        );
        findings.add(state(
            case,
            Cause::PodSandboxNetwork,
            object,
            statement,
            &pods,
        ));
    }
}

type ByNode<'a> = BTreeMap<String, Vec<(&'a Pod, Said)>>;

/// Parts sandbox failures into those of the sandbox image and those of the network.
fn split(by_node: ByNode<'_>) -> (ByNode<'_>, ByNode<'_>) {
    let (mut images, mut networks) = (ByNode::new(), ByNode::new());
    for (node, pods) in by_node {
        for (pod, said) in pods {
            let side = if said.mentions(SANDBOX_IMAGE) {
                &mut images
            } else if said.mentions(NETWORK) {
                &mut networks
            } else {
                continue;
            };
            side.entry(node.clone()).or_default().push((pod, said));
        }
    }
    (images, networks)
}

/// The network plugin's `DaemonSet`, if exactly one is captured that is not whole.
fn plugin(objects: &Objects) -> Option<ObjectRef> {
    let mut candidates = objects.daemon_sets.iter().filter(|set| {
        let name = set.metadata.name.as_deref().unwrap_or_default();
        let short = set
            .status
            .as_ref()
            .is_some_and(|status| status.number_ready < status.desired_number_scheduled);
        mentions(name, PLUGINS) && (namespace_of(*set) != "default") && short
    });
    let first = candidates.next()?;
    candidates
        .next()
        .is_none()
        .then(|| reference("DaemonSet", first))
}

fn state(
    case: &Case<'_>,
    cause: Cause,
    object: ObjectRef,
    statement: String,
    pods: &[(&Pod, Said)],
) -> Finding {
    let nodes: BTreeSet<&str> = pods
        .iter()
        .filter_map(|(pod, _)| pod.spec.as_ref()?.node_name.as_deref())
        .collect();
    let well_elsewhere = case.snapshot.objects.pods.iter().find(|pod| {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        is_well(pod) && node.is_some_and(|node| !nodes.contains(node))
    });
    let mut finding = Finding::new(cause, object, Strength::Stated, statement)
        .check(
            "kubectl get daemonset -A",
            "shows whether the network plugin runs on every node",
        )
        .because(pods.iter().map(|(_, said)| said.draft.clone()));
    if let Some(pod) = well_elsewhere {
        let title = "runs on another node".to_owned();
        finding = finding.because([Draft::status(pod_ref(pod), title, Vec::new())]);
    }
    for (pod, said) in pods {
        finding = finding
            .explains(affected_by(&case.snapshot.objects, pod))
            .since(said.since.or(said.at));
    }
    for node in nodes {
        finding = finding.check(
            pods_on_node(node),
            "shows the network plugin's pod on that node",
        );
    }
    finding
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::causes::fixture::Fixture;

    fn on(node: &str) -> Value {
        json!({"nodeName": node, "containers": [{"name": "app"}]})
    }

    fn creating() -> Value {
        json!({"phase": "Pending", "containerStatuses": [{"name": "app", "image": "", "imageID": "",
            "ready": false, "restartCount": 0, "state": {"waiting": {"reason": "ContainerCreating"}}}]})
    }

    const CNI: &str = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to setup network for sandbox \"5f\": plugin type=\"bridge\" failed (add): no IP addresses available in range set";

    #[test]
    fn one_nodes_sandboxes_are_that_nodes_trouble() {
        Fixture::new()
            .deployment("web", 1, 0, on("n1"))
            .pod("web", "a", on("n1"), creating())
            .warning("Pod/web-77f-a", "FailedCreatePodSandBox", CNI)
            .check(network, &["PodSandboxNetwork Node n1"]);
    }

    #[test]
    fn all_nodes_sandboxes_are_the_plugins_trouble() {
        Fixture::new()
            .with(json!({"kind": "DaemonSet", "metadata": {"name": "kube-flannel-ds", "namespace": "kube-flannel"},
                "spec": {"selector": {}, "template": {}},
                "status": {"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "numberReady": 0, "numberMisscheduled": 0}}))
            .deployment("web", 2, 0, on("n1"))
            .pod("web", "a", on("n1"), creating())
            .pod("web", "b", on("n2"), creating())
            .warning("Pod/web-77f-a", "FailedCreatePodSandBox", CNI)
            .warning("Pod/web-77f-b", "FailedCreatePodSandBox", CNI)
            .check(network, &["PodSandboxNetwork DaemonSet kube-flannel/kube-flannel-ds"]);
    }

    #[test]
    fn a_sandbox_image_that_is_not_pulled_is_the_nodes_way_to_its_registry() {
        Fixture::new()
            .deployment("web", 1, 0, on("n1"))
            .pod("web", "a", on("n1"), creating())
            .warning(
                "Pod/web-77f-a",
                "FailedCreatePodSandBox",
                "failed to get sandbox image \"pause:3.9\": failed to pull image: i/o timeout",
            )
            .check(network, &["RegistryUnreachable Node n1"]);
    }

    #[test]
    fn a_sandbox_that_failed_once_and_runs_now_is_no_finding() {
        Fixture::new()
            .deployment("web", 1, 1, on("n1"))
            .pod("web", "a", on("n1"), json!({"phase": "Running", "containerStatuses": [{"name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 0}]}))
            .warning("Pod/web-77f-a", "FailedCreatePodSandBox", CNI)
            .check(network, &[]);
    }

    #[test]
    fn a_runtime_that_fails_otherwise_is_not_the_network() {
        Fixture::new()
            .deployment("web", 1, 0, on("n1"))
            .pod("web", "a", on("n1"), creating())
            .warning(
                "Pod/web-77f-a",
                "FailedCreatePodSandBox",
                "failed to create containerd task: no space left on device",
            )
            .check(network, &[]);
    }
}
