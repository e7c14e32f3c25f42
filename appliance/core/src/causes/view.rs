//! Questions analyzers ask of a cluster: who owns this pod, is it well, does
//! this event still matter.
//!
//! Decides nothing about causes. Invariant: an answer names only objects of
//! the snapshot or owners that they refer to.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::Metadata;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodSpec, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use super::Case;
use crate::facts::EventFold;
use crate::object::ObjectRef;
use crate::snapshot::{Objects, Owned};

/// How far before the alert an event may lie and still belong to the incident:
/// the usual `for` of 15 minutes and half an hour before it.
pub(crate) const WINDOW: SignedDuration = SignedDuration::from_mins(45);

/// Whether `text` holds one of `fragments` (given in lower case), whatever its case.
pub(crate) fn mentions(text: &str, fragments: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    fragments.iter().any(|fragment| text.contains(fragment))
}

/// What stands in the first pair of double quotes after `marker` in `text`.
pub(crate) fn quoted_after<'a>(text: &'a str, marker: &str) -> Option<&'a str> {
    let start = text.to_ascii_lowercase().find(marker)? + marker.len();
    let rest = &text[start..];
    let open = rest.find('"')? + 1;
    let close = rest[open..].find('"')?;
    Some(&rest[open..open + close])
}

/// An object's name for the analysis.
pub(crate) fn reference<T: Metadata<Ty = ObjectMeta>>(kind: &str, item: &T) -> ObjectRef {
    let meta = item.metadata();
    ObjectRef {
        kind: kind.to_owned(),
        namespace: meta.namespace.clone(),
        name: meta.name.clone().unwrap_or_default(),
    }
}

/// A pod's name for the analysis.
pub(crate) fn pod_ref(pod: &Pod) -> ObjectRef {
    reference("Pod", pod)
}

/// The namespace of an object, empty for cluster-scoped ones.
pub(crate) fn namespace_of<T: Metadata<Ty = ObjectMeta>>(item: &T) -> &str {
    item.metadata().namespace.as_deref().unwrap_or_default()
}

/// The name of an object.
pub(crate) fn name_of<T: Metadata<Ty = ObjectMeta>>(item: &T) -> &str {
    item.metadata().name.as_deref().unwrap_or_default()
}

/// When an object was made.
pub(crate) fn created<T: Metadata<Ty = ObjectMeta>>(item: &T) -> Option<Timestamp> {
    let at = item.metadata().creation_timestamp.as_ref();
    at.map(|time| time.0)
}

fn controller(meta: &ObjectMeta) -> Option<&OwnerReference> {
    // A static pod belongs to its node's kubelet, which is no workload.
    let owners = meta.owner_references.iter().flatten();
    let mut owners = owners.filter(|owner| owner.kind != "Node");
    let first = owners.clone().next();
    owners
        .find(|owner| owner.controller == Some(true))
        .or(first)
}

/// The workload that made `pod`: what a person would change. A pod nobody
/// owns is its own workload.
pub(crate) fn workload_of(objects: &Objects, pod: &Pod) -> ObjectRef {
    let namespace = namespace_of(pod);
    match controller(&pod.metadata) {
        Some(owner) => root_of(
            objects,
            &ObjectRef::namespaced(&owner.kind, namespace, &owner.name),
        ),
        None => pod_ref(pod),
    }
}

/// The workload above `object`: `ReplicaSet` to `Deployment`, `Job` to
/// `CronJob`, `Pod` to its owner; everything else is its own.
pub(crate) fn root_of(objects: &Objects, object: &ObjectRef) -> ObjectRef {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let meta = match object.kind.as_str() {
        "Pod" => {
            return objects
                .pods
                .get(namespace, &object.name)
                .map_or_else(|| object.clone(), |pod| workload_of(objects, pod));
        }
        "ReplicaSet" => match objects.replica_sets.get(namespace, &object.name) {
            Some(set) => &set.metadata,
            None => return deployment_by_name(objects, object),
        },
        "Job" => match objects.jobs.get(namespace, &object.name) {
            Some(job) => &job.metadata,
            None => return object.clone(),
        },
        _ => return object.clone(),
    };
    controller(meta).map_or_else(
        || object.clone(),
        |owner| ObjectRef::namespaced(&owner.kind, namespace, &owner.name),
    )
}

/// A `ReplicaSet` that was not captured is named after its Deployment and a hash.
fn deployment_by_name(objects: &Objects, set: &ObjectRef) -> ObjectRef {
    let namespace = set.namespace.as_deref().unwrap_or_default();
    let stem = set.name.rsplit_once('-').map_or("", |(stem, _)| stem);
    match objects.deployments.get(namespace, stem) {
        Some(deployment) => reference("Deployment", deployment),
        None => set.clone(),
    }
}

/// The pods of a workload.
pub(crate) fn pods_of<'a>(objects: &'a Objects, workload: &ObjectRef) -> Vec<&'a Pod> {
    let owned = objects.owned.of(objects, || {
        let mut owned = Owned::new();
        for (place, pod) in objects.pods.iter().enumerate() {
            let workload = workload_of(objects, pod);
            // A workload lives in the namespace of its pods.
            if workload.namespace == pod.metadata.namespace {
                owned.entry(workload).or_default().push(place);
            }
        }
        owned
    });
    let places = owned.get(workload).into_iter().flatten();
    places.filter_map(|place| objects.pods.at(*place)).collect()
}

/// The pod spec a workload makes its pods from.
pub(crate) fn template_of<'a>(objects: &'a Objects, workload: &ObjectRef) -> Option<&'a PodSpec> {
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let name = workload.name.as_str();
    match workload.kind.as_str() {
        "Deployment" => {
            let deployment = objects.deployments.get(namespace, name)?;
            deployment.spec.template.spec.as_ref()
        }
        "StatefulSet" => {
            let set = objects.stateful_sets.get(namespace, name)?;
            set.spec.template.spec.as_ref()
        }
        "DaemonSet" => {
            let set = objects.daemon_sets.get(namespace, name)?;
            set.spec.template.spec.as_ref()
        }
        "ReplicaSet" => objects
            .replica_sets
            .get(namespace, name)?
            .spec
            .template
            .as_ref()?
            .spec
            .as_ref(),
        "Job" => objects
            .jobs
            .get(namespace, name)?
            .spec
            .as_ref()?
            .template
            .spec
            .as_ref(),
        "Pod" => objects.pods.get(namespace, name)?.spec.as_ref(),
        _ => None,
    }
}

/// The services of a namespace whose selector `labels` satisfy.
pub(crate) fn services_selecting(
    objects: &Objects,
    namespace: &str,
    labels: &BTreeMap<String, String>,
) -> Vec<ObjectRef> {
    let selects = |service: &&Service| {
        let selector = service
            .spec
            .as_ref()
            .and_then(|spec| spec.selector.as_ref());
        selector.is_some_and(|selector| {
            !selector.is_empty()
                && selector
                    .iter()
                    .all(|(name, value)| labels.get(name) == Some(value))
        })
    };
    objects
        .services
        .in_namespace(namespace)
        .filter(selects)
        .map(|service| reference("Service", service))
        .collect()
}

/// The services whose selector a pod's labels satisfy.
pub(crate) fn services_of(objects: &Objects, pod: &Pod) -> Vec<ObjectRef> {
    let none = BTreeMap::new();
    let labels = pod.metadata.labels.as_ref().unwrap_or(&none);
    services_selecting(objects, namespace_of(pod), labels)
}

/// What a workload that cannot make pods shows up as: itself, its pods, the
/// services that would select them.
pub(crate) fn affected_by_workload(objects: &Objects, workload: &ObjectRef) -> Vec<ObjectRef> {
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let mut affected = vec![workload.clone()];
    affected.extend(pods_of(objects, workload).into_iter().map(pod_ref));
    if let Some(labels) = template_labels(objects, workload) {
        affected.extend(services_selecting(objects, namespace, labels));
    }
    affected
}

/// The labels a workload gives its pods.
pub(crate) fn template_labels<'a>(
    objects: &'a Objects,
    workload: &ObjectRef,
) -> Option<&'a BTreeMap<String, String>> {
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let name = workload.name.as_str();
    let meta = match workload.kind.as_str() {
        "Deployment" => {
            &objects
                .deployments
                .get(namespace, name)?
                .spec
                .template
                .metadata
        }
        "StatefulSet" => {
            &objects
                .stateful_sets
                .get(namespace, name)?
                .spec
                .template
                .metadata
        }
        "DaemonSet" => {
            &objects
                .daemon_sets
                .get(namespace, name)?
                .spec
                .template
                .metadata
        }
        "ReplicaSet" => {
            let set = objects.replica_sets.get(namespace, name)?;
            &set.spec.template.as_ref()?.metadata
        }
        _ => return None,
    };
    meta.as_ref()?.labels.as_ref()
}

/// What the trouble of `pod` shows up as: the pod, its workload, its services.
pub(crate) fn affected_by(objects: &Objects, pod: &Pod) -> Vec<ObjectRef> {
    let mut affected = vec![pod_ref(pod), workload_of(objects, pod)];
    affected.extend(services_of(objects, pod));
    affected
}

/// Names of the claims a pod spec mounts.
pub(crate) fn claim_names(spec: &PodSpec) -> Vec<String> {
    spec.volumes
        .iter()
        .flatten()
        .filter_map(|volume| Some(volume.persistent_volume_claim.as_ref()?.claim_name.clone()))
        .collect()
}

/// The phase of a pod, `Unknown` when its status was not captured.
pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .unwrap_or("Unknown")
}

/// Status entries of all containers, init containers first.
pub(crate) fn container_statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    let init = status.and_then(|status| status.init_container_statuses.as_deref());
    let main = status.and_then(|status| status.container_statuses.as_deref());
    init.into_iter().chain(main).flatten()
}

/// Reason and message of a container's waiting state.
pub(crate) fn waiting(status: &ContainerStatus) -> Option<(&str, &str)> {
    let waiting = status.state.as_ref()?.waiting.as_ref()?;
    Some((
        waiting.reason.as_deref().unwrap_or_default(),
        waiting.message.as_deref().unwrap_or_default(),
    ))
}

/// Whether every container is ready, or the pod did its work.
pub(crate) fn is_well(pod: &Pod) -> bool {
    match phase(pod) {
        "Succeeded" => true,
        "Running" => {
            let main = pod.status.as_ref().and_then(|status| {
                status
                    .container_statuses
                    .as_ref()
                    .filter(|statuses| !statuses.is_empty())
            });
            main.map_or_else(
                || has_condition(pod, "Ready", "True"),
                |statuses| statuses.iter().all(|status| status.ready),
            )
        }
        _ => false,
    }
}

/// Whether the pod is on its way out.
pub(crate) fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Whether a condition of the pod has that status.
pub(crate) fn has_condition(pod: &Pod, name: &str, wanted: &str) -> bool {
    condition(pod, name).is_some_and(|(status, ..)| status == wanted)
}

/// Status, reason and message of a pod's condition.
pub(crate) fn condition<'a>(pod: &'a Pod, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions
        .iter()
        .find(|condition| condition.type_ == name)?;
    Some((
        condition.status.as_str(),
        condition.reason.as_deref().unwrap_or_default(),
        condition.message.as_deref().unwrap_or_default(),
    ))
}

/// Replicas a workload or `ReplicaSet` wants and has made, where both are known.
pub(crate) fn replicas(objects: &Objects, object: &ObjectRef) -> Option<(i32, i32)> {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let name = object.name.as_str();
    match object.kind.as_str() {
        "ReplicaSet" => {
            let set = objects.replica_sets.get(namespace, name)?;
            let wanted = set.spec.replicas.unwrap_or(1);
            Some((wanted, set.status.as_ref()?.replicas))
        }
        "Deployment" => {
            let deployment = objects.deployments.get(namespace, name)?;
            let wanted = deployment.spec.replicas.unwrap_or(1);
            let made = deployment.status.as_ref()?.replicas.unwrap_or(0);
            Some((wanted, made))
        }
        "StatefulSet" => {
            let set = objects.stateful_sets.get(namespace, name)?;
            let wanted = set.spec.replicas.unwrap_or(1);
            Some((wanted, set.status.as_ref()?.replicas))
        }
        "DaemonSet" => {
            let status = objects.daemon_sets.get(namespace, name)?.status.as_ref()?;
            Some((
                status.desired_number_scheduled,
                status.current_number_scheduled,
            ))
        }
        _ => None,
    }
}

/// Whether `at` lies in the incident's window; an unknown time does.
pub(crate) fn in_window(case: &Case<'_>, at: Option<Timestamp>) -> bool {
    at.is_none_or(|at| at >= case.started_at - WINDOW)
}

/// Whether an event still speaks of the present: its object is still unwell,
/// or its object cannot be judged and the event is recent.
pub(crate) fn still_matters(case: &Case<'_>, event: &EventFold) -> bool {
    let objects = &case.snapshot.objects;
    let object = &event.object;
    let namespace = object.namespace.as_deref().unwrap_or_default();
    match object.kind.as_str() {
        "Pod" => match objects.pods.get(namespace, &object.name) {
            Some(pod) => !is_well(pod) && !is_terminating(pod),
            None => !objects.pods.captured_in(namespace) && in_window(case, event.last),
        },
        "ReplicaSet" => match replicas(objects, object) {
            Some((wanted, made)) => made < wanted,
            None => !objects.replica_sets.captured_in(namespace) && in_window(case, event.last),
        },
        "PersistentVolumeClaim" => {
            match objects
                .persistent_volume_claims
                .get(namespace, &object.name)
            {
                Some(claim) => claim
                    .status
                    .as_ref()
                    .is_none_or(|status| status.phase.as_deref() != Some("Bound")),
                None => {
                    !objects.persistent_volume_claims.captured_in(namespace)
                        && in_window(case, event.last)
                }
            }
        }
        "Deployment" | "StatefulSet" | "DaemonSet" => match replicas(objects, object) {
            Some((wanted, made)) => made < wanted,
            None => in_window(case, event.last),
        },
        _ => in_window(case, event.last),
    }
}

/// The events that still matter, newest first.
pub(crate) fn live_events<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a EventFold> + use<'a> {
    let case = *case;
    case.facts
        .events
        .iter()
        .filter(move |event| still_matters(&case, event))
}

/// The events of one object that still matter, newest first.
pub(crate) fn live_events_of<'a>(
    case: &Case<'a>,
    object: &ObjectRef,
) -> impl Iterator<Item = &'a EventFold> + use<'a> {
    let case = *case;
    let events = case.facts.events_of(object);
    events.filter(move |event| still_matters(&case, event))
}

/// The events of one object, stale ones too, newest first.
pub(crate) fn events_of<'a>(
    case: &Case<'a>,
    object: &ObjectRef,
) -> impl Iterator<Item = &'a EventFold> + use<'a> {
    case.facts.events_of(object)
}
