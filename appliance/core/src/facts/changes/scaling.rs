//! Replica counts that changed outside of a rollout, from events.

use k8s_openapi::api::apps::v1::ReplicaSet;

use super::rollouts::names;
use crate::facts::workloads::controller;
use crate::facts::{Change, ChangeKind, EventFold};
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// ReplicaSets scaled within this many seconds of one another belong to a rollout.
const ROLLOUT_SECONDS: i64 = 600;
/// A new ReplicaSet's first scaling is the rollout itself.
const FIRST_SECONDS: i64 = 60;

pub(super) fn find(snapshot: &Snapshot, events: &[EventFold], changes: &mut Vec<Change>) {
    for fold in events {
        let found = match fold.reason.as_str() {
            "ScalingReplicaSet" => scaled(snapshot, events, fold),
            "SuccessfulRescale" => rescaled(snapshot, fold),
            _ => None,
        };
        changes.extend(found);
    }
}

fn scaled(snapshot: &Snapshot, events: &[EventFold], fold: &EventFold) -> Option<Change> {
    let at = fold.last?;
    let set = snapshot
        .objects
        .replica_sets
        .iter()
        .filter(|set| {
            controller(&set.metadata, set.metadata.namespace.as_deref()).as_ref()
                == Some(&fold.object)
        })
        .find(|set| mentions(fold, set))?;
    let name = set.metadata.name.as_deref().unwrap_or_default();
    let created = set.metadata.creation_timestamp.as_ref()?.0;
    let is_rollout = at.as_second() - created.as_second() <= FIRST_SECONDS
        || events.iter().any(|other| {
            other.object == fold.object
                && other.reason == fold.reason
                && !names(&other.message, name)
                && other.last.is_some_and(|last| {
                    (last.as_second() - at.as_second()).abs() <= ROLLOUT_SECONDS
                })
        });
    if is_rollout {
        return None;
    }
    let words = fold.message.split_once(" to ").map_or("", |(_, rest)| rest);
    let direction = if fold.message.starts_with("Scaled down") {
        "down"
    } else {
        "up"
    };
    Some(Change {
        at,
        kind: ChangeKind::Scaled,
        object: fold.object.clone(),
        what: format!("scaled {direction} to {words}"),
        diff: Vec::new(),
        by: String::new(),
    })
}

fn mentions(fold: &EventFold, set: &ReplicaSet) -> bool {
    set.metadata
        .name
        .as_deref()
        .is_some_and(|name| names(&fold.message, name))
}

fn rescaled(snapshot: &Snapshot, fold: &EventFold) -> Option<Change> {
    let object: ObjectRef = crate::facts::workloads::workload_of(snapshot, &fold.object);
    Some(Change {
        at: fold.last?,
        kind: ChangeKind::Scaled,
        what: format!("rescaled by {}: {}", fold.object, fold.message),
        object,
        diff: Vec::new(),
        by: fold.object.to_string(),
    })
}
