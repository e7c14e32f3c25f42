//! Rollouts of Deployments, from the ReplicaSets they leave behind.
//!
//! Each ReplicaSet is a revision; the pod templates of neighbours tell what a
//! rollout changed. An old ReplicaSet with a new revision is a rollback, whose
//! time is when it was scaled up again.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use super::authors::{author, last_edit};
use super::diff::{diff, ignored_in_template};
use crate::facts::workloads::{controller, object_ref};
use crate::facts::{Change, ChangeKind, EventFold};
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// The annotation in which the Deployment controller counts revisions.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// What `kubectl rollout restart` writes into the template.
const RESTARTED: &str = "metadata.annotations.kubectl.kubernetes.io/restartedAt";
/// Former revisions of a ReplicaSet that was rolled back to.
const HISTORY: &str = "deployment.kubernetes.io/revision-history";

pub(super) fn find(snapshot: &Snapshot, events: &[EventFold], changes: &mut Vec<Change>) {
    let mut revisions: BTreeMap<ObjectRef, Vec<(u64, &ReplicaSet)>> = BTreeMap::new();
    for set in &snapshot.objects.replica_sets {
        let Some(owner) = controller(&set.metadata, set.metadata.namespace.as_deref()) else {
            continue;
        };
        revisions
            .entry(owner)
            .or_default()
            .push((revision(set), set));
    }
    for (owner, mut sets) in revisions {
        sets.sort_by_key(|(number, set)| (*number, set.metadata.creation_timestamp.clone()));
        let namespace = owner.namespace.as_deref().unwrap_or_default();
        let deployment = snapshot.objects.deployments.get(namespace, &owner.name);
        if let Some((number, first)) = sets.first()
            && *number <= 1
        {
            changes.extend(created(&owner, first));
        }
        for pair in sets.windows(2) {
            changes.extend(rollout(&owner, pair[0], pair[1], events, deployment));
        }
        if let (Some(deployment), Some((_, newest))) = (deployment, sets.last()) {
            changes.extend(not_rolled_out(deployment, newest));
        }
    }
}

fn revision(set: &ReplicaSet) -> u64 {
    let annotations = set.metadata.annotations.as_ref();
    annotations
        .and_then(|annotations| annotations.get(REVISION))
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

fn created(owner: &ObjectRef, first: &ReplicaSet) -> Option<Change> {
    Some(Change {
        at: first.metadata.creation_timestamp.as_ref()?.0,
        kind: ChangeKind::Created,
        object: owner.clone(),
        what: "was created".to_owned(),
        diff: Vec::new(),
        by: author(&first.metadata),
    })
}

fn rollout(
    owner: &ObjectRef,
    (_, old): (u64, &ReplicaSet),
    (number, new): (u64, &ReplicaSet),
    events: &[EventFold],
    deployment: Option<&Deployment>,
) -> Option<Change> {
    let created = new.metadata.creation_timestamp.as_ref()?.0;
    let rolled_back = new
        .metadata
        .annotations
        .as_ref()
        .is_some_and(|annotations| annotations.contains_key(HISTORY))
        || old
            .metadata
            .creation_timestamp
            .as_ref()
            .is_some_and(|old| old.0 > created);
    let at = if rolled_back {
        scaled_up(owner, new, events)
            .or_else(|| progressing(deployment?))
            .unwrap_or(created)
    } else {
        created
    };
    let template = |set: &ReplicaSet| set.spec.template.clone();
    let diff = diff(&template(old), &template(new), ignored_in_template);
    let verb = if rolled_back {
        "was rolled back to an older template as"
    } else {
        "rolled out"
    };
    let words = match diff.words.as_str() {
        "" => "the pod template did not change",
        _ if diff.touches_only(RESTARTED) => "restarted, the pod template is otherwise the same",
        words => words,
    };
    let what = format!("{verb} revision {number}: {words}");
    Some(Change {
        at,
        kind: ChangeKind::Rollout,
        object: owner.clone(),
        what,
        diff: diff.lines,
        by: deployment.map_or_else(
            || author(&new.metadata),
            |deployment| by(deployment, new, at),
        ),
    })
}

/// The author of the Deployment's last edit if it fits the rollout's time.
fn by(deployment: &Deployment, set: &ReplicaSet, at: Timestamp) -> String {
    const TOLERANCE_SECONDS: i64 = 60;
    match last_edit(&deployment.metadata) {
        Some(edit) if (edit.at.as_second() - at.as_second()).abs() > TOLERANCE_SECONDS => {
            author(&set.metadata)
        }
        _ => author(&deployment.metadata),
    }
}

fn scaled_up(owner: &ObjectRef, set: &ReplicaSet, events: &[EventFold]) -> Option<Timestamp> {
    let name = set.metadata.name.as_deref()?;
    events
        .iter()
        .filter(|fold| fold.object == *owner && fold.reason == "ScalingReplicaSet")
        .filter(|fold| fold.message.starts_with("Scaled up") && names(&fold.message, name))
        .filter_map(|fold| fold.last)
        .max()
}

/// Whether a message names `name` as a word of its own.
pub(super) fn names(message: &str, name: &str) -> bool {
    message
        .split([' ', '"', ',', '(', ')', '\''])
        .any(|word| word == name)
}

fn progressing(deployment: &Deployment) -> Option<Timestamp> {
    let conditions = deployment.status.as_ref()?.conditions.as_ref()?;
    let progressing = conditions
        .iter()
        .find(|condition| condition.type_.as_deref() == Some("Progressing"))?;
    progressing.last_update_time.as_ref().map(|time| time.0)
}

/// A Deployment whose template is ahead of its newest ReplicaSet.
fn not_rolled_out(deployment: &Deployment, newest: &ReplicaSet) -> Option<Change> {
    let edit = last_edit(&deployment.metadata)?;
    let old = newest.spec.template.clone()?;
    let new = deployment.spec.template.clone();
    let diff = diff(&old, &new, ignored_in_template);
    if diff.is_empty() || edit.at < newest.metadata.creation_timestamp.as_ref()?.0 {
        return None;
    }
    Some(Change {
        at: edit.at,
        kind: ChangeKind::Edited,
        object: object_ref("Deployment", &deployment.metadata),
        what: format!("was edited and not rolled out: {}", diff.words),
        diff: diff.lines,
        by: author(&deployment.metadata),
    })
}
