//! What kubelets and node exporters measure: containers, nodes and volumes.
//!
//! A series that is there already is left as it is.

use appliance_core::snapshot::Sample;
use jiff::Timestamp;
use serde_json::Value;

use super::super::controllers::quantity;
use super::super::site::Site;
use super::super::workload::node_address;
use super::{Labels, STEP, labels, text, times};

fn seconds(object: &Value, pointer: &str) -> Option<i64> {
    let time: Timestamp = text(object, pointer).parse().ok()?;
    Some(time.as_second())
}

/// CPU and memory of the containers of a pod that runs.
pub(super) fn container_series(site: &mut Site, pod: &Value) {
    let (namespace, name) = (
        text(pod, "/metadata/namespace"),
        text(pod, "/metadata/name"),
    );
    let node = text(pod, "/spec/nodeName");
    let Some(start) = seconds(pod, "/status/startTime") else {
        return;
    };
    let containers = pod["spec"]["containers"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for container in containers {
        let key = labels(&[
            ("namespace", &namespace),
            ("pod", &name),
            ("container", &text(&container, "/name")),
            ("node", &node),
            ("job", "kubelet"),
        ]);
        if site
            .world
            .series
            .of("container_memory_working_set_bytes")
            .any(|(labels, _)| *labels == key)
        {
            continue;
        }
        let cpu_limit = quantity(
            container["resources"]["limits"]["cpu"]
                .as_str()
                .unwrap_or("400m"),
        ) as f64
            / 1000.0;
        let memory_limit = quantity(
            container["resources"]["limits"]["memory"]
                .as_str()
                .unwrap_or("256Mi"),
        ) as f64;
        let busy = cpu_limit * (0.12 + site.rng.unit() * 0.15);
        let resident = memory_limit * (0.35 + site.rng.unit() * 0.15);
        let mut used = (site.now.as_second() - start) as f64 * busy;
        let mut periods = (site.now.as_second() - start) as f64 * 9.0;
        for at in times(site).into_iter().filter(|at| *at >= start) {
            used += busy * STEP as f64 * (0.8 + site.rng.unit() * 0.4);
            periods += STEP as f64 * 10.0;
            let memory = resident * (0.97 + site.rng.unit() * 0.06);
            let at = at as f64;
            let mut push =
                |name: &str, value: f64| site.world.series.push(name, &key, Sample { at, value });
            push("container_cpu_usage_seconds_total", used.round());
            push("container_memory_working_set_bytes", memory.round());
            push("container_spec_memory_limit_bytes", memory_limit);
            push("container_cpu_cfs_periods_total", periods);
            push(
                "container_cpu_cfs_throttled_periods_total",
                (periods * 0.01).round(),
            );
        }
    }
}

pub(super) fn node_series(site: &mut Site, index: usize) {
    let name = site.names.nodes[index].clone();
    let instance = format!("{}:9100", node_address(index));
    let key = labels(&[
        ("instance", &instance),
        ("node", &name),
        ("job", "node-exporter"),
    ]);
    if site
        .world
        .series
        .of("node_load1")
        .any(|(labels, _)| *labels == key)
    {
        return;
    }
    let node = site.get("Node", "", &name);
    let total = quantity(
        node["status"]["capacity"]["memory"]
            .as_str()
            .unwrap_or("16Gi"),
    ) as f64;
    let disk = 215_000_000_000.0;
    let with = |name: &str, value: &str| {
        let mut labels = key.clone();
        labels.insert(name.to_owned(), value.to_owned());
        labels
    };
    let root = {
        let mut root = with("mountpoint", "/");
        root.insert("fstype".to_owned(), "ext4".to_owned());
        root
    };
    let info = with("nodename", &name);
    let idle = with("mode", "idle");
    let mut idle_seconds = 86_400.0;
    let kubelet = labels(&[
        ("instance", &instance.replace("9100", "10250")),
        ("node", &name),
        ("job", "kubelet"),
    ]);
    let (busy, free, left) = (
        1.0 + site.rng.unit() * 2.0,
        0.45 + site.rng.unit() * 0.2,
        0.4 + site.rng.unit() * 0.3,
    );
    for at in times(site) {
        let mut noise = || 0.96 + site.rng.unit() * 0.08;
        let (load, available, space) = (
            busy * noise(),
            (total * free * noise()).round(),
            (disk * left).round(),
        );
        let mut push = |name: &str, labels: &Labels, value: f64| {
            site.world.series.push(
                name,
                labels,
                Sample {
                    at: at as f64,
                    value,
                },
            );
        };
        idle_seconds += STEP as f64 * (1.0 - load / 12.0);
        push("up", &key, 1.0);
        push("node_uname_info", &info, 1.0);
        push("node_cpu_seconds_total", &idle, idle_seconds.round());
        push("up", &kubelet, 1.0);
        push("node_load1", &key, (load * 100.0).round() / 100.0);
        push("node_memory_MemTotal_bytes", &key, total);
        push("node_memory_MemAvailable_bytes", &key, available);
        push("node_filesystem_size_bytes", &root, disk);
        push("node_filesystem_avail_bytes", &root, space);
    }
}

pub(super) fn volume_series(site: &mut Site) {
    for claim in site.all("PersistentVolumeClaim") {
        let key = labels(&[
            ("namespace", &text(&claim, "/metadata/namespace")),
            ("persistentvolumeclaim", &text(&claim, "/metadata/name")),
            ("job", "kubelet"),
        ]);
        let bound = claim["status"]["phase"] == "Bound";
        if !bound
            || site
                .world
                .series
                .of("kubelet_volume_stats_capacity_bytes")
                .any(|(labels, _)| *labels == key)
        {
            continue;
        }
        let capacity = quantity(
            claim["status"]["capacity"]["storage"]
                .as_str()
                .unwrap_or("20Gi"),
        ) as f64;
        for at in times(site) {
            let mut push = |name: &str, value: f64| {
                site.world.series.push(
                    name,
                    &key,
                    Sample {
                        at: at as f64,
                        value,
                    },
                );
            };
            push("kubelet_volume_stats_capacity_bytes", capacity);
            push(
                "kubelet_volume_stats_available_bytes",
                (capacity * 0.58).round(),
            );
        }
    }
}
