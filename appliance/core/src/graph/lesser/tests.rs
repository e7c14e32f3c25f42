//! Facts about what is told against causes that come second.

use serde_json::json;

use super::*;
use crate::analysis::Confidence;
use crate::causes::fixture::{Fixture, now};
use crate::causes::{Cause, Strength};
use crate::facts::Facts;

fn deployment(name: &str) -> ObjectRef {
    ObjectRef::namespaced("Deployment", "shop", name)
}

fn ranked(cause: Cause, name: &str, minutes: i64) -> RankedCause {
    let object = deployment(name);
    let seen = Draft::status(object.clone(), "was seen", Vec::new());
    RankedCause {
        finding: Finding::new(cause, object, Strength::Strong, "it was seen")
            .because([seen])
            .since(Some(now() - SignedDuration::from_mins(minutes))),
        confidence: Confidence::Medium,
    }
}

fn beside(fixture: Fixture, name: &str, ready: bool) -> Fixture {
    let spec = json!({"containers": [{"name": "main", "image": "i"}]});
    let status = json!({"phase": "Running", "containerStatuses": [{"name": "main", "image": "i",
        "imageID": "", "ready": ready, "restartCount": 0, "state": {"running": {}}}]});
    fixture
        .deployment(name, 1, i32::from(ready), spec.clone())
        .pod(name, "a", spec, status)
}

/// What is told against `second` when `first` leads and the alert is about `web`.
fn against(second: RankedCause, well: bool, alike: &[Exclusion]) -> Vec<String> {
    let mut fixture = beside(beside(Fixture::new(), "web", false), "mail", well);
    fixture.subjects = vec![deployment("web")];
    let started_at = fixture.alerts[0].starts_at;
    let facts = Facts::find(&fixture.snapshot, started_at);
    let case = Case {
        snapshot: &fixture.snapshot,
        facts: &facts,
        alerts: &fixture.alerts,
        subjects: &fixture.subjects,
        started_at,
    };
    let mut causes = vec![ranked(Cause::OomOwnLimit, "web", 20), second];
    weigh(&case, &Edges::of(&case), &mut causes, alike);
    assert!(causes[0].finding.against.is_empty());
    let told = causes[1].finding.against.iter();
    told.map(|draft| draft.title.clone()).collect()
}

const FAR: &str = "nothing leads from it to Deployment shop/web, which the alert is about";

#[test]
fn a_cause_that_does_not_reach_the_alert_has_that_against_it() {
    let second = ranked(Cause::OomOwnLimit, "mail", 20);
    assert_eq!(against(second, false, &[]), [FAR]);
    let own = ranked(Cause::CodeDefect, "web", 20);
    assert!(against(own, false, &[]).is_empty());
}

#[test]
fn a_cause_whose_pods_are_ready_has_that_against_it() {
    let second = ranked(Cause::CodeDefect, "mail", 20);
    let well = "all 1 pods of Deployment shop/mail are ready";
    assert_eq!(against(second, true, &[]), [well, FAR]);
}

#[test]
fn a_cause_that_began_later_has_that_against_it() {
    let second = ranked(Cause::CodeDefect, "web", 5);
    assert_eq!(
        against(second, false, &[]),
        ["began 15 minutes after OomOwnLimit"]
    );
}

#[test]
fn what_tells_it_apart_from_the_leading_cause_is_told() {
    let why = Draft::status(deployment("web"), "reason OOMKilled", Vec::new());
    let alike = Exclusion {
        cause: Cause::LivenessKill,
        object: deployment("web"),
        because: vec![why],
    };
    let second = ranked(Cause::LivenessKill, "web", 20);
    assert_eq!(against(second, false, &[alike]), ["reason OOMKilled"]);
}

#[test]
fn evidence_for_a_cause_is_not_told_against_it() {
    let why = Draft::status(deployment("web"), "was seen", Vec::new());
    let alike = Exclusion {
        cause: Cause::LivenessKill,
        object: deployment("web"),
        because: vec![why],
    };
    let second = ranked(Cause::LivenessKill, "web", 20);
    assert!(against(second, false, &[alike]).is_empty());
}
