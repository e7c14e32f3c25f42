//! Helm, delivery tools, operators, owners that are gone, and wrong namespaces.

use serde_json::{Value, json};

use super::super::{elsewhere, gitops, helm, operator, ownership};
use crate::causes::fixture::{Fixture, ago};
use crate::object::ObjectRef;

fn release(version: &str, status: &str, minutes: i64) -> Value {
    json!({"kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {"name": format!("sh.helm.release.v1.web.v{version}"), "creationTimestamp": ago(minutes),
            "labels": {"owner": "helm", "name": "web", "version": version, "status": status}}})
}

#[test]
fn a_release_that_stays_pending_is_stuck() {
    let expected = "HelmStuck Secret shop/sh.helm.release.v1.web.v10";
    let deployed = release("9", "deployed", 900);
    Fixture::new()
        .with(deployed.clone())
        .with(release("10", "pending-upgrade", 40))
        .check(helm::analyze, &[expected]);
    Fixture::new()
        .with(deployed.clone())
        .with(release("10", "failed", 20))
        .check(helm::analyze, &[expected]);
    Fixture::new()
        .with(deployed)
        .with(release("10", "pending-upgrade", 2))
        .check(helm::analyze, &[]);
}

#[test]
fn a_newer_revision_that_was_deployed_makes_a_failed_one_history() {
    Fixture::new()
        .with(release("10", "failed", 30))
        .with(release("11", "deployed", 20))
        .check(helm::analyze, &[]);
}

fn tracked(manager: &str, minutes: i64) -> Fixture {
    let mut fixture = Fixture::new().with(json!({"kind": "Deployment",
        "metadata": {"name": "web", "labels": {"argocd.argoproj.io/instance": "front"},
            "managedFields": [{"manager": manager, "operation": "Update", "time": ago(minutes),
                "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:template": {}}}}]},
        "spec": {"selector": {}, "template": {}}}));
    fixture.subjects = vec![ObjectRef::namespaced("Deployment", "shop", "web")];
    fixture
}

#[test]
fn an_edit_by_hand_drifts_from_the_repository() {
    tracked("kubectl-edit", 20).check(gitops::analyze, &["GitopsDrift Deployment shop/web"]);
    tracked("argocd-controller", 20).check(gitops::analyze, &[]);
    tracked("kubectl-edit", 900).check(gitops::analyze, &[]);
}

#[test]
fn a_reconciliation_that_fails_is_drift_and_an_unhealthy_one_is_a_symptom() {
    let flux =
        |reason: &str, message: &str| Fixture::new().warning("Kustomization/apps", reason, message);
    flux("BuildFailed", "kustomize build failed: no such file")
        .check(gitops::analyze, &["GitopsDrift Kustomization shop/apps"]);
    flux(
        "HealthCheckFailed",
        "timeout waiting for: [Deployment/shop/web status: 'InProgress']",
    )
    .check(gitops::analyze, &[]);
}

#[test]
fn delivery_objects_speak_for_themselves() {
    let application = |sync: &str, phase: &str| {
        tracked("argocd-controller", 900).with(json!({"kind": "Application", "metadata": {"name": "front"},
            "status": {"sync": {"status": sync}, "operationState": {"phase": phase, "message": "one object is not valid"}}}))
    };
    application("OutOfSync", "Failed")
        .check(gitops::analyze, &["GitopsDrift Application shop/front"]);
    application("Synced", "Succeeded").check(gitops::analyze, &[]);
    let flux = |reason: &str| {
        Fixture::new().with(json!({"kind": "Kustomization", "metadata": {"name": "apps"},
            "status": {"conditions": [{"type": "Ready", "status": "False", "reason": reason, "message": "m"}]}}))
    };
    flux("BuildFailed").check(gitops::analyze, &["GitopsDrift Kustomization shop/apps"]);
    flux("HealthCheckFailed").check(gitops::analyze, &[]);
}

#[test]
fn a_conversion_webhook_without_backend_breaks_its_kind() {
    let message = "Error creating: conversion webhook for db.example/v1, Kind=Cluster failed: Post \"https://db-operator.shop.svc:443/convert?timeout=30s\": no endpoints available for service \"db-operator\"";
    let service = json!({"kind": "Service", "metadata": {"name": "db-operator"},
        "spec": {"selector": {"app": "db-operator"}, "ports": [{"port": 443}]}});
    Fixture::new()
        .with(service)
        .deployment("db-operator", 1, 0, json!({"containers": []}))
        .warning("ReplicaSet/web-1", "FailedCreate", message)
        .check(
            operator::analyze,
            &["CrdOrOperatorBroken Deployment shop/db-operator"],
        );
    let admission = message.replace("conversion webhook for", "failed calling webhook");
    Fixture::new()
        .warning("ReplicaSet/web-1", "FailedCreate", &admission)
        .check(operator::analyze, &[]);
}

#[test]
fn a_controller_without_its_kind_lacks_the_definition() {
    let line = "ERROR setup problem running manager: no matches for kind \"Cluster\" in version \"db.example/v1\"";
    let status = json!({"phase": "Running", "containerStatuses": [{"name": "main", "image": "i", "imageID": "",
        "ready": false, "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]});
    Fixture::new()
        .deployment("op", 1, 0, json!({"containers": [{"name": "main"}]}))
        .pod("op", "a", json!({"containers": [{"name": "main"}]}), status)
        .log("op-77f-a", "main", true, line)
        .check(
            operator::analyze,
            &["CrdOrOperatorBroken Deployment shop/op"],
        );
}

fn service() -> Value {
    json!({"kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}})
}

#[test]
fn pods_that_went_with_their_workload_leave_the_service_alone() {
    let gone = || {
        Fixture::new()
            .with(service())
            .deployment("other", 1, 1, json!({"containers": []}))
            .pod(
                "other",
                "a",
                json!({"containers": []}),
                json!({"phase": "Running"}),
            )
            .event(
                "Normal",
                "Pod/web-77f-a",
                "Killing",
                "Stopping container main",
                20,
            )
    };
    gone().check(ownership::analyze, &["OwnerGc Service shop/web"]);
    gone()
        .deployment("web", 1, 0, json!({"containers": []}))
        .check(ownership::analyze, &[]);
}

#[test]
fn an_owner_in_another_namespace_lets_the_collector_delete() {
    Fixture::new()
        .warning(
            "ConfigMap/settings",
            "OwnerRefInvalidNamespace",
            "ownerRef [apps/v1/Deployment, namespace: shop, name: web] does not exist in namespace \"shop\"",
        )
        .check(ownership::analyze, &["OwnerGc ConfigMap shop/settings"]);
}

#[test]
fn an_alert_about_an_object_that_is_in_another_namespace() {
    let cluster = |namespaces: &[&str]| {
        let mut fixture = Fixture::new().deployment("api", 1, 1, json!({"containers": []}));
        for namespace in namespaces {
            fixture = fixture.with(
                json!({"kind": "Deployment", "metadata": {"name": "web", "namespace": namespace},
                "spec": {"selector": {}, "template": {}}}),
            );
        }
        fixture.subjects = vec![ObjectRef::namespaced("Deployment", "shop", "web")];
        fixture
    };
    cluster(&["stage"]).check(
        elsewhere::analyze,
        &["WrongNamespaceOrContext Deployment stage/web"],
    );
    cluster(&["shop", "stage"]).check(elsewhere::analyze, &[]);
    cluster(&["prod", "stage"]).check(elsewhere::analyze, &[]);
}
