//! Which changes belong on the card.
//!
//! Those before the onset that touch a cause, a subject or what a cause
//! explains; nodes, which many workloads share; and objects that rule a whole
//! namespace of the incident. The suspected change is always among them and
//! says why. The rest of the time line is noise here.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::ledger::Ledger;
use crate::analysis::ChangeEntry;
use crate::causes::Case;
use crate::evidence::Draft;
use crate::facts::workloads::workload_of;
use crate::facts::{Change, ChangeKind};
use crate::graph::Diagnosis;
use crate::object::ObjectRef;

/// How long before the onset a change is still worth showing.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// The same for what is only explained by a cause, or shares its namespace.
const WINDOW_BESIDE: SignedDuration = SignedDuration::from_hours(2);
/// The same for a run of a scheduled job.
const WINDOW_RUN: SignedDuration = SignedDuration::from_mins(30);
/// Clocks of the alert's and the change's source differ by no more, in a site that works.
const CLOCKS: SignedDuration = SignedDuration::from_mins(1);
/// Most changes on a card.
const CHANGES_MAX: usize = 10;

/// Kinds whose creation touches everything in their namespace.
const RULE_NAMESPACE: &[&str] = &[
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodDisruptionBudget",
];

/// The changes for the card, newest first, entered into `ledger`.
pub(super) fn changes(
    case: &Case<'_>,
    diagnosis: &Diagnosis,
    ledger: &mut Ledger,
) -> Vec<ChangeEntry> {
    let scope = Scope::of(case, diagnosis);
    let suspect = diagnosis.suspect.as_ref();
    let is_suspect = |change: &Change| suspect.is_some_and(|one| one.change == *change);
    let mut shown: Vec<&Change> = before_onset(case)
        .filter(|change| {
            is_suspect(change) || scope.touches(change) && scope.is_recent(change, case.started_at)
        })
        .collect();
    // The suspected one stays, however many came after it.
    let place = shown.iter().position(|change| is_suspect(change));
    if let Some(place) = place.filter(|place| *place >= CHANGES_MAX) {
        shown.swap(CHANGES_MAX - 1, place);
    }
    let entries = shown.into_iter().take(CHANGES_MAX).filter_map(|change| {
        let suspected = suspect.filter(|_| is_suspect(change));
        Some(ChangeEntry {
            at: change.at,
            object: change.object.clone(),
            what: super::clean::line(&change.what),
            evidence: ledger.add(&Draft::change(change))?,
            suspected: suspected.map_or_else(String::new, |one| super::clean::line(&one.why)),
        })
    });
    entries.collect()
}

fn before_onset<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Change> + use<'a> {
    let until = case
        .started_at
        .saturating_add(CLOCKS)
        .unwrap_or(case.started_at);
    case.facts.changes_before(until, WINDOW)
}

struct Scope {
    /// Subjects and causes, with their workloads.
    central: BTreeSet<ObjectRef>,
    /// Those and all that the causes explain.
    objects: BTreeSet<ObjectRef>,
    namespaces: BTreeSet<String>,
}

impl Scope {
    fn of(case: &Case<'_>, diagnosis: &Diagnosis) -> Self {
        let findings = || diagnosis.causes.iter().map(|ranked| &ranked.finding);
        let with_workload =
            |object: &ObjectRef| [object.clone(), workload_of(case.snapshot, object)];
        let causes = findings().map(|finding| &finding.object);
        let central: BTreeSet<ObjectRef> = case
            .subjects
            .iter()
            .chain(causes)
            .flat_map(with_workload)
            .collect();
        let explained = findings().flat_map(|finding| &finding.explains);
        let mut objects: BTreeSet<ObjectRef> = explained.flat_map(with_workload).collect();
        objects.extend(central.iter().cloned());
        let namespaces = objects
            .iter()
            .filter_map(|object| match object.kind.as_str() {
                "Namespace" => Some(object.name.clone()),
                _ => object.namespace.clone(),
            });
        Self {
            namespaces: namespaces.collect(),
            central,
            objects,
        }
    }

    /// Central objects are shown over the whole window, the others only close
    /// to the onset: old rollouts of neighbours are noise.
    fn is_recent(&self, change: &Change, started_at: Timestamp) -> bool {
        let age = started_at.duration_since(change.at);
        let window = match change.kind {
            // Schedules run all day; only the last run can matter to others.
            ChangeKind::Ran => WINDOW_RUN,
            _ => WINDOW_BESIDE,
        };
        self.central.contains(&change.object) || age <= window
    }

    fn touches(&self, change: &Change) -> bool {
        if self.objects.contains(&change.object) || change.object.kind == "Node" {
            return true;
        }
        let here = change
            .object
            .namespace
            .as_ref()
            .is_some_and(|namespace| self.namespaces.contains(namespace));
        let rules = RULE_NAMESPACE.contains(&change.object.kind.as_str());
        here && (rules || change.kind != ChangeKind::Created)
    }
}
