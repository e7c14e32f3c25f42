//! Where the evidence ends: outside the cluster, or behind a permission.
//!
//! Said only about what the alert names and is not well, and never strongly:
//! any cause inside the cluster comes first. It names the evidence that is
//! missing and how to get it, instead of guessing.

use std::collections::BTreeMap;

use crate::causes::signs::{self, Address, Seen, Sign};
use crate::causes::subject::is_asked;
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::Draft;
use crate::evidence::query::{operand, shell_word};
use crate::object::ObjectRef;

/// Domains of a cluster's own names.
const INSIDE: [&str; 3] = [".svc", ".cluster.local", ".local"];

/// Words of a source that may not be read.
const FORBIDDEN: [&str; 4] = ["403", "forbidden", "401", "unauthorized"];

/// Complaints that name no address of their own count with a named one.
const FAILS: [Sign; 6] = [
    Sign::Refused,
    Sign::TimedOut,
    Sign::Reset,
    Sign::NameUnknown,
    Sign::NameServerFails,
    Sign::CertificateTime,
];

/// States what cannot be seen from inside.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    outside(case, findings);
    unread(case, findings);
}

/// Dependencies outside the cluster that the alert's workload complains of.
fn outside(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let seen = signs::seen(case);
    let mut by_host: BTreeMap<(ObjectRef, String), Vec<&Seen>> = BTreeMap::new();
    for one in seen {
        let Some(address) = one.address.as_ref().filter(|_| FAILS.contains(&one.sign)) else {
            continue;
        };
        let workload = view::root_of(objects, &one.pod);
        if is_outside(case, one, address) && is_asked(case, &workload) && !one.is_over() {
            let key = (workload, address.host.clone());
            by_host.entry(key).or_default().push(one);
        }
    }
    for ((workload, host), complaints) in by_host {
        findings.add(beyond(case, &workload, &host, &complaints));
    }
}

/// A full domain name, or an address that is neither a pod's, a Service's nor a node's.
fn is_outside(case: &Case<'_>, one: &Seen, address: &Address) -> bool {
    let objects = &case.snapshot.objects;
    let host = address.host.as_str();
    let namespace = one.pod.namespace.as_deref().unwrap_or_default();
    if wiring::is_loopback(host) || wiring::service_of(objects, host, namespace).is_some() {
        return false;
    }
    if wiring::is_ip(host) {
        let node = objects.nodes.iter().any(|node| {
            let addresses = node
                .status
                .iter()
                .flat_map(|status| status.addresses.iter().flatten());
            addresses.into_iter().any(|known| known.address == host)
        });
        return !node && is_public(host);
    }
    let host = host.trim_end_matches('.');
    host.matches('.').count() >= 2
        && !INSIDE
            .iter()
            .any(|domain| host.ends_with(domain) || host.contains(".svc."))
}

/// Not one of the ranges that clusters give their own pods and Services.
fn is_public(host: &str) -> bool {
    match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(ip)) => !ip.is_private() && !ip.is_link_local(),
        Ok(std::net::IpAddr::V6(ip)) => (ip.segments()[0] & 0xfe00) != 0xfc00,
        Err(_) => false,
    }
}

fn beyond(case: &Case<'_>, workload: &ObjectRef, host: &str, complaints: &[&Seen]) -> Finding {
    let pods = view::pods_of(&case.snapshot.objects, workload);
    let affected = pods
        .iter()
        .flat_map(|pod| view::affected_by(&case.snapshot.objects, pod));
    let statement = format!(
        "{workload} cannot use {host}, which is outside the cluster: nothing captured here tells why."
    );
    let namespace = crate::evidence::namespace_flag(workload);
    let pod = pods.first().map_or("", |pod| view::name_of(*pod));
    Finding::new(
        Cause::OutsideVisibility,
        workload.clone(),
        Strength::Likely,
        statement,
    )
    .because(complaints.iter().take(3).map(|one| one.draft()))
    .since(complaints.iter().filter_map(|one| one.first).min())
    .explains(affected)
    .check(
        format!(
            "kubectl exec {}{namespace} -- nslookup {}",
            shell_word(&format!("pod/{pod}")),
            operand(host)
        ),
        "shows whether the name resolves from inside; then ask who runs that host",
    )
}

/// Sources about the alert's own namespace that may not be read.
fn unread(case: &Case<'_>, findings: &mut Findings) {
    let gaps: Vec<String> = case
        .snapshot
        .gaps
        .iter()
        .filter(|gap| view::mentions(&gap.detail, &FORBIDDEN))
        .map(|gap| format!("{}: {}", gap.source, gap.detail))
        .collect();
    let Some(subject) = case.subjects.first().filter(|_| !gaps.is_empty()) else {
        return;
    };
    let first = gaps.first().cloned().unwrap_or_default();
    let statement = format!(
        "What would tell about {subject} may not be read ({} sources, the first is {first}).",
        gaps.len()
    );
    let draft = Draft::status(subject.clone(), "sources that may not be read", gaps);
    findings.add(
        Finding::new(
            Cause::OutsideVisibility,
            subject.clone(),
            Strength::Hint,
            statement,
        )
        .because([draft])
        .check(
            "kubectl auth can-i --list",
            "shows what the appliance's account may read",
        ),
    );
}
