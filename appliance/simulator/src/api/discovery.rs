//! What the server serves: old discovery, page by page, and aggregated discovery.
//!
//! Everything follows from the table of resources; nothing here knows a kind.

use serde_json::{Map, Value, json};

use super::Call;
use super::negotiate::Form;
use super::path::Page;
use super::reply::Reply;
use super::status::Status;
use crate::world::Resource;
use crate::world::resource::RESOURCES;

const VERBS: [&str; 3] = ["get", "list", "watch"];

/// Answers a page of discovery in the form asked for.
pub(super) fn answer(page: &Page, call: &Call) -> Result<Reply, Status> {
    let form = call.accept.form()?;
    let aggregated = form == Form::AggregatedDiscovery;
    match page {
        Page::CoreVersions if aggregated => Ok(tagged(&aggregated_document(true), call)),
        Page::Groups if aggregated => Ok(tagged(&aggregated_document(false), call)),
        Page::Paths => Ok(Reply::json(json!({"paths": paths()}))),
        Page::CoreVersions => Ok(Reply::json(json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": ""}],
        }))),
        Page::Groups => {
            let groups: Vec<Value> = group_names().into_iter().map(group).collect();
            Ok(Reply::json(
                json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}),
            ))
        }
        Page::Group(name) => {
            let mut document = Map::new();
            document.insert("kind".to_owned(), json!("APIGroup"));
            document.insert("apiVersion".to_owned(), json!("v1"));
            document.extend(group(name).as_object().cloned().unwrap_or_default());
            Ok(Reply::json(Value::Object(document)))
        }
        Page::GroupVersion(group, version) => Ok(Reply::json(resource_list(group, version))),
    }
}

/// Groups other than the core's, in the order of the table.
fn group_names() -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for resource in RESOURCES {
        if !resource.group.is_empty() && !names.contains(&resource.group) {
            names.push(resource.group);
        }
    }
    names
}

fn versions(group: &str) -> Vec<&'static str> {
    let mut versions: Vec<&str> = Vec::new();
    for resource in RESOURCES.iter().filter(|resource| resource.group == group) {
        if !versions.contains(&resource.version) {
            versions.push(resource.version);
        }
    }
    versions
}

fn group(name: &str) -> Value {
    let versions: Vec<Value> = versions(name)
        .into_iter()
        .map(|version| json!({"groupVersion": format!("{name}/{version}"), "version": version}))
        .collect();
    json!({"name": name, "versions": versions, "preferredVersion": versions.first()})
}

fn paths() -> Vec<String> {
    let mut paths = vec!["/api".to_owned(), "/api/v1".to_owned(), "/apis".to_owned()];
    for group in group_names() {
        paths.push(format!("/apis/{group}"));
        for version in versions(group) {
            paths.push(format!("/apis/{group}/{version}"));
        }
    }
    for path in ["/healthz", "/livez", "/openapi/v3", "/readyz", "/version"] {
        paths.push(path.to_owned());
    }
    paths
}

fn resources_of<'a>(
    group: &'a str,
    version: &'a str,
) -> impl Iterator<Item = &'static Resource> + 'a {
    RESOURCES
        .iter()
        .filter(move |resource| resource.group == group && resource.version == version)
}

fn verbs(resource: &Resource) -> Value {
    if resource.is_review() {
        json!(["create"])
    } else {
        json!(VERBS)
    }
}

fn resource_list(group: &str, version: &str) -> Value {
    let mut entries = Vec::new();
    for resource in resources_of(group, version) {
        let mut entry = json!({
            "name": resource.plural, "singularName": resource.singular,
            "namespaced": resource.namespaced, "kind": resource.kind, "verbs": verbs(resource),
        });
        add_names(&mut entry, resource);
        entries.push(entry);
        for subresource in resource.subresources {
            entries.push(json!({
                "name": format!("{}/{subresource}", resource.plural), "singularName": "",
                "namespaced": resource.namespaced, "kind": subresource_kind(resource, subresource).2,
                "verbs": ["get"],
            }));
        }
    }
    let group_version = match group {
        "" => version.to_owned(),
        group => format!("{group}/{version}"),
    };
    // The core's list has no apiVersion on a real server either.
    if group.is_empty() {
        json!({"kind": "APIResourceList", "groupVersion": group_version, "resources": entries})
    } else {
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries})
    }
}

fn add_names(entry: &mut Value, resource: &Resource) {
    if !resource.short.is_empty() {
        entry["shortNames"] = json!(resource.short);
    }
    if resource.in_all {
        entry["categories"] = json!(["all"]);
    }
}

fn subresource_kind(
    resource: &Resource,
    subresource: &str,
) -> (&'static str, &'static str, &'static str) {
    match subresource {
        "scale" => ("autoscaling", "v1", "Scale"),
        "eviction" => ("policy", "v1", "Eviction"),
        "attach" => ("", "", "PodAttachOptions"),
        "exec" => ("", "", "PodExecOptions"),
        "portforward" => ("", "", "PodPortForwardOptions"),
        "proxy" => match resource.plural {
            "pods" => ("", "", "PodProxyOptions"),
            "services" => ("", "", "ServiceProxyOptions"),
            _ => ("", "", "NodeProxyOptions"),
        },
        _ => ("", "", resource.kind),
    }
}

fn aggregated_document(core: bool) -> Value {
    let groups = if core { vec![""] } else { group_names() };
    let items: Vec<Value> = groups
        .into_iter()
        .map(|group| {
            let metadata = if group.is_empty() {
                json!({})
            } else {
                json!({"name": group})
            };
            let versions: Vec<Value> = versions(group)
                .into_iter()
                .map(|version| aggregated_version(group, version))
                .collect();
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
}

fn aggregated_version(group: &str, version: &str) -> Value {
    let resources: Vec<Value> = resources_of(group, version)
        .map(|resource| {
            let mut entry = json!({
                "resource": resource.plural,
                "responseKind": {"group": "", "version": "", "kind": resource.kind},
                "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
                "singularResource": resource.singular,
                "verbs": verbs(resource),
            });
            add_names(&mut entry, resource);
            let subresources: Vec<Value> = resource
                .subresources
                .iter()
                .map(|subresource| {
                    let (group, version, kind) = subresource_kind(resource, subresource);
                    json!({"subresource": subresource, "verbs": ["get"],
                           "responseKind": {"group": group, "version": version, "kind": kind}})
                })
                .collect();
            if !subresources.is_empty() {
                entry["subresources"] = json!(subresources);
            }
            entry
        })
        .collect();
    json!({"version": version, "resources": resources, "freshness": "Current"})
}

/// Aggregated discovery is cached by its tag.
fn tagged(document: &Value, call: &Call) -> Reply {
    let hash = blake3::hash(document.to_string().as_bytes());
    let tag = format!("\"{}\"", hash.to_hex().as_str().to_uppercase());
    let reply = if call.if_none_match.as_deref() == Some(&tag) {
        Reply::empty(304)
    } else {
        Reply::json(document.clone())
            .content_type("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
    };
    reply
        .cache_control("public")
        .header("ETag", &tag)
        .header("Vary", "Accept")
}

/// The index of OpenAPI documents, each of them without schemas: nothing can be written
/// here, so nothing needs validating.
pub(super) fn openapi(document: &str) -> Reply {
    let info = json!({"title": "Kubernetes", "version": "v1.36.2"});
    match document.strip_prefix("openapi/v3") {
        None => Reply::json(json!({"swagger": "2.0", "info": info, "paths": {}})),
        Some("") => {
            let paths: Map<String, Value> = paths()
                .into_iter()
                .map(|path| path.trim_start_matches('/').to_owned())
                .filter(|path| path.starts_with("api"))
                .map(|path| {
                    let hash = blake3::hash(path.as_bytes()).to_hex();
                    let url = format!("/openapi/v3/{path}?hash={}", hash.as_str().to_uppercase());
                    (path, json!({"serverRelativeURL": url}))
                })
                .collect();
            Reply::json(json!({"paths": paths})).content_type("text/plain; charset=utf-8")
        }
        Some(path) if paths().iter().any(|known| known == path) => {
            Reply::json(json!({"openapi": "3.0.0", "info": info, "paths": {}}))
        }
        Some(_) => Reply::text(404, "404 page not found\n"),
    }
}
