//! Who talks to whom: hosts to Services, Services to pods, settings to hosts.
//!
//! Decides nothing about causes. Answers come from the snapshot only; what
//! was not captured is said to be unknown, not absent.

mod settings;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

pub(crate) use self::settings::{Setting, settings_of};
use super::view;
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// Pods behind a Service and how many of them take traffic.
#[derive(Clone, Debug)]
pub(crate) struct Backends<'a> {
    /// Pods whose labels the selector matches and that are not going away.
    pub(crate) pods: Vec<&'a Pod>,
    /// Addresses that take traffic.
    pub(crate) ready: usize,
    /// Addresses that do not.
    pub(crate) not_ready: usize,
}

/// The Service that `host` means to a pod of `namespace`.
pub(crate) fn service_of<'a>(
    objects: &'a Objects,
    host: &str,
    namespace: &str,
) -> Option<&'a Service> {
    if is_ip(host) {
        return by_ip(objects, host);
    }
    let (name, namespace) = split_host(host, namespace)?;
    objects.services.get(namespace, name)
}

/// Name and namespace of a cluster host name: `name`, `name.ns`, `name.ns.svc…`.
/// A headless Service's `pod.name.ns.svc` gives its Service.
pub(crate) fn split_host<'a>(host: &'a str, namespace: &'a str) -> Option<(&'a str, &'a str)> {
    let host = host.trim_end_matches('.');
    let parts: Vec<&str> = host.split('.').collect();
    match parts.as_slice() {
        [name] => Some((name, namespace)),
        [name, ns] | [name, ns, "svc", ..] | [_, name, ns, "svc", ..] => Some((name, ns)),
        _ => None,
    }
}

/// Whether `host` is an IP address.
pub(crate) fn is_ip(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_ok()
}

/// Whether `host` is the pod itself.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

fn by_ip<'a>(objects: &'a Objects, ip: &str) -> Option<&'a Service> {
    let owns = |service: &&Service| {
        let spec = service.spec.as_ref();
        spec.and_then(|spec| spec.cluster_ip.as_deref()) == Some(ip)
    };
    if let Some(service) = objects.services.iter().find(owns) {
        return Some(service);
    }
    let pod = objects.pods.iter().find(|pod| {
        pod.status
            .as_ref()
            .and_then(|status| status.pod_ip.as_deref())
            == Some(ip)
    })?;
    let found = view::services_of(objects, pod).into_iter().next()?;
    objects
        .services
        .get(found.namespace.as_deref().unwrap_or_default(), &found.name)
}

/// Whether a Service selects pods at all (an `ExternalName` or hand-made one does not).
pub(crate) fn selector(service: &Service) -> Option<&BTreeMap<String, String>> {
    let spec = service.spec.as_ref()?;
    let selector = spec.selector.as_ref()?;
    (!selector.is_empty()).then_some(selector)
}

/// The ports of a Service.
pub(crate) fn ports(service: &Service) -> &[ServicePort] {
    service
        .spec
        .as_ref()
        .and_then(|spec| spec.ports.as_deref())
        .unwrap_or_default()
}

/// Whether the Service has no virtual IP, so that clients reach pods' own ports.
pub(crate) fn is_headless(service: &Service) -> bool {
    let spec = service.spec.as_ref();
    spec.and_then(|spec| spec.cluster_ip.as_deref()) == Some("None")
}

/// The pods behind `service`.
pub(crate) fn backends<'a>(objects: &'a Objects, service: &'a Service) -> Backends<'a> {
    let namespace = view::namespace_of(service);
    let pods: Vec<&Pod> = selector(service).map_or_else(Vec::new, |selector| {
        objects
            .pods
            .in_namespace(namespace)
            .filter(|pod| !view::is_terminating(pod) && selects(selector, pod))
            .collect()
    });
    let counted = endpoint_counts(objects, namespace, view::name_of(service));
    let (ready, not_ready) = counted.unwrap_or_else(|| {
        let ready = pods.iter().filter(|pod| view::is_well(pod)).count();
        (ready, pods.len() - ready)
    });
    Backends {
        pods,
        ready,
        not_ready,
    }
}

/// Whether `selector` matches the labels of `pod`.
pub(crate) fn selects(selector: &BTreeMap<String, String>, pod: &Pod) -> bool {
    let labels = pod.metadata.labels.as_ref();
    selector
        .iter()
        .all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value))
}

/// Ready and not ready addresses, from `EndpointSlices` or Endpoints.
fn endpoint_counts(objects: &Objects, namespace: &str, name: &str) -> Option<(usize, usize)> {
    let mut slices = objects
        .endpoint_slices
        .in_namespace(namespace)
        .filter(|slice| {
            let labels = slice.metadata.labels.as_ref();
            let owner = labels.and_then(|labels| labels.get("kubernetes.io/service-name"));
            owner.map(String::as_str) == Some(name)
        })
        .peekable();
    if slices.peek().is_some() {
        let endpoints = slices.flat_map(|slice| slice.endpoints.iter().flatten());
        let (ready, not_ready): (Vec<_>, Vec<_>) = endpoints.partition(|endpoint| {
            let conditions = endpoint.conditions.as_ref();
            conditions.and_then(|conditions| conditions.ready) != Some(false)
        });
        return Some((ready.len(), not_ready.len()));
    }
    let subsets = objects.endpoints.get(namespace, name)?.subsets.as_deref();
    let count = |list: &Option<Vec<_>>| list.as_ref().map_or(0, Vec::len);
    Some(
        subsets
            .unwrap_or_default()
            .iter()
            .fold((0, 0), |(ready, not_ready), subset| {
                (
                    ready + count(&subset.addresses),
                    not_ready + count(&subset.not_ready_addresses),
                )
            }),
    )
}

/// The number that `target` (or the Service's own port) means in a container.
pub(crate) fn target_number(port: &ServicePort, containers: &[Container]) -> Option<i32> {
    match &port.target_port {
        None => Some(port.port),
        Some(IntOrString::Int(number)) => Some(*number),
        Some(IntOrString::String(name)) => named_port(name, containers),
    }
}

/// The container port of that name.
pub(crate) fn named_port(name: &str, containers: &[Container]) -> Option<i32> {
    containers
        .iter()
        .flat_map(|container| container.ports.iter().flatten())
        .find(|port| port.name.as_deref() == Some(name))
        .map(|port| port.container_port)
}

/// All declared container ports.
pub(crate) fn declared_ports(containers: &[Container]) -> Vec<i32> {
    let mut ports: Vec<i32> = containers
        .iter()
        .flat_map(|container| container.ports.iter().flatten())
        .map(|port| port.container_port)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// The containers of a pod.
pub(crate) fn containers(pod: &Pod) -> &[Container] {
    pod.spec
        .as_ref()
        .map_or(&[], |spec| spec.containers.as_slice())
}

/// The workload that answers for `service`: its pods' owner, or the workload
/// whose pod template the selector matches or nearly names, or the Service itself.
pub(crate) fn workload_behind(objects: &Objects, service: &Service) -> ObjectRef {
    let backends = backends(objects, service);
    if let Some(pod) = backends.pods.first() {
        return view::workload_of(objects, pod);
    }
    let namespace = view::namespace_of(service);
    let wanted = selector(service);
    let fits = |labels: Option<&BTreeMap<String, String>>| {
        wanted.is_some_and(|wanted| {
            wanted
                .iter()
                .all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value))
        })
    };
    let deployments = objects.deployments.in_namespace(namespace);
    for deployment in deployments {
        let meta = deployment.spec.template.metadata.as_ref();
        if fits(meta.and_then(|meta| meta.labels.as_ref())) {
            return view::reference("Deployment", deployment);
        }
    }
    for set in objects.stateful_sets.in_namespace(namespace) {
        let meta = set.spec.template.metadata.as_ref();
        if fits(meta.and_then(|meta| meta.labels.as_ref())) {
            return view::reference("StatefulSet", set);
        }
    }
    view::reference("Service", service)
}

/// How many single-character edits lie between `a` and `b`, up to `max` + 1.
pub(crate) fn edit_distance(a: &str, b: &str, max: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > max || a.len() > 253 || b.len() > 253 {
        return max + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.iter().enumerate() {
            let cost = usize::from(left != right);
            let next = (diagonal + cost).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

/// Whether two names differ by a slip: few edits for their length, or only by
/// separators, or one is the other with a part added.
pub(crate) fn is_near(a: &str, b: &str) -> bool {
    let bare =
        |text: &str| -> String { text.chars().filter(char::is_ascii_alphanumeric).collect() };
    let (bare_a, bare_b) = (bare(a), bare(b));
    let shorter = bare_a.len().min(bare_b.len());
    if a == b || shorter < 3 {
        return false;
    }
    let slack = if shorter >= 6 { 2 } else { 1 };
    bare_a == bare_b
        || edit_distance(&bare_a, &bare_b, slack) <= slack
        || (shorter >= 5 && (bare_a.starts_with(&bare_b) || bare_b.starts_with(&bare_a)))
}

#[cfg(test)]
mod tests {
    use super::{edit_distance, is_near, split_host};

    #[test]
    fn slips_are_near_and_other_names_are_not() {
        for (a, b) in [
            ("orders-db", "order-db"),
            ("front_end", "frontend"),
            ("catalog", "catalogue"),
            ("ads", "ad5"),
        ] {
            assert!(is_near(a, b), "{a} {b}");
        }
        for (a, b) in [("orders", "payments"), ("db", "do"), ("web", "web")] {
            assert!(!is_near(a, b), "{a} {b}");
        }
    }

    #[test]
    fn cluster_host_names_are_split() {
        assert_eq!(split_host("db", "shop"), Some(("db", "shop")));
        assert_eq!(split_host("db.data", "shop"), Some(("db", "data")));
        let long = "db-0.db.data.svc.cluster.local.";
        assert_eq!(split_host(long, "shop"), Some(("db", "data")));
        assert_eq!(split_host("api.example.com", "shop"), None);
    }

    #[test]
    fn edits_are_counted_up_to_the_limit() {
        assert_eq!(edit_distance("kitten", "sitting", 3), 3);
        assert_eq!(edit_distance("a", "abcdef", 2), 3);
    }
}
