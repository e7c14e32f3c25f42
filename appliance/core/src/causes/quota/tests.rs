//! Facts about quotas: what was refused, and what is merely full.

#![allow(
    clippy::needless_pass_by_value,
    reason = "JSON snippets read best when written where they are used"
)]

use serde_json::{Value, json};

use super::refusal::{Exceeded, parse_exceeded};
use super::{claims, pods, refused, services};
use crate::causes::Strength;
use crate::causes::fixture::{Fixture, owner};

fn spec() -> Value {
    json!({"containers": [{"name": "app", "ports": [{"containerPort": 80}],
        "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]})
}

/// A Deployment whose ReplicaSet has made none of its pods.
fn short(conditions: Value) -> Fixture {
    Fixture::new().deployment("web", 1, 0, spec()).with(json!({
        "kind": "ReplicaSet",
        "metadata": {"name": "web-77f", "ownerReferences": [owner("Deployment", "web")]},
        "spec": {"replicas": 1, "selector": {}, "template": {"spec": spec()}},
        "status": {"replicas": 0, "conditions": conditions}}))
}

fn failed() -> Value {
    json!([{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate"}])
}

fn quota(resource: &str, hard: &str, used: &str) -> Value {
    json!({"kind": "ResourceQuota", "metadata": {"name": "compute"},
        "spec": {"hard": {resource: hard}}, "status": {"hard": {resource: hard}, "used": {resource: used}}})
}

#[track_caller]
fn check(numbers: &str, expected: &[&str]) {
    short(failed())
        .warning(
            "ReplicaSet/web-77f",
            "FailedCreate",
            &format!("Error creating: pods \"web-77f-x\" is forbidden: exceeded quota: compute, {numbers}"),
        )
        .check(refused, expected);
}

#[test]
fn the_refused_resource_names_the_cause() {
    check(
        "requested: requests.cpu=1, used: requests.cpu=10, limited: requests.cpu=10",
        &["CpuQuotaExceeded Namespace shop"],
    );
    check(
        "requested: limits.memory=1Gi, used: limits.memory=3000Mi, limited: limits.memory=3Gi",
        &["MemoryQuotaExceeded Namespace shop"],
    );
    check(
        "requested: pods=1, used: pods=5, limited: pods=5",
        &["PodQuotaExceeded Namespace shop"],
    );
    check(
        "requested: requests.nvidia.com/gpu=1, used: requests.nvidia.com/gpu=2, limited: requests.nvidia.com/gpu=2",
        &["QuotaExceeded Namespace shop"],
    );
}

#[test]
fn only_the_resource_that_does_not_fit_counts() {
    check(
        "requested: requests.cpu=1,requests.memory=1Gi, used: requests.cpu=2,requests.memory=8Gi, limited: requests.cpu=8,requests.memory=8Gi",
        &["MemoryQuotaExceeded Namespace shop"],
    );
}

#[test]
fn a_claim_refused_to_a_stateful_set_is_a_storage_quota() {
    Fixture::new()
        .with(json!({"kind": "StatefulSet", "metadata": {"name": "db"},
            "spec": {"replicas": 1, "serviceName": "db", "selector": {}, "template": {}}, "status": {"replicas": 0}}))
        .warning(
            "StatefulSet/db",
            "FailedCreate",
            "create Claim data-db-0 for Pod db-0 in StatefulSet db failed error: persistentvolumeclaims \"data-db-0\" is forbidden: exceeded quota: disk, requested: requests.storage=10Gi, used: requests.storage=95Gi, limited: requests.storage=100Gi",
        )
        .check(refused, &["StorageQuotaExceeded Namespace shop"]);
}

#[test]
fn a_refusal_of_a_set_that_has_its_pods_is_stale() {
    Fixture::new()
        .deployment("web", 1, 1, spec())
        .warning(
            "ReplicaSet/web-77f",
            "FailedCreate",
            "exceeded quota: compute, requested: pods=1, used: pods=5, limited: pods=5",
        )
        .check(refused, &[]);
}

#[test]
fn the_quotas_status_tells_when_the_message_is_gone() {
    let findings = short(failed())
        .with(quota("requests.memory", "3Gi", "2500Mi"))
        .check(pods, &["MemoryQuotaExceeded Namespace shop"]);
    assert_eq!(findings.found[0].strength, Strength::Strong);
    short(json!([]))
        .with(quota("pods", "5", "5"))
        .check(pods, &["PodQuotaExceeded Namespace shop"]);
}

#[test]
fn a_full_quota_with_every_pod_there_is_no_finding() {
    Fixture::new()
        .deployment("web", 1, 1, spec())
        .with(quota("pods", "1", "1"))
        .check(pods, &[]);
}

#[test]
fn a_quota_with_room_is_no_finding() {
    short(failed())
        .with(quota("requests.cpu", "8", "2"))
        .check(pods, &[]);
}

#[test]
fn another_refusal_keeps_the_quota_out_of_it() {
    short(failed())
        .with(quota("pods", "5", "5"))
        .warning(
            "ReplicaSet/web-77f",
            "FailedCreate",
            "serviceaccount \"runner\" not found",
        )
        .check(pods, &[]);
}

fn waiting_for_claim() -> Fixture {
    let mut spec = spec();
    spec["volumes"] = json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
    Fixture::new()
        .deployment("db", 1, 0, spec.clone())
        .pod("db", "a", spec, json!({"phase": "Pending"}))
        .warning(
            "Pod/db-77f-a",
            "FailedScheduling",
            "0/1 nodes are available: persistentvolumeclaim \"data\" not found.",
        )
}

#[test]
fn a_claim_that_a_storage_quota_keeps_out_is_found() {
    let findings = waiting_for_claim()
        .with(quota("requests.storage", "10Gi", "10Gi"))
        .check(claims, &["StorageQuotaExceeded Namespace shop"]);
    assert_eq!(findings.found[0].strength, Strength::Strong);
}

#[test]
fn a_missing_claim_without_a_storage_quota_is_not_a_quota() {
    waiting_for_claim()
        .with(quota("pods", "1", "1"))
        .check(claims, &[]);
}

fn two_services() -> Fixture {
    let calls = json!({"containers": [{"name": "app", "ports": [{"containerPort": 80}],
        "env": [{"name": "CART", "value": "cart:7070"}]}]});
    Fixture::new()
        .deployment("web", 1, 1, calls)
        .deployment("cart", 1, 1, spec())
        .with(json!({"kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}))
}

#[test]
fn a_workload_without_service_in_a_full_quota_is_found() {
    let findings = two_services()
        .with(quota("services", "1", "1"))
        .check(services, &["ServiceQuotaExceeded Namespace shop"]);
    assert_eq!(findings.found[0].strength, Strength::Strong);
}

#[test]
fn a_full_service_quota_with_every_service_there_is_no_finding() {
    two_services()
        .with(json!({"kind": "Service", "metadata": {"name": "cart"}, "spec": {"selector": {"app": "cart"}}}))
        .with(quota("services", "2", "2"))
        .check(services, &[]);
}

#[test]
fn a_missing_service_with_room_in_the_quota_is_no_finding() {
    two_services()
        .with(quota("services", "9", "1"))
        .check(services, &[]);
}

#[test]
fn refusals_are_read_number_by_number() {
    let exceeded =
        parse_exceeded("x exceeded quota: q, requested: a=1,b=2, used: a=3,b=4, limited: a=5,b=6");
    let resources = [("a", ["1", "3", "5"]), ("b", ["2", "4", "6"])].into();
    assert_eq!(
        exceeded,
        Some(Exceeded {
            quota: "q",
            resources
        })
    );
    assert_eq!(parse_exceeded("forbidden: no quota here"), None);
}
