//! The suspected change: of those before the onset the one nearest to the
//! leading cause, in steps through the cluster and in time.
//!
//! A change is suspected only if it can touch the cause, or the alert's object
//! where no cause is clear, and came before either began. A rollout acts at
//! once: one that served for hours is suspected only of what builds up.
//! Conditions that the cluster reports are no changes that somebody made. What
//! a step weighs in minutes is [`STEP`]; everything else is left to the reader,
//! who is told why.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::edges::Path;
use super::{Edges, RankedCause};
use crate::causes::{Case, Cause, view};
use crate::facts::{Change, ChangeKind, span};
use crate::object::ObjectRef;

/// How long before the onset a change is suspected at all.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// How long a rollout may have served and still be suspected of what shows at
/// once; trouble that is older is background to the alert as well.
const SERVED: SignedDuration = SignedDuration::from_hours(6);
/// A change one step away is suspected like one of the cause itself that is
/// this much older: most changes show within half an hour.
const STEP: SignedDuration = SignedDuration::from_mins(30);
/// Clocks of the alert's and the change's source differ by no more, in a site that works.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);
/// Beyond this many steps everything touches everything.
const STEPS_MAX: usize = 6;

/// A change under suspicion.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    /// The change.
    pub change: Change,
    /// What it reaches and on which way, as a predicate; empty where it is a
    /// change of the cause's own object.
    pub reaches: String,
    /// Why it is suspected, in one phrase.
    pub why: String,
}

/// Finds the suspected change of the leading cause.
pub(super) fn find(case: &Case<'_>, edges: &Edges, causes: &[RankedCause]) -> Option<Suspect> {
    let targets = targets(case, causes);
    let target = targets.first()?.clone();
    let onset = onset(case, causes);
    let slow = causes
        .first()
        .is_some_and(|first| builds_up(first.finding.cause));
    let served = |change: &Change| {
        let acts_at_once = change.kind == ChangeKind::Rollout && !slow;
        acts_at_once && onset.duration_since(change.at) > SERVED
    };
    let ways = edges.upstream(targets);
    let nearest = case
        .facts
        .changes_before(latest(onset), WINDOW)
        .filter(|change| change.kind != ChangeKind::Condition && !served(change))
        .filter_map(|change| Some((change, ways.get(&change.object)?)))
        .filter(|(_, path)| path.steps <= STEPS_MAX)
        .min_by_key(|(change, path)| {
            let age = onset.duration_since(change.at).max(SignedDuration::ZERO);
            let steps = u32::try_from(path.steps).unwrap_or(u32::MAX);
            (
                age.as_secs() + STEP.as_secs() * i64::from(steps),
                &change.object,
                &change.what,
            )
        })?;
    let (change, path) = nearest;
    let before = match onset.duration_since(change.at).as_secs() {
        ..=0 => "just as".to_owned(),
        _ => format!("{} before", span(onset.duration_since(change.at))),
    };
    let reaches = match path.steps {
        0 => String::new(),
        _ => format!("reaches {target}{}", through(path, &ways)),
    };
    let what = match path.steps {
        0 => format!("nearest change of {target} itself"),
        _ => format!("nearest change that {reaches}"),
    };
    Some(Suspect {
        change: change.clone(),
        why: format!("{what}, {before} the trouble began"),
        reaches,
    })
}

/// Whether a cause is what something has used up over time, or what shows only
/// when the next run or the next day comes.
fn builds_up(cause: Cause) -> bool {
    use Cause as C;
    matches!(
        cause,
        C::MemoryLeak
            | C::OomOwnLimit
            | C::NodeOomVictim
            | C::MemoryPressure
            | C::DiskPressure
            | C::PidPressure
            | C::EvictedPressure
            | C::EphemeralLimit
            | C::ShmOrTmpExhausted
            | C::UlimitFdInotify
            | C::EphemeralPorts
            | C::ConntrackFull
            | C::ConnectionPoolExhausted
            | C::CacheFullOrEvicting
            | C::QueueBacklog
            | C::VolumeFilling
            | C::DiskFullVolume
            | C::Inodes
            | C::ImageGarbageCollection
            | C::ObjectFlood
            | C::CronjobNotRunning
            | C::JobFailedBackoff
            | C::JobDeadlineOrHung
    )
}

/// What the change must touch: the leading cause's object and its workload,
/// else what the alerts are about.
fn targets(case: &Case<'_>, causes: &[RankedCause]) -> Vec<ObjectRef> {
    let objects = &case.snapshot.objects;
    let mut targets = Vec::new();
    let asked = match causes.first() {
        Some(first) => std::slice::from_ref(&first.finding.object),
        None => case.subjects,
    };
    for object in asked.iter().filter(|object| object.kind != "Namespace") {
        for one in [view::root_of(objects, object), object.clone()] {
            if !targets.contains(&one) {
                targets.push(one);
            }
        }
    }
    targets
}

/// When the leading cause began, where that is known and before the alert.
fn onset(case: &Case<'_>, causes: &[RankedCause]) -> Timestamp {
    let since = causes.first().and_then(|first| first.finding.since);
    let window = case.started_at.saturating_sub(WINDOW);
    since
        .filter(|since| window.is_ok_and(|from| from <= *since))
        .map_or(case.started_at, |since| since.min(case.started_at))
}

fn latest(onset: Timestamp) -> Timestamp {
    onset.saturating_add(CLOCKS).unwrap_or(onset)
}

/// The objects on the way that say something: pods and sets between a workload
/// and what it needs do not.
fn through(path: &Path, ways: &BTreeMap<ObjectRef, Path>) -> String {
    let mut between = Vec::new();
    let mut next = path.next.as_ref();
    while let Some(object) = next {
        next = ways.get(object).and_then(|path| path.next.as_ref());
        if next.is_some() && !matches!(object.kind.as_str(), "Pod" | "ReplicaSet") {
            between.push(object.to_string());
        }
    }
    match between.as_slice() {
        [] => String::new(),
        between => format!(" through {}", between.join(" and ")),
    }
}

#[cfg(test)]
mod tests;
