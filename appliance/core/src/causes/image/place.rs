//! Whether an unreachable registry is a node's trouble or the registry's own.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;

use super::message::registry_of;
use super::{Pull, containers_of};
use crate::causes::view::{in_window, is_well};
use crate::causes::{Case, Cause};
use crate::object::ObjectRef;

/// An unreachable registry is the node's trouble when several workloads fail
/// on that node alone while the same registry serves others: pods that began
/// elsewhere of late, since those that run for long pulled long ago. Room for
/// an image is always its node's.
pub(super) fn culprit(
    case: &Case<'_>,
    pull: &Pull<'_>,
    failing: &[Pull<'_>],
    cause: Cause,
) -> ObjectRef {
    if let (Cause::DiskPressure, Some(node)) = (cause, node_of(pull.pod)) {
        return ObjectRef::cluster("Node", node);
    }
    if cause != Cause::RegistryUnreachable {
        return pull.workload.clone();
    }
    let registry = registry_of(&pull.image);
    let same: Vec<&Pull<'_>> = failing
        .iter()
        .filter(|other| registry_of(&other.image) == registry)
        .collect();
    let workloads: BTreeSet<&ObjectRef> = same.iter().map(|other| &other.workload).collect();
    let nodes: BTreeSet<&str> = same.iter().filter_map(|other| node_of(other.pod)).collect();
    let served_elsewhere = case.snapshot.objects.pods.iter().any(|pod| {
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        is_well(pod)
            && in_window(case, created)
            && node_of(pod).is_some_and(|node| !nodes.contains(node))
            && containers_of(pod).any(|container| {
                registry_of(container.image.as_deref().unwrap_or_default()) == registry
            })
    });
    match nodes.first() {
        Some(node) if nodes.len() == 1 && workloads.len() > 1 && served_elsewhere => {
            ObjectRef::cluster("Node", *node)
        }
        _ => pull.workload.clone(),
    }
}

pub(super) fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}
