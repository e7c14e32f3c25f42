//! Which log shapes appeared only after the last change of their workload.
//!
//! A shape is new when something of the workload's log from before the change
//! is at hand and does not have it. Without a view of before, nothing is new.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use crate::facts::workloads::workload_of;
use crate::facts::{Change, LogTemplate};
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// Marks the new shapes.
pub(super) fn mark(
    templates: &mut [LogTemplate],
    snapshot: &Snapshot,
    changes: &[Change],
    started_at: Timestamp,
) {
    let mut owners: HashMap<ObjectRef, ObjectRef> = HashMap::new();
    for template in templates.iter() {
        owners
            .entry(template.pod.clone())
            .or_insert_with(|| workload_of(snapshot, &template.pod));
    }
    let mut by_workload: HashMap<&ObjectRef, Vec<usize>> = HashMap::new();
    for (at, template) in templates.iter().enumerate() {
        by_workload
            .entry(&owners[&template.pod])
            .or_default()
            .push(at);
    }
    for (workload, members) in by_workload {
        let Some(changed_at) = last_change(changes, workload, started_at) else {
            continue;
        };
        let mut before: HashSet<(&str, &str)> = HashSet::new();
        for &at in &members {
            let template = &templates[at];
            if existed_before(template, snapshot, changed_at) {
                before.insert((&template.container, &template.template));
            }
        }
        if before.is_empty() {
            continue;
        }
        let new: Vec<usize> = members
            .into_iter()
            .filter(|&at| {
                let template = &templates[at];
                !before.contains(&(template.container.as_str(), template.template.as_str()))
            })
            .collect();
        for at in new {
            templates[at].new_since_change = true;
        }
    }
}

/// The last change of `workload` not after the onset, else the first after it.
fn last_change(
    changes: &[Change],
    workload: &ObjectRef,
    started_at: Timestamp,
) -> Option<Timestamp> {
    let mut times: Vec<Timestamp> = changes
        .iter()
        .filter(|change| change.object == *workload)
        .map(|change| change.at)
        .collect();
    times.sort_unstable();
    let after = times.partition_point(|at| *at <= started_at);
    after
        .checked_sub(1)
        .map(|last| times[last])
        .or_else(|| times.first().copied())
}

/// Whether the shape was seen before the change: by its lines' times, or in a
/// pod that is older than the change where lines carry none.
fn existed_before(template: &LogTemplate, snapshot: &Snapshot, changed_at: Timestamp) -> bool {
    if let Some(first) = template.first {
        return first < changed_at;
    }
    let namespace = template.pod.namespace.as_deref().unwrap_or_default();
    snapshot
        .objects
        .pods
        .get(namespace, &template.pod.name)
        .and_then(|pod| pod.metadata.creation_timestamp.as_ref())
        .is_some_and(|created| created.0 < changed_at)
}
