//! Cells of services, endpoints, ingresses and policies.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Column, Printer, at, items, name, or_none, pairs, selector, text};
use crate::world::Resource;

/// Endpoints and addresses shown before the rest is counted.
const SHOWN_MAX: usize = 3;

pub(super) fn printer(resource: &Resource) -> Option<Printer> {
    let (columns, cells): (&'static [Column], super::Cells) = match resource.plural {
        "services" => (SERVICE, service),
        "endpoints" => (ENDPOINTS, endpoints),
        "endpointslices" => (SLICE, slice),
        "ingresses" => (INGRESS, ingress),
        "networkpolicies" => (POLICY, policy),
        _ => return None,
    };
    Some(Printer { columns, cells })
}

const SERVICE: &[Column] = &[
    Column("Name", "string", 0),
    Column("Type", "string", 0),
    Column("Cluster-IP", "string", 0),
    Column("External-IP", "string", 0),
    Column("Port(s)", "string", 0),
    Column("Age", "string", 0),
    Column("Selector", "string", 1),
];

fn service(object: &Value, now: Timestamp) -> Vec<Value> {
    let kind = text(object, "/spec/type");
    let ingress: Vec<&str> = items(object, "/status/loadBalancer/ingress")
        .map(|one| match text(one, "/ip") {
            "" => text(one, "/hostname"),
            ip => ip,
        })
        .collect();
    let external = match kind {
        "ExternalName" => text(object, "/spec/externalName").to_owned(),
        "LoadBalancer" if ingress.is_empty() => "<pending>".to_owned(),
        _ => ingress.join(","),
    };
    let ports: Vec<String> = items(object, "/spec/ports").map(port).collect();
    vec![
        name(object),
        json!(if kind.is_empty() { "ClusterIP" } else { kind }),
        or_none(text(object, "/spec/clusterIP")),
        or_none(&external),
        or_none(&ports.join(",")),
        super::age(object, now),
        pairs(object.pointer("/spec/selector")),
    ]
}

fn port(port: &Value) -> String {
    let number = at(port, "/port");
    let protocol = match text(port, "/protocol") {
        "" => "TCP",
        protocol => protocol,
    };
    match port.pointer("/nodePort") {
        Some(node_port) => format!("{number}:{node_port}/{protocol}"),
        None => format!("{number}/{protocol}"),
    }
}

const ENDPOINTS: &[Column] = &[
    Column("Name", "string", 0),
    Column("Endpoints", "string", 0),
    Column("Age", "string", 0),
];

fn endpoints(object: &Value, now: Timestamp) -> Vec<Value> {
    let mut found = Vec::new();
    for subset in items(object, "/subsets") {
        for port in items(subset, "/ports") {
            for address in items(subset, "/addresses") {
                found.push(format!("{}:{}", text(address, "/ip"), at(port, "/port")));
            }
        }
    }
    vec![
        name(object),
        or_none(&shortened(&found)),
        super::age(object, now),
    ]
}

fn shortened(texts: &[String]) -> String {
    let shown = texts[..texts.len().min(SHOWN_MAX)].join(",");
    match texts.len().saturating_sub(SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} + {more} more..."),
    }
}

const SLICE: &[Column] = &[
    Column("Name", "string", 0),
    Column("AddressType", "string", 0),
    Column("Ports", "string", 0),
    Column("Endpoints", "string", 0),
    Column("Age", "string", 0),
];

fn slice(object: &Value, now: Timestamp) -> Vec<Value> {
    let texts = |pointer, inner: &str| -> Vec<String> {
        items(object, pointer)
            .flat_map(|one| match one.pointer(inner) {
                Some(Value::Array(many)) => many.clone(),
                Some(one) => vec![one.clone()],
                None => Vec::new(),
            })
            .map(|value| value.as_str().map_or(value.to_string(), str::to_owned))
            .collect()
    };
    let or_unset = |texts: &[String]| {
        if texts.is_empty() {
            json!("<unset>")
        } else {
            json!(shortened(texts))
        }
    };
    vec![
        name(object),
        at(object, "/addressType"),
        or_unset(&texts("/ports", "/port")),
        or_unset(&texts("/endpoints", "/addresses")),
        super::age(object, now),
    ]
}

const INGRESS: &[Column] = &[
    Column("Name", "string", 0),
    Column("Class", "string", 0),
    Column("Hosts", "string", 0),
    Column("Address", "string", 0),
    Column("Ports", "string", 0),
    Column("Age", "string", 0),
];

fn ingress(object: &Value, now: Timestamp) -> Vec<Value> {
    let hosts: Vec<&str> = items(object, "/spec/rules")
        .map(|rule| text(rule, "/host"))
        .filter(|host| !host.is_empty())
        .collect();
    let hosts = if hosts.is_empty() {
        "*".to_owned()
    } else {
        hosts.join(",")
    };
    let addresses: Vec<&str> = items(object, "/status/loadBalancer/ingress")
        .map(|one| text(one, "/ip"))
        .collect();
    let encrypted = items(object, "/spec/tls").next().is_some();
    vec![
        name(object),
        or_none(text(object, "/spec/ingressClassName")),
        json!(hosts),
        json!(addresses.join(",")),
        json!(if encrypted { "80, 443" } else { "80" }),
        super::age(object, now),
    ]
}

const POLICY: &[Column] = &[
    Column("Name", "string", 0),
    Column("Pod-Selector", "string", 0),
    Column("Age", "string", 0),
];

fn policy(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        selector(object, "/spec/podSelector"),
        super::age(object, now),
    ]
}
