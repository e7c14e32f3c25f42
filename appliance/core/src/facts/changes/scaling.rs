//! Replica counts that changed outside of a rollout, from events.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;

use super::rollouts::names;
use crate::facts::workloads::{controller, workload_of};
use crate::facts::{Change, ChangeKind, EventFold};
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// ReplicaSets scaled within this many seconds of one another belong to a rollout.
const ROLLOUT_SECONDS: i64 = 600;
/// A new ReplicaSet's first scaling is the rollout itself.
const FIRST_SECONDS: i64 = 60;

pub(super) fn find(snapshot: &Snapshot, events: &[EventFold], changes: &mut Vec<Change>) {
    let mut sets: BTreeMap<ObjectRef, Vec<&ReplicaSet>> = BTreeMap::new();
    for set in &snapshot.objects.replica_sets {
        if let Some(owner) = controller(&set.metadata, set.metadata.namespace.as_deref()) {
            sets.entry(owner).or_default().push(set);
        }
    }
    let mut scalings: BTreeMap<&ObjectRef, Vec<&EventFold>> = BTreeMap::new();
    for fold in events {
        match fold.reason.as_str() {
            "ScalingReplicaSet" => scalings.entry(&fold.object).or_default().push(fold),
            "SuccessfulRescale" => changes.extend(rescaled(snapshot, fold)),
            _ => {}
        }
    }
    for (object, folds) in scalings {
        let rollouts: Vec<Timestamp> = changes
            .iter()
            .filter(|change| change.object == *object && change.kind == ChangeKind::Rollout)
            .map(|change| change.at)
            .collect();
        let sets = sets.get(object).map(Vec::as_slice).unwrap_or_default();
        changes.extend(
            folds
                .iter()
                .filter_map(|fold| scaled(fold, &folds, sets, &rollouts)),
        );
    }
}

fn scaled(
    fold: &EventFold,
    all: &[&EventFold],
    sets: &[&ReplicaSet],
    rollouts: &[Timestamp],
) -> Option<Change> {
    let at = fold.last?;
    let near =
        |other: Timestamp, seconds: i64| (other.as_second() - at.as_second()).abs() <= seconds;
    let (set, name) = sets
        .iter()
        .filter_map(|set| Some((set, set.metadata.name.as_deref()?)))
        .find(|(_, name)| names(&fold.message, name))?;
    let created = set.metadata.creation_timestamp.as_ref()?.0;
    let beside_another = all.iter().any(|other| {
        !names(&other.message, name) && other.last.is_some_and(|last| near(last, ROLLOUT_SECONDS))
    });
    let is_rollout = beside_another
        || near(created, FIRST_SECONDS)
        || rollouts.iter().any(|rollout| near(*rollout, FIRST_SECONDS));
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
        what: format!("was scaled {direction} to {words}"),
        diff: Vec::new(),
        by: String::new(),
    })
}

fn rescaled(snapshot: &Snapshot, fold: &EventFold) -> Option<Change> {
    Some(Change {
        at: fold.last?,
        kind: ChangeKind::Scaled,
        what: format!("was rescaled by {}: {}", fold.object, fold.message),
        object: workload_of(snapshot, &fold.object),
        diff: Vec::new(),
        by: String::new(),
    })
}
