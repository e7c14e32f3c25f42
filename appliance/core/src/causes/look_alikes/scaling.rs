//! Row "HPA maxed", and autoscalers that cannot scale.

use serde_json::{Value, json};

use super::{Fixture, ago, check, node, running, spec};
use crate::causes::fixture::now;

fn scaled(condition: Value, requests: Value) -> Fixture {
    let spec = spec(json!({"resources": {"requests": requests}}));
    let fixture = Fixture::new()
        .alert(&[("alertname", "KubeHpaMaxedOut"), ("namespace", "shop"), ("horizontalpodautoscaler", "web")])
        .deployment("web", 4, 4, spec.clone())
        .pod("web", "a", spec, running(true))
        .with(json!({"kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
            "spec": {"minReplicas": 2, "maxReplicas": 4, "scaleTargetRef": {"kind": "Deployment", "name": "web"},
                "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 60}}}]},
            "status": {"currentReplicas": 4, "desiredReplicas": 4,
                "currentMetrics": [{"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 95}}}],
                "conditions": [condition]}}));
    node(fixture, "n1")
}

fn condition(kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": ago(9)})
}

fn metrics_api(fixture: Fixture) -> Fixture {
    fixture.with(json!({"kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {"group": "metrics.k8s.io", "service": {"namespace": "kube-system", "name": "metrics-server"}},
        "status": {"conditions": [{"type": "Available", "status": "False", "reason": "MissingEndpoints",
            "message": "endpoints for service/metrics-server in \"kube-system\" have no addresses", "lastTransitionTime": ago(9)}]}}))
}

#[test]
fn an_autoscaler_is_told_apart_by_its_conditions() {
    let cpu = || json!({"cpu": "100m"});
    let maxed = condition(
        "ScalingLimited",
        "True",
        "TooManyReplicas",
        "the desired replica count is more than the maximum replica count",
    );
    let unmeasured = condition(
        "ScalingActive",
        "False",
        "FailedGetResourceMetric",
        "failed to get cpu utilization: missing request for cpu in container main of Pod web-77f-a",
    );
    let down = condition(
        "ScalingActive",
        "False",
        "FailedGetResourceMetric",
        "unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server is currently unable to handle the request (get pods.metrics.k8s.io)",
    );
    let lost = condition(
        "AbleToScale",
        "False",
        "FailedGetScale",
        "the HPA controller was unable to get the target's current scale: deployments.apps \"web\" not found",
    );
    check(
        "HPA does not scale",
        vec![
            (
                "at its maximum, load above target",
                scaled(maxed, cpu()),
                "HpaMaxed HorizontalPodAutoscaler shop/web",
            ),
            (
                "its pods ask for no CPU",
                scaled(unmeasured, json!({})),
                "HpaNoMetrics HorizontalPodAutoscaler shop/web",
            ),
            (
                "the metrics API is down",
                metrics_api(scaled(down, cpu())),
                "AggregatedApiDown",
            ),
            (
                "its target is gone",
                scaled(lost, cpu()),
                "HpaTargetMissing HorizontalPodAutoscaler shop/web",
            ),
        ],
    );
}

/// The maxed autoscaler's pods wait for locks of a database that they name.
fn waits_for_its_database(fixture: Fixture) -> Fixture {
    let spec = spec(json!({"ports": [{"containerPort": 5432}]}));
    let lines: Vec<String> = (0..6)
        .map(|minute| {
            let at = now() - jiff::SignedDuration::from_mins(minute);
            format!("{at} ERROR postgres at store:5432: canceling statement due to lock timeout")
        })
        .rev()
        .collect();
    fixture
        .log("web-77f-a", "main", false, &lines.join("\n"))
        .deployment("store", 1, 1, spec.clone())
        .pod("store", "s", spec, running(true))
        .with(
            json!({"kind": "Service", "metadata": {"name": "store"}, "spec": {
            "clusterIP": "10.0.0.8", "selector": {"app": "store"}, "ports": [{"port": 5432}]}}),
        )
}

#[test]
fn an_autoscaler_at_its_maximum_is_told_apart_by_what_binds_it() {
    let maxed = || {
        let why = "the desired replica count is more than the maximum replica count";
        let limited = condition("ScalingLimited", "True", "TooManyReplicas", why);
        scaled(limited, json!({"cpu": "100m"}))
    };
    check(
        "HPA maxed",
        vec![
            (
                "by its own load",
                maxed(),
                "HpaMaxed HorizontalPodAutoscaler shop/web",
            ),
            (
                "by what it waits for: more replicas do not help",
                waits_for_its_database(maxed()),
                "DatabaseLockOrSlowQuery Deployment shop/store",
            ),
        ],
    );
}
