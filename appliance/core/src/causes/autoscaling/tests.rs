#![allow(
    clippy::needless_pass_by_value,
    reason = "fixtures are written in place"
)]

use serde_json::{Value, json};

use super::analyze;
use crate::causes::fixture::Fixture;
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
