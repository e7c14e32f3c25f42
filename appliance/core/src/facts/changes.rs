//! What changed, on one time line, newest first.
//!
//! Sources that tell of change: rollout history (ReplicaSets), revisions of
//! running pods, creation times, field managers, nodes' taints and conditions,
//! certificates' dates, the histories of delivery tools, runs of scheduled
//! jobs, and events. Each gives changes of its own; this file only gathers
//! them. Which of them led to an incident is for [`crate::graph`] to say.

mod authors;
mod certificates;
mod delivery;
mod diff;
mod nodes;
mod objects;
mod pods;
mod rollouts;
mod runs;
mod scaling;

use jiff::{SignedDuration, Timestamp};

use super::{Change, EventFold};
use crate::snapshot::Snapshot;

/// How far back a change can matter to an incident.
const LOOKBACK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The changes that `snapshot` and its events tell of, newest first.
pub(super) fn find(
    snapshot: &Snapshot,
    events: &[EventFold],
    started_at: Timestamp,
) -> Vec<Change> {
    let mut changes = Vec::new();
    rollouts::find(snapshot, events, &mut changes);
    pods::find(snapshot, &mut changes);
    objects::find(snapshot, &mut changes);
    nodes::find(snapshot, events, &mut changes);
    scaling::find(snapshot, events, &mut changes);
    delivery::find(snapshot, &mut changes);
    certificates::find(snapshot, started_at, &mut changes);
    runs::find(snapshot, &mut changes);
    let oldest = started_at
        .saturating_sub(LOOKBACK)
        .unwrap_or(Timestamp::MIN);
    changes.retain(|change| change.at >= oldest);
    changes.sort_by(|a, b| (b.at, &a.object, &a.what).cmp(&(a.at, &b.object, &b.what)));
    changes.dedup();
    changes
}

#[cfg(test)]
mod tests;
