//! What speaks against the causes that are stated after the first.
//!
//! A candidate comes second for a reason, and where facts give one it is told:
//! what tells it apart from the leading cause, that what it is about runs
//! well, that it does not reach what the alert is about, or that it began
//! after the leading cause. Nothing here changes the order or the confidence.
//!
//! Invariant: a piece of evidence is never both for and against one cause.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{Edges, Exclusion, RankedCause};
use crate::causes::{Case, Family, Finding, view};
use crate::evidence::Draft;
use crate::facts::span;
use crate::object::ObjectRef;

/// Later than this after the leading cause, a cause may follow from it.
const AFTER: SignedDuration = SignedDuration::from_secs(60);

/// Adds to every cause but the first what speaks against it; `alike` is what
/// tells look-alikes apart from the first.
pub(super) fn weigh(
    case: &Case<'_>,
    edges: &Edges,
    causes: &mut [RankedCause],
    alike: &[Exclusion],
) {
    let Some((leading, lesser)) = causes.split_first_mut() else {
        return;
    };
    for ranked in lesser {
        let finding = &ranked.finding;
        let mut against: Vec<Draft> = told_apart(finding, alike);
        against.extend(runs_well(case, finding));
        against.extend(does_not_reach(case, edges, finding));
        against.extend(began_after(&leading.finding, finding));
        let own = &finding.because;
        against.retain(|draft| !own.iter().any(|known| known.key() == draft.key()));
        ranked.finding = finding.clone().against(against);
    }
}

/// The evidence that excludes the same cause of the leading cause's object.
fn told_apart(finding: &Finding, alike: &[Exclusion]) -> Vec<Draft> {
    let same = |one: &&Exclusion| one.cause == finding.cause && one.object == finding.object;
    alike
        .iter()
        .filter(same)
        .flat_map(|one| one.because.iter().take(1).cloned())
        .collect()
}

/// All pods of what it is about are ready: whatever it is, they bear it.
fn runs_well(case: &Case<'_>, finding: &Finding) -> Option<Draft> {
    if finding.cause.family() != Family::Runtime && finding.cause.family() != Family::Networking {
        return None;
    }
    let objects = &case.snapshot.objects;
    let pods = view::pods_of(objects, &view::root_of(objects, &finding.object));
    let first = pods.first()?;
    pods.iter().all(|pod| view::is_well(pod)).then(|| {
        let title = format!("all {} pods of {} are ready", pods.len(), finding.object);
        Draft::status(view::pod_ref(first), title, Vec::new())
    })
}

/// No path leads from it to what the alert is about.
fn does_not_reach(case: &Case<'_>, edges: &Edges, finding: &Finding) -> Option<Draft> {
    let objects = &case.snapshot.objects;
    let mut targets = case.subjects.iter().filter(|one| one.kind != "Namespace");
    let first = targets.clone().next()?;
    let from = std::iter::once(finding.object.clone()).chain(finding.explains.clone());
    let reach: BTreeSet<ObjectRef> = edges.reach_all(from);
    let reached = targets
        .any(|target| reach.contains(target) || reach.contains(&view::root_of(objects, target)));
    (!reached).then(|| {
        let title = format!("nothing leads from it to {first}, which the alert is about");
        Draft::status(finding.object.clone(), title, Vec::new())
    })
}

/// It began clearly after the leading cause.
fn began_after(leading: &Finding, finding: &Finding) -> Option<Draft> {
    let (first, own) = (leading.since?, finding.since?);
    let after = own.duration_since(first);
    (after > AFTER).then(|| {
        let title = format!("began {} after {}", span(after), leading.cause);
        Draft::status(finding.object.clone(), title, Vec::new()).at(Some(own))
    })
}

#[cfg(test)]
mod tests;
