//! Which object a remedy is about.
//!
//! A finding names what to fix; its remedy may be one step away: the workload
//! behind a Service, the node under a pod, the part of the cluster that runs
//! there. Only what was captured is found.

use std::collections::BTreeMap;

use crate::causes::{Case, Finding, component, view, wiring};
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// An object in its relation to a finding.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// The finding's own object.
    Own,
    /// The first object of that kind that the finding names.
    Cited(&'static str),
    /// The workload at the heart of it.
    Workload,
    /// A pod that is not well.
    Pod,
    /// The node at the heart of it.
    Node,
    /// The workload of the cluster's part of those names.
    Part(&'static [&'static str]),
    /// That part's pod on the node at the heart of it.
    PartOnNode(&'static [&'static str]),
    /// The `ServiceAccount` of the workload.
    Account,
    /// The claim at the heart of it, or of the workload.
    Claim,
    /// The quota that refuses.
    Quota,
    /// The role that the workload's `ServiceAccount` is bound to.
    Role,
    /// The webhook configuration that calls the finding's Service.
    Webhook,
    /// The class of the claim.
    StorageClass,
}

/// Kinds that have pods and revisions.
const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// Webhook configurations of both sorts.
const WEBHOOKS: [&str; 2] = [
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
];

/// The object at `place` of `finding`, if it was captured.
pub(super) fn find(case: &Case<'_>, finding: &Finding, place: Place) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    match place {
        Place::Own => captured(objects, finding.object.clone()),
        Place::Cited(kind) => cited(finding)
            .find(|object| object.kind == kind && objects.contains(object))
            .cloned(),
        Place::Workload => workload(case, finding),
        Place::Pod => pod(case, finding),
        Place::Node => node(case, finding),
        Place::Part(names) => part(case, names),
        Place::PartOnNode(names) => {
            let node = node(case, finding)?;
            let pods = component::pods(case, names);
            let pod = pods.into_iter().find(|pod| runs_on(pod, &node.name))?;
            Some(view::pod_ref(pod))
        }
        Place::Account => account(case, finding),
        Place::Claim => claim(case, finding),
        Place::Quota => quota(case, finding),
        Place::Role => role(case, finding),
        Place::Webhook => webhook(objects, &finding.object),
        Place::StorageClass => {
            let claim = claim(case, finding)?;
            let namespace = claim.namespace.as_deref().unwrap_or_default();
            let spec = objects
                .persistent_volume_claims
                .get(namespace, &claim.name)?;
            let class = spec.spec.as_ref()?.storage_class_name.as_deref()?;
            captured(objects, ObjectRef::cluster("StorageClass", class))
        }
    }
}

/// Every object the finding names: its own, what it explains, what it cites.
fn cited(finding: &Finding) -> impl Iterator<Item = &ObjectRef> {
    let evidence = finding.because.iter().map(|draft| &draft.object);
    std::iter::once(&finding.object)
        .chain(&finding.explains)
        .chain(evidence)
}

fn captured(objects: &Objects, object: ObjectRef) -> Option<ObjectRef> {
    objects.contains(&object).then_some(object)
}

fn is_workload(object: &ObjectRef) -> bool {
    WORKLOADS.contains(&object.kind.as_str())
}

fn workload(case: &Case<'_>, finding: &Finding) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let subjects = case.subjects.iter();
    cited(finding)
        .chain(subjects)
        .map(|object| workload_at(objects, object))
        .find(|object| is_workload(object) && objects.contains(object))
}

/// The workload that an object stands for, or the object itself.
fn workload_at(objects: &Objects, object: &ObjectRef) -> ObjectRef {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    match object.kind.as_str() {
        "Service" => objects.services.get(namespace, &object.name).map_or_else(
            || object.clone(),
            |service| wiring::workload_behind(objects, service),
        ),
        "APIService" => behind(objects, object).unwrap_or_else(|| object.clone()),
        _ => view::root_of(objects, object),
    }
}

/// The workload that serves an aggregated API.
fn behind(objects: &Objects, api: &ObjectRef) -> Option<ObjectRef> {
    let api = objects.customs.of("APIService").get("", &api.name)?;
    let namespace = api.text("/spec/service/namespace");
    let service = objects
        .services
        .get(namespace, api.text("/spec/service/name"))?;
    Some(wiring::workload_behind(objects, service))
}

fn pod(case: &Case<'_>, finding: &Finding) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let named = cited(finding).filter(|object| object.kind == "Pod");
    let mut pods = named.filter_map(|object| {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        objects.pods.get(namespace, &object.name)
    });
    let Some(first) = pods.next() else {
        let own = view::pods_of(objects, &workload(case, finding)?);
        let unwell = own.into_iter().find(|pod| !view::is_well(pod))?;
        return Some(view::pod_ref(unwell));
    };
    if !view::is_well(first) {
        return Some(view::pod_ref(first));
    }
    let unwell = pods.find(|pod| !view::is_well(pod));
    Some(view::pod_ref(unwell.unwrap_or(first)))
}

fn node(case: &Case<'_>, finding: &Finding) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let named = cited(finding).find(|object| object.kind == "Node" && objects.contains(object));
    named.cloned().or_else(|| {
        let pod = pod(case, finding)?;
        let namespace = pod.namespace.as_deref().unwrap_or_default();
        let spec = objects.pods.get(namespace, &pod.name)?.spec.as_ref()?;
        captured(
            objects,
            ObjectRef::cluster("Node", spec.node_name.as_deref()?),
        )
    })
}

fn part(case: &Case<'_>, names: &[&str]) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let own = component::workload(case, &component::pods(case, names));
    own.filter(|object| is_workload(object) && objects.contains(object))
}

/// Whether a pod runs on that node.
pub(super) fn runs_on(pod: &k8s_openapi::api::core::v1::Pod, node: &str) -> bool {
    let spec = pod.spec.as_ref();
    spec.is_some_and(|spec| spec.node_name.as_deref() == Some(node))
}

/// The name of the `ServiceAccount` the workload's pods run as.
pub(super) fn account_name(case: &Case<'_>, workload: &ObjectRef) -> Option<String> {
    let template = view::template_of(&case.snapshot.objects, workload)?;
    let name = template.service_account_name.as_deref();
    let name = name.filter(|name| !name.is_empty()).unwrap_or("default");
    Some(name.to_owned())
}

fn account(case: &Case<'_>, finding: &Finding) -> Option<ObjectRef> {
    let workload = workload(case, finding)?;
    let namespace = workload.namespace.clone()?;
    let name = account_name(case, &workload)?;
    let account = ObjectRef::namespaced("ServiceAccount", namespace, name);
    captured(&case.snapshot.objects, account)
}

fn claim(case: &Case<'_>, finding: &Finding) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let kind = "PersistentVolumeClaim";
    let named = cited(finding).find(|object| object.kind == kind && objects.contains(object));
    named.cloned().or_else(|| {
        let workload = workload(case, finding)?;
        let pods = view::pods_of(objects, &workload);
        let mut claims = pods.iter().flat_map(|pod| {
            let names = pod.spec.as_ref().map(view::claim_names).unwrap_or_default();
            let namespace = view::namespace_of(*pod);
            names
                .into_iter()
                .map(move |name| ObjectRef::namespaced(kind, namespace, name))
        });
        claims.find(|claim| objects.contains(claim))
    })
}

/// The quota that the finding names, its words name, or the only one there is.
fn quota(case: &Case<'_>, finding: &Finding) -> Option<ObjectRef> {
    let objects = &case.snapshot.objects;
    let kind = "ResourceQuota";
    let named = cited(finding).find(|object| object.kind == kind && objects.contains(object));
    named.cloned().or_else(|| {
        let own = &finding.object;
        let namespace = own.namespace.as_deref().unwrap_or(&own.name);
        let quotas = objects.resource_quotas.in_namespace(namespace);
        let names: Vec<&str> = quotas.map(view::name_of).collect();
        let said = names.iter().find(|name| {
            let refusal = format!("exceeded quota: {name},");
            let mut drafts = finding.because.iter();
            drafts.any(|draft| {
                let mut texts = draft.lines.iter().chain([&draft.title]);
                texts.any(|text| text.contains(&refusal))
            })
        });
        let only = names.first().filter(|_| names.len() == 1);
        let name = said.or(only)?;
        Some(ObjectRef::namespaced(kind, namespace, *name))
    })
}

/// The role bound to the account: roles are not captured, but their bindings name them.
fn role(case: &Case<'_>, finding: &Finding) -> Option<ObjectRef> {
    let workload = workload(case, finding)?;
    let namespace = workload.namespace.as_deref()?;
    let account = account_name(case, &workload)?;
    let bindings = case.snapshot.objects.role_bindings.in_namespace(namespace);
    let binding = bindings.into_iter().find(|binding| {
        let mut subjects = binding.subjects.iter().flatten();
        subjects.any(|subject| subject.kind == "ServiceAccount" && subject.name == account)
    })?;
    let role = &binding.role_ref;
    Some(if role.kind == "ClusterRole" {
        ObjectRef::cluster("ClusterRole", &role.name)
    } else {
        ObjectRef::namespaced("Role", namespace, &role.name)
    })
}

fn webhook(objects: &Objects, service: &ObjectRef) -> Option<ObjectRef> {
    WEBHOOKS.into_iter().find_map(|kind| {
        let mut all = objects.customs.of(kind).iter();
        let found = all.find(|config| {
            let mut hooks = config.items("/webhooks").iter();
            hooks.any(|hook| {
                let called = &hook["clientConfig"]["service"];
                called["name"] == service.name.as_str()
                    && called["namespace"].as_str() == service.namespace.as_deref()
            })
        })?;
        Some(view::reference(kind, found)).map(|object| ObjectRef {
            namespace: None,
            ..object
        })
    })
}

/// A node of the control plane: the first by name that says so by its labels.
pub(super) fn control_plane_node(objects: &Objects) -> Option<ObjectRef> {
    let is_one = |labels: &BTreeMap<String, String>| {
        ["control-plane", "master"]
            .iter()
            .any(|role| labels.contains_key(&format!("node-role.kubernetes.io/{role}")))
    };
    let nodes = objects.nodes.iter();
    nodes
        .filter(|node| node.metadata.labels.as_ref().is_some_and(is_one))
        .map(|node| view::reference("Node", node))
        .min()
}
