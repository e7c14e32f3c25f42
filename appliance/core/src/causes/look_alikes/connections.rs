//! Rows "connection error" and "only one namespace bad": what answers, and
//! what does not.

use serde_json::json;

use super::{Fixture, check, node, running, says, server, spec, web};

const REFUSED: &str = "dial tcp 10.0.0.9:80: connect: connection refused: http://ledger:80/";
const DROPPED: &str = "dial tcp 10.0.0.9:80: i/o timeout: http://ledger:80/";

fn policy(fixture: Fixture, from: &str, port: i32) -> Fixture {
    fixture.with(
        json!({"kind": "NetworkPolicy", "metadata": {"name": "guard"}, "spec": {
        "podSelector": {"matchLabels": {"app": "ledger"}}, "policyTypes": ["Ingress"],
        "ingress": [{"from": [{"podSelector": {"matchLabels": {"app": from}}}],
                     "ports": [{"protocol": "TCP", "port": port}]}]}}),
    )
}

/// `web` dials a Service whose targetPort is `target`; its pods listen on 8080.
fn targeted(target: i32) -> Fixture {
    let spec = spec(json!({"ports": [{"containerPort": 8080}]}));
    web(super::spec(json!({})), running(false))
        .log("web-77f-a", "main", false, REFUSED)
        .deployment("ledger", 1, 1, spec.clone())
        .pod("ledger", "s", spec, running(true))
        .with(
            json!({"kind": "Service", "metadata": {"name": "ledger"}, "spec": {
            "clusterIP": "10.0.0.9", "selector": {"app": "ledger"},
            "ports": [{"port": 80, "targetPort": target}]}}),
        )
}

#[test]
fn a_connection_is_told_apart_by_how_it_fails() {
    check(
        "connection error",
        vec![
            (
                "refused, nothing ready stands behind it",
                says(REFUSED, false),
                "DependencyRefused",
            ),
            (
                "refused, the Service points at a closed port",
                targeted(9090),
                "TargetPortMismatch Service shop/ledger",
            ),
            (
                "dropped by a policy",
                policy(says(DROPPED, true), "admin", 8080),
                "NetworkPolicyIngress NetworkPolicy shop/guard",
            ),
            (
                "dropped, and nothing forbids it",
                says(DROPPED, true),
                "DependencyTimeout",
            ),
        ],
    );
}

#[test]
fn a_policy_is_told_apart_by_whom_and_which_port_it_admits() {
    check(
        "timeout beside a network policy",
        vec![
            (
                "admits others",
                policy(says(DROPPED, true), "admin", 8080),
                "NetworkPolicyIngress NetworkPolicy shop/guard",
            ),
            (
                "admits the caller",
                policy(says(DROPPED, true), "web", 8080),
                "DependencyTimeout",
            ),
            (
                "admits the caller on another port",
                policy(says(DROPPED, true), "web", 9090),
                "NetworkPolicyIngress NetworkPolicy shop/guard",
            ),
        ],
    );
}

fn dns(ready: bool) -> Fixture {
    let labels = json!({"k8s-app": "kube-dns"});
    let spec = spec(json!({}));
    let mut status = running(ready);
    if !ready {
        status["containerStatuses"][0]["state"] =
            json!({"waiting": {"reason": "CrashLoopBackOff"}});
        status["containerStatuses"][0]["restartCount"] = json!(6);
    }
    web(super::spec(json!({})), running(false))
        .with(json!({"kind": "Service", "metadata": {"name": "kube-dns", "namespace": "kube-system"},
            "spec": {"clusterIP": "10.96.0.10", "selector": labels, "ports": [{"port": 53, "protocol": "UDP"}]}}))
        .with(json!({"kind": "Deployment", "metadata": {"name": "coredns", "namespace": "kube-system"},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
            "status": {"replicas": 1, "readyReplicas": i32::from(ready)}}))
        .with(json!({"kind": "ReplicaSet", "metadata": {"name": "coredns-5f", "namespace": "kube-system",
            "ownerReferences": [crate::causes::fixture::owner("Deployment", "coredns")]},
            "spec": {"replicas": 1, "selector": {"matchLabels": labels}}, "status": {"replicas": 1}}))
        .with(json!({"kind": "Pod", "metadata": {"name": "coredns-5f-x", "namespace": "kube-system", "labels": labels,
            "ownerReferences": [crate::causes::fixture::owner("ReplicaSet", "coredns-5f")]},
            "spec": spec, "status": status}))
}

fn isolated(fixture: Fixture, ports: serde_json::Value) -> Fixture {
    fixture.with(
        json!({"kind": "NetworkPolicy", "metadata": {"name": "default-deny"}, "spec": {
        "podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": ports}]}}),
    )
}

fn asks(fixture: Fixture, line: &str) -> Fixture {
    fixture.log("web-77f-a", "main", false, line)
}

#[test]
fn a_name_that_does_not_resolve_is_told_apart_by_how_many_and_by_whom() {
    let one = "dial tcp: lookup legder on 10.96.0.10:53: no such host: http://legder:80/";
    let all = "dial tcp: lookup ledger on 10.96.0.10:53: i/o timeout\ndial tcp: lookup cart.shop.svc on 10.96.0.10:53: read udp 10.1.1.1:4242->10.96.0.10:53: i/o timeout";
    let https = json!([{"protocol": "TCP", "port": 443}]);
    let with_dns = json!([{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]);
    check(
        "a name does not resolve",
        vec![
            (
                "one name, NXDOMAIN",
                server(asks(dns(true), one), "ledger", true),
                "DependencyWrongAddress Deployment shop/web",
            ),
            (
                "every name, and a policy without port 53",
                isolated(server(asks(dns(true), all), "ledger", true), https),
                "NetworkPolicyEgressDns NetworkPolicy shop/default-deny",
            ),
            (
                "every name, and the policy allows port 53",
                isolated(server(asks(dns(false), all), "ledger", true), with_dns),
                "CorednsDownOrOverloaded Deployment kube-system/coredns",
            ),
            (
                "every name, and the servers are down",
                server(asks(dns(false), all), "ledger", true),
                "CorednsDownOrOverloaded Deployment kube-system/coredns",
            ),
        ],
    );
}

#[test]
fn a_wrong_port_is_told_apart_by_which_side_is_wrong() {
    let caller = |url: &str| {
        let line = format!("dial tcp 10.0.0.9: connect: connection refused: {url}");
        let spec = spec(json!({"env": [{"name": "LEDGER_URL", "value": url}]}));
        server(
            web(spec, running(false)).log("web-77f-a", "main", false, &line),
            "ledger",
            true,
        )
    };
    check(
        "refused by a Service with ready pods",
        vec![
            (
                "the caller dials a port the Service lacks",
                caller("http://ledger:9999/"),
                "DependencyWrongPort Deployment shop/web",
            ),
            (
                "the Service points at a port the pods lack",
                targeted(9090),
                "TargetPortMismatch Service shop/ledger",
            ),
        ],
    );
}

fn probe(target: i32) -> Fixture {
    let spec = spec(json!({"ports": [{"containerPort": 8080}]}));
    node(Fixture::new(), "n1")
        .alert(&[("alertname", "ServiceDown"), ("namespace", "shop"), ("service", "ledger")])
        .deployment("ledger", 1, 1, spec.clone())
        .pod("ledger", "s", spec, running(true))
        .with(json!({"kind": "Service", "metadata": {"name": "ledger"}, "spec": {
            "clusterIP": "10.0.0.9", "selector": {"app": if target == 0 { "legder" } else { "ledger" }},
            "ports": [{"port": 80, "targetPort": if target == 0 { 8080 } else { target }}]}}))
}

#[test]
fn a_service_without_answers_is_told_apart_by_selector_and_port() {
    check(
        "a Service does not answer",
        vec![
            (
                "its selector names no pod",
                probe(0),
                "ServiceSelectorMismatch Service shop/ledger",
            ),
            (
                "its targetPort is closed",
                probe(9090),
                "TargetPortMismatch Service shop/ledger",
            ),
            ("both fit", probe(8080), ""),
        ],
    );
}
