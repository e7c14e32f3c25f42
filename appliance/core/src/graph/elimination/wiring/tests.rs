use serde_json::{Value, json};

use crate::causes::fixture::Fixture;
use crate::causes::{Case, Cause, Finding, Strength};
use crate::evidence::Draft;
use crate::facts::Facts;
use crate::graph::elimination::look_alikes;
use crate::object::ObjectRef;

/// The look-alikes ruled out beside `cause` of `object`, each with its evidence.
#[track_caller]
fn check(fixture: &Fixture, cause: Cause, object: &str, expected: &[&str]) {
    let started_at = fixture.alerts[0].starts_at;
    let facts = Facts::find(&fixture.snapshot, started_at);
    let case = Case {
        snapshot: &fixture.snapshot,
        facts: &facts,
        alerts: &fixture.alerts,
        subjects: &fixture.subjects,
        started_at,
    };
    let (kind, name) = object.split_once('/').unwrap_or(("Pod", object));
    let object = ObjectRef::namespaced(kind, "shop", name);
    let draft = Draft::status(object.clone(), "as it is", Vec::new());
    let finding = Finding::new(cause, object, Strength::Strong, "it is so").because([draft]);
    let found: Vec<String> = look_alikes(&case, &finding)
        .iter()
        .map(|one| format!("{}: {}", one.cause, one.because[0].title))
        .collect();
    assert_eq!(found, expected);
}

fn claim(class: &str, mode: &str) -> Fixture {
    Fixture::new()
        .with(json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data"}, "spec": {"storageClassName": class}}))
        .with(json!({"kind": "StorageClass", "metadata": {"name": "fast"}, "provisioner": "csi.example",
            "volumeBindingMode": mode}))
}

#[test]
fn a_class_that_exists_is_not_missing() {
    let down = Cause::ProvisionerDown;
    let object = "PersistentVolumeClaim/data";
    check(
        &claim("fast", "Immediate"),
        down,
        object,
        &[
            "StorageClassMissing: exists, provisioner csi.example",
            "WaitingFirstConsumer: volumeBindingMode is Immediate",
        ],
    );
    check(
        &claim("fast", "WaitForFirstConsumer"),
        down,
        object,
        &["StorageClassMissing: exists, provisioner csi.example"],
    );
    check(&claim("slow", "Immediate"), down, object, &[]);
}

fn front(ready: bool, until: &str) -> Fixture {
    Fixture::new()
        .with(json!({"kind": "Ingress", "metadata": {"name": "front"}, "spec": {"tls": [{"secretName": "tls"}],
            "rules": [{"http": {"paths": [{"pathType": "Prefix", "backend": {"service": {"name": "web"}}}]}}]}}))
        .with(json!({"kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}))
        .with(json!({"kind": "Pod", "metadata": {"name": "web-1", "labels": {"app": "web"}}, "spec": {"containers": []},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]}}))
        .with(json!({"kind": "Secret", "metadata": {"name": "tls",
            "annotations": {"certificate.anchorite/not-after": until}}}))
}

#[test]
fn ready_backends_and_a_valid_certificate_speak_against_their_look_alikes() {
    let object = "Ingress/front";
    check(
        &front(true, "2027-01-01T00:00:00Z"),
        Cause::IngressMisroute,
        object,
        &[
            "NoReadyEndpoints: 1 ready endpoints",
            "TlsSecretOrExpired: its certificate is valid until 2027-01-01T00:00:00Z",
        ],
    );
    check(
        &front(false, "2026-01-01T00:00:00Z"),
        Cause::IngressMisroute,
        object,
        &[],
    );
}

fn scaler(active: &str, current: i32) -> Value {
    json!({"kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"maxReplicas": 5, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
        "status": {"currentReplicas": current, "desiredReplicas": current, "conditions": [
            {"type": "ScalingActive", "status": active, "reason": "ValidMetricFound"}]}})
}

#[test]
fn an_autoscaler_at_its_maximum_has_metrics_and_one_without_is_below() {
    let object = "HorizontalPodAutoscaler/web";
    let with = |active: &str, current| Fixture::new().with(scaler(active, current));
    let active = ["HpaNoMetrics: ScalingActive is True (ValidMetricFound)"];
    check(&with("True", 5), Cause::HpaMaxed, object, &active);
    check(&with("False", 5), Cause::HpaMaxed, object, &[]);
    let below = ["HpaMaxed: 2 of at most 5 replicas"];
    check(&with("False", 2), Cause::HpaNoMetrics, object, &below);
    check(&with("False", 5), Cause::HpaNoMetrics, object, &[]);
}
