//! What kube-state-metrics says of objects: the state at present, from the fault on.

use std::collections::BTreeSet;

use appliance_core::snapshot::Sample;
use serde_json::Value;

use super::super::controllers::{is_ready, quantity};
use super::super::site::Site;
use super::{Labels, labels, text, times};
use crate::world::SeriesStore;

/// Metric, labels and the value that holds at present.
type Said = (&'static str, Labels, f64);

/// A counter of a workload: metric and where the object says it.
type Counter = (&'static str, &'static str);

/// Kind, its label and the counters told of it.
const WORKLOADS: [(&str, &str, &[Counter]); 3] = [
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
        ],
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
        ],
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
        ],
    ),
];

/// Lets all state metrics say the present state from the fault on.
pub(super) fn state_series(site: &mut Site) {
    let mut now = Vec::new();
    for pod in site.all("Pod") {
        pod_state(&pod, &mut now);
    }
    for (kind, label, counters) in WORKLOADS {
        for object in site.all(kind) {
            workload_state(&object, label, counters, &mut now);
        }
    }
    for node in site.all("Node") {
        node_state(&node, &mut now);
    }
    for quota in site.all("ResourceQuota") {
        quota_state(&quota, &mut now);
    }
    let (from, all) = (site.fault_at.as_second(), times(site));
    step(&mut site.world.series, &now, from, &all);
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// Labels of this exporter's series.
fn key(pairs: &[(&str, &str)], more: &[(&str, &str)]) -> Labels {
    let mut key = labels(pairs);
    key.extend(labels(more));
    key.extend(labels(&[("job", "kube-state-metrics")]));
    key
}

fn pod_state(pod: &Value, now: &mut Vec<Said>) {
    let namespace = text(pod, "/metadata/namespace");
    let name = text(pod, "/metadata/name");
    let of = [("namespace", namespace.as_str()), ("pod", name.as_str())];
    for phase in ["Pending", "Running", "Failed"] {
        now.push((
            "kube_pod_status_phase",
            key(&of, &[("phase", phase)]),
            truth(pod["status"]["phase"] == phase),
        ));
    }
    now.push((
        "kube_pod_status_ready",
        key(&of, &[("condition", "true")]),
        truth(is_ready(pod)),
    ));
    for container in each(&pod["spec"]["containers"]) {
        if let Some(limit) = container["resources"]["limits"]["memory"].as_str() {
            let more = [
                ("container", &*text(container, "/name")),
                ("resource", "memory"),
                ("unit", "byte"),
            ];
            let bytes = quantity(limit) as f64;
            now.push(("kube_pod_container_resource_limits", key(&of, &more), bytes));
        }
    }
    for status in each(&pod["status"]["containerStatuses"]) {
        container_state(status, &of, now);
    }
}

fn each(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn container_state(status: &Value, of: &[(&str, &str)], now: &mut Vec<Said>) {
    let name = text(status, "/name");
    let container = ("container", name.as_str());
    now.push((
        "kube_pod_container_status_restarts_total",
        key(of, &[container]),
        status["restartCount"].as_f64().unwrap_or(0.0),
    ));
    let reasons = [
        (
            "kube_pod_container_status_waiting_reason",
            "/state/waiting/reason",
        ),
        (
            "kube_pod_container_status_last_terminated_reason",
            "/lastState/terminated/reason",
        ),
    ];
    for (metric, pointer) in reasons {
        let reason = text(status, pointer);
        if !reason.is_empty() {
            now.push((metric, key(of, &[container, ("reason", &reason)]), 1.0));
        }
    }
}

fn workload_state(object: &Value, label: &str, counters: &[Counter], now: &mut Vec<Said>) {
    let namespace = text(object, "/metadata/namespace");
    let name = text(object, "/metadata/name");
    for (metric, pointer) in counters {
        let value = object.pointer(pointer).and_then(Value::as_f64);
        let key = key(&[("namespace", &namespace), (label, &name)], &[]);
        now.push((metric, key, value.unwrap_or(0.0)));
    }
}

fn node_state(node: &Value, now: &mut Vec<Said>) {
    let name = text(node, "/metadata/name");
    let of = [("node", name.as_str())];
    for condition in each(&node["status"]["conditions"]) {
        let kind = text(condition, "/type");
        for status in ["true", "false", "unknown"] {
            let holds = text(condition, "/status").to_lowercase() == status;
            let key = key(&of, &[("condition", &kind), ("status", status)]);
            now.push(("kube_node_status_condition", key, truth(holds)));
        }
    }
    now.push((
        "kube_node_spec_unschedulable",
        key(&of, &[]),
        truth(node["spec"]["unschedulable"] == true),
    ));
}

fn quota_state(quota: &Value, now: &mut Vec<Said>) {
    let namespace = text(quota, "/metadata/namespace");
    let name = text(quota, "/metadata/name");
    let of = [("namespace", &*namespace), ("resourcequota", &*name)];
    for kind in ["hard", "used"] {
        for (resource, value) in quota["status"][kind].as_object().into_iter().flatten() {
            let amount = value.as_str().unwrap_or_default();
            let scale = if amount.ends_with('m') { 1000.0 } else { 1.0 };
            let key = key(&of, &[("resource", resource), ("type", kind)]);
            now.push(("kube_resourcequota", key, quantity(amount) as f64 / scale));
        }
    }
}

/// Sets the present values from `from` on, and drops what is no longer said.
fn step(store: &mut SeriesStore, now: &[Said], from: i64, times: &[i64]) {
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
