//! Machines: links, clocks, certificates, hardware, kernels, cordons.

use serde_json::{Value, json};

use super::alert::Alert;
use super::names::Role;
use super::node::{node_event, victim_node};
use super::site::{EventText, Seen, Site};
use super::{Expected, Params, ScenarioRun, run};

pub(super) fn node_cause(causes: &'static [&'static str], node: &str) -> Expected {
    Expected::Cause(causes, ("Node", String::new(), node.to_owned()))
}

/// A rule of the site's own about a node, named by its label.
fn own_rule(name: &'static str, node: &str, summary: &str) -> Alert {
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

/// Series of one device on every node; `faulty` gets its own shape.
fn on_devices(
    site: &mut Site,
    name: &str,
    faulty: &str,
    normal: impl Fn(f64) -> f64,
    broken: impl Fn(f64) -> f64,
) {
    for node in site.names.nodes.clone() {
        let instance = format!("{}:9100", site.node_ip(&node));
        let labels = [
            ("instance", instance.as_str()),
            ("device", "eno1"),
            ("job", "node-exporter"),
        ];
        if node == faulty {
            site.new_gauge(name, &labels, &broken);
        } else {
            site.new_gauge(name, &labels, &normal);
        }
    }
}

pub(super) fn nic_flapping(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1200, |site| {
        let node = victim_node(site);
        site.node_says(
            &node,
            "NetworkLink",
            "kernel-monitor",
            "bnxt_en 0000:19:00.0 eno1: NIC Link is Down",
            7,
        );
        on_devices(
            site,
            "node_network_carrier_changes_total",
            &node,
            |_| 2.0,
            |since| 2.0 + (since / 120.0).max(0.0).floor(),
        );
        let alert = Alert::machine(
            "NodeNetworkInterfaceFlapping",
            &site.node_ip(&node),
            "Network interface is often changing its status.",
        )
        .label("device", "eno1");
        (alert, node_cause(&["NicFlapping"], &node))
    })
}

pub(super) fn nic_errors(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let node = victim_node(site);
        site.heartbeat(&node);
        on_devices(
            site,
            "node_network_receive_errs_total",
            &node,
            |_| 12.0,
            |since| 12.0 + since.max(0.0) * 40.0,
        );
        let front = site.app(Role::Front);
        site.slow_now(&front, 0.4, 0.03);
        let alert = Alert::machine(
            "NodeNetworkReceiveErrs",
            &site.node_ip(&node),
            "Network interface is reporting many receive errors.",
        )
        .label("device", "eno1");
        (
            alert,
            node_cause(&["NodeNetworkLoss", "PacketLossOrDelay"], &node),
        )
    })
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
        let instance = format!("{}:9100", site.node_ip(&node));
        let labels = [("instance", instance.as_str()), ("job", "node-exporter")];
        site.new_gauge("node_nf_conntrack_entries_limit", &labels, |_| 262_144.0);
        site.new_gauge("node_nf_conntrack_entries", &labels, |since| {
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

pub(super) fn mtu_mismatch(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1300, |site| {
        let node = victim_node(site);
        site.heartbeat(&node);
        on_devices(
            site,
            "node_network_mtu_bytes",
            &node,
            |_| 9000.0,
            |_| 1500.0,
        );
        let caller = site.app(Role::Front);
        let target = site.app(Role::Catalog);
        let error = format!(
            "GET http://{}:80/items?all=1 failed: read timed out after 30s",
            target.name
        );
        site.complain(&caller, &error, 18);
        site.slow_now(&caller, 2.2, 0.2);
        let alert = own_rule(
            "NodeLargePacketsLost",
            &node,
            "Full-sized probes to a node get no answer.",
        );
        (alert, node_cause(&["MtuMismatch"], &node))
    })
}

pub(super) fn clock_skew(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2000, |site| {
        let node = victim_node(site);
        site.heartbeat(&node);
        let instance = format!("{}:9100", site.node_ip(&node));
        let labels = [("instance", instance.as_str()), ("job", "node-exporter")];
        site.new_gauge("node_timex_offset_seconds", &labels, |since| {
            0.0001 + since.max(0.0) * 0.002
        });
        site.new_gauge("node_timex_sync_status", &labels, |since| {
            f64::from(u8::from(since < 0.0))
        });
        site.new_gauge("node_timex_maxerror_seconds", &labels, |since| {
            if since < 0.0 { 0.1 } else { 16.0 }
        });
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

pub(super) fn memory_errors(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let node = victim_node(site);
        site.node_says(
            &node,
            "MemoryReadError",
            "kernel-monitor",
            "EDAC sbridge MC0: CE memory read error on CPU_SrcID#0_Ha#0_Chan#2_DIMM#0",
            24,
        );
        let instance = format!("{}:9100", site.node_ip(&node));
        let labels = [
            ("instance", instance.as_str()),
            ("controller", "0"),
            ("job", "node-exporter"),
        ];
        site.new_gauge("node_edac_uncorrectable_errors_total", &labels, |since| {
            (since / 300.0).max(0.0).floor()
        });
        let alert = own_rule("NodeMemoryErrors", &node, "A machine counts memory errors.");
        (alert, node_cause(&["HardwareEccThermal"], &node))
    })
}

pub(super) fn gpu_fault(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let node = victim_node(site);
        site.edit("Node", "", &node, |node| {
            node["status"]["capacity"]["nvidia.com/gpu"] = json!("8");
            node["status"]["allocatable"]["nvidia.com/gpu"] = json!("7");
        });
        site.node_says(
            &node,
            "GPUXid",
            "kernel-monitor",
            "NVRM: Xid (PCI:0000:3b:00): 79, pid=4711, GPU has fallen off the bus.",
            3,
        );
        let alert = own_rule("NodeGpuUnhealthy", &node, "A GPU is unhealthy.");
        (alert, node_cause(&["GpuFault"], &node))
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
    for pod in site.all("Pod") {
        if pod["spec"]["nodeName"] != json!(node) {
            continue;
        }
        let namespace = pod["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let name = pod["metadata"]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
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

pub(super) fn disk_failing(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1800, |site| {
        let node = victim_node(site);
        site.node_says(
            &node,
            "IOError",
            "kernel-monitor",
            "Buffer I/O error on device sdb, logical block 4711",
            17,
        );
        let instance = format!("{}:9100", site.node_ip(&node));
        let labels = [
            ("instance", instance.as_str()),
            ("device", "md0"),
            ("state", "failed"),
        ];
        site.new_gauge("node_md_disks", &labels, |since| {
            f64::from(u8::from(since >= 0.0))
        });
        let alert = Alert::machine(
            "NodeRAIDDiskFailure",
            &site.node_ip(&node),
            "Failed device in RAID array.",
        )
        .label("device", "md0");
        (alert, node_cause(&["DiskFailing"], &node))
    })
}

pub(super) fn disk_saturated(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1800, |site| {
        let node = victim_node(site);
        site.heartbeat(&node);
        let instance = format!("{}:9100", site.node_ip(&node));
        let labels = [
            ("instance", instance.as_str()),
            ("device", "sda"),
            ("job", "node-exporter"),
        ];
        site.new_gauge("node_disk_io_time_seconds_total", &labels, |since| {
            if since < 0.0 {
                4000.0 + (since + 4000.0) * 0.1
            } else {
                4400.0 + since * 0.998
            }
        });
        let alert = Alert::machine(
            "NodeDiskIOSaturation",
            &site.node_ip(&node),
            "Disk IO queue is high.",
        )
        .label("device", "sda");
        (alert, node_cause(&["DiskIoSaturated"], &node))
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
