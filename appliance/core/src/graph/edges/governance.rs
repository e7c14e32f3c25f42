//! What governs others without carrying them: autoscalers, policies,
//! disruption budgets, bindings, delivery tools, namespaces.
//!
//! Their change can touch what they govern; their own trouble is not passed on
//! along these edges, for that is often the other way round: an autoscaler
//! without metrics is the symptom of pods that crash.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use super::Edges;
use crate::causes::{labels, view, wiring};
use crate::object::ObjectRef;
use crate::snapshot::{Custom, Objects};

pub(super) fn add(objects: &Objects, edges: &mut Edges) {
    add_scalers(objects, edges);
    for policy in &objects.network_policies {
        add_policy(objects, policy, edges);
    }
    add_budgets(objects, edges);
    add_bindings(objects, edges);
    add_mesh(objects, edges);
    add_delivery(objects, edges);
}

fn add_scalers(objects: &Objects, edges: &mut Edges) {
    for autoscaler in &objects.horizontal_pod_autoscalers {
        let target = &autoscaler.spec.scale_target_ref;
        let namespace = view::namespace_of(autoscaler);
        edges.governs(
            view::reference("HorizontalPodAutoscaler", autoscaler),
            ObjectRef::namespaced(&target.kind, namespace, &target.name),
        );
    }
    for (kind, pointer) in [
        ("ScaledObject", "/spec/scaleTargetRef"),
        ("VerticalPodAutoscaler", "/spec/targetRef"),
    ] {
        for scaler in objects.customs.of(kind) {
            let target = scaler.at(pointer);
            let kind_of_target = target["kind"].as_str().unwrap_or("Deployment");
            if let Some(name) = target["name"].as_str() {
                let namespace = view::namespace_of(scaler);
                edges.governs(
                    view::reference(kind, scaler),
                    ObjectRef::namespaced(kind_of_target, namespace, name),
                );
            }
        }
    }
}

/// The pods of a namespace that a selector means.
fn selected<'a>(
    objects: &'a Objects,
    namespace: &'a str,
    selector: Option<&'a LabelSelector>,
) -> impl Iterator<Item = &'a Pod> + 'a {
    objects.pods.in_namespace(namespace).filter(move |pod| {
        let none = BTreeMap::new();
        let own = pod.metadata.labels.as_ref().unwrap_or(&none);
        selector.is_none_or(|selector| labels::matches_selector(selector, own))
    })
}

fn add_policy(objects: &Objects, policy: &NetworkPolicy, edges: &mut Edges) {
    let object = view::reference("NetworkPolicy", policy);
    let selector = policy
        .spec
        .as_ref()
        .and_then(|spec| spec.pod_selector.as_ref());
    for pod in selected(objects, view::namespace_of(policy), selector) {
        edges.governs(object.clone(), view::pod_ref(pod));
    }
}

/// A budget holds up who wants to empty a node.
fn add_budgets(objects: &Objects, edges: &mut Edges) {
    let emptied = |node: &str| {
        let spec = objects
            .nodes
            .get("", node)
            .and_then(|node| node.spec.as_ref());
        spec.is_some_and(|spec| spec.unschedulable == Some(true))
    };
    for budget in &objects.pod_disruption_budgets {
        let object = view::reference("PodDisruptionBudget", budget);
        let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        for pod in selected(objects, view::namespace_of(budget), selector) {
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
            if let Some(node) = node.filter(|node| emptied(node)) {
                edges.governs(object.clone(), ObjectRef::cluster("Node", node));
            }
        }
    }
}

fn add_bindings(objects: &Objects, edges: &mut Edges) {
    for binding in &objects.role_bindings {
        let object = view::reference("RoleBinding", binding);
        let accounts = binding.subjects.iter().flatten();
        for account in accounts.filter(|subject| subject.kind == "ServiceAccount") {
            let namespace = account.namespace.as_deref();
            let namespace = namespace.unwrap_or(view::namespace_of(binding));
            edges.governs(
                object.clone(),
                ObjectRef::namespaced("ServiceAccount", namespace, &account.name),
            );
        }
    }
}

/// Rules of a mesh over the Services of a host or of a namespace.
fn add_mesh(objects: &Objects, edges: &mut Edges) {
    for rule in objects.customs.of("DestinationRule") {
        let namespace = view::namespace_of(rule);
        if let Some((name, home)) = wiring::split_host(rule.text("/spec/host"), namespace) {
            edges.governs(
                view::reference("DestinationRule", rule),
                ObjectRef::namespaced("Service", home, name),
            );
        }
    }
    for kind in ["AuthorizationPolicy", "PeerAuthentication"] {
        for policy in objects.customs.of(kind) {
            let object = view::reference(kind, policy);
            for pod in objects.pods.in_namespace(view::namespace_of(policy)) {
                if is_meant(policy, pod) {
                    edges.governs(object.clone(), view::pod_ref(pod));
                }
            }
        }
    }
}

fn is_meant(policy: &Custom, pod: &Pod) -> bool {
    let wanted = policy.at("/spec/selector/matchLabels").as_object();
    let own = pod.metadata.labels.as_ref();
    wanted.into_iter().flatten().all(|(name, value)| {
        own.and_then(|own| own.get(name)).map(String::as_str) == value.as_str()
    })
}

/// Tools and the workloads that carry their marks; a namespace and the
/// workloads it rules by its labels.
fn add_delivery(objects: &Objects, edges: &mut Edges) {
    let releases = releases(objects);
    let workloads = objects
        .deployments
        .iter()
        .map(|one| (view::reference("Deployment", one), &one.metadata))
        .chain(
            objects
                .stateful_sets
                .iter()
                .map(|one| (view::reference("StatefulSet", one), &one.metadata)),
        )
        .chain(
            objects
                .daemon_sets
                .iter()
                .map(|one| (view::reference("DaemonSet", one), &one.metadata)),
        );
    for (workload, meta) in workloads {
        for tool in tools_of(objects, meta) {
            edges.governs(tool, workload.clone());
        }
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let release = annotation(meta, "meta.helm.sh/release-name");
        let home = annotation(meta, "meta.helm.sh/release-namespace").unwrap_or(namespace);
        for secret in release
            .and_then(|release| releases.get(&(home, release)))
            .into_iter()
            .flatten()
        {
            edges.governs(secret.clone(), workload.clone());
        }
        edges.governs(ObjectRef::cluster("Namespace", namespace), workload);
    }
}

fn annotation<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    meta.annotations.as_ref()?.get(key).map(String::as_str)
}

/// Helm's Secrets by namespace and release.
fn releases(objects: &Objects) -> BTreeMap<(&str, &str), Vec<ObjectRef>> {
    let mut releases: BTreeMap<(&str, &str), Vec<ObjectRef>> = BTreeMap::new();
    for secret in &objects.secrets {
        let Some(labels) = &secret.metadata.labels else {
            continue;
        };
        if labels.get("owner").map(String::as_str) == Some("helm")
            && let Some(name) = labels.get("name")
        {
            let key = (view::namespace_of(secret), name.as_str());
            releases
                .entry(key)
                .or_default()
                .push(view::reference("Secret", secret));
        }
    }
    releases
}

/// The objects of Argo CD and Flux that a workload's marks lead to.
fn tools_of(objects: &Objects, meta: &ObjectMeta) -> Vec<ObjectRef> {
    let label = |key: &str| meta.labels.as_ref()?.get(key).map(String::as_str);
    let application = annotation(meta, "argocd.argoproj.io/tracking-id")
        .and_then(|id| id.split(':').next())
        .or_else(|| label("argocd.argoproj.io/instance"));
    let named = [
        ("Application", application),
        ("Kustomization", label("kustomize.toolkit.fluxcd.io/name")),
        ("HelmRelease", label("helm.toolkit.fluxcd.io/name")),
    ];
    let mut tools = Vec::new();
    for (kind, name) in named {
        let Some(name) = name else { continue };
        let all = objects.customs.of(kind).iter();
        // Argo CD writes `NAMESPACE_NAME` where applications live in many namespaces.
        let bare = name.rsplit_once('_').map_or(name, |(_, name)| name);
        tools.extend(
            all.filter(|item| [name, bare].contains(&view::name_of(*item)))
                .map(|item| view::reference(kind, item)),
        );
    }
    tools
}
