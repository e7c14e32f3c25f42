//! Updates of StatefulSets and DaemonSets, from the pods of two revisions.
//!
//! Their history is not captured; pods carry the hash of their revision, and
//! while an update is under way pods of both stand side by side.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};

use super::authors::author;
use super::diff::diff;
use crate::facts::workloads::controller;
use crate::facts::{Change, ChangeKind};
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

const HASH: &str = "controller-revision-hash";

type Revisions<'a> = BTreeMap<&'a str, Vec<(Timestamp, &'a Pod)>>;

pub(super) fn find(snapshot: &Snapshot, changes: &mut Vec<Change>) {
    let mut owners: BTreeMap<ObjectRef, Revisions<'_>> = BTreeMap::new();
    for pod in &snapshot.objects.pods {
        let hash = pod
            .metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(HASH));
        let owner = controller(&pod.metadata, pod.metadata.namespace.as_deref());
        let created = pod.metadata.creation_timestamp.as_ref();
        if let (Some(hash), Some(owner), Some(created)) = (hash, owner, created) {
            let revisions = owners.entry(owner).or_default();
            revisions.entry(hash).or_default().push((created.0, pod));
        }
    }
    for (owner, revisions) in owners {
        changes.extend(update(snapshot, &owner, &revisions));
    }
}

/// The update between the two newest revisions that run.
fn update(snapshot: &Snapshot, owner: &ObjectRef, revisions: &Revisions<'_>) -> Option<Change> {
    // The first pod of a revision tells when its update began, its oldest spec what it is.
    let mut firsts: Vec<(Timestamp, &str, &Pod)> = revisions
        .iter()
        .filter_map(|(hash, pods)| {
            let (at, pod) = pods.iter().min_by_key(|(at, _)| *at)?;
            Some((*at, *hash, *pod))
        })
        .collect();
    firsts.sort_by_key(|(at, hash, _)| (*at, *hash));
    let [.., (_, _, old), (at, hash, new)] = firsts[..] else {
        return None;
    };
    let diff = diff(&template(old), &template(new), |path| {
        path.ends_with("].name")
    });
    let words = if diff.words.is_empty() {
        String::new()
    } else {
        format!(": {}", diff.words)
    };
    Some(Change {
        at,
        kind: ChangeKind::Rollout,
        object: owner.clone(),
        what: format!("began to roll out revision {hash}{words}"),
        diff: diff.lines,
        by: snapshot
            .objects
            .metadata(owner)
            .map(author)
            .unwrap_or_default(),
    })
}

/// What of a pod comes from its template; admission adds the rest.
fn template(pod: &Pod) -> Value {
    let Some(spec) = &pod.spec else {
        return Value::Null;
    };
    let containers: Vec<Value> = spec
        .init_containers
        .iter()
        .flatten()
        .chain(&spec.containers)
        .map(|container| {
            json!({
                "name": container.name,
                "image": container.image,
                "command": container.command,
                "args": container.args,
                "env": container.env,
                "resources": container.resources,
                "livenessProbe": container.liveness_probe,
                "readinessProbe": container.readiness_probe,
                "startupProbe": container.startup_probe,
            })
        })
        .collect();
    json!({
        "containers": containers,
        "nodeSelector": spec.node_selector,
        "serviceAccountName": spec.service_account_name,
    })
}
