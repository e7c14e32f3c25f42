//! Routes of gateways: Gateway API objects that were not accepted, and routes
//! of ingress controllers' own kinds to Services that do not exist.

use serde_json::Value;

use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::query::shell_word;
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;
use crate::snapshot::Custom;
use crate::snapshot::custom::{CustomCondition, conditions};

/// Conditions of a route that must hold.
const ROUTE_CONDITIONS: [&str; 2] = ["Accepted", "ResolvedRefs"];
/// Conditions of a gateway that must hold.
const GATEWAY_CONDITIONS: [&str; 3] = ["Accepted", "Programmed", "ResolvedRefs"];

/// Finds routes and gateways that their controller did not take.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let customs = &case.snapshot.objects.customs;
    for kind in ["HTTPRoute", "GRPCRoute"] {
        for route in customs.of(kind) {
            let parents = route.items("/status/parents").iter();
            let stated = parents.flat_map(|parent| {
                conditions(parent["conditions"].as_array().map_or(&[], Vec::as_slice))
            });
            refused(case, kind, route, stated, &ROUTE_CONDITIONS, findings);
        }
    }
    for gateway in customs.of("Gateway") {
        let listeners = gateway
            .items("/status/listeners")
            .iter()
            .flat_map(|listener| {
                conditions(listener["conditions"].as_array().map_or(&[], Vec::as_slice))
            });
        let stated = gateway.conditions().chain(listeners);
        refused(
            case,
            "Gateway",
            gateway,
            stated,
            &GATEWAY_CONDITIONS,
            findings,
        );
    }
    own_routes(case, findings);
}

fn refused<'a>(
    case: &Case<'_>,
    kind: &str,
    item: &Custom,
    stated: impl Iterator<Item = CustomCondition<'a>>,
    wanted: &[&str],
    findings: &mut Findings,
) {
    let object = view::reference(kind, item);
    let failed: Vec<CustomCondition<'_>> = stated
        .filter(|one| wanted.contains(&one.kind) && one.status == "False")
        .filter(|one| one.reason != "Pending")
        .collect();
    let Some(first) = failed.first() else { return };
    let statement = format!(
        "{object} is not in effect: {} ({}).",
        first.reason, first.message
    );
    let drafts = failed.iter().map(|one| {
        let title = format!("{} is False: {}", one.kind, one.reason);
        Draft::status(object.clone(), title, vec![one.message.to_owned()]).at(one.at)
    });
    let since = failed.iter().filter_map(|one| one.at).min();
    let backends = backends_of(case, item);
    findings.add(
        Finding::new(
            Cause::GatewayHttproute,
            object.clone(),
            Strength::Stated,
            statement,
        )
        .because(drafts.collect::<Vec<_>>())
        .since(since)
        .explains(backends)
        .check(
            format!(
                "kubectl describe {}{}",
                object.kubectl_name(),
                namespace_flag(&object)
            ),
            "shows which reference the controller could not follow",
        ),
    );
}

/// Services that a route sends to and that exist.
fn backends_of(case: &Case<'_>, route: &Custom) -> Vec<ObjectRef> {
    let namespace = view::namespace_of(route);
    let rules = route.items("/spec/rules").iter();
    rules
        .flat_map(|rule| rule["backendRefs"].as_array().into_iter().flatten())
        .filter_map(|backend| service_ref(backend, namespace))
        .filter(|service| case.snapshot.objects.contains(service))
        .collect()
}

fn service_ref(backend: &Value, namespace: &str) -> Option<ObjectRef> {
    let kind = backend["kind"].as_str().unwrap_or("Service");
    let namespace = backend["namespace"].as_str().unwrap_or(namespace);
    let name = backend["name"].as_str()?;
    (kind == "Service").then(|| ObjectRef::namespaced("Service", namespace, name))
}

/// Kinds of ingress controllers, and where their routes name Services.
const OWN_KINDS: [(&str, &str, &str); 2] = [
    ("IngressRoute", "/spec/routes", "services"),
    ("HTTPProxy", "/spec/routes", "services"),
];

/// Routes of Traefik and Contour to Services that do not exist.
fn own_routes(case: &Case<'_>, findings: &mut Findings) {
    for (kind, rules, field) in OWN_KINDS {
        for route in case.snapshot.objects.customs.of(kind) {
            let namespace = view::namespace_of(route);
            let named = route
                .items(rules)
                .iter()
                .flat_map(|rule| rule[field].as_array().into_iter().flatten())
                .filter_map(|backend| service_ref(backend, namespace));
            for service in named {
                missing(case, &view::reference(kind, route), &service, findings);
            }
        }
    }
    for route in case.snapshot.objects.customs.of("VirtualService") {
        let namespace = view::namespace_of(route);
        let hosts = route
            .items("/spec/http")
            .iter()
            .flat_map(|rule| rule["route"].as_array().into_iter().flatten())
            .filter_map(|one| one.pointer("/destination/host")?.as_str());
        for host in hosts {
            let Some((name, home)) = crate::causes::wiring::split_host(host, namespace) else {
                continue;
            };
            // A name with one dot may be a host outside the cluster.
            if host.matches('.').count() == 1 {
                continue;
            }
            let service = ObjectRef::namespaced("Service", home, name);
            missing(
                case,
                &view::reference("VirtualService", route),
                &service,
                findings,
            );
        }
    }
}

fn missing(case: &Case<'_>, route: &ObjectRef, service: &ObjectRef, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let namespace = service.namespace.as_deref().unwrap_or_default();
    if !objects.services.captured_in(namespace) || objects.contains(service) {
        return;
    }
    let statement = format!(
        "{route} routes to Service {}, which does not exist.",
        service.name
    );
    let title = format!("routes to Service {}, which does not exist", service.name);
    findings.add(
        Finding::new(
            Cause::IngressMisroute,
            route.clone(),
            Strength::Strong,
            statement,
        )
        .because([Draft::spec(route.clone(), title, Vec::new())])
        .check(
            format!("kubectl get services -n {}", shell_word(namespace)),
            "shows the Services there are",
        ),
    );
}

#[cfg(test)]
mod tests;
