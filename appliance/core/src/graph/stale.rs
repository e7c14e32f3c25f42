//! Events that no longer speak of the present.
//!
//! An event stays for an hour, whatever became of its object. One that was
//! last seen well before the onset, and whose object has been changed since,
//! tells of the state before that change: it is not cited. A finding that
//! rests on nothing else is ruled out, by the change.

use crate::causes::{Case, Exclusion, Finding, view};
use crate::evidence::{Draft, EvidenceKind};
use crate::facts::{Change, ChangeKind, STALE_AFTER};
use crate::object::ObjectRef;

/// Takes stale events out of the findings' evidence, and the findings that
/// have no other out of `found`.
pub(super) fn set_aside(case: &Case<'_>, found: &mut Vec<Finding>) -> Vec<Exclusion> {
    let mut excluded = Vec::new();
    found.retain_mut(|finding| {
        let outdated = |draft: &Draft| overtaken_by(case, draft).is_some();
        let stale: Vec<Draft> = finding
            .because
            .iter()
            .filter(|draft| outdated(draft))
            .cloned()
            .collect();
        if stale.is_empty() {
            return true;
        }
        if stale.len() < finding.because.len() {
            finding.because.retain(|draft| !stale.contains(draft));
            return true;
        }
        let changes = stale.iter().filter_map(|draft| overtaken_by(case, draft));
        let mut because: Vec<Draft> = Vec::new();
        for draft in changes.map(Draft::change) {
            if !because.contains(&draft) {
                because.push(draft);
            }
        }
        because.extend(stale.iter().take(1).cloned());
        excluded.push(Exclusion {
            cause: finding.cause,
            object: finding.object.clone(),
            because,
        });
        false
    });
    excluded
}

/// The change that made an event a thing of the past.
fn overtaken_by<'a>(case: &Case<'a>, draft: &Draft) -> Option<&'a Change> {
    let at = draft.at.filter(|_| draft.kind == EvidenceKind::Event)?;
    let limit = case.started_at.saturating_sub(STALE_AFTER).ok()?;
    if at >= limit || is_still_unwell(case, &draft.object) {
        return None;
    }
    let object = view::root_of(&case.snapshot.objects, &draft.object);
    let mut changes = case.facts.changes.iter();
    changes.find(|change| {
        let deliberate = matches!(
            change.kind,
            ChangeKind::Rollout | ChangeKind::Created | ChangeKind::Edited
        );
        deliberate
            && (change.object == object || change.object == draft.object)
            && at < change.at
            && change.at <= case.started_at
    })
}

/// Whether the event's object is there and has not got well since.
fn is_still_unwell(case: &Case<'_>, object: &ObjectRef) -> bool {
    let objects = &case.snapshot.objects;
    let namespace = object.namespace.as_deref().unwrap_or_default();
    match object.kind.as_str() {
        "Pod" => objects
            .pods
            .get(namespace, &object.name)
            .is_some_and(|pod| !view::is_well(pod) && !view::is_terminating(pod)),
        _ => view::replicas(objects, object).is_some_and(|(wanted, made)| made < wanted),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use super::*;
    use crate::causes::fixture::{Fixture, ago};
    use crate::causes::{Cause, Strength};
    use crate::facts::Facts;

    /// A Service that was edited that many minutes ago; the alert is ten old.
    fn edited(minutes: i64) -> Fixture {
        Fixture::new().with(json!({"kind": "Service", "metadata": {"name": "web", "creationTimestamp": ago(90_000),
            "managedFields": [{"manager": "kubectl-edit", "operation": "Update", "time": ago(minutes)}]}}))
    }

    /// What remains of a finding on one event of so many minutes ago: how much
    /// evidence, and what excludes it.
    fn remains(fixture: &Fixture, about: &str, minutes: i64, more: &[Draft]) -> (usize, usize) {
        let started_at = fixture.alerts[0].starts_at;
        let facts = Facts::find(&fixture.snapshot, started_at);
        let case = Case {
            snapshot: &fixture.snapshot,
            facts: &facts,
            alerts: &fixture.alerts,
            subjects: &fixture.subjects,
            started_at,
        };
        let (kind, name) = about.split_once('/').unwrap_or(("Service", about));
        let object = ObjectRef::namespaced(kind, "shop", name);
        let mut event = Draft::status(object.clone(), "SyncFailed ×1: refused", Vec::new());
        event.kind = EvidenceKind::Event;
        event.at =
            Some(started_at + SignedDuration::from_mins(10) - SignedDuration::from_mins(minutes));
        let finding = Finding::new(
            Cause::LoadBalancerBgpL2,
            object,
            Strength::Stated,
            "it was refused",
        )
        .because([event])
        .because(more.to_vec());
        let mut found = vec![finding];
        let excluded = set_aside(&case, &mut found);
        (
            found.first().map_or(0, |one| one.because.len()),
            excluded.first().map_or(0, |one| one.because.len()),
        )
    }

    #[test]
    fn an_event_from_before_the_last_edit_is_ruled_out_by_it() {
        assert_eq!(remains(&edited(30), "Service/web", 50, &[]), (0, 2));
    }

    #[test]
    fn recent_events_and_unchanged_objects_are_cited() {
        // Not stale: within a quarter of an hour before the onset.
        assert_eq!(remains(&edited(12), "Service/web", 20, &[]), (1, 0));
        // The edit is older than the event.
        assert_eq!(remains(&edited(80), "Service/web", 50, &[]), (1, 0));
        // Another object of nearly that name was edited.
        assert_eq!(remains(&edited(30), "Service/web-old", 50, &[]), (1, 0));
        // Edited only after the alert: a repair in progress.
        assert_eq!(remains(&edited(3), "Service/web", 50, &[]), (1, 0));
    }

    #[test]
    fn other_evidence_carries_a_finding_without_its_stale_event() {
        let status = Draft::status(
            ObjectRef::namespaced("Service", "shop", "web"),
            "no address",
            Vec::new(),
        );
        assert_eq!(remains(&edited(30), "Service/web", 50, &[status]), (1, 0));
    }

    #[test]
    fn events_of_a_pod_that_is_still_unwell_stay() {
        let rolled = |status: Value| {
            let spec = json!({"containers": [{"name": "main"}]});
            Fixture::new()
                .deployment("web", 1, 0, spec.clone())
                .pod("web", "a", spec, status)
        };
        let unwell = rolled(json!({"phase": "Pending"}));
        assert_eq!(remains(&unwell, "Pod/web-77f-a", 50, &[]), (1, 0));
        let well = rolled(
            json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}),
        );
        assert_eq!(remains(&well, "Pod/web-77f-a", 50, &[]), (0, 2));
    }
}
