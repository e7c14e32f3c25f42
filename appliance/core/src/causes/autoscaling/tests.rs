#![allow(
    clippy::needless_pass_by_value,
    reason = "fixtures are written in place"
)]

use serde_json::{Value, json};

use super::{addons, analyze, churn, lag};
use crate::causes::fixture::{Fixture, ago};
use crate::object::ObjectRef;

fn autoscaler(condition: Value) -> Fixture {
    Fixture::new().with(
        json!({"kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"maxReplicas": 4, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
        "status": {"currentReplicas": 4, "desiredReplicas": 4, "conditions": [condition]}}),
    )
}

#[test]
fn conditions_state_the_cause() {
    autoscaler(
        json!({"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric"}),
    )
    .check(analyze, &["HpaNoMetrics HorizontalPodAutoscaler shop/web"]);
    autoscaler(json!({"type": "AbleToScale", "status": "False", "reason": "FailedGetScale"}))
        .check(
            analyze,
            &["HpaTargetMissing HorizontalPodAutoscaler shop/web"],
        );
}

#[test]
fn switched_off_is_no_cause() {
    autoscaler(json!({"type": "ScalingActive", "status": "False", "reason": "ScalingDisabled"}))
        .check(analyze, &[]);
}

#[test]
fn the_maximum_is_a_cause_only_when_asked_about() {
    let limited = json!({"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas"});
    autoscaler(limited.clone()).check(analyze, &[]);
    let mut asked = autoscaler(limited);
    asked.subjects = vec![ObjectRef::namespaced("Deployment", "shop", "web")];
    asked.check(analyze, &["HpaMaxed HorizontalPodAutoscaler shop/web"]);
}

fn web(spec: Value, status: Value) -> Fixture {
    let mut fixture = Fixture::new().with(
        json!({"kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}, "spec": spec, "status": status}),
    );
    fixture.subjects = vec![ObjectRef::namespaced(
        "HorizontalPodAutoscaler",
        "shop",
        "web",
    )];
    fixture
}

fn by_cpu(now: i32) -> (Value, Value) {
    let spec = json!({"maxReplicas": 4, "scaleTargetRef": {"kind": "Deployment", "name": "web"},
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 70}}}]});
    let status = json!({"currentReplicas": 4, "desiredReplicas": 4,
        "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": now, "averageValue": "1"}}}],
        "conditions": [{"type": "ScalingLimited", "status": "True", "reason": "TooManyReplicas"}]});
    (spec, status)
}

#[test]
fn the_maximum_with_load_below_the_target_is_no_cause() {
    let (spec, status) = by_cpu(95);
    web(spec, status).check(analyze, &["HpaMaxed HorizontalPodAutoscaler shop/web"]);
    let (spec, status) = by_cpu(40);
    let findings = web(spec, status).check(analyze, &[]);
    assert_eq!(findings.excluded.len(), 1);
}

fn rescaled(fixture: Fixture, times: usize) -> Fixture {
    (0..times).fold(fixture, |fixture, time| {
        let (size, why) = if time % 2 == 0 {
            (
                4,
                "cpu resource utilization (percentage of request) above target",
            )
        } else {
            (2, "All metrics below target")
        };
        fixture.event(
            "Normal",
            "HorizontalPodAutoscaler/web",
            "SuccessfulRescale",
            &format!("New size: {size}; reason: {why}"),
            2 + i64::try_from(time).unwrap_or(0) * 5,
        )
    })
}

#[test]
fn scaling_to_and_fro_is_thrash_and_one_surge_is_none() {
    let (spec, status) = by_cpu(60);
    rescaled(web(spec.clone(), status.clone()), 8).check(
        churn::analyze,
        &["HpaThrash HorizontalPodAutoscaler shop/web"],
    );
    rescaled(web(spec, status), 2).check(churn::analyze, &[]);
}

#[test]
fn a_manifest_that_sets_replicas_fights_the_autoscaler() {
    let deployment = |manager: &str| {
        json!({"kind": "Deployment", "metadata": {"name": "web", "managedFields": [{"manager": manager,
            "operation": "Update", "time": ago(12), "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]},
            "spec": {"replicas": 2, "selector": {}, "template": {}}})
    };
    let fight = |manager: &str| {
        let (spec, status) = by_cpu(60);
        rescaled(web(spec, status), 2).with(deployment(manager))
    };
    fight("argocd-controller").check(
        churn::analyze,
        &["HpaVsManifest HorizontalPodAutoscaler shop/web"],
    );
    fight("kube-controller-manager").check(churn::analyze, &[]);
}

fn starting(reason: &str, minutes: i64) -> Fixture {
    let (spec, status) = by_cpu(160);
    let pod = |ready: bool, state: Value| {
        json!({"phase": "Running", "containerStatuses": [{"name": "main", "image": "i", "imageID": "",
            "ready": ready, "restartCount": 0, "state": state}]})
    };
    let waits = if reason.is_empty() {
        json!({"running": {}})
    } else {
        json!({"waiting": {"reason": reason}})
    };
    let spec_of_pod = json!({"nodeName": "n1", "containers": [{"name": "main"}]});
    let mut fixture = rescaled(web(spec, status), 1)
        .deployment("web", 2, 1, spec_of_pod.clone())
        .pod(
            "web",
            "a",
            spec_of_pod.clone(),
            pod(true, json!({"running": {}})),
        )
        .pod("web", "b", spec_of_pod, pod(false, waits));
    let mut young = fixture
        .snapshot
        .objects
        .pods
        .get("shop", "web-77f-b")
        .cloned()
        .unwrap();
    young.metadata.creation_timestamp = serde_json::from_value(json!(ago(minutes))).unwrap();
    fixture.snapshot.objects.pods.insert(young);
    fixture
}

#[test]
fn pods_that_still_start_while_the_load_is_there_are_lag() {
    starting("", 3).check(
        lag::analyze,
        &["HpaScaleLag HorizontalPodAutoscaler shop/web"],
    );
    starting("CrashLoopBackOff", 3).check(lag::analyze, &[]);
    starting("", 40).check(lag::analyze, &[]);
}

#[test]
fn a_trigger_that_keda_cannot_read_is_no_missing_metric() {
    let keda = json!({"kind": "HorizontalPodAutoscaler", "metadata": {"name": "keda-hpa-web",
        "labels": {"scaledobject.keda.sh/name": "web"}},
        "spec": {"maxReplicas": 4, "scaleTargetRef": {"kind": "Deployment", "name": "web"}},
        "status": {"desiredReplicas": 1, "conditions": [{"type": "ScalingActive", "status": "False", "reason": "FailedGetExternalMetric"}]}});
    let expected = "KedaScalerFail HorizontalPodAutoscaler shop/keda-hpa-web";
    Fixture::new()
        .with(keda.clone())
        .warning(
            "ScaledObject/web",
            "KEDAScalerFailed",
            "error reading queue: 401 Unauthorized",
        )
        .check(addons::keda, &[expected]);
    let scaled = |status: &str| {
        json!({"kind": "ScaledObject", "metadata": {"name": "queue"}, "status": {"conditions": [
            {"type": "Ready", "status": status, "reason": "ScaledObjectCheckFailed", "message": "no trigger"}]}})
    };
    Fixture::new()
        .with(scaled("False"))
        .check(addons::keda, &["KedaScalerFail ScaledObject shop/queue"]);
    Fixture::new().with(scaled("True")).check(addons::keda, &[]);
    Fixture::new().with(keda).check(analyze, &[]);
    Fixture::new()
        .warning("ScaledObject/web", "ScaledObjectReady", "ready")
        .check(addons::keda, &[]);
}

#[test]
fn evictions_of_the_vertical_autoscaler_are_a_loop_from_the_second_on() {
    let evicted = |times: usize| {
        let fixture = Fixture::new().deployment("web", 1, 1, json!({"containers": []}));
        (0..times).fold(fixture, |fixture, time| {
            let pod = format!("Pod/web-77f-{time}");
            let words = "Pod was evicted by VPA Updater to apply resource recommendation.";
            fixture.event("Normal", &pod, "EvictedByVPA", words, 5)
        })
    };
    evicted(3).check(addons::vpa, &["VpaEvictions Deployment shop/web"]);
    evicted(1).check(addons::vpa, &[]);
}
