//! Application gateways: proxies whose configuration names a Service that does
//! not exist or a port it does not have.
//!
//! Reads routes out of `ConfigMaps` in the forms of nginx, `HAProxy`, Envoy,
//! Spring Cloud Gateway and Traefik files. Only hosts that can be Services of
//! the cluster are judged.

use std::sync::LazyLock;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use regex::Regex;

use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::Draft;
use crate::evidence::query::shell_word;

/// Bytes of one configuration file that are read.
pub(super) const FILE_MAX: usize = 256 << 10;

/// A backend as proxies write it: a directive, then host and port.
static BACKEND: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let host = r"([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)";
    let forms = [
        format!(
            r"(?:proxy_pass|grpc_pass|fastcgi_pass)\s+(?:https?://|grpcs?://)?{host}(?::(\d+))?"
        ),
        format!(r"\bserver\s+(?:[a-zA-Z0-9_-]+\s+)?{host}:(\d+)"),
        format!(r#"\b(?:uri|url):\s*["']?(?:https?|lb)://{host}(?::(\d+))?"#),
        format!(r#"\baddress:\s*["']?{host}["']?\s*,?\s*\n?\s*port_value:\s*(\d+)"#),
    ];
    Regex::new(&forms.join("|")).ok()
});

/// A backend that a configuration names.
struct Backend {
    host: String,
    port: Option<u16>,
    line: String,
}

/// Finds gateways that route to what is not there.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for map in &case.snapshot.objects.config_maps {
        let namespace = view::namespace_of(map);
        if !case.snapshot.objects.services.captured_in(namespace) {
            continue;
        }
        for backend in backends(map) {
            if let Some(problem) = problem(case, &backend, namespace) {
                misrouted(case, map, &backend, &problem, findings);
            }
        }
    }
}

fn backends(map: &ConfigMap) -> Vec<Backend> {
    let Some(regex) = BACKEND.as_ref() else {
        return Vec::new();
    };
    let mut found: Vec<Backend> = Vec::new();
    for text in map.data.iter().flatten().map(|(_, text)| text) {
        if text.len() > FILE_MAX {
            continue;
        }
        for hit in regex.captures_iter(text) {
            let groups: Vec<&str> = hit
                .iter()
                .skip(1)
                .flatten()
                .map(|one| one.as_str())
                .collect();
            let Some(host) = groups.first() else { continue };
            let known = found.iter().any(|known| known.host == **host);
            if !known {
                found.push(Backend {
                    host: (*host).to_owned(),
                    port: groups.get(1).and_then(|port| port.parse().ok()),
                    line: hit.get(0).map_or("", |all| all.as_str()).trim().to_owned(),
                });
            }
        }
    }
    found
}

/// Why a backend cannot be reached; nothing when it is outside the cluster.
fn problem(case: &Case<'_>, backend: &Backend, namespace: &str) -> Option<String> {
    let objects = &case.snapshot.objects;
    let host = backend.host.as_str();
    if wiring::is_ip(host) || wiring::is_loopback(host) || host.parse::<f64>().is_ok() {
        return None;
    }
    if let Some(service) = wiring::service_of(objects, host, namespace) {
        let port = backend.port.map(i32::from)?;
        let known = wiring::ports(service).iter().any(|one| one.port == port);
        let headless = wiring::is_headless(service) || wiring::ports(service).is_empty();
        return (!known && !headless).then(|| {
            format!(
                "port {port} of Service {}, which it does not have",
                view::name_of(service)
            )
        });
    }
    let (name, home) = wiring::split_host(host, namespace)?;
    let in_cluster = host.contains(".svc") || !host.contains('.');
    let near = objects
        .services
        .in_namespace(home)
        .any(|service| wiring::is_near(name, view::name_of(service)));
    // A bare word may be an upstream's own name; one beside a Service's is a slip.
    let sure = host.contains(".svc") || near;
    (in_cluster && sure && objects.services.captured_in(home))
        .then(|| format!("{host}, which is no Service of namespace {home}"))
}

fn misrouted(
    case: &Case<'_>,
    map: &ConfigMap,
    backend: &Backend,
    problem: &str,
    findings: &mut Findings,
) {
    let objects = &case.snapshot.objects;
    let source = view::reference("ConfigMap", map);
    let users: Vec<&Pod> = objects
        .pods
        .in_namespace(view::namespace_of(map))
        .filter(|pod| mounts(pod, &source.name) && !view::is_terminating(pod))
        .collect();
    let Some(pod) = users.first() else { return };
    let gateway = view::workload_of(objects, pod);
    let complaint = case.facts.logs.iter().find(|log| {
        users.iter().any(|pod| view::pod_ref(pod) == log.pod)
            && log.exemplar.contains(&backend.host)
    });
    let asked = case
        .subjects
        .iter()
        .any(|subject| view::root_of(objects, subject) == gateway);
    let strength = match (complaint.is_some(), asked) {
        (true, _) => Strength::Strong,
        (false, true) => Strength::Likely,
        (false, false) => Strength::Hint,
    };
    let statement = format!("{gateway} routes to {problem}.");
    let name = shell_word(&source.name).into_owned();
    findings.add(
        Finding::new(Cause::GatewayMisroute, gateway, strength, statement)
            .because([Draft::spec(
                source.clone(),
                format!("routes to {problem}"),
                vec![backend.line.clone()],
            )])
            .because(complaint.map(Draft::log))
            .explains(users.iter().flat_map(|pod| view::affected_by(objects, pod)))
            .explains([source.clone()])
            .check(
                format!(
                    "kubectl get configmap {name}{} -o yaml",
                    crate::evidence::namespace_flag(&source)
                ),
                "shows the routes of the gateway",
            ),
    );
}

/// Whether a pod has the `ConfigMap` as a volume.
pub(super) fn mounts(pod: &Pod, map: &str) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let volumes = spec.volumes.iter().flatten();
    let mut mounted = volumes.filter_map(|volume| volume.config_map.as_ref());
    mounted.any(|source| source.name == map)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::fixture::Fixture;

    fn gateway(file: &str) -> Fixture {
        let spec = json!({"containers": [{"name": "gw"}], "volumes": [{"name": "conf", "configMap": {"name": "gw-conf"}}]});
        Fixture::new()
            .deployment("gw", 1, 1, spec.clone())
            .pod("gw", "a", spec, json!({"phase": "Running"}))
            .with(json!({"kind": "Service", "metadata": {"name": "orders"}, "spec": {"ports": [{"port": 80}]}}))
            .with(json!({"kind": "ConfigMap", "metadata": {"name": "gw-conf"}, "data": {"conf": file}}))
    }

    #[track_caller]
    fn check(file: &str, wrong: bool) {
        let expected: &[&str] = if wrong {
            &["GatewayMisroute Deployment shop/gw"]
        } else {
            &[]
        };
        gateway(file).check(analyze, expected);
    }

    #[test]
    fn every_proxys_way_to_name_a_backend_is_read() {
        check("location /o { proxy_pass http://order:80/; }", true);
        check("upstream o { server orders:8081; }", true);
        check("backend o\n  server o1 order:80 check", true);
        check("routes:\n- id: o\n  uri: http://orders.shop.svc:9999", true);
        check(
            "services:\n  o:\n    url: \"http://ordesr.shop.svc.cluster.local:80\"",
            true,
        );
        check("socket_address:\n  address: order\n  port_value: 80", true);
    }

    #[test]
    fn right_routes_foreign_hosts_and_names_of_upstreams_are_left_alone() {
        check("location /o { proxy_pass http://orders:80/; }", false);
        check("location /x { proxy_pass http://api.example.org; }", false);
        check("location /x { proxy_pass http://backend_pool; }", false);
        check("location /x { proxy_pass http://127.0.0.1:8080; }", false);
        check("server_name shop.example.org;", false);
    }
}
