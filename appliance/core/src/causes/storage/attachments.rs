//! Volumes that the attach controller still holds for another node.
//!
//! Events of a refused attachment are gone after an hour; the attachment
//! stays. A volume for one node, attached elsewhere, while its pod waits on
//! this one, is stuck whatever the events say.

use k8s_openapi::Metadata;
use k8s_openapi::api::core::v1::Pod;

use crate::causes::view::{
    affected_by, claim_names, is_terminating, is_well, namespace_of, pod_ref, reference,
    workload_of,
};
use crate::causes::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;
use crate::snapshot::{Custom, Objects};

/// Finds pods that wait for a volume of another node.
pub(crate) fn held_elsewhere(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for pod in objects.pods.iter().filter(|pod| waits(pod)) {
        let Some(node) = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) else {
            continue;
        };
        for volume in volumes_of(objects, pod) {
            if let Some(holder) = holder(objects, &volume, node) {
                findings.add(held(case, pod, &volume, holder, node));
            }
        }
    }
}

/// Placed, and no container was started yet.
fn waits(pod: &Pod) -> bool {
    let status = pod.status.as_ref();
    let pending = status.and_then(|status| status.phase.as_deref()) == Some("Pending");
    pending && !is_well(pod) && !is_terminating(pod)
}

/// The pod's volumes that one node at a time can have.
fn volumes_of(objects: &Objects, pod: &Pod) -> Vec<String> {
    let namespace = namespace_of(pod);
    let claims = pod.spec.as_ref().map(claim_names).unwrap_or_default();
    let volumes = claims.iter().filter_map(|name| {
        let claim = objects.persistent_volume_claims.get(namespace, name)?;
        let spec = claim.spec.as_ref()?;
        let modes = spec.access_modes.as_deref().unwrap_or_default();
        let single = !modes.is_empty()
            && modes
                .iter()
                .all(|mode| matches!(mode.as_str(), "ReadWriteOnce" | "ReadWriteOncePod"));
        spec.volume_name.clone().filter(|_| single)
    });
    volumes.collect()
}

/// The attachment of the volume to another node, where it has none to `node`.
fn holder<'a>(objects: &'a Objects, volume: &str, node: &str) -> Option<&'a Custom> {
    let attached: Vec<&Custom> = objects
        .customs
        .of("VolumeAttachment")
        .iter()
        .filter(|one| one.text("/spec/source/persistentVolumeName") == volume)
        .filter(|one| one.at("/status/attached") == true)
        .collect();
    let here = attached
        .iter()
        .any(|one| one.text("/spec/nodeName") == node);
    attached.into_iter().next().filter(|_| !here)
}

fn held(case: &Case<'_>, pod: &Pod, volume: &str, holder: &Custom, node: &str) -> Finding {
    let objects = &case.snapshot.objects;
    let other = holder.text("/spec/nodeName");
    let attachment = reference("VolumeAttachment", holder);
    let pod_object = pod_ref(pod);
    let leaving = holder
        .metadata()
        .deletion_timestamp
        .as_ref()
        .map(|time| time.0);
    let doing = if leaving.is_some() {
        "is not detached from"
    } else {
        "is still attached to"
    };
    let statement = format!(
        "volume {volume} {doing} node {other}, so pod {} cannot have it on node {node}",
        pod_object.name
    );
    let title = format!("attached to node {other}");
    let error = holder.text("/status/detachError/message");
    let lines = if error.is_empty() {
        Vec::new()
    } else {
        vec![error.to_owned()]
    };
    let place = Draft::status(
        pod_object.clone(),
        format!("waits on node {node}"),
        Vec::new(),
    );
    Finding::new(
        Cause::MultiAttach,
        workload_of(objects, pod),
        Strength::Strong,
        statement,
    )
    .because([
        Draft::status(attachment.clone(), title, lines).at(leaving),
        place,
    ])
    .since(pod.metadata.creation_timestamp.as_ref().map(|time| time.0))
    .explains(affected_by(objects, pod))
    .explains([
        attachment.clone(),
        ObjectRef::cluster("PersistentVolume", volume),
    ])
    .check(
        format!("kubectl describe {}", attachment.kubectl_name()),
        "shows whether it is being detached, and what hinders it",
    )
    .check(
        format!("kubectl get pods -o wide{}", namespace_flag(&pod_object)),
        "shows whether a pod on the other node still uses it",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::causes::fixture::Fixture;

    fn attachment(node: &str, volume: &str, attached: bool) -> Value {
        json!({"kind": "VolumeAttachment", "metadata": {"name": format!("va-{node}")},
            "spec": {"nodeName": node, "source": {"persistentVolumeName": volume}},
            "status": {"attached": attached, "detachError": {"message": "rpc error: node is not reachable"}}})
    }

    fn waiting(mode: &str, phase: &str) -> Fixture {
        let spec = json!({"nodeName": "n2", "containers": [{"name": "app"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
        Fixture::new()
            .deployment("db", 1, 0, spec.clone())
            .pod("db", "b", spec, json!({"phase": phase}))
            .with(
                json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
                "spec": {"volumeName": "pv-7", "accessModes": [mode]}}),
            )
    }

    #[test]
    fn a_volume_attached_to_another_node_holds_up_the_pod() {
        let found = waiting("ReadWriteOnce", "Pending")
            .with(attachment("n1", "pv-7", true))
            .check(held_elsewhere, &["MultiAttach Deployment shop/db"]);
        assert!(found.found[0].statement.contains("node n1"));
        assert!(found.found[0].because[0].lines[0].contains("not reachable"));
    }

    #[test]
    fn volumes_that_are_free_shared_or_here_do_not() {
        let one = |volume: &str, attached| attachment("n1", volume, attached);
        waiting("ReadWriteOnce", "Pending")
            .with(one("pv-7", false))
            .check(held_elsewhere, &[]);
        waiting("ReadWriteOnce", "Pending")
            .with(one("pv-70", true))
            .check(held_elsewhere, &[]);
        waiting("ReadWriteMany", "Pending")
            .with(one("pv-7", true))
            .check(held_elsewhere, &[]);
        waiting("ReadWriteOnce", "Pending")
            .with(attachment("n2", "pv-7", true))
            .with(one("pv-7", true))
            .check(held_elsewhere, &[]);
    }
}
