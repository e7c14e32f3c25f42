use serde_json::json;

use super::*;
use crate::causes::fixture::Fixture;

fn route(kind: &str, status: &str, reason: &str) -> Fixture {
    Fixture::new().with(json!({"kind": "HTTPRoute", "metadata": {"name": "web"},
        "spec": {"rules": [{"backendRefs": [{"name": "web", "port": 80}]}]},
        "status": {"parents": [{"conditions": [{"type": kind, "status": status, "reason": reason, "message": "told"}]}]}}))
}

#[test]
fn a_route_that_is_not_accepted_or_resolved_is_found() {
    route("ResolvedRefs", "False", "BackendNotFound")
        .check(analyze, &["GatewayHttproute HTTPRoute shop/web"]);
    route("Accepted", "False", "NotAllowedByListeners")
        .check(analyze, &["GatewayHttproute HTTPRoute shop/web"]);
}

#[test]
fn a_route_in_effect_or_not_yet_looked_at_is_not() {
    route("ResolvedRefs", "True", "ResolvedRefs").check(analyze, &[]);
    route("Accepted", "False", "Pending").check(analyze, &[]);
    route("PartiallyInvalid", "False", "X").check(analyze, &[]);
}

#[test]
fn a_gateway_that_is_not_programmed_is_found() {
    let gateway = |status: &str| {
        Fixture::new().with(json!({"kind": "Gateway", "metadata": {"name": "edge"},
            "status": {"conditions": [{"type": "Programmed", "status": status, "reason": "AddressNotAssigned"}]}}))
    };
    gateway("False").check(analyze, &["GatewayHttproute Gateway shop/edge"]);
    gateway("True").check(analyze, &[]);
}

fn services() -> Fixture {
    Fixture::new().with(json!({"kind": "Service", "metadata": {"name": "web"}, "spec": {}}))
}

#[test]
fn routes_of_other_controllers_must_name_services_that_exist() {
    let traefik = |service: &str| {
        services().with(json!({"kind": "IngressRoute", "metadata": {"name": "edge"},
            "spec": {"routes": [{"services": [{"name": service, "port": 80}]}]}}))
    };
    traefik("wbe").check(analyze, &["IngressMisroute IngressRoute shop/edge"]);
    traefik("web").check(analyze, &[]);
    let istio = |host: &str| {
        services().with(
            json!({"kind": "VirtualService", "metadata": {"name": "edge"},
            "spec": {"http": [{"route": [{"destination": {"host": host}}]}]}}),
        )
    };
    istio("wbe").check(analyze, &["IngressMisroute VirtualService shop/edge"]);
    istio("web.shop.svc.cluster.local").check(analyze, &[]);
    istio("example.org").check(analyze, &[]);
}
