use serde_json::json;

use super::*;
use crate::causes::fixture::Fixture;

fn pod(name: &str, proxy: bool) -> Value {
    let mut containers = vec![json!({"name": name})];
    if proxy {
        containers.push(json!({"name": "istio-proxy"}));
    }
    json!({"kind": "Pod", "metadata": {"name": format!("{name}-1"), "labels": {"app": name, "version": "v1"}},
        "spec": {"containers": containers}})
}

/// `web` calls `store`, which a destination rule covers.
fn mesh(proxy: bool) -> Fixture {
    Fixture::new()
        .with(pod("web", true))
        .with(pod("store", proxy))
        .with(json!({"kind": "Service", "metadata": {"name": "store"}, "spec": {"selector": {"app": "store"}}}))
}

fn rule(mode: &str) -> Value {
    json!({"kind": "DestinationRule", "metadata": {"name": "store"}, "spec": {
        "host": "store.shop.svc.cluster.local", "trafficPolicy": {"tls": {"mode": mode}},
        "subsets": [{"name": "v1", "labels": {"version": "v1"}}, {"name": "v2", "labels": {"version": "v2"}}]}})
}

fn policy(mode: &str, namespace: &str) -> Value {
    json!({"kind": "PeerAuthentication", "metadata": {"name": "default", "namespace": namespace},
        "spec": {"mtls": {"mode": mode}}})
}

fn failing(fixture: Fixture) -> Fixture {
    let line = "ERROR GET http://store/: 503 upstream connect error or disconnect/reset before headers. \
                reset reason: connection termination";
    fixture.log("web-1", "web", false, line)
}

const FOUND: &[&str] = &["MeshAuthzMtls DestinationRule shop/store"];

#[test]
fn plain_text_to_pods_that_ask_for_tls_fails() {
    let wrong = || {
        mesh(true)
            .with(rule("DISABLE"))
            .with(policy("STRICT", "shop"))
    };
    failing(wrong()).check(analyze, FOUND);
    // Without a failing call the rule may cover nobody.
    wrong().check(analyze, &[]);
    failing(
        mesh(true)
            .with(rule("ISTIO_MUTUAL"))
            .with(policy("STRICT", "shop")),
    )
    .check(analyze, &[]);
    failing(
        mesh(true)
            .with(rule("DISABLE"))
            .with(policy("PERMISSIVE", "shop")),
    )
    .check(analyze, &[]);
    // The policy of another namespace does not hold here, that of the mesh does.
    failing(
        mesh(true)
            .with(rule("DISABLE"))
            .with(policy("STRICT", "pay")),
    )
    .check(analyze, &[]);
    failing(
        mesh(true)
            .with(rule("DISABLE"))
            .with(policy("STRICT", ROOT_NAMESPACE)),
    )
    .check(analyze, FOUND);
}

#[test]
fn a_policy_of_the_workload_is_before_that_of_its_namespace() {
    let mut own = policy("PERMISSIVE", "shop");
    own["metadata"]["name"] = json!("store");
    own["spec"]["selector"] = json!({"matchLabels": {"app": "store"}});
    let cluster = || {
        mesh(true)
            .with(rule("DISABLE"))
            .with(policy("STRICT", "shop"))
    };
    failing(cluster().with(own.clone())).check(analyze, &[]);
    own["spec"]["selector"] = json!({"matchLabels": {"app": "stores"}});
    failing(cluster().with(own)).check(analyze, FOUND);
}

#[test]
fn mutual_tls_to_pods_without_a_proxy_fails() {
    failing(mesh(false).with(rule("ISTIO_MUTUAL"))).check(analyze, FOUND);
    failing(mesh(true).with(rule("ISTIO_MUTUAL"))).check(analyze, &[]);
}

fn route(subset: &str) -> Value {
    json!({"kind": "VirtualService", "metadata": {"name": "store"}, "spec": {"hosts": ["store"],
        "http": [{"route": [{"destination": {"host": "store", "subset": subset}}]}]}})
}

#[test]
fn a_subset_must_be_defined_and_carried() {
    let with = |subset: &str| mesh(true).with(rule("ISTIO_MUTUAL")).with(route(subset));
    with("v1").check(analyze, &[]);
    with("v2").check(analyze, &["IngressMisroute DestinationRule shop/store"]);
    with("v3").check(analyze, &["IngressMisroute VirtualService shop/store"]);
    // Rules that were not captured are not missing.
    mesh(true).with(route("v3")).check(analyze, &[]);
}
