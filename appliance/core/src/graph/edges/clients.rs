//! Who calls whom: configured addresses, logs, dependency series, and the DNS
//! that clients resolve names with.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Pod, Service};

use super::Edges;
use crate::causes::signs::{self, Sign};
use crate::causes::{Case, calls, view, wiring};
use crate::object::ObjectRef;
use crate::snapshot::Objects;

pub(super) fn add(case: &Case<'_>, edges: &mut Edges) {
    let objects = &case.snapshot.objects;
    let workloads: BTreeSet<ObjectRef> = objects
        .pods
        .iter()
        .map(|pod| view::workload_of(objects, pod))
        .collect();
    let by_name = add_configured(objects, &workloads, edges);
    add_logged(case, edges);
    add_measured(case, edges);
    add_resolvers(case, &by_name, edges);
}

/// Edges of addresses in variables and arguments. Gives the workloads that
/// call another by name, who need the cluster's DNS.
fn add_configured(
    objects: &Objects,
    workloads: &BTreeSet<ObjectRef>,
    edges: &mut Edges,
) -> BTreeSet<ObjectRef> {
    let mut by_name = BTreeSet::new();
    for workload in workloads {
        let namespace = workload.namespace.clone().unwrap_or_default();
        let variables = wiring::settings_of(objects, workload);
        let mut hosts: Vec<String> = variables.into_iter().map(|setting| setting.host).collect();
        hosts.extend(hosts_in_arguments(objects, workload));
        for host in hosts {
            if let Some(service) = wiring::service_of(objects, &host, &namespace) {
                edges.depends(view::reference("Service", service), workload.clone());
                if !wiring::is_ip(&host) {
                    by_name.insert(workload.clone());
                }
            }
        }
    }
    by_name
}

/// Hosts read from one workload's arguments; a script of more names nobody.
const HOSTS_MAX: usize = 64;

/// Hosts that commands and arguments name with a port or a scheme:
/// `--db=orders-db:5432`, `http://search/`. Only names of Services count.
fn hosts_in_arguments(objects: &Objects, workload: &ObjectRef) -> BTreeSet<String> {
    let spec = view::template_of(objects, workload);
    let containers = spec.into_iter().flat_map(|spec| &spec.containers);
    containers
        .flat_map(|one| one.command.iter().chain(&one.args).flatten())
        .flat_map(|argument| argument.split([' ', ',', ';', '\'', '"', '\n']))
        .filter_map(host_of)
        .take(HOSTS_MAX)
        .collect()
}

/// Arguments are short; a script of megabytes is read by its words.
const WORD_MAX: usize = 512;

fn host_of(word: &str) -> Option<String> {
    if word.len() > WORD_MAX {
        return None;
    }
    let value = match word.split_once('=') {
        Some((flag, value)) if !flag.contains('/') => value,
        _ => word,
    };
    let (has_scheme, rest) = match value.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, value),
    };
    let authority = rest.split(['/', '?']).next()?;
    let authority = authority.rsplit('@').next()?;
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    let has_port = port.is_some_and(|port| port.parse::<u16>().is_ok());
    let is_host = host.len() > 1
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    (is_host && (has_port || has_scheme && port.is_none())).then(|| host.to_ascii_lowercase())
}

fn add_logged(case: &Case<'_>, edges: &mut Edges) {
    let objects = &case.snapshot.objects;
    for one in signs::seen(case) {
        let Some(address) = &one.address else {
            continue;
        };
        let namespace = one.pod.namespace.clone().unwrap_or_default();
        if let Some(service) = wiring::service_of(objects, &address.host, &namespace) {
            let client = view::root_of(objects, &one.pod);
            edges.depends(view::reference("Service", service), client);
        }
    }
}

/// Edges of series that name both ends, through the Services before the callee.
fn add_measured(case: &Case<'_>, edges: &mut Edges) {
    let objects = &case.snapshot.objects;
    for (client, server) in calls::measured(case) {
        let pods = view::pods_of(objects, &server);
        let services: BTreeSet<ObjectRef> = pods
            .into_iter()
            .flat_map(|pod| view::services_of(objects, pod))
            .collect();
        if services.is_empty() {
            edges.depends(server, client);
            continue;
        }
        for service in services {
            edges.depends(service, client.clone());
        }
    }
}

/// The cluster's DNS before those who need it: all that call by name while no
/// DNS pod is ready, else those whose logs say that names fail. One lost
/// replica of several is nobody's trouble.
fn add_resolvers(case: &Case<'_>, by_name: &BTreeSet<ObjectRef>, edges: &mut Edges) {
    let objects = &case.snapshot.objects;
    let is_dns = |service: &&Service| {
        let labels = service.metadata.labels.as_ref();
        let label = labels.and_then(|labels| labels.get("k8s-app"));
        label.map(String::as_str) == Some("kube-dns") || view::name_of(*service) == "kube-dns"
    };
    for service in objects.services.iter().filter(is_dns) {
        let pods: Vec<&Pod> = wiring::backends(objects, service).pods;
        let down = !pods.iter().any(|pod| view::is_well(pod));
        let mut clients = complaining(case);
        if down && objects.pods.captured_in(view::namespace_of(service)) {
            clients.extend(by_name.iter().cloned());
        }
        let object = view::reference("Service", service);
        for client in clients {
            edges.depends(object.clone(), client);
        }
    }
}

fn complaining(case: &Case<'_>) -> BTreeSet<ObjectRef> {
    let objects = &case.snapshot.objects;
    let signs = signs::seen(case).iter();
    signs
        .filter(|one| one.sign == Sign::NameServerFails)
        .map(|one| view::root_of(objects, &one.pod))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn arguments_name_hosts_by_port_or_scheme() {
        for (word, host) in [
            ("--db=orders-db:5432", Some("orders-db")),
            ("http://search/", Some("search")),
            ("--url=redis://u:p@cache.data:6379/0", Some("cache.data")),
            ("--cart-address=Cart.shop.svc:7070", Some("cart.shop.svc")),
            ("--level=debug", None),
            ("run", None),
            ("12:30:10", None),
            ("--ratio=a:b", None),
            ("://", None),
        ] {
            assert_eq!(host_of(word).as_deref(), host, "{word}");
        }
    }
}
