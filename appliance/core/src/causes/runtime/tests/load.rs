//! Leaks, surges, drops, noise and queues: what metrics decide.

use serde_json::{Value, json};

use super::super::{defect, leak, load, neighbour, queue, throttling};
use crate::causes::fixture::{Fixture, ago, owner};
use crate::object::ObjectRef;

const MIB: f64 = 1_048_576.0;

fn well() -> Value {
    json!({"phase": "Running", "startTime": ago(600), "containerStatuses": [{"name": "main",
        "image": "i", "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {}}}]})
}

/// Deployment, pod and Service `web`, about which the alert is.
fn web(container: Value) -> Fixture {
    let mut container = container;
    container["name"] = json!("main");
    let spec = json!({"nodeName": "n1", "containers": [container]});
    let mut fixture = Fixture::new()
        .deployment("web", 1, 1, spec.clone())
        .pod("web", "a", spec, well())
        .with(json!({"kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}));
    fixture.subjects = vec![ObjectRef::namespaced("Deployment", "shop", "web")];
    fixture
}

/// An hour of values, one a minute.
fn hour(value: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..60).map(|minute| value(f64::from(minute))).collect()
}

const CONTAINER: [(&str, &str); 3] = [
    ("namespace", "shop"),
    ("pod", "web-77f-a"),
    ("container", "main"),
];
const SERVICE: [(&str, &str); 2] = [("namespace", "shop"), ("service", "web")];

fn memory(values: &[f64]) -> Fixture {
    web(json!({"resources": {"limits": {"memory": "256Mi"}}})).series(
        "container_memory_working_set_bytes",
        &CONTAINER,
        values,
    )
}

#[test]
fn memory_that_only_grows_leaks() {
    let ramp = hour(|minute| (80.0 + 2.5 * minute) * MIB);
    memory(&ramp).check(leak::analyze, &["MemoryLeak Deployment shop/web"]);
}

#[test]
fn a_cache_that_fills_or_a_level_that_stays_is_no_leak() {
    let plateau = hour(|minute| (80.0 + 8.0 * minute.min(15.0)) * MIB);
    memory(&plateau).check(leak::analyze, &[]);
    memory(&hour(|_| 220.0 * MIB)).check(leak::analyze, &[]);
}

#[test]
fn memory_that_grows_with_the_requests_is_no_leak() {
    let ramp = hour(|minute| (80.0 + 2.5 * minute) * MIB);
    let findings = memory(&ramp)
        .series(
            "requests_per_second",
            &SERVICE,
            &hour(|minute| 5.0 + minute),
        )
        .check(leak::analyze, &[]);
    assert_eq!(findings.excluded.len(), 1);
}

fn requests(values: &[f64]) -> Fixture {
    web(json!({})).series("requests_per_second", &SERVICE, values)
}

#[test]
fn many_more_requests_are_a_surge() {
    let surge = hour(|minute| if minute < 30.0 { 10.0 } else { 45.0 });
    requests(&surge).check(load::analyze, &["TrafficSurge Deployment shop/web"]);
    let noise = hour(|minute| 10.0 + minute % 5.0);
    requests(&noise).check(load::analyze, &[]);
    let minute = hour(|minute| if minute < 58.0 { 10.0 } else { 90.0 });
    requests(&minute).check(load::analyze, &[]);
}

#[test]
fn requests_that_are_repeated_because_they_fail_are_no_surge() {
    let surge = || hour(|minute| if minute < 30.0 { 10.0 } else { 45.0 });
    let caller = json!({"containers": [{"name": "main",
        "env": [{"name": "WEB_URL", "value": "http://web:80"}]}]});
    let failing = hour(|minute| if minute < 30.0 { 0.0 } else { 30.0 });
    requests(&surge())
        .deployment("front", 1, 1, caller)
        .series("request_errors_per_second", &SERVICE, &failing)
        .check(load::analyze, &[]);
    requests(&surge())
        .series("request_errors_per_second", &SERVICE, &failing)
        .check(load::analyze, &["TrafficSurge Deployment shop/web"]);
}

#[test]
fn more_requests_after_a_rollout_are_its_doing() {
    let surge = hour(|minute| if minute < 30.0 { 10.0 } else { 45.0 });
    let set = |name: &str, revision: &str, minutes: i64, image: &str| {
        json!({"kind": "ReplicaSet", "metadata": {"name": name, "creationTimestamp": ago(minutes),
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": [owner("Deployment", "web")]},
            "spec": {"replicas": 1, "selector": {}, "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": image}]}}}})
    };
    let findings = requests(&surge)
        .with(set("web-1", "1", 900, "web:1"))
        .with(set("web-2", "2", 32, "web:2"))
        .check(load::analyze, &[]);
    assert_eq!(findings.excluded.len(), 1);
}

#[test]
fn requests_that_stay_away_from_a_healthy_workload() {
    let drop = hour(|minute| if minute < 30.0 { 10.0 } else { 0.0 });
    requests(&drop).check(load::analyze, &["TrafficDrop Deployment shop/web"]);
    let idle = hour(|minute| if minute < 30.0 { 0.1 } else { 0.0 });
    requests(&idle).check(load::analyze, &[]);
}

#[test]
fn no_requests_to_a_workload_that_is_unwell_are_its_own_doing() {
    let drop = hour(|minute| if minute < 30.0 { 10.0 } else { 0.0 });
    let status = json!({"phase": "Pending"});
    requests(&drop)
        .pod("web", "a", json!({"containers": []}), status)
        .check(load::analyze, &[]);
}

/// A batch pod beside `web` on node `n1`, with the cores both use.
fn beside(own: f64, batch: f64) -> Fixture {
    let spec = json!({"nodeName": "n1", "containers": [{"name": "main",
        "resources": {"requests": {"cpu": "200m"}}}]});
    let of = |pod: &'static str| [("namespace", "shop"), ("pod", pod), ("container", "main")];
    web(json!({"resources": {"requests": {"cpu": "500m"}, "limits": {"cpu": "1"}}}))
        .node("n1", json!({}), json!({}))
        .deployment("batch", 1, 1, spec.clone())
        .pod("batch", "b", spec, well())
        .series(
            "container_cpu_usage_cores",
            &of("web-77f-a"),
            &hour(|_| own),
        )
        .series(
            "container_cpu_usage_cores",
            &of("batch-77f-b"),
            &hour(|_| batch),
        )
}

#[test]
fn a_neighbour_takes_the_node() {
    beside(0.3, 3.6).check(
        neighbour::analyze,
        &["NoisyNeighbour Deployment shop/batch"],
    );
}

#[test]
fn a_busy_neighbour_on_a_node_with_room_is_no_noise() {
    beside(0.3, 2.0).check(neighbour::analyze, &[]);
}

#[test]
fn a_victim_at_its_own_limit_is_its_own_trouble() {
    beside(0.95, 3.1).check(neighbour::analyze, &[]);
}

fn lag(values: &[f64], variable: &str) -> Fixture {
    web(json!({"env": [{"name": variable, "value": "orders"}]})).series(
        "rabbitmq_queue_messages_ready",
        &[("namespace", "shop"), ("queue", "orders")],
        values,
    )
}

#[test]
fn a_queue_that_grows_points_at_its_consumer() {
    let growing = hour(|minute| 40.0 + 60.0 * (minute - 20.0).max(0.0));
    lag(&growing, "QUEUE_NAME").check(queue::analyze, &["QueueBacklog Deployment shop/web"]);
    lag(&growing, "PUBLISH_QUEUE").check(queue::analyze, &["QueueBacklog Namespace shop"]);
}

#[test]
fn a_queue_that_is_emptied_again_is_no_backlog() {
    let waves = hour(|minute| 40.0 + 30.0 * (minute % 4.0));
    lag(&waves, "QUEUE_NAME").check(queue::analyze, &[]);
}

/// A revision of ten minutes ago whose pod writes `line` thirty times.
fn released(line: &str, minutes: i64) -> Fixture {
    let set = |name: &str, revision: &str, minutes: i64, image: &str| {
        json!({"kind": "ReplicaSet", "metadata": {"name": name, "creationTimestamp": ago(minutes),
            "annotations": {"deployment.kubernetes.io/revision": revision},
            "ownerReferences": [owner("Deployment", "web")]},
            "spec": {"replicas": 1, "selector": {}, "template": {"metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "main", "image": image}]}}}})
    };
    let mut text = String::new();
    for minute in (12..18).rev() {
        text += &format!("{} INFO handled request {minute}\n", ago(minute));
    }
    for minute in (1..8).rev() {
        let at = ago(minute);
        text += &format!("{at} INFO handled request {minute}\n{at} ERROR {line}\n");
    }
    web(json!({}))
        .with(set("web-66d", "1", 900, "web:1"))
        .with(set("web-77f", "2", minutes, "web:2"))
        .log("web-77f-a", "main", false, &text)
}

#[test]
fn a_failure_that_a_release_brought_is_a_defect() {
    let line = "TypeError: Cannot read properties of undefined (reading 'total')";
    released(line, 10).check(defect::analyze, &["CodeDefect Deployment shop/web"]);
}

#[test]
fn a_failure_that_blames_a_dependency_is_no_defect() {
    let line = "dial tcp 10.0.0.9:5432: connect: connection refused";
    released(line, 10).check(defect::analyze, &[]);
}

/// A pod whose container was throttled in `share` of its periods since it began.
fn throttled(limits: Value, share: f64) -> Fixture {
    web(json!({"resources": {"limits": limits}}))
        .series(
            "container_cpu_cfs_periods_total",
            &CONTAINER,
            &hour(|minute| minute * 600.0),
        )
        .series(
            "container_cpu_cfs_throttled_periods_total",
            &CONTAINER,
            &hour(|minute| minute * 600.0 * share),
        )
}

#[test]
fn a_container_that_was_always_throttled_needs_no_past() {
    let finding = ["CpuThrottling Deployment shop/web"];
    throttled(json!({"cpu": "50m"}), 0.7).check(throttling::analyze, &finding);
    let recorded = hour(|_| 0.4);
    web(json!({"resources": {"limits": {"cpu": "1"}}}))
        .series("container_cpu_throttled_ratio", &CONTAINER, &recorded)
        .check(throttling::analyze, &finding);
}

#[test]
fn a_little_throttling_or_none_of_its_own_is_no_cause() {
    throttled(json!({"cpu": "50m"}), 0.1).check(throttling::analyze, &[]);
    throttled(json!({}), 0.7).check(throttling::analyze, &[]);
}
