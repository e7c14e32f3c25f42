//! Application gateways that send one application's requests to another.
//!
//! Routes pair a path with a backend (Spring Cloud Gateway, nginx). Where the
//! paths of a file are called after their backends, a route whose path is
//! called after a Service that no route leads to, and that leads to another
//! one, leads the wrong way. Files without such a convention are not judged.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use regex::Regex;

use super::proxy::{FILE_MAX, mounts};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::Draft;
use crate::evidence::query::shell_word;
use crate::object::ObjectRef;

/// Shortest part of a name that a path is taken to be called after.
const NAME_MIN: usize = 4;

/// Routes that follow the convention before one that does not is judged.
const CONVENTION_MIN: usize = 3;

/// What stands between two routes of a file.
const STARTS: [&str; 2] = ["- id:", "location "];

static PATH: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?:Path=|^location\s+(?:[=~^*]+\s+)?)(/[^\s,{]*)").ok());

/// A backend, or a variable with a default that names it.
static TARGET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?:uri:|proxy_pass)\s*["']?(?:https?|lb)://(?:\$\{[A-Za-z0-9_.-]+:)?([a-z0-9][a-z0-9.-]*)"#)
        .ok()
});

/// One route: its path, its backend, and the text that says so.
struct Route<'a> {
    path: &'a str,
    target: &'a str,
    text: &'a str,
}

/// Finds routes that lead to another application than their path names.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for map in &case.snapshot.objects.config_maps {
        for text in map.data.iter().flatten().map(|(_, text)| text) {
            if text.len() <= FILE_MAX {
                judge(case, map, &routes(text), findings);
            }
        }
    }
}

fn routes(text: &str) -> Vec<Route<'_>> {
    let (Some(path), Some(target)) = (PATH.as_ref(), TARGET.as_ref()) else {
        return Vec::new();
    };
    let mut starts: Vec<usize> = STARTS
        .iter()
        .flat_map(|start| text.match_indices(start).map(|(at, _)| at))
        .collect();
    starts.sort_unstable();
    starts.push(text.len());
    starts
        .windows(2)
        .filter_map(|pair| {
            let text = &text[pair[0]..pair[1]];
            Some(Route {
                path: path.captures(text)?.get(1)?.as_str(),
                target: target.captures(text)?.get(1)?.as_str(),
                text,
            })
        })
        .collect()
}

fn judge(case: &Case<'_>, map: &ConfigMap, routes: &[Route<'_>], findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let namespace = view::namespace_of(map);
    let led_to: BTreeSet<&str> = routes
        .iter()
        .filter_map(|route| wiring::service_of(objects, route.target, namespace))
        .map(view::name_of)
        .collect();
    let follows = |route: &&Route<'_>| names(route.path, route.target);
    if routes.iter().filter(follows).count() < CONVENTION_MIN {
        return;
    }
    for route in routes.iter().filter(|route| !follows(route)) {
        let services = objects.services.in_namespace(namespace);
        let meant = services
            .filter(|service| !led_to.contains(view::name_of(*service)))
            .filter(|service| names(route.path, view::name_of(*service)))
            .max_by_key(|service| view::name_of(*service).len());
        let target = wiring::service_of(objects, route.target, namespace);
        if let Some((meant, target)) = meant.zip(target) {
            let object = wiring::workload_behind(objects, meant);
            let service = view::reference("Service", meant);
            let target = view::name_of(target).to_owned();
            findings.add(finding(case, map, route, object, service, &target));
        }
    }
}

/// Whether a part of the path is called after the host: by its whole name or
/// without the first or last word, which all names of a system may share.
fn names(path: &str, host: &str) -> bool {
    let name = host.split('.').next().unwrap_or(host);
    let words: Vec<&str> = name.split('-').collect();
    let mut forms = vec![squeezed(name)];
    if words.len() > 1 {
        forms.push(words[1..].concat());
        forms.push(words[..words.len() - 1].concat());
    }
    if words.len() > 2 {
        forms.push(words[1..words.len() - 1].concat());
    }
    path.split('/')
        .map(squeezed)
        .any(|part| part.len() >= NAME_MIN && forms.contains(&part))
}

/// Letters and digits in lower case.
fn squeezed(text: &str) -> String {
    text.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn finding(
    case: &Case<'_>,
    map: &ConfigMap,
    route: &Route<'_>,
    object: ObjectRef,
    service: ObjectRef,
    target: &str,
) -> Finding {
    let objects = &case.snapshot.objects;
    let source = view::reference("ConfigMap", map);
    let users: Vec<&Pod> = objects
        .pods
        .in_namespace(view::namespace_of(map))
        .filter(|pod| mounts(pod, &source.name) && !view::is_terminating(pod))
        .collect();
    let statement = format!(
        "The gateway sends requests for {} to Service {target}; no route leads to {object}, which they are for.",
        route.path
    );
    let title = format!("{} leads to {target}, not to {}", route.path, service.name);
    let lines = route
        .text
        .lines()
        .take(6)
        .map(|line| line.trim_end().to_owned());
    let name = shell_word(&source.name).into_owned();
    Finding::new(Cause::GatewayMisroute, object, Strength::Strong, statement)
        .because([Draft::spec(source.clone(), title, lines.collect())])
        .explains([service])
        .explains(users.iter().map(|pod| view::workload_of(objects, pod)))
        .check(
            format!(
                "kubectl get configmap {name}{} -o yaml",
                crate::evidence::namespace_flag(&source)
            ),
            "shows the routes of the gateway",
        )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::fixture::Fixture;

    fn gateway(file: &str) -> Fixture {
        let cluster =
            ["cart", "items", "price", "orders"]
                .iter()
                .fold(Fixture::new(), |fixture, name| {
                    fixture.with(
                        json!({"kind": "Service", "metadata": {"name": format!("x-{name}-service")},
                    "spec": {"ports": [{"port": 80}]}}),
                    )
                });
        cluster.with(json!({"kind": "ConfigMap", "metadata": {"name": "gw"}, "data": {"application.yml": file}}))
    }

    /// Three routes by the convention, and one to `target`.
    fn spring(path: &str, target: &str) -> String {
        let route = |path: &str, target: &str| {
            format!(
                "- id: a\n  uri: lb://${{HOST:x-{target}-service}}\n  predicates:\n  - Path=/api/{path}/**\n"
            )
        };
        ["cart", "items", "price"]
            .iter()
            .map(|name| route(&format!("{name}service"), name))
            .chain([route(path, target)])
            .collect()
    }

    #[test]
    fn a_route_that_leads_to_another_application_is_found() {
        gateway(&spring("ordersservice", "cart"))
            .check(analyze, &["GatewayMisroute Service shop/x-orders-service"]);
        let nginx = "location /cart/ { proxy_pass http://x-cart-service:80; }\n\
            location /items/ { proxy_pass http://x-items-service; }\n\
            location /price/ { proxy_pass http://x-price-service; }\n\
            location /orders/ { proxy_pass http://x-price-service; }\n";
        gateway(nginx).check(analyze, &["GatewayMisroute Service shop/x-orders-service"]);
    }

    #[test]
    fn right_routes_and_files_without_a_convention_are_left_alone() {
        gateway(&spring("ordersservice", "orders")).check(analyze, &[]);
        gateway(&spring("search", "items")).check(analyze, &[]);
        let free = "- id: a\n  uri: lb://x-cart-service\n  predicates:\n  - Path=/api/orders/**\n";
        gateway(free).check(analyze, &[]);
    }
}
