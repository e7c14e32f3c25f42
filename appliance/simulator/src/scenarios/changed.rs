//! What a recipe's people and tools changed, so that an analysis which
//! suspects a change can be held against it.
//!
//! Compares the cluster before the fault with the one after it. Only what
//! leaves a trace counts: an object that is new, that is gone, or whose
//! metadata tells of an edit; a cordoned node. What controllers write for
//! themselves (pods, `ReplicaSets`, endpoints, events, leases) is no change of
//! anybody's, nor is scenery that a recipe paints without a trace.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::Place;
use crate::world::resource::{Resource, STORED};
use crate::world::{Key, World};

/// Kinds that controllers make for themselves, and one that is its parts.
const BY_CONTROLLERS: [&str; 10] = [
    "ControllerRevision",
    "Endpoints",
    "EndpointSlice",
    "Event",
    "Lease",
    "Namespace",
    "PersistentVolume",
    "Pod",
    "ReplicaSet",
    "VolumeAttachment",
];
/// What was made earlier than this before the present is scenery.
const LATELY: SignedDuration = SignedDuration::from_hours(24);

/// The objects that were changed between `before` and `after`, in name order.
pub(super) fn objects(before: &World, after: &World) -> Vec<Place> {
    let mut found: Vec<Place> = STORED
        .into_iter()
        .filter(|resource| !BY_CONTROLLERS.contains(&resource.kind))
        .flat_map(|resource| of_kind(resource, before, after))
        .collect();
    found.sort();
    found.dedup();
    found
}

fn of_kind(resource: &'static Resource, before: &World, after: &World) -> Vec<Place> {
    let place = |key: &Key| (resource.kind, key.namespace.clone(), key.name.clone());
    let known = |key: &Key| before.get(resource, &key.namespace, &key.name);
    let gone = before
        .objects(resource)
        .filter(|(key, _)| after.get(resource, &key.namespace, &key.name).is_none())
        .map(|(key, _)| place(key));
    let touched = after
        .objects(resource)
        .filter(|(key, object)| match known(key) {
            None => is_new(object, after.now()),
            Some(old) if resource.kind == "Node" => is_cordoned(object) && !is_cordoned(old),
            Some(old) => is_edited(old, object) || is_made_anew(old, object, after.now()),
        })
        .map(|(key, _)| place(key));
    gone.chain(touched).collect()
}

fn is_new(object: &Value, now: Timestamp) -> bool {
    let created = object["metadata"]["creationTimestamp"].as_str();
    let created = created.and_then(|text| text.parse::<Timestamp>().ok());
    created.is_some_and(|at| at + LATELY >= now)
}

/// Whether an object of that name was deleted and made again.
fn is_made_anew(old: &Value, new: &Value, now: Timestamp) -> bool {
    let created = |object: &Value| object["metadata"]["creationTimestamp"].clone();
    created(old) != created(new) && is_new(new, now)
}

fn is_cordoned(node: &Value) -> bool {
    node["spec"]["unschedulable"] == true
}

/// Whether the metadata tells of an edit.
fn is_edited(old: &Value, new: &Value) -> bool {
    let told = |object: &Value| {
        let meta = &object["metadata"];
        [
            meta["managedFields"].clone(),
            meta["annotations"].clone(),
            meta["labels"].clone(),
        ]
    };
    told(old) != told(new)
}

#[cfg(test)]
mod tests {
    use super::super::{Params, find};

    #[track_caller]
    fn check(recipe: &str, kinds: &[&str]) {
        let params = Params {
            seed: 3,
            now: "2026-09-21T14:00:00Z".parse().unwrap(),
        };
        let run = (find(recipe).unwrap().build)(&params);
        let changed = run.expected["changed"].as_array().unwrap();
        let found: Vec<&str> = changed
            .iter()
            .filter_map(|one| one["kind"].as_str())
            .collect();
        assert_eq!(found, kinds, "{recipe}");
    }

    #[test]
    fn what_was_changed_is_known_and_what_follows_from_it_is_not_counted() {
        check("oom-after-limit-lowered", &["Deployment"]);
        check("scaled-to-zero", &["Deployment"]);
        // The rollout that met the deletion is a change too.
        check("missing-secret", &["Deployment", "Secret"]);
        check("node-stops-reporting", &[]);
        check("healthy-red-herring", &[]);
    }
}
