//! Network policies that keep wanted traffic out.
//!
//! A policy is a cause only when somebody complains: a client of the pods it
//! protects times out, or names stop resolving. Peers by IP block or by
//! namespace labels that were not captured count as unknown, not as denied.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyPeer, NetworkPolicyPort,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::causes::signs::{self, Sign};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::Draft;
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// Where a cluster's DNS runs, by kubeadm's, k3s's and RKE2's convention.
const DNS_NAMESPACE: &str = "kube-system";

/// Finds policies that explain timeouts between pods.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    if objects.network_policies.is_empty() {
        return;
    }
    for one in signs::seen(case) {
        let (Sign::TimedOut | Sign::Refused, Some(address)) = (one.sign, &one.address) else {
            continue;
        };
        let namespace = one.pod.namespace.as_deref().unwrap_or_default();
        let client = objects.pods.get(namespace, &one.pod.name);
        let service = wiring::service_of(objects, &address.host, namespace);
        let (Some(client), Some(service)) = (client, service) else {
            continue;
        };
        if one.is_over() && view::is_well(client) {
            continue;
        }
        let backends = wiring::backends(objects, service);
        let Some(server) = backends.pods.first() else {
            continue;
        };
        let port = target(service, address.port, server);
        let Some(policy) = denying(objects, server, client, port) else {
            continue;
        };
        let object = view::reference("NetworkPolicy", policy);
        let workload = view::workload_of(objects, client);
        let statement = format!(
            "{object} lets nothing from {workload} reach the pods of Service {}.",
            view::name_of(service)
        );
        let strength = if one.sign == Sign::TimedOut {
            Strength::Strong
        } else {
            Strength::Likely
        };
        let title = "no ingress rule admits the client's labels to that port".to_owned();
        findings.add(
            Finding::new(
                Cause::NetworkPolicyIngress,
                object.clone(),
                strength,
                statement,
            )
            .because([Draft::spec(object, title, Vec::new()), one.draft()])
            .since(one.first)
            .explains([workload, view::workload_of(objects, server)]),
        );
    }
}

/// The port of the pod behind the port of `service` that was asked, if known.
fn target(service: &Service, asked: Option<u16>, server: &Pod) -> Option<i32> {
    let asked = i32::from(asked?);
    let port = wiring::ports(service)
        .iter()
        .find(|one| one.port == asked)?;
    wiring::target_number(port, wiring::containers(server))
}

/// The policy that isolates `server` when none of its policies admits `client`
/// to that port.
fn denying<'a>(
    objects: &'a Objects,
    server: &'a Pod,
    client: &Pod,
    port: Option<i32>,
) -> Option<&'a NetworkPolicy> {
    let policies: Vec<&NetworkPolicy> = objects
        .network_policies
        .in_namespace(view::namespace_of(server))
        .filter(|policy| concerns(policy, server, "Ingress"))
        .collect();
    let admitted = policies
        .iter()
        .any(|policy| admits(objects, policy, server, client, port));
    if admitted {
        return None;
    }
    policies.first().copied()
}

fn concerns(policy: &NetworkPolicy, pod: &Pod, direction: &str) -> bool {
    let Some(spec) = policy.spec.as_ref() else {
        return false;
    };
    let typed = match spec.policy_types.as_deref() {
        Some(types) => types.iter().any(|name| name == direction),
        // Without types a policy is about ingress, and about egress when it has rules.
        None => direction == "Ingress" || spec.egress.is_some(),
    };
    typed && matches(spec.pod_selector.as_ref(), pod.metadata.labels.as_ref())
}

fn admits(
    objects: &Objects,
    policy: &NetworkPolicy,
    server: &Pod,
    client: &Pod,
    port: Option<i32>,
) -> bool {
    let rules = policy
        .spec
        .as_ref()
        .and_then(|spec| spec.ingress.as_deref());
    rules.into_iter().flatten().any(|rule| {
        let peers = rule.from.as_deref().unwrap_or_default();
        let ports = rule.ports.as_deref().unwrap_or_default();
        let mut sources = peers.iter();
        (peers.is_empty() || sources.any(|peer| is_peer(objects, peer, server, client)))
            && (ports.is_empty() || ports.iter().any(|one| covers(one, port, server)))
    })
}

/// Whether a rule's port is that of the pod; an unknown one may be any.
fn covers(rule: &NetworkPolicyPort, port: Option<i32>, server: &Pod) -> bool {
    let Some(port) = port else { return true };
    match &rule.port {
        None => true,
        Some(IntOrString::Int(first)) => {
            *first == port
                || rule
                    .end_port
                    .is_some_and(|last| *first <= port && port <= last)
        }
        Some(IntOrString::String(name)) => {
            let named = wiring::named_port(name, wiring::containers(server));
            named.is_none_or(|number| number == port)
        }
    }
}

fn is_peer(objects: &Objects, peer: &NetworkPolicyPeer, server: &Pod, client: &Pod) -> bool {
    if peer.ip_block.is_some() {
        return true;
    }
    let namespace_fits = match &peer.namespace_selector {
        None => client.metadata.namespace == server.metadata.namespace,
        Some(selector) => {
            let namespace = objects.namespaces.get("", view::namespace_of(client));
            namespace.is_none_or(|found| matches(Some(selector), found.metadata.labels.as_ref()))
        }
    };
    namespace_fits
        && peer
            .pod_selector
            .as_ref()
            .is_none_or(|selector| matches(Some(selector), client.metadata.labels.as_ref()))
}

/// Whether a label selector matches; an absent or empty one matches all.
fn matches(selector: Option<&LabelSelector>, labels: Option<&BTreeMap<String, String>>) -> bool {
    let Some(selector) = selector else {
        return true;
    };
    let value = |name: &str| labels.and_then(|labels| labels.get(name));
    let by_labels = selector
        .match_labels
        .iter()
        .flatten()
        .all(|(name, wanted)| value(name) == Some(wanted));
    let by_expressions = selector.match_expressions.iter().flatten().all(|wanted| {
        let found = value(&wanted.key);
        let listed = |value: &String| wanted.values.iter().flatten().any(|other| other == value);
        match wanted.operator.as_str() {
            "In" => found.is_some_and(listed),
            "NotIn" => !found.is_some_and(listed),
            "Exists" => found.is_some(),
            "DoesNotExist" => found.is_none(),
            _ => true,
        }
    });
    by_labels && by_expressions
}

/// The policy that isolates the egress of `pod` when none lets DNS through.
pub(in crate::causes) fn egress_without_dns(
    objects: &Objects,
    namespace: &str,
    pod: &Pod,
) -> Option<ObjectRef> {
    let policies: Vec<&NetworkPolicy> = objects
        .network_policies
        .in_namespace(namespace)
        .filter(|policy| concerns(policy, pod, "Egress"))
        .collect();
    let dns = policies.iter().any(|policy| {
        let rules = policy.spec.as_ref().and_then(|spec| spec.egress.as_deref());
        rules
            .into_iter()
            .flatten()
            .any(|rule| reaches_dns(rule, namespace))
    });
    if dns {
        return None;
    }
    policies
        .first()
        .map(|policy| view::reference("NetworkPolicy", *policy))
}

/// Whether a rule lets queries out to where the cluster's DNS runs. Peers named
/// by pod labels alone are pods of the policy's own namespace.
fn reaches_dns(rule: &NetworkPolicyEgressRule, namespace: &str) -> bool {
    let ports = rule.ports.as_deref().unwrap_or_default();
    let peers = rule.to.as_deref().unwrap_or_default();
    let reachable = |peer: &NetworkPolicyPeer| {
        namespace == DNS_NAMESPACE || peer.namespace_selector.is_some() || peer.ip_block.is_some()
    };
    (ports.is_empty() || ports.iter().any(covers_dns))
        && (peers.is_empty() || peers.iter().any(reachable))
}

fn covers_dns(port: &NetworkPolicyPort) -> bool {
    match &port.port {
        None => true,
        Some(IntOrString::Int(number)) => {
            *number == 53 || port.end_port.is_some_and(|end| *number <= 53 && 53 <= end)
        }
        Some(IntOrString::String(name)) => name.starts_with("dns"),
    }
}
