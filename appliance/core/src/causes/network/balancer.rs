//! Load balancers of bare metal: pools without a free address, speakers that
//! announce nothing.
//!
//! Reads `MetalLB`, Cilium and kube-vip: Services that wait for an address,
//! sessions that are down, and what the speakers log.

use k8s_openapi::api::core::v1::{Pod, Service};

use crate::causes::{Case, Cause, Finding, Findings, Strength, component, fired, series, view};
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;

/// Words of an allocator without a free address (lower case).
const NO_ADDRESS: [&str; 6] = [
    "no available ips",
    "no available ip",
    "no more ips available",
    "no ip addresses available",
    "can't find a suitable pool",
    "ip pool exhausted",
];

/// Pods that announce addresses.
const SPEAKERS: [&str; 5] = [
    "speaker",
    "metallb-speaker",
    "kube-vip",
    "kube-vip-ds",
    "bgp-speaker",
];

/// Words of a speaker whose peer is gone (lower case).
const SESSION_DOWN: [&str; 6] = [
    "bgp session down",
    "failed to connect to peer",
    "hold timer expired",
    "failed to create bgp session",
    "peer closed the session",
    "dial to peer",
];

/// Gauges that are 1 while a routing session is up.
const SESSIONS: [&str; 3] = [
    "metallb_bgp_session_up",
    "frrk8s_bgp_session_up",
    "bird_protocol_up",
];

/// Finds Services without an address, and speakers without a session.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for service in &case.snapshot.objects.services {
        if is_waiting(service) {
            addresses(case, service, findings);
        }
    }
    sessions(case, findings);
    speakers(case, findings);
}

fn is_waiting(service: &Service) -> bool {
    let kind = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
    let given = service
        .status
        .as_ref()
        .and_then(|status| status.load_balancer.as_ref()?.ingress.as_ref());
    kind == Some("LoadBalancer") && given.is_none_or(Vec::is_empty)
}

fn addresses(case: &Case<'_>, service: &Service, findings: &mut Findings) {
    let object = view::reference("Service", service);
    let mut drafts: Vec<Draft> = view::events_of(case, &object)
        .filter(|event| {
            event.event_type != "Normal"
                && (event.reason == "AllocationFailed"
                    || view::mentions(&event.message, &NO_ADDRESS))
        })
        .map(Draft::event)
        .collect();
    let conditions = service
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    for condition in conditions {
        let short = matches!(
            condition.reason.as_str(),
            "no_pool" | "out_of_ips" | "pool_selector_mismatch"
        );
        if condition.type_ == "cilium.io/IPAMRequestSatisfied"
            && condition.status == "False"
            && short
        {
            let title = format!("{} is False: {}", condition.type_, condition.reason);
            drafts.push(Draft::status(
                object.clone(),
                title,
                vec![condition.message.clone()],
            ));
        }
    }
    if drafts.is_empty() {
        return;
    }
    let since = drafts.iter().filter_map(|draft| draft.at).min();
    let pool = pool_of(case, &drafts);
    let waits = Draft::status(object.clone(), "has no load balancer address", Vec::new());
    let statement = match &pool {
        Some(pool) => format!("{object} gets no address: {pool} has none left."),
        None => format!("{object} gets no address from the load balancer's pools."),
    };
    findings.add(
        Finding::new(
            Cause::LoadBalancerIpPool,
            pool.unwrap_or_else(|| object.clone()),
            Strength::Stated,
            statement,
        )
        .because(drafts)
        .because([waits])
        .since(since)
        .explains([object.clone()])
        .check(
            "kubectl get services -A --field-selector spec.type=LoadBalancer",
            "shows which Services hold the pool's addresses",
        ),
    );
}

/// The pool that a message names, or the only one there is.
fn pool_of(case: &Case<'_>, drafts: &[Draft]) -> Option<ObjectRef> {
    let pools = case.snapshot.objects.customs.of("IPAddressPool");
    let named = pools.iter().find(|pool| {
        let name = view::name_of(*pool);
        drafts.iter().flat_map(|draft| &draft.lines).any(|line| {
            line.split(|c: char| c.is_whitespace() || "\"',".contains(c))
                .any(|word| word == name)
        })
    });
    let only = pools.iter().next().filter(|_| pools.len() == 1);
    Some(view::reference("IPAddressPool", named.or(only)?))
}

fn sessions(case: &Case<'_>, findings: &mut Findings) {
    for one in &case.snapshot.series {
        if !SESSIONS.contains(&one.name.as_str()) || series::last(one) != Some(0.0) {
            continue;
        }
        let peer = one.labels.get("peer").map_or("its peer", String::as_str);
        let Some(object) = peer_object(case, peer).or_else(|| speaker(case)) else {
            continue;
        };
        let statement = format!(
            "The routing session with {peer} is down: addresses of load balancers are not announced over it."
        );
        findings.add(
            down(case, object.clone(), Strength::Strong, statement).because([series::draft(
                object,
                one,
                format!("session with {peer} is down"),
            )]),
        );
    }
    for alert in fired::named(case, &["MetalLBBGPSessionDown", "MetalLBConfigStale"]) {
        let peer = alert.label("peer");
        if let Some(object) = peer_object(case, peer).or_else(|| speaker(case)) {
            let statement = format!(
                "The load balancer's session {peer} is down or its configuration is stale."
            );
            findings.add(
                down(case, object, Strength::Strong, statement)
                    .because([alert.draft])
                    .since(alert.since),
            );
        }
    }
}

fn speakers(case: &Case<'_>, findings: &mut Findings) {
    for (object, pods) in component::groups(case, &SPEAKERS) {
        let unwell: Vec<&Pod> = pods
            .iter()
            .copied()
            .filter(|pod| !view::is_well(pod))
            .collect();
        if unwell.len() == pods.len() {
            let statement = format!(
                "No pod of {object} is ready: nobody announces the addresses of load balancers."
            );
            findings.add(
                down(case, object.clone(), Strength::Strong, statement)
                    .because(unwell.iter().map(|pod| component::state(pod))),
            );
        }
        lost_sessions(case, object, &pods, findings);
    }
}

fn lost_sessions(case: &Case<'_>, object: ObjectRef, pods: &[&Pod], findings: &mut Findings) {
    let said = component::said(case, pods, &SESSION_DOWN);
    let Some(first) = said.first() else { return };
    let peer = case
        .snapshot
        .objects
        .customs
        .of("BGPPeer")
        .iter()
        .find(|peer| {
            let address = peer.text("/spec/peerAddress");
            !address.is_empty() && said.iter().any(|log| log.exemplar.contains(address))
        });
    let object = peer.map_or(object, |peer| view::reference("BGPPeer", peer));
    let statement =
        format!("{object} has no session: addresses of load balancers are not announced over it.");
    let since = first.first;
    findings.add(
        down(case, object, Strength::Likely, statement)
            .because(said.into_iter().take(3).map(Draft::log))
            .since(since),
    );
}

fn down(case: &Case<'_>, object: ObjectRef, strength: Strength, statement: String) -> Finding {
    let exposed = case.snapshot.objects.services.iter().filter(|service| {
        let kind = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
        kind == Some("LoadBalancer")
    });
    let check = format!(
        "kubectl describe {}{}",
        object.kubectl_name(),
        namespace_flag(&object)
    );
    Finding::new(Cause::LoadBalancerBgpL2, object, strength, statement)
        .explains(exposed.map(|service| view::reference("Service", service)))
        .check(check, "shows the peer or the speaker that has no session")
}

fn peer_object(case: &Case<'_>, peer: &str) -> Option<ObjectRef> {
    let address = peer.split(':').next().unwrap_or(peer);
    let peers = case.snapshot.objects.customs.of("BGPPeer");
    let found = peers
        .iter()
        .find(|one| !address.is_empty() && one.text("/spec/peerAddress") == address)?;
    Some(view::reference("BGPPeer", found))
}

fn speaker(case: &Case<'_>) -> Option<ObjectRef> {
    component::workload(case, &component::pods(case, &SPEAKERS))
}

#[cfg(test)]
mod tests;
