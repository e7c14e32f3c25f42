//! Rules of a mesh that contradict one another or lead to nobody.
//!
//! A destination rule says how callers speak to a Service, a peer
//! authentication what its pods understand. Where one means mutual TLS and the
//! other plain text, every call ends in its handshake. A route to a subset
//! that is not defined, or that no pod carries, has no upstream.

use k8s_openapi::api::core::v1::{Pod, Service};
use serde_json::Value;

use super::{TERMINATED, has_proxy};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::{Draft, get_query};
use crate::facts::LogTemplate;
use crate::snapshot::Custom;

/// Words of a handshake in which one side spoke plain text (lower case).
const HANDSHAKE: [&str; 4] = [
    "tls error",
    "wrong version number",
    "tls_error",
    "first record does not look like a tls handshake",
];
/// Namespace whose policies hold for the whole mesh.
const ROOT_NAMESPACE: &str = "istio-system";

/// Finds destination rules that speak another language than their pods.
pub(in crate::causes::network) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for rule in objects.customs.of("DestinationRule") {
        let namespace = view::namespace_of(rule);
        let Some(service) = wiring::service_of(objects, rule.text("/spec/host"), namespace) else {
            continue;
        };
        contradiction(case, rule, service, findings);
    }
    subsets(case, findings);
}

fn contradiction(case: &Case<'_>, rule: &Custom, service: &Service, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let pods = wiring::backends(objects, service).pods;
    let Some(first) = pods.first() else { return };
    let policy = peer_policy(case, first);
    let demanded = policy.map_or("", |policy| policy.text("/spec/mtls/mode"));
    let spoken = rule.text("/spec/trafficPolicy/tls/mode");
    let problem = match spoken {
        "DISABLE" if demanded == "STRICT" => "sends plain text to pods that ask for mutual TLS",
        "ISTIO_MUTUAL" | "MUTUAL" if demanded == "DISABLE" => {
            "speaks mutual TLS to pods that are told to take plain text"
        }
        "ISTIO_MUTUAL" if !pods.iter().any(|pod| has_proxy(pod)) => {
            "speaks mutual TLS to pods that have no proxy to understand it"
        }
        _ => return,
    };
    let name = view::name_of(service);
    let said = complaints(case, name);
    let Some(log) = said.first() else { return };
    let named = log.exemplar.contains(name);
    let strength = if named {
        Strength::Strong
    } else {
        Strength::Likely
    };
    let object = view::reference("DestinationRule", rule);
    let title = format!("tls.mode is {spoken}");
    let told = policy.map(|policy| {
        let object = view::reference("PeerAuthentication", policy);
        Draft::spec(object, format!("mtls.mode is {demanded}"), Vec::new())
    });
    let callers = said.iter().map(|log| view::root_of(objects, &log.pod));
    let target = view::reference("Service", service);
    findings.add(
        Finding::new(
            Cause::MeshAuthzMtls,
            object.clone(),
            strength,
            format!("{object} {problem} of {target}: their handshakes fail."),
        )
        .because([Draft::spec(object.clone(), title, Vec::new())])
        .because(told)
        .because(said.iter().take(3).map(|log| Draft::log(log)))
        .since(said.iter().filter_map(|log| log.first).min())
        .explains(callers.collect::<Vec<_>>())
        .explains([target])
        .check(get_query(&object), "shows how callers are told to speak")
        .check(
            "kubectl get peerauthentications -A -o yaml",
            "shows what the pods are told to understand",
        ),
    );
}

/// The policy that holds for a pod: its own, its namespace's, the mesh's.
fn peer_policy<'a>(case: &Case<'a>, pod: &Pod) -> Option<&'a Custom> {
    let policies = case.snapshot.objects.customs.of("PeerAuthentication");
    let selects = |policy: &&Custom| {
        let wanted = policy.at("/spec/selector/matchLabels").as_object();
        let own = pod.metadata.labels.as_ref();
        wanted.is_some_and(|wanted| {
            !wanted.is_empty()
                && wanted.iter().all(|(name, value)| {
                    own.and_then(|own| own.get(name)).map(String::as_str) == value.as_str()
                })
        })
    };
    let namespace = view::namespace_of(pod);
    let here = policies
        .iter()
        .filter(|policy| view::namespace_of(*policy) == namespace);
    let (own, general): (Vec<&Custom>, Vec<&Custom>) =
        here.partition(|policy| !policy.at("/spec/selector").is_null());
    let mesh = policies
        .in_namespace(ROOT_NAMESPACE)
        .find(|policy| policy.at("/spec/selector").is_null());
    own.into_iter()
        .find(selects)
        .or_else(|| general.into_iter().next())
        .or(mesh)
}

/// Lines about a failed handshake, those that name the host first.
fn complaints<'a>(case: &Case<'a>, host: &str) -> Vec<&'a LogTemplate> {
    let facts = case.facts;
    let mut said: Vec<&LogTemplate> = facts
        .logs
        .iter()
        .filter(|log| {
            view::in_window(case, log.last)
                && (view::mentions(&log.exemplar, &HANDSHAKE)
                    || view::mentions(&log.exemplar, &TERMINATED))
        })
        .collect();
    said.sort_by_key(|log| !log.exemplar.contains(host));
    said
}

/// Routes of virtual services to subsets that are nowhere.
fn subsets(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for route in objects.customs.of("VirtualService") {
        let namespace = view::namespace_of(route);
        let rules = route
            .items("/spec/http")
            .iter()
            .chain(route.items("/spec/tcp"));
        let targets = rules.flat_map(|rule| rule["route"].as_array().into_iter().flatten());
        for target in targets.filter_map(|one| one.get("destination")) {
            let (Some(host), Some(subset)) = (target["host"].as_str(), target["subset"].as_str())
            else {
                continue;
            };
            if let Some(service) = wiring::service_of(objects, host, namespace) {
                missing_subset(case, route, service, subset, findings);
            }
        }
    }
}

fn missing_subset(
    case: &Case<'_>,
    route: &Custom,
    service: &Service,
    subset: &str,
    findings: &mut Findings,
) {
    let objects = &case.snapshot.objects;
    let target = view::reference("Service", service);
    let about = |rule: &&Custom| {
        let host = rule.text("/spec/host");
        let found = wiring::service_of(objects, host, view::namespace_of(*rule));
        found.is_some_and(|found| view::reference("Service", found) == target)
    };
    let rules: Vec<&Custom> = objects
        .customs
        .of("DestinationRule")
        .iter()
        .filter(about)
        .collect();
    let defined = rules.iter().find_map(|rule| {
        let found = rule.items("/spec/subsets").iter();
        Some((*rule, found.into_iter().find(|one| one["name"] == subset)?))
    });
    let object = view::reference("VirtualService", route);
    let (fix, title) = match defined {
        None if objects.customs.of("DestinationRule").captured_anywhere() => {
            let title =
                format!("routes to subset {subset} of {target}, which no destination rule defines");
            (object.clone(), title)
        }
        Some((rule, labels)) if carried_by_none(case, service, labels) => {
            let title =
                format!("subset {subset} of {target} asks for labels that none of its pods has");
            (view::reference("DestinationRule", rule), title)
        }
        _ => return,
    };
    findings.add(
        Finding::new(
            Cause::IngressMisroute,
            fix.clone(),
            Strength::Strong,
            format!("{fix}: {title}."),
        )
        .because([Draft::spec(fix.clone(), title, Vec::new())])
        .explains([object, target])
        .check(get_query(&fix), "shows the subsets and their labels"),
    );
}

/// Whether the Service has pods and none of them carries the subset's labels.
fn carried_by_none(case: &Case<'_>, service: &Service, subset: &Value) -> bool {
    let pods = wiring::backends(&case.snapshot.objects, service).pods;
    let Some(wanted) = subset["labels"].as_object() else {
        return false;
    };
    let carries = |pod: &&Pod| {
        let own = pod.metadata.labels.as_ref();
        wanted.iter().all(|(name, value)| {
            own.and_then(|own| own.get(name)).map(String::as_str) == value.as_str()
        })
    };
    !pods.is_empty() && !pods.iter().any(carries)
}

#[cfg(test)]
mod tests;
