//! Facts about refused pods.

#![allow(
    clippy::needless_pass_by_value,
    reason = "JSON snippets read best when written where they are used"
)]

use serde_json::json;

use super::*;
use crate::causes::fixture::Fixture;

fn refused_web() -> Fixture {
    let mut fixture = Fixture::new().deployment(
        "web",
        2,
        0,
        json!({"serviceAccountName": "runner", "containers": [{"name": "app"}]}),
    );
    let set = json!({"kind": "ReplicaSet",
        "metadata": {"name": "web-77f", "ownerReferences": [crate::causes::fixture::owner("Deployment", "web")]},
        "spec": {"replicas": 2, "selector": {}, "template": {"spec": {"serviceAccountName": "runner", "containers": []}}},
        "status": {"replicas": 0, "conditions": [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}]}});
    fixture = fixture.with(set);
    fixture
}

#[track_caller]
fn check(message: &str, expected: &str) -> Findings {
    refused_web()
        .warning("ReplicaSet/web-77f", "FailedCreate", message)
        .check(refused, &[expected])
}

#[test]
fn the_refusals_words_name_the_cause() {
    check(
        "Error creating: pods \"web-77f-x\" is forbidden: violates PodSecurity \"restricted:latest\": runAsNonRoot != true",
        "PodSecurityViolation Deployment shop/web",
    );
    check(
        "Error creating: admission webhook \"policy.local\" denied the request: no latest tag",
        "AdmissionDenied Deployment shop/web",
    );
    check(
        "Error creating: pods \"web-77f-x\" is forbidden: failed quota: compute: must specify limits.cpu for: app",
        "QuotaNeedsLimits Deployment shop/web",
    );
    check(
        "Error creating: pods \"web-77f-x\" is forbidden: maximum cpu usage per Container is 1, but limit is 2",
        "LimitRangeViolation Deployment shop/web",
    );
}

#[test]
fn a_webhook_that_does_not_answer_points_at_its_service() {
    let findings = check(
        "Error creating: Internal error occurred: failed calling webhook \"mutate.mesh.io\": failed to call webhook: Post \"https://injector.mesh.svc:443/inject?timeout=10s\": dial tcp 10.0.0.7:443: connect: connection refused",
        "AdmissionWebhookDown Service mesh/injector",
    );
    assert!(findings.found[0].statement.contains("mutate.mesh.io"));
}

#[test]
fn a_set_that_has_its_pods_by_now_is_no_finding() {
    Fixture::new()
        .deployment("web", 2, 2, json!({"containers": []}))
        .warning(
            "ReplicaSet/web-77f",
            "FailedCreate",
            "violates PodSecurity \"restricted\"",
        )
        .check(refused, &[]);
}

const NOT_FOUND: &str = "Error creating: pods \"web-77f-\" is forbidden: error looking up service account shop/runner: serviceaccount \"runner\" not found";

#[test]
fn a_missing_service_account_is_the_workloads_trouble() {
    refused_web()
        .warning("ReplicaSet/web-77f", "FailedCreate", NOT_FOUND)
        .check(
            service_account,
            &["MissingServiceAccount Deployment shop/web"],
        );
}

#[test]
fn the_template_tells_when_events_are_gone() {
    refused_web()
        .with(json!({"kind": "ServiceAccount", "metadata": {"name": "default"}}))
        .check(
            service_account,
            &["MissingServiceAccount Deployment shop/web"],
        );
}

#[test]
fn an_account_that_exists_by_now_is_ruled_out() {
    let findings = refused_web()
        .with(json!({"kind": "ServiceAccount", "metadata": {"name": "runner"}}))
        .warning("ReplicaSet/web-77f", "FailedCreate", NOT_FOUND)
        .check(service_account, &[]);
    assert_eq!(findings.excluded.len(), 1);
}

#[test]
fn a_set_that_got_its_pods_after_the_account_came_is_no_finding() {
    Fixture::new()
        .deployment("web", 1, 0, json!({"containers": []}))
        .warning("ReplicaSet/web-77f", "FailedCreate", NOT_FOUND)
        .check(service_account, &[]);
}

#[test]
fn another_refusal_says_nothing_about_accounts() {
    refused_web()
        .warning("ReplicaSet/web-77f", "FailedCreate", "pods \"x\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1")
        .check(service_account, &[]);
}
