//! What kube-state-metrics says of objects: the state at present, from the fault on.

use std::collections::BTreeSet;

use appliance_core::snapshot::Sample;
use serde_json::Value;

use super::super::controllers::{is_ready, quantity};
use super::super::site::Site;
use super::{Labels, labels, text, times};
use crate::world::SeriesStore;

/// What kube-state-metrics says: from the fault on, the present state.
pub(super) fn state_series(site: &mut Site) {
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
