#![allow(
    clippy::needless_pass_by_value,
    reason = "JSON snippets read best where they are used"
)]

use serde_json::{Value, json};

use super::*;
use crate::causes::fixture::Fixture;

fn service(status: Value) -> Fixture {
    Fixture::new().with(json!({"kind": "Service", "metadata": {"name": "edge"}, "spec": {"type": "LoadBalancer"}, "status": status}))
}

fn pool(name: &str) -> Value {
    json!({"kind": "IPAddressPool", "metadata": {"name": name, "namespace": "metallb-system"}, "spec": {"addresses": ["192.0.2.1-192.0.2.2"]}})
}

#[test]
fn a_service_without_an_address_names_the_pool() {
    let message = "Failed to allocate IP for \"shop/edge\": no available IPs in pool \"public\"";
    service(json!({}))
        .with(pool("public"))
        .with(pool("other"))
        .warning("Service/edge", "AllocationFailed", message)
        .check(
            analyze,
            &["LoadBalancerIpPool IPAddressPool metallb-system/public"],
        );
    service(json!({}))
        .warning("Service/edge", "AllocationFailed", "no available IPs")
        .check(analyze, &["LoadBalancerIpPool Service shop/edge"]);
}

#[test]
fn ciliums_own_condition_says_the_same() {
    service(json!({"conditions": [{"type": "cilium.io/IPAMRequestSatisfied", "status": "False", "reason": "out_of_ips", "message": "",
        "lastTransitionTime": "2026-03-01T11:00:00Z"}]}))
    .check(analyze, &["LoadBalancerIpPool Service shop/edge"]);
}

#[test]
fn a_service_that_has_an_address_or_waits_in_silence_says_nothing() {
    service(json!({"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}))
        .warning("Service/edge", "AllocationFailed", "no available IPs")
        .check(analyze, &[]);
    service(json!({})).check(analyze, &[]);
}

fn speaker(ready: bool) -> Fixture {
    Fixture::new().with(json!({"kind": "Pod", "metadata": {"name": "speaker-x", "labels": {"component": "speaker"}},
        "status": {"phase": "Running", "containerStatuses": [{"name": "speaker", "ready": ready, "restartCount": 0, "image": "", "imageID": ""}]}}))
}

#[test]
fn a_session_that_is_down_names_its_peer() {
    let peer = json!({"kind": "BGPPeer", "metadata": {"name": "tor", "namespace": "metallb-system"}, "spec": {"peerAddress": "192.0.2.254"}});
    let labels = &[("peer", "192.0.2.254:179")];
    speaker(true)
        .with(peer.clone())
        .series("metallb_bgp_session_up", labels, &[0.0])
        .check(analyze, &["LoadBalancerBgpL2 BGPPeer metallb-system/tor"]);
    speaker(true)
        .with(peer)
        .series("metallb_bgp_session_up", labels, &[1.0])
        .check(analyze, &[]);
}

#[test]
fn speakers_that_are_down_announce_nothing() {
    speaker(false).check(analyze, &["LoadBalancerBgpL2 Pod shop/speaker-x"]);
    speaker(true).check(analyze, &[]);
    speaker(true)
        .log(
            "speaker-x",
            "speaker",
            false,
            "level=error msg=\"failed to connect to peer\"",
        )
        .check(analyze, &["LoadBalancerBgpL2 Pod shop/speaker-x"]);
}
