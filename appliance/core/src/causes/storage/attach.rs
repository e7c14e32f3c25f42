//! Volumes held by another node, and file servers that do not answer.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Pod;

use crate::causes::said::{Said, about_pod};
use crate::causes::view::{
    affected_by, is_terminating, is_well, mentions, namespace_of, pod_ref, quoted_after,
    workload_of,
};
use crate::causes::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::query::shell_word;
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;

/// The attach controller's words for a volume in use elsewhere (lower case).
pub(super) const MULTI_ATTACH: &[&str] = &[
    "multi-attach error",
    "already exclusively attached to one node",
    "volume is already used by",
    "rbd image is still being used",
    "is still being used",
    "volume in use",
    "already attached to another node",
    "is already attached to node",
];

/// Clients of network file systems (lower case).
const FILE_CLIENT: &[&str] = &["mount.nfs", "mount.cifs", "nfs: server", "mount.glusterfs"];

/// A client's words for a server that does not answer. One that answers
/// ("access denied by server", "no such file") is not gone.
const NO_ANSWER: &[&str] = &[
    "timed out",
    "timeout",
    "no route to host",
    "connection refused",
    "network is unreachable",
    "not responding",
    "host is down",
    "name or service not known",
    "could not resolve",
    "failed to resolve",
];

/// A network file system's words for a server that is gone, whoever says them.
const GONE: &[&str] = &[
    "stale file handle",
    "stale nfs file handle",
    "mount error(110)",
    "mount error(113)",
    "mount error(112)",
    "transport endpoint is not connected",
];

/// Whether a message says that a file server does not answer.
pub(super) fn is_file_server_gone(said: &Said) -> bool {
    said.mentions(GONE) || said.mentions(FILE_CLIENT) && said.mentions(NO_ANSWER)
}

fn unwell<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Pod> + use<'a> {
    let pods = case.snapshot.objects.pods.iter();
    pods.filter(|pod| !is_well(pod) && !is_terminating(pod))
}

/// Finds volumes that another node still holds.
pub(crate) fn multi_attach(case: &Case<'_>, findings: &mut Findings) {
    for pod in unwell(case) {
        let said: Vec<Said> = about_pod(case, pod)
            .into_iter()
            .filter(|said| said.mentions(MULTI_ATTACH))
            .collect();
        let Some(first) = said.first() else { continue };
        let object = pod_ref(pod);
        let volume = quoted_after(&first.text, "volume").unwrap_or("of the pod");
        let lost = lost_holders(case, &first.text);
        let held = lost.first().map_or_else(
            || "another node".to_owned(),
            |node| format!("node {node}, which does not answer"),
        );
        let mut finding = Finding::new(
            Cause::MultiAttach,
            workload_of(&case.snapshot.objects, pod),
            Strength::Stated,
            format!(
                "volume {volume} is still attached to {held}, so pod {} cannot have it",
                object.name
            ),
        )
        .because(said.iter().map(|said| said.draft.clone()))
        .because(lost.iter().map(|node| {
            Draft::status(
                ObjectRef::cluster("Node", *node),
                "is not Ready and holds the volume",
                Vec::new(),
            )
        }))
        .explains(affected_by(&case.snapshot.objects, pod))
        .check(
            "kubectl get volumeattachment",
            "shows which node holds the volume",
        )
        .check(
            format!("kubectl get pods -o wide{}", namespace_flag(&object)),
            "shows whether the pod that held it still ends",
        );
        for said in &said {
            finding = finding.since(said.since.or(said.at));
        }
        findings.add(finding);
    }
}

/// Nodes that are not ready and run a pod which the message names as the holder.
fn lost_holders<'a>(case: &Case<'a>, text: &str) -> BTreeSet<&'a str> {
    let objects = &case.snapshot.objects;
    let is_ready = |node: &str| {
        let conditions = objects
            .nodes
            .get("", node)
            .and_then(|node| node.status.as_ref()?.conditions.as_ref());
        conditions.is_none_or(|all| {
            all.iter()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True")
        })
    };
    objects
        .pods
        .iter()
        .filter(|pod| {
            let name = pod.metadata.name.as_deref().unwrap_or_default();
            !name.is_empty() && text.split([' ', ',']).any(|word| word == name)
        })
        .filter_map(|pod| pod.spec.as_ref()?.node_name.as_deref())
        .filter(|node| !is_ready(node))
        .collect()
}

/// Finds mounts that hang because their file server does not answer.
pub(crate) fn hung_file_server(case: &Case<'_>, findings: &mut Findings) {
    for pod in unwell(case) {
        let object = pod_ref(pod);
        let said: Vec<Said> = about_pod(case, pod)
            .into_iter()
            .filter(|said| {
                said.is(&["FailedMount", "FailedAttachVolume"]) && is_file_server_gone(said)
            })
            .collect();
        let logs: Vec<Draft> = case
            .facts
            .logs
            .iter()
            .filter(|log| {
                log.pod == object
                    && mentions(
                        &log.exemplar,
                        &["stale file handle", "stale nfs file handle"],
                    )
            })
            .map(Draft::log)
            .collect();
        if said.is_empty() && logs.is_empty() {
            continue;
        }
        let named = said
            .first()
            .and_then(|said| quoted_after(&said.text, "for volume"));
        let volume = named.filter(|name| {
            case.snapshot
                .objects
                .persistent_volumes
                .get("", name)
                .is_some()
        });
        let fixed = volume.map_or_else(
            || workload_of(&case.snapshot.objects, pod),
            |name| ObjectRef::cluster("PersistentVolume", name),
        );
        let mut finding = Finding::new(
            Cause::NetworkFsHung,
            fixed,
            if said.is_empty() {
                Strength::Strong
            } else {
                Strength::Stated
            },
            format!(
                "the file server behind {} does not answer, so pod {} hangs on its mount",
                named.map_or_else(
                    || "a network volume".to_owned(),
                    |name| format!("volume {name}")
                ),
                object.name
            ),
        )
        .because(said.iter().map(|said| said.draft.clone()))
        .because(logs)
        .explains(affected_by(&case.snapshot.objects, pod))
        .check(
            "kubectl get persistentvolume -o wide",
            "shows which server the volume is on",
        )
        .check(
            format!(
                "kubectl get pods -n {} -o wide",
                shell_word(namespace_of(pod))
            ),
            "shows whether other pods with the same server hang too",
        );
        for said in &said {
            finding = finding.since(said.since.or(said.at));
        }
        findings.add(finding);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::fixture::Fixture;

    fn waiting(reason: &str, message: &str) -> Fixture {
        let spec = json!({"nodeName": "n2", "containers": [{"name": "app"}]});
        Fixture::new()
            .deployment("db", 1, 0, spec.clone())
            .pod("db", "b", spec, json!({"phase": "Pending"}))
            .warning("Pod/db-77f-b", reason, message)
    }

    #[test]
    fn a_volume_on_a_lost_node_is_a_multi_attach() {
        let findings = waiting("FailedAttachVolume", "Multi-Attach error for volume \"pv-7\" Volume is already used by pod(s) db-77f-a")
            .pod("db", "a", json!({"nodeName": "n1", "containers": []}), json!({"phase": "Running"}))
            .with(json!({"kind": "Node", "metadata": {"name": "n1"}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}))
            .check(multi_attach, &["MultiAttach Deployment shop/db"]);
        assert!(findings.found[0].statement.contains("node n1"));
    }

    #[test]
    fn another_attach_failure_is_not() {
        waiting(
            "FailedAttachVolume",
            "AttachVolume.Attach failed: rpc error: volume not found",
        )
        .check(multi_attach, &[]);
    }

    #[test]
    fn a_dead_file_server_is_named_by_its_volume() {
        waiting(
            "FailedMount",
            "MountVolume.SetUp failed for volume \"nfs-1\" : mount.nfs: Connection timed out",
        )
        .with(json!({"kind": "PersistentVolume", "metadata": {"name": "nfs-1"}}))
        .check(hung_file_server, &["NetworkFsHung PersistentVolume nfs-1"]);
    }

    #[test]
    fn a_local_mount_error_is_not_a_file_server() {
        waiting("FailedMount", "mount failed: wrong fs type").check(hung_file_server, &[]);
    }
}
