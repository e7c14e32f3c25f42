//! Commands for a stated cause: for what was captured, in words a shell takes.

use serde_json::json;

use super::complete;
use crate::analysis::Risk;
use crate::causes::fixture::{Fixture, ago, owner};
use crate::causes::{Case, Cause, Finding, Strength};
use crate::facts::Facts;
use crate::object::ObjectRef;

fn deployment(name: &str) -> ObjectRef {
    ObjectRef::namespaced("Deployment", "shop", name)
}

fn completed(fixture: &Fixture, mut finding: Finding) -> Finding {
    let facts = Facts::find(&fixture.snapshot, fixture.alerts[0].starts_at);
    let case = Case {
        snapshot: &fixture.snapshot,
        facts: &facts,
        alerts: &fixture.alerts,
        subjects: &fixture.subjects,
        started_at: fixture.alerts[0].starts_at,
    };
    complete(&case, &mut finding);
    finding
}

fn stated(cause: Cause, object: ObjectRef) -> Finding {
    Finding::new(cause, object, Strength::Stated, "Something is wrong.")
}

/// `cause` of `object` must be repaired by exactly those commands.
#[track_caller]
fn check(fixture: &Fixture, cause: Cause, object: ObjectRef, repairs: &[&str]) {
    let finding = completed(fixture, stated(cause, object));
    let commands: Vec<&str> = finding
        .actions
        .iter()
        .map(|one| one.command.as_str())
        .collect();
    assert_eq!(commands, repairs);
    assert!(!finding.next_checks.is_empty());
}

fn web() -> Fixture {
    let limits = json!({"limits": {"memory": "256Mi", "cpu": "500m"}});
    let spec = json!({"containers": [{"name": "web", "image": "r/web:1", "resources": limits}]});
    Fixture::new().deployment("web", 2, 0, spec)
}

/// Beside the ReplicaSet of twenty minutes ago, another of that age and revision.
fn with_revision(fixture: Fixture, created: i64, revision: &str) -> Fixture {
    fixture.with(json!({
        "kind": "ReplicaSet",
        "metadata": {"name": "web-66d", "creationTimestamp": ago(created),
                     "annotations": {"deployment.kubernetes.io/revision": revision},
                     "ownerReferences": [owner("Deployment", "web")]},
        "spec": {"replicas": 0, "selector": {"matchLabels": {"app": "web"}},
                 "template": {"spec": {"containers": [{"name": "web", "image": "r/web:0"}]}}},
    }))
}

#[test]
fn the_only_revision_is_corrected_and_not_undone() {
    let edit = "kubectl edit deployment/web -n shop";
    let undo = "kubectl rollout undo deployment/web -n shop";
    check(&web(), Cause::BadCommand, deployment("web"), &[edit]);
    let two = with_revision(web(), 900, "0");
    check(&two, Cause::BadCommand, deployment("web"), &[undo, edit]);
}

#[test]
fn what_was_not_captured_is_not_changed() {
    check(&web(), Cause::BadCommand, deployment("other"), &[]);
}

#[test]
fn a_full_quota_is_raised_and_not_what_it_refuses() {
    let quota = |name: &str| json!({"kind": "ResourceQuota", "metadata": {"name": name}, "spec": {"hard": {"pods": "4"}}});
    let edit = ["kubectl edit resourcequota/compute -n shop"];
    let one = web().with(quota("compute"));
    check(&one, Cause::PodQuotaExceeded, deployment("web"), &edit);
    let two = one.with(quota("objects"));
    check(&two, Cause::PodQuotaExceeded, deployment("web"), &[]);
    let mut refused = stated(Cause::PodQuotaExceeded, deployment("web"));
    refused.because = vec![crate::evidence::Draft {
        kind: crate::evidence::EvidenceKind::Event,
        object: deployment("web"),
        at: None,
        title:
            "FailedCreate: pods \"web-1\" is forbidden: exceeded quota: compute, requested: pods=1"
                .to_owned(),
        lines: Vec::new(),
        query: String::new(),
        truncated: String::new(),
    }];
    let commands = completed(&two, refused).actions;
    assert_eq!(commands.len(), 1);
    assert_eq!(commands[0].command, edit[0]);
}

#[test]
fn a_limit_is_raised_for_the_container_that_has_it_and_can_be_taken_back() {
    let set = "kubectl set resources deployment/web -n shop -c web --limits=";
    let finding = completed(&web(), stated(Cause::OomOwnLimit, deployment("web")));
    assert_eq!(finding.actions[0].command, format!("{set}memory=384Mi"));
    assert_eq!(finding.actions[0].undo, format!("{set}memory=256Mi"));
    let finding = completed(&web(), stated(Cause::CpuThrottling, deployment("web")));
    assert_eq!(finding.actions[0].command, format!("{set}cpu=1000m"));
}

#[test]
fn more_replicas_are_asked_of_whoever_sets_them() {
    let scale = "kubectl scale deployment/web -n shop --replicas=3";
    check(&web(), Cause::TrafficSurge, deployment("web"), &[scale]);
    let scaled = web().with(json!({
        "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"maxReplicas": 4, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
    }));
    let patch = "kubectl patch horizontalpodautoscaler/web -n shop --type=merge -p '{\"spec\":{\"maxReplicas\":6}}'";
    check(&scaled, Cause::TrafficSurge, deployment("web"), &[patch]);
}

#[test]
fn a_claim_grows_only_where_its_class_lets_it() {
    let claim = ObjectRef::namespaced("PersistentVolumeClaim", "shop", "data");
    let fixture = |expands: bool| {
        Fixture::new()
            .with(json!({
                "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
                "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "10Gi"}}},
            }))
            .with(json!({
                "kind": "StorageClass", "metadata": {"name": "fast"},
                "provisioner": "x", "allowVolumeExpansion": expands,
            }))
    };
    let patch = "kubectl patch persistentvolumeclaim/data -n shop --type=merge -p '{\"spec\":{\"resources\":{\"requests\":{\"storage\":\"15Gi\"}}}}'";
    check(
        &fixture(true),
        Cause::VolumeFilling,
        claim.clone(),
        &[patch],
    );
    check(&fixture(false), Cause::VolumeFilling, claim, &[]);
}

#[test]
fn a_smaller_risk_than_the_catalogues_is_said_where_the_way_is_milder() {
    let finding = completed(
        &web(),
        stated(Cause::PodSecurityViolation, deployment("web")),
    );
    assert_eq!(finding.actions[0].risk, Risk::Low);
}

#[test]
fn what_the_analyzer_said_stays() {
    let finding = stated(Cause::BadCommand, deployment("web"))
        .repair(
            "kubectl get nothing",
            "",
            "is what the analyzer knows better",
        )
        .check("kubectl get this", "tells more than the table")
        .check("kubectl get that", "tells more than the table");
    let finding = completed(&web(), finding);
    assert_eq!((finding.actions.len(), finding.next_checks.len()), (1, 2));
}

#[test]
fn a_hostile_name_stays_one_word() {
    for (name, word) in [
        ("a; rm -rf x", "'node/a; rm -rf x'"),
        ("$(x)", "'node/$(x)'"),
        ("--all", "node/--all"),
        ("a\nb", "'node/a?b'"),
    ] {
        let node = json!({"kind": "Node", "metadata": {"name": name}});
        let object = ObjectRef::cluster("Node", name);
        let finding = completed(
            &Fixture::new().with(node),
            stated(Cause::DiskPressure, object),
        );
        let all: Vec<&str> = finding
            .next_checks
            .iter()
            .map(|one| one.command.as_str())
            .collect();
        assert_eq!(all[0], format!("kubectl describe {word}"));
        for command in finding
            .actions
            .iter()
            .map(|one| &one.command)
            .chain(finding.next_checks.iter().map(|one| &one.command))
        {
            let quoted = name.replace('\n', "?");
            let bare = command
                .replace(&format!("'{quoted}'"), "")
                .replace(word, "");
            assert!(!bare.contains(&quoted) || name == "--all", "{command}");
            assert!(
                name != "--all" || !command.contains(" --all") || command.contains(" -- --all"),
                "{command}"
            );
        }
    }
}
