//! Machines that fail beneath the pods.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::alert::Alert;
use super::names::Role;
use super::site::{EventText, Seen, Site, micro};
use super::{Expected, Params, ScenarioRun, run};

/// The node that carries a pod of the frontend, so that the fault is felt.
pub(super) fn victim_node(site: &mut Site) -> String {
    let front = site.app(Role::Front);
    let namespace = site.namespace();
    let pods = site.pods_of(&front);
    let pod = site.rng.pick(&pods).clone();
    site.get("Pod", &namespace, &pod)["spec"]["nodeName"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The node itself is to be found.
pub(super) fn node_cause(causes: &'static [&'static str], node: &str) -> Expected {
    Expected::Cause(causes, ("Node", String::new(), node.to_owned()))
}

/// Namespace and name of each pod on a node.
pub(super) fn pods_on(site: &Site, node: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pods = site.all("Pod").into_iter();
    pods.filter(|pod| pod["spec"]["nodeName"] == json!(node))
        .map(|pod| {
            (
                text(&pod["metadata"]["namespace"]),
                text(&pod["metadata"]["name"]),
            )
        })
        .collect()
}

pub(super) fn set_condition(
    node: &mut Value,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    at: Timestamp,
) {
    for condition in node["status"]["conditions"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        if condition["type"] == json!(kind) {
            condition["status"] = json!(status);
            condition["reason"] = json!(reason);
            condition["message"] = json!(message);
            condition["lastTransitionTime"] = json!(at.to_string());
        }
    }
}

/// Pods of a node that is not ready are not ready, without a reason of their own.
pub(super) fn unready_pods_of(site: &mut Site, node: &str, at: Timestamp) -> Vec<String> {
    let mut names = Vec::new();
    for (namespace, name) in pods_on(site, node) {
        site.edit("Pod", &namespace, &name, |pod| {
            for condition in pod["status"]["conditions"]
                .as_array_mut()
                .into_iter()
                .flatten()
            {
                if condition["type"] == "Ready" {
                    condition["status"] = json!("False");
                    condition["lastTransitionTime"] = json!(at.to_string());
                }
            }
        });
        let text = EventText {
            kind: "Warning",
            reason: "NodeNotReady",
            message: "Node is not ready",
            from: "node-controller",
        };
        site.event(("Pod", &namespace, &name), &text, Seen::once(at));
        if namespace == site.names.namespace {
            names.push(name);
        }
    }
    names
}

pub(super) fn node_event(site: &mut Site, node: &str, text: &EventText<'_>, seen: Seen) {
    site.event(("Node", "", node), text, seen);
}

pub(super) fn not_ready_event(site: &mut Site, node: &str, at: Timestamp) {
    let message = format!("Node {node} status is now: NodeNotReady");
    let text = EventText {
        kind: "Normal",
        reason: "NodeNotReady",
        message: &message,
        from: "node-controller",
    };
    node_event(site, node, &text, Seen::once(at));
}

/// Replacements elsewhere for the pods of a lost node, after five minutes of tolerance.
pub(super) fn reschedule(site: &mut Site, node: &str, pods: &[String], evicted: Timestamp) {
    let namespace = site.namespace();
    for pod in pods {
        let object = site.get("Pod", &namespace, pod);
        if object["metadata"]["ownerReferences"][0]["kind"] != "ReplicaSet" {
            continue;
        }
        let set = object["metadata"]["ownerReferences"][0]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        site.edit_pod(pod, |pod| {
            pod["metadata"]["deletionTimestamp"] =
                json!((evicted + SignedDuration::from_secs(30)).to_string());
            pod["metadata"]["deletionGracePeriodSeconds"] = json!(30);
        });
        let text = EventText {
            kind: "Normal",
            reason: "TaintManagerEviction",
            message: &format!("Marking for deletion Pod {namespace}/{pod}"),
            from: "taint-eviction-controller",
        };
        site.event(("Pod", &namespace, pod), &text, Seen::once(evicted));
        let fresh = site.create_pod(&set, evicted);
        let elsewhere = site
            .names
            .nodes
            .iter()
            .position(|other| other != node)
            .unwrap_or(0);
        let target = site.names.nodes[elsewhere].clone();
        if site.get("Pod", &namespace, &fresh)["spec"]["nodeName"] == json!(node) {
            site.edit_pod(&fresh, |pod| pod["spec"]["nodeName"] = json!(target));
        }
    }
}

pub(super) fn stops_reporting(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1700, |site| {
        let node = victim_node(site);
        let silent = site.fault_at;
        let noticed = site.after(40);
        let added = noticed.to_string();
        site.edit("Node", "", &node, |node| {
            for condition in node["status"]["conditions"].as_array_mut().into_iter().flatten() {
                condition["status"] = json!("Unknown");
                condition["reason"] = json!("NodeStatusUnknown");
                condition["message"] = json!("Kubelet stopped posting node status.");
                condition["lastHeartbeatTime"] = json!(silent.to_string());
                condition["lastTransitionTime"] = json!(added);
            }
            node["spec"]["taints"] = json!([
                {"key": "node.kubernetes.io/unreachable", "effect": "NoSchedule", "timeAdded": added},
                {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute", "timeAdded": added}]);
        });
        site.edit("Lease", "kube-node-lease", &node, |lease| {
            lease["spec"]["renewTime"] = json!(micro(silent));
        });
        not_ready_event(site, &node, noticed);
        let pods = unready_pods_of(site, &node, noticed);
        let evicted = site.after(345);
        reschedule(site, &node, &pods, evicted);
        site.settle();
        for name in [
            "node_load1",
            "node_uname_info",
            "node_cpu_seconds_total",
            "node_memory_MemAvailable_bytes",
            "node_memory_MemTotal_bytes",
            "node_filesystem_avail_bytes",
            "node_filesystem_size_bytes",
            "container_cpu_usage_seconds_total",
            "container_memory_working_set_bytes",
        ] {
            site.end_series(name, &[("node", &node)]);
        }
        site.gauge("up", &[("node", &node)], |_, _| 0.0);
        let expected = node_cause(&["NodeUnreachable", "KubeletDown"], &node);
        (
            Alert::node("KubeNodeUnreachable", &node, "Node is unreachable."),
            expected,
        )
    })
}

impl Site {
    /// Ends the series at the fault.
    fn end_series(&mut self, name: &str, which: &[(&str, &str)]) {
        let fault = self.fault_at.as_second() as f64;
        let matches = |labels: &std::collections::BTreeMap<String, String>| {
            which
                .iter()
                .all(|(key, wanted)| labels.get(*key).is_some_and(|found| found == wanted))
        };
        self.world.series.edit(name, matches, |_, samples| {
            samples.retain(|sample| sample.at < fault);
        });
    }
}

pub(super) fn runtime_down(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let node = victim_node(site);
        let at = site.after(30);
        let message = "[container runtime is down, PLEG is not healthy: pleg was last seen active 3m2s ago; threshold is 3m0s]";
        site.edit("Node", "", &node, |node| {
            set_condition(node, "Ready", "False", "KubeletNotReady", message, at);
            node["spec"]["taints"] = json!([{"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule", "timeAdded": at.to_string()},
                {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "timeAdded": at.to_string()}]);
        });
        not_ready_event(site, &node, at);
        let text = EventText {
            kind: "Warning",
            reason: "ContainerGCFailed",
            from: "kubelet",
            message: "rpc error: code = Unavailable desc = connection error: desc = \"transport: Error while dialing: dial unix /run/containerd/containerd.sock: connect: connection refused\"",
        };
        let seen = site.repeatedly(60, 22);
        node_event(site, &node, &text, seen);
        let pods = unready_pods_of(site, &node, at);
        let evicted = site.after(335);
        reschedule(site, &node, &pods, evicted);
        let expected = node_cause(&["ContainerRuntimeDown", "KubeletOrRuntimeFault"], &node);
        (
            Alert::node("KubeNodeNotReady", &node, "Node is not ready."),
            expected,
        )
    })
}

pub(super) fn disk_pressure(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let node = victim_node(site);
        let namespace = site.namespace();
        let at = site.after(20);
        site.edit("Node", "", &node, |node| {
            set_condition(node, "DiskPressure", "True", "KubeletHasDiskPressure", "kubelet has disk pressure", at);
            node["spec"]["taints"] = json!([{"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule", "timeAdded": at.to_string()}]);
        });
        let low = "The node was low on resource: ephemeral-storage. Threshold quantity: 10768397Ki, available: 7212300Ki. ";
        let text = EventText {
            kind: "Warning",
            reason: "EvictionThresholdMet",
            message: "Attempting to reclaim ephemeral-storage",
            from: "kubelet",
        };
        let seen = site.repeatedly(25, 40);
        node_event(site, &node, &text, seen);
        let text = EventText {
            kind: "Warning",
            reason: "FreeDiskSpaceFailed",
            message: "Failed to garbage collect required amount of images. Attempted to free 12884901888 bytes, but only found 0 bytes eligible to free.",
            from: "kubelet",
        };
        let seen = site.repeatedly(120, 5);
        node_event(site, &node, &text, seen);
        let mut first = None;
        for pod in site.all("Pod") {
            let own = pod["spec"]["nodeName"] == json!(node)
                && pod["metadata"]["namespace"] == json!(namespace)
                && pod["metadata"]["ownerReferences"][0]["kind"] == "ReplicaSet";
            if !own {
                continue;
            }
            let name = pod["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let set = pod["metadata"]["ownerReferences"][0]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let container = pod["spec"]["containers"][0]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let message = format!(
                "{low}Container {container} was using 2318Mi, request is 0, has larger consumption of ephemeral-storage. "
            );
            let started = pod["status"]["startTime"].clone();
            site.edit_pod(&name, |pod| pod["status"] = json!({"phase": "Failed", "reason": "Evicted", "message": message, "startTime": started,
                "conditions": [{"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet", "message": message, "lastTransitionTime": at.to_string()}]}));
            site.kubelet(&name, "Warning", "Evicted", &message, Seen::once(at));
            let replacement = site.after(30);
            site.create_pod(&set, replacement);
            first.get_or_insert(name);
        }
        site.settle();
        site.gauge(
            "node_filesystem_avail_bytes",
            &[("node", &node)],
            |since, before| (before * 0.05 - since * 1e5).max(5e9),
        );
        let expected = node_cause(&["DiskPressure"], &node);
        (
            Alert::node("KubeNodePressure", &node, "Node has as active Condition."),
            expected,
        )
    })
}
