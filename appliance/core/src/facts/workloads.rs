//! Who owns what: from pods up to the workload a person would fix, and down.
//!
//! Owner references decide. Where the object between was not captured, the
//! name pattern that Kubernetes itself generates stands in for it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// The pod as an object reference.
pub fn pod_ref(pod: &Pod) -> ObjectRef {
    object_ref("Pod", &pod.metadata)
}

/// The object of `kind` with this metadata.
pub fn object_ref(kind: &str, meta: &ObjectMeta) -> ObjectRef {
    ObjectRef {
        kind: kind.to_owned(),
        namespace: meta.namespace.clone(),
        name: meta.name.clone().unwrap_or_default(),
    }
}

/// The workload to fix when `pod` is in trouble: its Deployment, StatefulSet,
/// DaemonSet, CronJob, …, or the pod itself where nothing owns it.
pub fn owner_workload(snapshot: &Snapshot, pod: &Pod) -> ObjectRef {
    let itself = pod_ref(pod);
    let Some(owner) = controller(&pod.metadata, itself.namespace.as_deref()) else {
        return itself;
    };
    match owner.kind.as_str() {
        "ReplicaSet" => owner_of_replica_set(snapshot, &owner, &pod.metadata),
        "Job" => owner_of_job(snapshot, &owner),
        // A static pod belongs to its node, but its manifest is what to fix.
        "Node" => itself,
        _ => owner,
    }
}

/// The workload behind any object: a pod's, ReplicaSet's or Job's owner, an
/// autoscaler's target; other objects stand for themselves.
pub fn workload_of(snapshot: &Snapshot, object: &ObjectRef) -> ObjectRef {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let objects = &snapshot.objects;
    match object.kind.as_str() {
        "Pod" => objects
            .pods
            .get(namespace, &object.name)
            .map_or_else(|| object.clone(), |pod| owner_workload(snapshot, pod)),
        "ReplicaSet" => owner_of_replica_set(snapshot, object, &ObjectMeta::default()),
        "Job" => owner_of_job(snapshot, object),
        "HorizontalPodAutoscaler" => objects
            .horizontal_pod_autoscalers
            .get(namespace, &object.name)
            .map_or_else(
                || object.clone(),
                |hpa| {
                    let target = &hpa.spec.scale_target_ref;
                    ObjectRef::namespaced(target.kind.clone(), namespace, target.name.clone())
                },
            ),
        _ => object.clone(),
    }
}

/// The pods of a workload, or the pod itself for a bare pod.
pub fn pods_of<'a>(snapshot: &'a Snapshot, workload: &ObjectRef) -> Vec<&'a Pod> {
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let is_its = |pod: &&Pod| match workload.kind.as_str() {
        "Pod" => pod.metadata.name.as_deref() == Some(&workload.name),
        "ReplicaSet" | "Job" => {
            controller(&pod.metadata, Some(namespace)).as_ref() == Some(workload)
        }
        _ => owner_workload(snapshot, pod) == *workload,
    };
    if workload.kind == "Node" {
        return pods_on(snapshot, &workload.name);
    }
    snapshot
        .objects
        .pods
        .iter()
        .filter(|pod| pod.metadata.namespace.as_deref() == workload.namespace.as_deref())
        .filter(is_its)
        .collect()
}

/// The pods assigned to a node.
pub fn pods_on<'a>(snapshot: &'a Snapshot, node: &str) -> Vec<&'a Pod> {
    snapshot
        .objects
        .pods
        .iter()
        .filter(|pod| node_of(pod) == Some(node))
        .collect()
}

/// The node a pod is assigned to.
pub fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

/// Container restarts of a pod, init containers included.
pub fn restarts(pod: &Pod) -> i64 {
    let Some(status) = &pod.status else { return 0 };
    status
        .container_statuses
        .iter()
        .flatten()
        .chain(status.init_container_statuses.iter().flatten())
        .map(|container| i64::from(container.restart_count))
        .sum()
}

/// The controlling owner of an object.
pub fn controller(meta: &ObjectMeta, namespace: Option<&str>) -> Option<ObjectRef> {
    let owners = meta.owner_references.as_ref()?;
    let owner = owners
        .iter()
        .find(|owner| owner.controller == Some(true))
        .or_else(|| owners.first())?;
    Some(ObjectRef {
        kind: owner.kind.clone(),
        namespace: match owner.kind.as_str() {
            "Node" => None,
            _ => namespace.or(meta.namespace.as_deref()).map(str::to_owned),
        },
        name: owner.name.clone(),
    })
}

/// Whether `labels` satisfy `selector`. An empty selector matches everything.
pub fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector
        .match_labels
        .iter()
        .flatten()
        .all(|(key, value)| labels.get(key) == Some(value));
    let expressions = selector
        .match_expressions
        .iter()
        .flatten()
        .all(|expression| {
            let value = labels.get(&expression.key);
            let listed = value.is_some_and(|value| {
                expression
                    .values
                    .iter()
                    .flatten()
                    .any(|wanted| wanted == value)
            });
            match expression.operator.as_str() {
                "In" => listed,
                "NotIn" => !listed,
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        });
    equal && expressions
}

fn owner_of_replica_set(
    snapshot: &Snapshot,
    replica_set: &ObjectRef,
    pod: &ObjectMeta,
) -> ObjectRef {
    let namespace = replica_set.namespace.as_deref().unwrap_or_default();
    if let Some(known) = snapshot
        .objects
        .replica_sets
        .get(namespace, &replica_set.name)
    {
        return controller(&known.metadata, Some(namespace)).unwrap_or_else(|| replica_set.clone());
    }
    // A Deployment names its ReplicaSets NAME-HASH and labels their pods with the hash.
    let hash = pod
        .labels
        .as_ref()
        .and_then(|labels| labels.get("pod-template-hash"));
    let name = match hash {
        Some(hash) => replica_set
            .name
            .strip_suffix(hash.as_str())
            .and_then(|name| name.strip_suffix('-')),
        None => replica_set
            .name
            .rsplit_once('-')
            .filter(|(name, hash)| {
                hash.len() >= 8 && snapshot.objects.deployments.get(namespace, name).is_some()
            })
            .map(|(name, _)| name),
    };
    match name {
        Some(name) => ObjectRef::namespaced("Deployment", namespace, name),
        None => replica_set.clone(),
    }
}

fn owner_of_job(snapshot: &Snapshot, job: &ObjectRef) -> ObjectRef {
    let namespace = job.namespace.as_deref().unwrap_or_default();
    if let Some(known) = snapshot.objects.jobs.get(namespace, &job.name) {
        return controller(&known.metadata, Some(namespace)).unwrap_or_else(|| job.clone());
    }
    // A CronJob names its Jobs NAME-MINUTES, minutes since 1970.
    match job.name.rsplit_once('-') {
        Some((name, minutes))
            if minutes.len() >= 8
                && minutes.bytes().all(|b| b.is_ascii_digit())
                && (snapshot.objects.cron_jobs.get(namespace, name).is_some()
                    || !snapshot.objects.cron_jobs.captured_in(namespace)) =>
        {
            ObjectRef::namespaced("CronJob", namespace, name)
        }
        _ => job.clone(),
    }
}

#[cfg(test)]
mod tests;
