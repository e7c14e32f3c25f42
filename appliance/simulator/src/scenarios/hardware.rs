//! Hardware: network interfaces, memory modules, GPUs, disks.

use serde_json::json;

use super::alert::Alert;
use super::machine::{machine_gauge, own_rule};
use super::names::Role;
use super::node::{node_cause, victim_node};
use super::site::Site;
use super::{Params, ScenarioRun, run};

/// Series of one device on every node; `faulty` gets its own shape.
fn on_devices(
    site: &mut Site,
    name: &str,
    faulty: &str,
    normal: impl Fn(f64) -> f64,
    broken: impl Fn(f64) -> f64,
) {
    for node in site.names.nodes.clone() {
        let labels = [("device", "eno1"), ("job", "node-exporter")];
        if node == faulty {
            machine_gauge(site, name, &node, &labels, &broken);
        } else {
            machine_gauge(site, name, &node, &labels, &normal);
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
        let labels = [("controller", "0"), ("job", "node-exporter")];
        machine_gauge(
            site,
            "node_edac_uncorrectable_errors_total",
            &node,
            &labels,
            |since| (since / 300.0).max(0.0).floor(),
        );
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
        let labels = [("device", "md0"), ("state", "failed")];
        machine_gauge(site, "node_md_disks", &node, &labels, |since| {
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
        let labels = [("device", "sda"), ("job", "node-exporter")];
        machine_gauge(
            site,
            "node_disk_io_time_seconds_total",
            &node,
            &labels,
            |since| {
                if since < 0.0 {
                    4000.0 + (since + 4000.0) * 0.1
                } else {
                    4400.0 + since * 0.998
                }
            },
        );
        let alert = Alert::machine(
            "NodeDiskIOSaturation",
            &site.node_ip(&node),
            "Disk IO queue is high.",
        )
        .label("device", "sda");
        (alert, node_cause(&["DiskIoSaturated"], &node))
    })
}
