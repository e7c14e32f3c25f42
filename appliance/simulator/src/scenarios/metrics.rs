//! Metric series as exporters of the field give them: an hour up to now, a
//! sample every two minutes.
//!
//! [`settle`] follows the objects: new pods get series from their start on,
//! deleted ones end at the fault, state metrics step at the fault. What load
//! and errors do is shaped by recipes afterwards.

use std::collections::{BTreeMap, BTreeSet};

use appliance_core::snapshot::Sample;
use jiff::Timestamp;
use serde_json::Value;

use super::controllers::{is_ready, quantity};
use super::names::Role;
use super::site::Site;
use crate::world::SeriesStore;

/// How much past the series have, and how far apart samples are, seconds.
const HISTORY: i64 = 3600;
pub(super) const STEP: i64 = 120;

pub(super) type Labels = BTreeMap<String, String>;

/// Labels out of pairs.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Sample times of the last hour, Unix seconds.
pub(super) fn times(site: &Site) -> Vec<i64> {
    let end = site.now.as_second();
    (0..=HISTORY / STEP)
        .map(|index| end - HISTORY + index * STEP)
        .collect()
}

/// How traffic of a service goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    /// Requests per second.
    pub(crate) rate: f64,
    /// Share of requests that fail.
    pub(crate) errors: f64,
    /// Typical duration, seconds.
    pub(crate) latency: f64,
}

/// Brings all series up to date with the objects.
pub(crate) fn settle(site: &mut Site) {
    end_deleted(site);
    for pod in site.all("Pod") {
        container_series(site, &pod);
    }
    for (index, _) in site.names.nodes.clone().iter().enumerate() {
        node_series(site, index);
    }
    for app in site.apps.clone() {
        if app.role != Role::Database
            && site
                .world
                .series
                .of("http_requests_total")
                .all(|(labels, _)| labels["service"] != app.name)
        {
            let healthy = Traffic {
                rate: app.load * app.replicas as f64,
                errors: 0.002,
                latency: 0.02 + site.rng.unit() * 0.08,
            };
            let start = site.now.as_second() - HISTORY;
            site.traffic(&app.name, start, healthy);
        }
    }
    volume_series(site);
    state_series(site);
}

/// Pods that are gone have no samples after the fault.
fn end_deleted(site: &mut Site) {
    let alive: BTreeSet<(String, String)> = site
        .all("Pod")
        .iter()
        .map(|pod| {
            (
                text(pod, "/metadata/namespace"),
                text(pod, "/metadata/name"),
            )
        })
        .collect();
    let fault = site.fault_at.as_second() as f64;
    let names: Vec<String> = site.world.series.names().map(str::to_owned).collect();
    for name in names {
        let gone = |labels: &Labels| match (labels.get("namespace"), labels.get("pod")) {
            (Some(namespace), Some(pod)) => !alive.contains(&(namespace.clone(), pod.clone())),
            _ => false,
        };
        site.world.series.edit(&name, gone, |_, samples| {
            samples.retain(|sample| sample.at < fault);
        });
    }
}

fn text(object: &Value, pointer: &str) -> String {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn seconds(object: &Value, pointer: &str) -> Option<i64> {
    let time: Timestamp = text(object, pointer).parse().ok()?;
    Some(time.as_second())
}

/// CPU and memory of the containers of a pod that runs.
fn container_series(site: &mut Site, pod: &Value) {
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

fn node_series(site: &mut Site, index: usize) {
    let name = site.names.nodes[index].clone();
    let instance = format!("{}:9100", super::workload::node_address(index));
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

fn volume_series(site: &mut Site) {
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

/// What kube-state-metrics says: from the fault on, the present state.
fn state_series(site: &mut Site) {
    let mut now: Vec<(&str, Labels, f64)> = Vec::new();
    let truth = |holds: bool| f64::from(u8::from(holds));
    for pod in site.all("Pod") {
        let (namespace, name) = (
            text(&pod, "/metadata/namespace"),
            text(&pod, "/metadata/name"),
        );
        let key = |more: &[(&str, &str)]| {
            let mut key = labels(&[
                ("namespace", &namespace),
                ("pod", &name),
                ("job", "kube-state-metrics"),
            ]);
            key.extend(labels(more));
            key
        };
        for phase in ["Pending", "Running", "Failed"] {
            now.push((
                "kube_pod_status_phase",
                key(&[("phase", phase)]),
                truth(pod["status"]["phase"] == phase),
            ));
        }
        now.push((
            "kube_pod_status_ready",
            key(&[("condition", "true")]),
            truth(is_ready(&pod)),
        ));
        for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
            let limit = &container["resources"]["limits"]["memory"];
            if let Some(limit) = limit.as_str() {
                let of = text(container, "/name");
                let more = [
                    ("container", of.as_str()),
                    ("resource", "memory"),
                    ("unit", "byte"),
                ];
                let bytes = quantity(limit) as f64;
                now.push(("kube_pod_container_resource_limits", key(&more), bytes));
            }
        }
        for status in pod["status"]["containerStatuses"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let container = text(status, "/name");
            let restarts = status["restartCount"].as_f64().unwrap_or(0.0);
            now.push((
                "kube_pod_container_status_restarts_total",
                key(&[("container", &container)]),
                restarts,
            ));
            let waiting = text(status, "/state/waiting/reason");
            if !waiting.is_empty() {
                now.push((
                    "kube_pod_container_status_waiting_reason",
                    key(&[("container", &container), ("reason", &waiting)]),
                    1.0,
                ));
            }
            let last = text(status, "/lastState/terminated/reason");
            if !last.is_empty() {
                now.push((
                    "kube_pod_container_status_last_terminated_reason",
                    key(&[("container", &container), ("reason", &last)]),
                    1.0,
                ));
            }
        }
    }
    for (kind, label, fields) in [
        (
            "Deployment",
            "deployment",
            &[
                ("kube_deployment_spec_replicas", "/spec/replicas"),
                (
                    "kube_deployment_status_replicas_available",
                    "/status/availableReplicas",
                ),
                (
                    "kube_deployment_status_replicas_updated",
                    "/status/updatedReplicas",
                ),
                (
                    "kube_deployment_status_replicas_unavailable",
                    "/status/unavailableReplicas",
                ),
            ][..],
        ),
        (
            "StatefulSet",
            "statefulset",
            &[
                ("kube_statefulset_replicas", "/spec/replicas"),
                (
                    "kube_statefulset_status_replicas_ready",
                    "/status/readyReplicas",
                ),
            ][..],
        ),
        (
            "DaemonSet",
            "daemonset",
            &[
                (
                    "kube_daemonset_status_desired_number_scheduled",
                    "/status/desiredNumberScheduled",
                ),
                ("kube_daemonset_status_number_ready", "/status/numberReady"),
            ][..],
        ),
    ] {
        for object in site.all(kind) {
            let key = labels(&[
                ("namespace", &text(&object, "/metadata/namespace")),
                (label, &text(&object, "/metadata/name")),
                ("job", "kube-state-metrics"),
            ]);
            for (metric, pointer) in fields {
                let value = object
                    .pointer(pointer)
                    .and_then(Value::as_f64)
                    .unwrap_or(0.0);
                now.push((metric, key.clone(), value));
            }
        }
    }
    for node in site.all("Node") {
        let name = text(&node, "/metadata/name");
        for condition in node["status"]["conditions"]
            .as_array()
            .into_iter()
            .flatten()
        {
            for status in ["true", "false", "unknown"] {
                let key = labels(&[
                    ("node", &name),
                    ("condition", &text(condition, "/type")),
                    ("status", status),
                    ("job", "kube-state-metrics"),
                ]);
                let holds = text(condition, "/status").to_lowercase() == status;
                now.push(("kube_node_status_condition", key, truth(holds)));
            }
        }
        let key = labels(&[("node", &name), ("job", "kube-state-metrics")]);
        now.push((
            "kube_node_spec_unschedulable",
            key,
            truth(node["spec"]["unschedulable"] == true),
        ));
    }
    for quota in site.all("ResourceQuota") {
        for kind in ["hard", "used"] {
            for (resource, value) in quota["status"][kind].as_object().into_iter().flatten() {
                let amount = value.as_str().unwrap_or_default();
                let scale = if amount.ends_with('m') { 1000.0 } else { 1.0 };
                let key = labels(&[
                    ("namespace", &text(&quota, "/metadata/namespace")),
                    ("resourcequota", &text(&quota, "/metadata/name")),
                    ("resource", resource),
                    ("type", kind),
                    ("job", "kube-state-metrics"),
                ]);
                now.push(("kube_resourcequota", key, quantity(amount) as f64 / scale));
            }
        }
    }
    let (from, all) = (site.fault_at.as_second(), times(site));
    step(&mut site.world.series, &now, from, &all);
}

/// Sets the present values from `from` on, and drops what is no longer said.
fn step(store: &mut SeriesStore, now: &[(&str, Labels, f64)], from: i64, times: &[i64]) {
    let said: BTreeSet<(&str, &Labels)> = now
        .iter()
        .map(|(name, labels, _)| (*name, labels))
        .collect();
    let names: BTreeSet<&str> = now.iter().map(|(name, _, _)| *name).collect();
    for name in names {
        let silent = |labels: &Labels| !said.contains(&(name, labels));
        store.edit(name, silent, |_, samples| {
            samples.retain(|sample| sample.at < from as f64);
        });
    }
    for (name, labels, value) in now {
        store.edit(
            name,
            |other| other == labels,
            |_, samples| samples.retain(|sample| sample.at < from as f64),
        );
        for at in times.iter().filter(|at| **at >= from) {
            store.push(
                name,
                labels,
                Sample {
                    at: *at as f64,
                    value: *value,
                },
            );
        }
    }
}
