//! Names that do not resolve: one wrong name, one workload's resolver, or the
//! cluster's DNS.
//!
//! One name that is no Service is a wrong name. Names that exist and do not
//! resolve are the resolver's trouble: of one workload when its neighbours
//! resolve, of the cluster when the DNS pods are unwell or workloads of
//! several kinds complain.

use std::collections::{BTreeMap, BTreeSet};

use super::{Client, matters, pod_of};
use crate::causes::signs::{Address, Seen, Sign};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::Draft;
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// Names of the cluster DNS Deployment and Service.
const DNS_NAMES: [&str; 3] = ["coredns", "kube-dns", "node-local-dns"];

/// The Service of `namespace` that `host` was probably meant to name.
pub(super) fn near_service(objects: &Objects, host: &str, namespace: &str) -> Option<ObjectRef> {
    let (name, namespace) = wiring::split_host(host, namespace)?;
    let services = objects.services.in_namespace(namespace);
    let mut near: Vec<(usize, &str)> = services
        .map(view::name_of)
        .filter(|candidate| wiring::is_near(name, candidate))
        .map(|candidate| (wiring::edit_distance(name, candidate, 20), candidate))
        .collect();
    near.sort_unstable();
    let (_, best) = near.first()?;
    Some(ObjectRef::namespaced("Service", namespace, *best))
}

/// A name that does not exist, as one client says.
pub(super) fn unknown(client: &Client<'_>, address: &Address, findings: &mut Findings) {
    let objects = &client.case.snapshot.objects;
    if client.is_over() || wiring::is_ip(&address.host) {
        return;
    }
    let namespace = client.namespace();
    if wiring::service_of(objects, &address.host, namespace).is_some() {
        return;
    }
    let setting = wiring::settings_of(objects, &client.workload)
        .into_iter()
        .find(|setting| setting.host == address.host);
    let near = near_service(objects, &address.host, namespace);
    let (cause, strength, what) = match &near {
        Some(near) => (
            Cause::DependencyWrongAddress,
            Strength::Strong,
            format!("which is no Service; {near} is"),
        ),
        None if setting.is_some() || !view::is_well(client.pod) => (
            Cause::DnsNameWrong,
            Strength::Likely,
            "which does not exist".to_owned(),
        ),
        None => (
            Cause::DnsNameWrong,
            Strength::Hint,
            "which does not exist".to_owned(),
        ),
    };
    let statement = format!("{} looks up {}, {what}.", client.workload, address.host);
    findings.add(
        client
            .finding(cause, client.workload.clone(), strength, statement)
            .because(setting.map(|setting| super::setting_draft(&setting))),
    );
}

/// Resolvers that fail for names that exist.
pub(super) fn resolver(case: &Case<'_>, seen: &[Seen], findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let mut troubled: BTreeMap<ObjectRef, Vec<&Seen>> = BTreeMap::new();
    for one in seen {
        let Some(pod) = pod_of(case, one) else {
            continue;
        };
        if matters(case, pod, one) && speaks_of_resolver(case, one) {
            let workload = view::workload_of(objects, pod);
            troubled.entry(workload).or_default().push(one);
        }
    }
    if troubled.is_empty() {
        return;
    }
    let namespaces: BTreeSet<_> = troubled.keys().map(|key| key.namespace.clone()).collect();
    let dns = dns_trouble(case);
    let wide = troubled.len() >= 3 && (namespaces.len() >= 2 || is_most(objects, &troubled));
    if dns.is_some() || wide && policy_over(objects, &troubled).is_none() {
        findings.add(cluster_dns(case, &troubled, dns));
        return;
    }
    for (workload, complaints) in &troubled {
        let drafts = complaints.iter().take(3).map(|one| one.draft());
        let finding = match policy_over(objects, &troubled) {
            Some(policy) => by_policy(&policy, workload).because(drafts),
            None => by_own_resolver(objects, workload).because(drafts),
        };
        let pods = view::pods_of(objects, workload);
        let affected = pods.iter().flat_map(|pod| view::affected_by(objects, pod));
        let first = complaints.iter().filter_map(|one| one.first).min();
        findings.add(finding.explains(affected).since(first));
    }
}

/// A resolver's own failure, or an existing name that it does not know.
fn speaks_of_resolver(case: &Case<'_>, one: &Seen) -> bool {
    match (&one.sign, &one.address) {
        (Sign::NameServerFails, _) => true,
        (Sign::NameUnknown, Some(address)) => {
            let namespace = one.pod.namespace.as_deref().unwrap_or_default();
            let objects = &case.snapshot.objects;
            wiring::service_of(objects, &address.host, namespace)
                .is_some_and(|service| wiring::backends(objects, service).ready > 0)
                && !one.is_over()
        }
        _ => false,
    }
}

/// Whether most workloads of the namespaces concerned complain.
fn is_most(objects: &Objects, troubled: &BTreeMap<ObjectRef, Vec<&Seen>>) -> bool {
    let namespaces: BTreeSet<_> = troubled.keys().map(|key| &key.namespace).collect();
    let workloads: BTreeSet<ObjectRef> = objects
        .pods
        .iter()
        .filter(|pod| namespaces.contains(&pod.metadata.namespace))
        .map(|pod| view::workload_of(objects, pod))
        .collect();
    troubled.len() * 2 > workloads.len()
}

/// The DNS pods that are unwell, as evidence.
fn dns_trouble(case: &Case<'_>) -> Option<Draft> {
    let pods = case.snapshot.objects.pods.in_namespace("kube-system");
    let unwell = pods
        .filter(|pod| {
            DNS_NAMES
                .iter()
                .any(|name| view::name_of(*pod).starts_with(name))
        })
        .find(|pod| !view::is_well(pod) && !view::is_terminating(pod))?;
    let title = format!("DNS pod is not ready (phase {})", view::phase(unwell));
    Some(Draft::status(view::pod_ref(unwell), title, Vec::new()))
}

fn cluster_dns(
    case: &Case<'_>,
    troubled: &BTreeMap<ObjectRef, Vec<&Seen>>,
    dns: Option<Draft>,
) -> Finding {
    let objects = &case.snapshot.objects;
    let system = "kube-system";
    let deployment = DNS_NAMES
        .iter()
        .find_map(|name| objects.deployments.get(system, name));
    let object = dns
        .as_ref()
        .map(|draft| view::root_of(objects, &draft.object))
        .or_else(|| deployment.map(|found| view::reference("Deployment", found)))
        .or_else(|| {
            let service = objects.services.get(system, "kube-dns")?;
            Some(view::reference("Service", service))
        })
        .unwrap_or_else(|| ObjectRef::cluster("Namespace", system));
    let strength = if dns.is_some() {
        Strength::Strong
    } else {
        Strength::Likely
    };
    let statement = format!(
        "Names do not resolve for {} workloads: the cluster's DNS is the common cause.",
        troubled.len()
    );
    let complaints = troubled.values().flatten().take(4).map(|one| one.draft());
    Finding::new(Cause::CorednsDownOrOverloaded, object, strength, statement)
        .because(dns)
        .because(complaints)
        .explains(troubled.keys().cloned())
}

/// An egress policy over all troubled workloads that lets no DNS through.
fn policy_over(objects: &Objects, troubled: &BTreeMap<ObjectRef, Vec<&Seen>>) -> Option<ObjectRef> {
    let first = troubled.keys().next()?;
    let namespace = first.namespace.as_deref()?;
    let same = troubled
        .keys()
        .all(|workload| workload.namespace == first.namespace);
    let pods = view::pods_of(objects, first);
    let pod = pods.first()?;
    same.then(|| crate::causes::network::egress_without_dns(objects, namespace, pod))?
}

fn by_policy(policy: &ObjectRef, workload: &ObjectRef) -> Finding {
    let statement = format!("{policy} lets {workload} send no DNS queries.");
    let title = "egress rules allow neither UDP nor TCP port 53".to_owned();
    Finding::new(
        Cause::NetworkPolicyEgressDns,
        policy.clone(),
        Strength::Strong,
        statement,
    )
    .because([Draft::spec(policy.clone(), title, Vec::new())])
}

fn by_own_resolver(objects: &Objects, workload: &ObjectRef) -> Finding {
    let spec = view::template_of(objects, workload);
    let policy = spec.and_then(|spec| spec.dns_policy.as_deref());
    let own = spec.is_some_and(|spec| spec.dns_config.is_some())
        || policy.is_some_and(|policy| policy == "None" || policy == "Default");
    let statement = format!(
        "{workload} cannot resolve names while its neighbours can: look at its own resolver."
    );
    let title = format!(
        "dnsPolicy {}, own dnsConfig: {own}",
        policy.unwrap_or("ClusterFirst")
    );
    let strength = if own {
        Strength::Strong
    } else {
        Strength::Likely
    };
    Finding::new(
        Cause::ServiceDnsFailure,
        workload.clone(),
        strength,
        statement,
    )
    .because([Draft::spec(workload.clone(), title, Vec::new())])
}
