//! Claims that do not bind, volumes that do not attach, disks that fill or fail.
//!
//! [`claim`] compares a pending claim with classes and volumes, [`attach`]
//! reads attach and mount conflicts, [`capacity`] watches what is left,
//! [`devices`] the disks and storage systems below. That a pod waits for a
//! claim is [`super::scheduling`]'s; why the claim waits is decided here.

mod attach;
mod attachments;
mod capacity;
mod claim;
mod devices;
mod systems;

use k8s_openapi::api::core::v1::Pod;

use super::said::Said;
use super::view::{claim_names, is_terminating, namespace_of, workload_of};
use crate::object::ObjectRef;
use crate::snapshot::Objects;

pub(super) use self::attach::{hung_file_server, multi_attach};
pub(super) use self::attachments::held_elsewhere;
pub(super) use self::capacity::{filling, resize};
pub(super) use self::claim::{claims, is_explained, is_unbound};
pub(super) use self::devices::{clusters, failing_disks, saturated_disks, snapshots};
pub(super) use self::systems::{copies, systems};

/// Whether an attach or mount message has a cause of its own in this family.
pub(super) fn explains_mount(said: &Said) -> bool {
    said.mentions(attach::MULTI_ATTACH) || attach::is_file_server_gone(said)
}

/// The pods that mount a claim and are not on their way out.
fn users<'a>(objects: &'a Objects, namespace: &str, claim: &str) -> Vec<&'a Pod> {
    objects
        .pods
        .iter()
        .filter(|pod| namespace_of(*pod) == namespace && !is_terminating(pod))
        .filter(|pod| {
            pod.spec
                .as_ref()
                .is_some_and(|spec| claim_names(spec).iter().any(|name| name == claim))
        })
        .collect()
}

/// The workloads that mount a claim, each once; the claim itself when nobody does.
fn owners(objects: &Objects, namespace: &str, claim: &str) -> Vec<ObjectRef> {
    let mut owners: Vec<ObjectRef> = users(objects, namespace, claim)
        .into_iter()
        .map(|pod| workload_of(objects, pod))
        .collect();
    owners.sort();
    owners.dedup();
    if owners.is_empty() {
        owners.push(ObjectRef::namespaced(
            "PersistentVolumeClaim",
            namespace,
            claim,
        ));
    }
    owners
}
