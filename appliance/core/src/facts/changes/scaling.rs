//! Replica counts that changed outside of a rollout: from events, and from the
//! field manager that `kubectl scale` leaves behind when events are gone.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;

use super::authors::edit_of_only;
use super::rollouts::names;
use crate::facts::workloads::{controller, object_ref, workload_of};
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
    by_hand(snapshot, changes);
}

/// Replicas that somebody set by hand, where no event tells of it already.
fn by_hand(snapshot: &Snapshot, changes: &mut Vec<Change>) {
    let objects = &snapshot.objects;
    let deployments = objects.deployments.iter().map(|one| {
        let object = object_ref("Deployment", &one.metadata);
        (object, &one.metadata, one.spec.replicas)
    });
    let sets = objects.stateful_sets.iter().map(|one| {
        let replicas = one.spec.replicas;
        (
            object_ref("StatefulSet", &one.metadata),
            &one.metadata,
            replicas,
        )
    });
    for (object, meta, replicas) in deployments.chain(sets) {
        let edit = edit_of_only(meta, "spec.replicas");
        let (Some(edit), Some(replicas)) = (edit, replicas) else {
            continue;
        };
        let near = |at: Timestamp| (at.as_second() - edit.at.as_second()).abs() <= FIRST_SECONDS;
        let told = changes.iter_mut().find(|change| {
            change.object == object && change.kind == ChangeKind::Scaled && near(change.at)
        });
        match told {
            Some(change) if change.by.is_empty() => change.by = edit.manager,
            Some(_) => {}
            None => changes.push(Change {
                at: edit.at,
                kind: ChangeKind::Scaled,
                object,
                what: format!("was set to {replicas} replicas"),
                diff: Vec::new(),
                by: edit.manager,
            }),
        }
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
