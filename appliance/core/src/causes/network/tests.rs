use serde_json::{Value, json};

use super::{ingress, latency, node_path, policy, services};
use crate::causes::fixture::Fixture;

fn pod_status(ready: bool) -> Value {
    json!({"phase": "Running", "containerStatuses": [{"name": "main", "image": "i", "imageID": "",
        "ready": ready, "restartCount": 0, "state": {"running": {}}}]})
}

fn pod_spec(node: &str) -> Value {
    json!({"nodeName": node, "containers": [{"name": "main",
        "ports": [{"name": "web", "containerPort": 8080}],
        "readinessProbe": {"tcpSocket": {"port": 8080}}}]})
}

fn workload(fixture: Fixture, name: &str, node: &str, ready: bool) -> Fixture {
    fixture
        .deployment(name, 1, i32::from(ready), pod_spec(node))
        .pod(name, "a", pod_spec(node), pod_status(ready))
}

fn with_service(spec: &Value, ready: bool) -> Fixture {
    workload(Fixture::new(), "cart", "n1", ready)
        .with(json!({"kind": "Service", "metadata": {"name": "cart"}, "spec": spec}))
}

#[track_caller]
fn check_service(spec: &Value, expected: &[&str]) {
    with_service(spec, true).check(services::analyze, expected);
}

#[test]
fn a_right_service_is_no_finding() {
    check_service(
        &json!({"selector": {"app": "cart"}, "ports": [{"port": 80, "targetPort": 8080}]}),
        &[],
    );
    check_service(
        &json!({"selector": {"app": "cart"}, "ports": [{"port": 80, "targetPort": "web"}]}),
        &[],
    );
}

#[test]
fn selectors_that_nearly_fit() {
    for selector in [
        json!({"app": "carts"}),
        json!({"application": "cart"}),
        json!({"app": "cart", "tier": "gold"}),
    ] {
        check_service(
            &json!({"selector": selector, "ports": [{"port": 80, "targetPort": 8080}]}),
            &["ServiceSelectorMismatch Service shop/cart"],
        );
    }
}

#[test]
fn a_selector_for_pods_that_are_scaled_away_is_right() {
    workload(Fixture::new(), "cart", "n1", true)
        .deployment("mail", 0, 0, pod_spec("n1"))
        .with(json!({"kind": "Service", "metadata": {"name": "mail"}, "spec": {"selector": {"app": "mail"}}}))
        .check(services::analyze, &[]);
}

#[test]
fn target_ports_that_nobody_serves() {
    for target in [json!(9090), json!("grpc")] {
        check_service(
            &json!({"selector": {"app": "cart"}, "ports": [{"port": 80, "targetPort": target}]}),
            &["TargetPortMismatch Service shop/cart"],
        );
    }
}

#[test]
fn another_transport_than_the_pods() {
    check_service(
        &json!({"selector": {"app": "cart"}, "ports": [{"port": 80, "targetPort": 8080, "protocol": "UDP"}]}),
        &["ServiceProtocolMismatch Service shop/cart"],
    );
}

#[test]
fn pods_that_are_not_ready_are_a_symptom_at_the_service() {
    let spec = json!({"selector": {"app": "cart"}, "ports": [{"port": 80, "targetPort": 8080}]});
    with_service(&spec, false).check(services::analyze, &["NoReadyEndpoints Service shop/cart"]);
}

fn guarded(from: &Value) -> Fixture {
    let spec = json!({"clusterIP": "10.0.0.9", "selector": {"app": "cart"}, "ports": [{"port": 80, "targetPort": 8080}]});
    workload(with_service(&spec, true), "front", "n1", false)
        .log(
            "front-77f-a",
            "main",
            false,
            "dial tcp 10.0.0.9:80: i/o timeout\n",
        )
        .with(
            json!({"kind": "NetworkPolicy", "metadata": {"name": "guard"}, "spec": {
            "podSelector": {"matchLabels": {"app": "cart"}}, "policyTypes": ["Ingress"],
            "ingress": [{"from": [{"podSelector": {"matchLabels": from}}]}]}}),
        )
}

#[test]
fn a_policy_that_admits_others_only() {
    guarded(&json!({"app": "admin"})).check(
        policy::analyze,
        &["NetworkPolicyIngress NetworkPolicy shop/guard"],
    );
    guarded(&json!({"app": "front"})).check(policy::analyze, &[]);
}

fn ingress_to(service: &str, port: i32) -> Fixture {
    let spec = json!({"selector": {"app": "cart"}, "ports": [{"port": 80, "targetPort": 8080}]});
    with_service(&spec, true).with(
        json!({"kind": "Ingress", "metadata": {"name": "edge"}, "spec": {"rules": [
        {"http": {"paths": [{"path": "/", "pathType": "Prefix",
            "backend": {"service": {"name": service, "port": {"number": port}}}}]}}]}}),
    )
}

#[test]
fn ingresses_need_a_service_and_its_port() {
    ingress_to("cart", 80).check(ingress::analyze, &[]);
    ingress_to("cart", 81).check(ingress::analyze, &["IngressMisroute Ingress shop/edge"]);
    ingress_to("kart", 80).check(ingress::analyze, &["IngressMisroute Ingress shop/edge"]);
}

const LATENCY: &str = "request_duration_seconds";

fn flat(value: f64) -> Vec<f64> {
    vec![value; 20]
}

fn risen(low: f64, high: f64) -> Vec<f64> {
    [vec![low; 12], vec![high; 8]].concat()
}

fn shop() -> Fixture {
    let mut fixture = Fixture::new();
    for (name, node) in [("front", "n1"), ("cart", "n2"), ("mail", "n1")] {
        fixture = workload(fixture, name, node, true);
    }
    fixture
        .node("n1", json!({}), json!({}))
        .node("n2", json!({}), json!({}))
        .series(
            "service_dependency",
            &[("client", "front"), ("server", "cart")],
            &[1.0],
        )
}

#[test]
fn the_deepest_slow_service_is_meant() {
    shop()
        .series(LATENCY, &[("service", "front")], &risen(0.02, 2.2))
        .series(LATENCY, &[("service", "cart")], &risen(0.005, 2.0))
        .series(LATENCY, &[("service", "mail")], &flat(0.01))
        .check(latency::analyze, &["PodNetworkDelay Deployment shop/cart"]);
}

#[test]
fn a_service_that_was_always_slow_is_no_finding() {
    shop()
        .series(LATENCY, &[("service", "cart")], &flat(2.0))
        .check(latency::analyze, &[]);
}

#[test]
fn retransmits_of_one_node_mean_the_node() {
    shop()
        .series(
            "node_tcp_retransmits_per_second",
            &[("node", "n1")],
            &flat(0.1),
        )
        .series(
            "node_tcp_retransmits_per_second",
            &[("node", "n2")],
            &risen(0.1, 6.0),
        )
        .check(node_path::analyze, &["NodeNetworkLoss Node n2"]);
}

#[test]
fn a_caller_by_its_settings_is_no_cause_either() {
    let calling = json!({"nodeName": "n1", "containers": [{"name": "main",
        "env": [{"name": "CART_URL", "value": "http://cart:80"}]}]});
    with_service(
        &json!({"selector": {"app": "cart"}, "ports": [{"port": 80, "targetPort": 8080}]}),
        true,
    )
    .deployment("web", 1, 1, calling)
    .series(LATENCY, &[("service", "web")], &risen(0.02, 2.2))
    .series(LATENCY, &[("service", "cart")], &risen(0.005, 2.0))
    .check(latency::analyze, &["PodNetworkDelay Deployment shop/cart"]);
}

#[test]
fn one_slow_sample_and_idle_hours_are_no_slowness() {
    let spike: Vec<f64> = (0..20).map(|at| if at == 14 { 9.0 } else { 0.1 }).collect();
    let idle: Vec<f64> = (0..20).map(|at| if at < 12 { 0.0 } else { 0.1 }).collect();
    shop()
        .series(LATENCY, &[("service", "cart")], &spike)
        .series(LATENCY, &[("service", "mail")], &idle)
        .check(latency::analyze, &[]);
}

#[test]
fn everything_on_one_machine_means_the_machine() {
    let mut fixture = shop();
    for name in ["pay", "mark"] {
        fixture = workload(fixture, name, "n2", true);
    }
    for name in ["pay", "mark", "cart"] {
        fixture = fixture.series(LATENCY, &[("service", name)], &risen(0.02, 0.7));
    }
    fixture.check(node_path::analyze, &["NodeNetworkDelay Node n2"]);
}
