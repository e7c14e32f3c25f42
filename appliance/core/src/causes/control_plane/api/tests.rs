use serde_json::json;

use super::*;
use crate::causes::fixture::Fixture;

fn api(status: &str) -> Fixture {
    Fixture::new().with(json!({"kind": "APIService", "metadata": {"name": "v1beta1.metrics.k8s.io"},
        "spec": {"service": {"namespace": "kube-system", "name": "metrics-server"}},
        "status": {"conditions": [{"type": "Available", "status": status, "reason": "MissingEndpoints", "message": "no addresses"}]}}))
}

#[test]
fn an_api_without_endpoints_is_down() {
    api("False").check(
        analyze,
        &["AggregatedApiDown APIService v1beta1.metrics.k8s.io"],
    );
    api("True").check(analyze, &[]);
}

#[test]
fn an_alert_about_an_available_api_means_its_errors() {
    let alert = |name: &'static str| [("alertname", "KubeAggregatedAPIErrors"), ("name", name)];
    api("True").alert(&alert("v1beta1.metrics.k8s.io")).check(
        analyze,
        &["AggregatedApiDown APIService v1beta1.metrics.k8s.io"],
    );
    api("True").alert(&alert("v1.other.io")).check(analyze, &[]);
}

fn webhook(seconds: f64) -> Fixture {
    let labels = &[("name", "check.policy.io")];
    Fixture::new()
        .with(json!({"kind": "ValidatingWebhookConfiguration", "metadata": {"name": "policy"}, "webhooks": [{"name": "check.policy.io"}]}))
        .series("apiserver_admission_webhook_admission_duration_seconds_sum", labels, &[10.0, 10.0 + 100.0 * seconds])
        .series("apiserver_admission_webhook_admission_duration_seconds_count", labels, &[500.0, 600.0])
}

#[test]
fn a_webhook_that_takes_seconds_is_slow() {
    webhook(4.0).check(
        analyze,
        &["WebhookSlow ValidatingWebhookConfiguration policy"],
    );
    webhook(0.02).check(analyze, &[]);
}

#[test]
fn requests_rejected_in_numbers_are_throttling() {
    let rejected = |to: f64| {
        Fixture::new().series(
            "apiserver_flowcontrol_rejected_requests_total",
            &[("flow_schema", "service-accounts")],
            &[0.0, to],
        )
    };
    rejected(600.0).check(analyze, &["ApiServerThrottling Namespace kube-system"]);
    rejected(3.0).check(analyze, &[]);
}

#[test]
fn a_resource_that_multiplies_is_a_flood_and_a_large_one_is_not() {
    let objects = |from: f64, to: f64| {
        Fixture::new()
            .with(json!({"kind": "ConfigMap", "metadata": {"name": "a"}}))
            .series(
                "apiserver_storage_objects",
                &[("resource", "configmaps")],
                &[from, to],
            )
    };
    objects(9_000.0, 90_000.0).check(analyze, &["ObjectFlood Namespace shop"]);
    objects(88_000.0, 90_000.0).check(analyze, &[]);
    objects(100.0, 900.0).check(analyze, &[]);
}

fn nodes(first: &str, second: &str) -> Fixture {
    let node = |name: &str, version: &str| {
        json!({"kind": "Node", "metadata": {"name": name}, "status": {"nodeInfo": {"kubeletVersion": version,
            "architecture": "", "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "", "kubeProxyVersion": "",
            "machineID": "", "operatingSystem": "", "osImage": "", "systemUUID": ""}}})
    };
    Fixture::new()
        .with(node("n1", first))
        .with(node("n2", second))
}

#[test]
fn versions_too_far_apart_or_alerted_are_skewed() {
    nodes("v1.28.2", "v1.33.4").check(analyze, &["VersionSkew Node n1"]);
    nodes("v1.31.2", "v1.33.4").check(analyze, &[]);
    nodes("v1.31.2", "v1.33.4")
        .alert(&[("alertname", "KubeVersionMismatch")])
        .check(analyze, &["VersionSkew Node n1"]);
}
