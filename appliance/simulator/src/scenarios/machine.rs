//! Machines and their nodes: clocks, certificates, kernels, restarts, cordons.

use serde_json::{Value, json};

use super::alert::Alert;
use super::names::Role;
use super::node::{node_cause, node_event, pods_on, victim_node};
use super::site::{EventText, Seen, Site};
use super::{Params, ScenarioRun, run};

/// A series that the exporter of one machine has.
pub(super) fn machine_gauge(
    site: &mut Site,
    name: &str,
    node: &str,
    labels: &[(&str, &str)],
    value: impl Fn(f64) -> f64,
) {
    let instance = format!("{}:9100", site.node_ip(node));
    let mut all = vec![("instance", instance.as_str())];
    all.extend(labels);
    site.new_gauge(name, &all, value);
}

/// A rule of the site's own about a node, named by its label.
pub(super) fn own_rule(name: &'static str, node: &str, summary: &str) -> Alert {
    Alert::new(
        name,
        "warning",
        300,
        summary,
        format!("{summary} Node {node}."),
    )
    .label("node", node)
    .label("job", "kube-state-metrics")
}

pub(super) fn conntrack_full(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let node = victim_node(site);
        site.node_says(
            &node,
            "ConntrackFull",
            "kernel-monitor",
            "nf_conntrack: nf_conntrack: table full, dropping packet",
            38,
        );
        let labels = [("job", "node-exporter")];
        machine_gauge(
            site,
            "node_nf_conntrack_entries_limit",
            &node,
            &labels,
            |_| 262_144.0,
        );
        machine_gauge(site, "node_nf_conntrack_entries", &node, &labels, |since| {
            if since < 0.0 { 61_000.0 } else { 261_900.0 }
        });
        let front = site.app(Role::Front);
        site.traffic_now(&front, 0.8, 0.12);
        let alert = Alert::machine(
            "NodeHighNumberConntrackEntriesUsed",
            &site.node_ip(&node),
            "Number of conntrack entries is getting close to the limit.",
        );
        (alert, node_cause(&["ConntrackFull"], &node))
    })
}

pub(super) fn clock_skew(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2000, |site| {
        let node = victim_node(site);
        site.heartbeat(&node);
        let labels = [("job", "node-exporter")];
        machine_gauge(site, "node_timex_offset_seconds", &node, &labels, |since| {
            0.0001 + since.max(0.0) * 0.002
        });
        machine_gauge(site, "node_timex_sync_status", &node, &labels, |since| {
            f64::from(u8::from(since < 0.0))
        });
        machine_gauge(
            site,
            "node_timex_maxerror_seconds",
            &node,
            &labels,
            |since| {
                if since < 0.0 { 0.1 } else { 16.0 }
            },
        );
        let alert = Alert::machine(
            "NodeClockSkewDetected",
            &site.node_ip(&node),
            "Clock skew detected.",
        );
        (alert, node_cause(&["ClockSkew"], &node))
    })
}

pub(super) fn kubelet_certificate(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 3000, |site| {
        let node = victim_node(site);
        let at = site.fault_at;
        let name = format!("csr-{}", site.rng.suffix(5));
        let meta = site.meta("", &name, at);
        site.put("CertificateSigningRequest", json!({"metadata": meta, "spec": {"signerName": "kubernetes.io/kubelet-serving",
            "username": format!("system:node:{node}"), "groups": ["system:nodes", "system:authenticated"],
            "usages": ["digital signature", "server auth"]}, "status": {}}));
        let pods = site.pods_named("kube-system", "metrics-server");
        let address = site.node_ip(&node);
        let line = format!(
            "\"Failed to scrape node\" err=\"Get \\\"https://{address}:10250/metrics/resource\\\": remote error: tls: internal error\" node=\"{node}\""
        );
        site.part_says("kube-system", &pods[0], "metrics-server", &line, 20);
        let alert = Alert::new(
            "KubeletServerCertificateRenewalErrors",
            "warning",
            900,
            "Kubelet has failed to renew its server certificate.",
            format!("Kubelet on node {node} has failed to renew its server certificate."),
        )
        .label("node", &node)
        .label("job", "kubelet");
        (alert, node_cause(&["KubeletCert"], &node))
    })
}

pub(super) fn kernel_panic(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1200, |site| {
        let node = victim_node(site);
        let boot = site.rng.uuid();
        let text = EventText {
            kind: "Warning",
            reason: "Rebooted",
            message: &format!("Node {node} has been rebooted, boot id: {boot}"),
            from: "kubelet",
        };
        let at = site.after(150);
        node_event(site, &node, &text, Seen::once(at));
        site.edit("Node", "", &node, |node| {
            node["status"]["nodeInfo"]["bootID"] = json!(boot);
        });
        restart_pods(site, &node);
        let alert = own_rule(
            "NodeRebootedUnexpectedly",
            &node,
            "A machine was restarted outside of maintenance.",
        );
        (alert, node_cause(&["RebootOrKernelPanic"], &node))
    })
}

/// Containers of a node that started again with it.
fn restart_pods(site: &mut Site, node: &str) {
    let (ended, started) = (site.after(20).to_string(), site.after(160).to_string());
    for (namespace, name) in pods_on(site, node) {
        site.edit("Pod", &namespace, &name, |pod| {
            for status in pod["status"]["containerStatuses"].as_array_mut().into_iter().flatten() {
                status["restartCount"] = json!(status["restartCount"].as_i64().unwrap_or(0) + 1);
                status["lastState"] = json!({"terminated": {"exitCode": 255, "reason": "Unknown", "finishedAt": ended, "startedAt": ended}});
                status["state"] = json!({"running": {"startedAt": started}});
            }
        });
    }
}

pub(super) fn flapping(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2000, |site| {
        let node = victim_node(site);
        let message = format!("Node {node} status is now: NodeNotReady");
        let text = EventText {
            kind: "Normal",
            reason: "NodeNotReady",
            message: &message,
            from: "node-controller",
        };
        let seen = site.repeatedly(20, 7);
        node_event(site, &node, &text, seen);
        let alert = Alert::node(
            "KubeNodeReadinessFlapping",
            &node,
            "Node readiness status is flapping.",
        );
        (alert, node_cause(&["NodeFlapping"], &node))
    })
}

pub(super) fn images_not_freed(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let node = victim_node(site);
        let images: Vec<Value> = (0..60)
            .map(|index| json!({"names": [format!("registry.example/app:{index}")], "sizeBytes": 900_000_000}))
            .collect();
        site.edit("Node", "", &node, |node| {
            node["status"]["images"] = json!(images);
        });
        site.node_says(&node, "FreeDiskSpaceFailed", "kubelet",
            "Failed to garbage collect required amount of images. Attempted to free 12884901888 bytes, but only found 0 bytes eligible to free.", 9);
        let alert = Alert::machine(
            "NodeFilesystemAlmostOutOfSpace",
            &site.node_ip(&node),
            "Filesystem has less than 5% space left.",
        )
        .label("mountpoint", "/var/lib/containerd");
        (alert, node_cause(&["ImageGarbageCollection"], &node))
    })
}

pub(super) fn cordon_forgotten(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1800, |site| {
        let node = victim_node(site);
        let at = site.ago(3 * 86_400).to_string();
        site.edit("Node", "", &node, |node| {
            node["spec"]["unschedulable"] = json!(true);
            node["spec"]["taints"] = json!([{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": at}]);
        });
        let alert = own_rule(
            "NodeUnschedulableForLong",
            &node,
            "A node has taken no pods for a day.",
        );
        (
            alert,
            node_cause(&["CordonForgotten", "NodeCordoned"], &node),
        )
    })
}

pub(super) fn kernel_module(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let node = victim_node(site);
        let pods = site.pods_named("kube-system", "kube-proxy");
        let pod = pods
            .into_iter()
            .find(|pod| site.get("Pod", "kube-system", pod)["spec"]["nodeName"] == json!(node))
            .unwrap_or_default();
        site.part_crashes("kube-system", &pod, "kube-proxy",
            "proxier.go:842] \"Failed to run iptables\" err=\"modprobe: FATAL: Module ip_tables not found in directory /lib/modules/6.1.0-28-amd64\"");
        let alert = Alert::crash_looping("kube-system", &pod, "kube-proxy");
        (alert, node_cause(&["KernelParamModule"], &node))
    })
}

pub(super) fn overcommitted(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1800, |site| {
        let front = site.app(Role::Front);
        let namespace = site.namespace();
        site.edit("Deployment", &namespace, &front.name, |deployment| {
            deployment["metadata"]["annotations"]["example.com/reviewed"] = json!("yes");
        });
        let node = site.names.nodes.iter().min().cloned().unwrap_or_default();
        let alert = Alert::new(
            "KubeCPUOvercommit",
            "warning",
            600,
            "Cluster has overcommitted CPU resource requests.",
            "Cluster has overcommitted CPU resource requests for Pods by 3.1 CPU shares and cannot tolerate node failure.",
        );
        (alert, node_cause(&["ClusterOvercommitted"], &node))
    })
}

pub(super) fn machine_inodes(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1800, |site| {
        let node = victim_node(site);
        site.heartbeat(&node);
        let alert = Alert::machine(
            "NodeFilesystemAlmostOutOfFiles",
            &site.node_ip(&node),
            "Filesystem has less than 3% inodes left.",
        )
        .label("mountpoint", "/var/lib/containerd");
        (alert, node_cause(&["Inodes"], &node))
    })
}
