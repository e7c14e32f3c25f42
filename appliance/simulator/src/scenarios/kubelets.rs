//! Kubelets that fall silent or say what is wrong: alone, or all at once.

use serde_json::json;

use super::alert::Alert;
use super::node::{
    node_cause, not_ready_event, reschedule, set_condition, unready_pods_of, victim_node,
};
use super::site::{Site, micro};
use super::{Expected, Params, ScenarioRun, run};

fn silent(site: &mut Site, node: &str) {
    let (silent, noticed) = (site.fault_at, site.after(45).to_string());
    site.edit("Node", "", node, |node| {
        for condition in node["status"]["conditions"]
            .as_array_mut()
            .into_iter()
            .flatten()
        {
            condition["status"] = json!("Unknown");
            condition["reason"] = json!("NodeStatusUnknown");
            condition["message"] = json!("Kubelet stopped posting node status.");
            condition["lastHeartbeatTime"] = json!(silent.to_string());
            condition["lastTransitionTime"] = json!(noticed);
        }
    });
    site.edit("Lease", "kube-node-lease", node, |lease| {
        lease["spec"]["renewTime"] = json!(micro(silent));
    });
}

pub(super) fn kubelet_down(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let node = victim_node(site);
        silent(site, &node);
        let noticed = site.after(45);
        not_ready_event(site, &node, noticed);
        let pods = unready_pods_of(site, &node, noticed);
        let evicted = site.after(350);
        reschedule(site, &node, &pods, evicted);
        site.settle();
        // The exporter still answers from the machine; only the kubelet's own port does not.
        site.gauge("up", &[("node", &node), ("job", "kubelet")], |_, _| 0.0);
        (
            Alert::node("KubeNodeUnreachable", &node, "Node is unreachable."),
            node_cause(&["KubeletDown"], &node),
        )
    })
}

pub(super) fn address_lost(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        for node in site.names.nodes.clone() {
            silent(site, &node);
            let noticed = site.after(45);
            not_ready_event(site, &node, noticed);
            unready_pods_of(site, &node, noticed);
        }
        let node = site.names.nodes[1].clone();
        let expected = Expected::Cause(
            &["VipOrLoadBalancerDown"],
            ("Namespace", String::new(), "kube-system".to_owned()),
        );
        (
            Alert::node("KubeNodeUnreachable", &node, "Node is unreachable."),
            expected,
        )
    })
}

/// A kubelet that says itself why its node is not ready.
fn not_ready(site: &mut Site, message: &str) -> String {
    let node = victim_node(site);
    let at = site.after(30);
    site.edit("Node", "", &node, |node| {
        set_condition(node, "Ready", "False", "KubeletNotReady", message, at);
        node["spec"]["taints"] = json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule", "timeAdded": at.to_string()}]);
    });
    not_ready_event(site, &node, at);
    unready_pods_of(site, &node, at);
    node
}

pub(super) fn network_plugin(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let node = not_ready(
            site,
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
        );
        (
            Alert::node("KubeNodeNotReady", &node, "Node is not ready."),
            node_cause(&["CniNotReady"], &node),
        )
    })
}

pub(super) fn kubelet_fault(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let node = not_ready(
            site,
            "error updating node status, will retry: failed to get system container stats: no such file or directory",
        );
        (
            Alert::node("KubeNodeNotReady", &node, "Node is not ready."),
            node_cause(&["KubeletOrRuntimeFault"], &node),
        )
    })
}

/// A pressure that the kubelet reports, and the node's taint for it.
fn pressure(site: &mut Site, kind: &str, reason: &str, message: &str, taint: &str) -> String {
    let node = victim_node(site);
    let at = site.after(20);
    site.edit("Node", "", &node, |node| {
        set_condition(node, kind, "True", reason, message, at);
        node["spec"]["taints"] =
            json!([{"key": taint, "effect": "NoSchedule", "timeAdded": at.to_string()}]);
    });
    site.node_says(
        &node,
        "EvictionThresholdMet",
        "kubelet",
        &format!("Attempting to reclaim {}", kind.to_lowercase()),
        12,
    );
    node
}

pub(super) fn memory_pressure(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let node = pressure(
            site,
            "MemoryPressure",
            "KubeletHasInsufficientMemory",
            "kubelet has insufficient memory available",
            "node.kubernetes.io/memory-pressure",
        );
        let alert = Alert::node("KubeNodePressure", &node, "Node has as active Condition.")
            .label("condition", "MemoryPressure");
        (alert, node_cause(&["MemoryPressure"], &node))
    })
}

pub(super) fn pid_pressure(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let node = pressure(
            site,
            "PIDPressure",
            "KubeletHasInsufficientPID",
            "kubelet has insufficient PID available",
            "node.kubernetes.io/pid-pressure",
        );
        let alert = Alert::node("KubeNodePressure", &node, "Node has as active Condition.")
            .label("condition", "PIDPressure");
        (alert, node_cause(&["PidPressure"], &node))
    })
}
