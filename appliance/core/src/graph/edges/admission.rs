//! What the API server asks before it makes a pod: quotas, limit ranges,
//! webhooks, priority classes, and add-on APIs that others read.
//!
//! Only a workload that lacks pods suffers from what refuses pods; one whose
//! pods crash does not crash for that.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use serde_json::Value;

use super::Edges;
use crate::causes::view;
use crate::object::ObjectRef;
use crate::snapshot::{Custom, Objects};

pub(super) fn add(objects: &Objects, edges: &mut Edges) {
    let short = short_of_pods(objects);
    for quota in &objects.resource_quotas {
        gate(&view::reference("ResourceQuota", quota), &short, edges);
    }
    for range in &objects.limit_ranges {
        gate(&view::reference("LimitRange", range), &short, edges);
    }
    for workload in &short {
        let class = view::template_of(objects, workload)
            .and_then(|spec| spec.priority_class_name.as_deref());
        if let Some(class) = class.filter(|class| !class.is_empty()) {
            edges.depends(ObjectRef::cluster("PriorityClass", class), workload.clone());
        }
    }
    for kind in [
        "ValidatingWebhookConfiguration",
        "MutatingWebhookConfiguration",
    ] {
        for configuration in objects.customs.of(kind) {
            add_webhooks(kind, configuration, &short, edges);
        }
    }
    add_interfaces(objects, edges);
}

/// Workloads and `ReplicaSets` that want more pods than were made.
fn short_of_pods(objects: &Objects) -> Vec<ObjectRef> {
    let references = objects
        .deployments
        .iter()
        .map(|one| view::reference("Deployment", one))
        .chain(
            objects
                .replica_sets
                .iter()
                .map(|one| view::reference("ReplicaSet", one)),
        )
        .chain(
            objects
                .stateful_sets
                .iter()
                .map(|one| view::reference("StatefulSet", one)),
        )
        .chain(
            objects
                .daemon_sets
                .iter()
                .map(|one| view::reference("DaemonSet", one)),
        );
    references
        .filter(|object| {
            view::replicas(objects, object).is_some_and(|(wanted, made)| made < wanted)
        })
        .collect()
}

/// What rules the pods of a namespace.
fn gate(rule: &ObjectRef, short: &[ObjectRef], edges: &mut Edges) {
    for workload in short.iter().filter(|one| one.namespace == rule.namespace) {
        edges.depends(rule.clone(), workload.clone());
    }
}

/// A webhook needs its Service; who lacks pods may wait for the webhook.
fn add_webhooks(kind: &str, configuration: &Custom, short: &[ObjectRef], edges: &mut Edges) {
    let object = view::reference(kind, configuration);
    for webhook in configuration.items("/webhooks") {
        let service = webhook.pointer("/clientConfig/service");
        let text = |field: &str| service.and_then(|service| service[field].as_str());
        if let (Some(namespace), Some(name)) = (text("namespace"), text("name")) {
            edges.depends(
                ObjectRef::namespaced("Service", namespace, name),
                object.clone(),
            );
        }
        if !gates_pods(webhook) {
            continue;
        }
        for workload in short {
            edges.depends(object.clone(), workload.clone());
        }
    }
}

/// Whether the webhook is asked when pods or what makes them are created.
fn gates_pods(webhook: &Value) -> bool {
    const MAKERS: [&str; 8] = [
        "*",
        "*/*",
        "pods",
        "replicasets",
        "deployments",
        "statefulsets",
        "daemonsets",
        "jobs",
    ];
    let rules = webhook["rules"].as_array().into_iter().flatten();
    rules
        .flat_map(|rule| rule["resources"].as_array().into_iter().flatten())
        .filter_map(Value::as_str)
        .any(|resource| MAKERS.contains(&resource))
}

/// APIs that other programs answer: their Service before them, autoscalers behind.
fn add_interfaces(objects: &Objects, edges: &mut Edges) {
    for interface in objects.customs.of("APIService") {
        let object = view::reference("APIService", interface);
        let (namespace, name) = (
            interface.text("/spec/service/namespace"),
            interface.text("/spec/service/name"),
        );
        if !namespace.is_empty() && !name.is_empty() {
            let service = ObjectRef::namespaced("Service", namespace, name);
            edges.depends(service, object.clone());
        }
        let group = interface.text("/spec/group");
        for autoscaler in &objects.horizontal_pod_autoscalers {
            if reads(autoscaler, group) {
                let autoscaler = view::reference("HorizontalPodAutoscaler", autoscaler);
                edges.depends(object.clone(), autoscaler);
            }
        }
    }
}

/// Whether an autoscaler takes its metrics from the API of that group.
fn reads(autoscaler: &HorizontalPodAutoscaler, group: &str) -> bool {
    let metrics = autoscaler.spec.metrics.iter().flatten();
    let mut groups = metrics.map(|metric| match metric.type_.as_str() {
        "Resource" | "ContainerResource" => "metrics.k8s.io",
        "External" => "external.metrics.k8s.io",
        _ => "custom.metrics.k8s.io",
    });
    groups.any(|wanted| wanted == group)
}
