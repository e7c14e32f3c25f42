//! Ways into the cluster: classes, gateways, ingresses and routes in front of
//! Services, and the certificates they show.

use serde_json::Value;

use super::Edges;
use crate::causes::{view, wiring};
use crate::object::ObjectRef;
use crate::snapshot::{Custom, Objects};

pub(super) fn add(objects: &Objects, edges: &mut Edges) {
    add_ingresses(objects, edges);
    for kind in ["HTTPRoute", "GRPCRoute"] {
        for route in objects.customs.of(kind) {
            add_route(kind, route, edges);
        }
    }
    for gateway in objects.customs.of("Gateway") {
        add_gateway(gateway, edges);
    }
    for kind in ["IngressRoute", "HTTPProxy"] {
        for route in objects.customs.of(kind) {
            add_own_route(kind, route, edges);
        }
    }
    for service in objects.customs.of("VirtualService") {
        add_virtual_service(service, edges);
    }
    add_certificates(objects, edges);
}

fn add_ingresses(objects: &Objects, edges: &mut Edges) {
    for ingress in &objects.ingresses {
        let object = view::reference("Ingress", ingress);
        let namespace = view::namespace_of(ingress);
        let Some(spec) = &ingress.spec else { continue };
        if let Some(class) = &spec.ingress_class_name {
            edges.depends(ObjectRef::cluster("IngressClass", class), object.clone());
        }
        let secrets = spec.tls.iter().flatten();
        for name in secrets.filter_map(|tls| tls.secret_name.as_deref()) {
            let secret = ObjectRef::namespaced("Secret", namespace, name);
            edges.depends(secret, object.clone());
        }
        let rules = spec.rules.iter().flatten();
        let paths = rules
            .filter_map(|rule| rule.http.as_ref())
            .flat_map(|http| &http.paths)
            .map(|path| &path.backend);
        for backend in paths.chain(&spec.default_backend) {
            if let Some(service) = &backend.service {
                let backend = ObjectRef::namespaced("Service", namespace, &service.name);
                edges.depends(backend, object.clone());
            }
        }
    }
}

/// An object named from another of `namespace`, where its kind is `kind`.
fn named(reference: &Value, kind: &str, namespace: &str) -> Option<ObjectRef> {
    let stated = reference["kind"].as_str().unwrap_or(kind);
    let namespace = reference["namespace"].as_str().unwrap_or(namespace);
    let name = reference["name"].as_str()?;
    (stated == kind).then(|| ObjectRef::namespaced(kind, namespace, name))
}

/// The items of an array within a value; none when there is no array.
fn array<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value[field].as_array().into_iter().flatten()
}

fn add_route(kind: &str, route: &Custom, edges: &mut Edges) {
    let object = view::reference(kind, route);
    let namespace = view::namespace_of(route);
    for parent in route.items("/spec/parentRefs") {
        if let Some(gateway) = named(parent, "Gateway", namespace) {
            edges.depends(gateway, object.clone());
        }
    }
    let rules = route.items("/spec/rules").iter();
    for backend in rules.flat_map(|rule| array(rule, "backendRefs")) {
        if let Some(service) = named(backend, "Service", namespace) {
            edges.depends(service, object.clone());
        }
    }
}

fn add_gateway(gateway: &Custom, edges: &mut Edges) {
    let object = view::reference("Gateway", gateway);
    let namespace = view::namespace_of(gateway);
    let listeners = gateway.items("/spec/listeners").iter();
    for reference in listeners.flat_map(|one| array(&one["tls"], "certificateRefs")) {
        if let Some(secret) = named(reference, "Secret", namespace) {
            edges.depends(secret, object.clone());
        }
    }
}

/// Routes of Traefik and Contour.
fn add_own_route(kind: &str, route: &Custom, edges: &mut Edges) {
    let object = view::reference(kind, route);
    let namespace = view::namespace_of(route);
    let routes = route.items("/spec/routes").iter();
    for service in routes.flat_map(|rule| array(rule, "services")) {
        if let Some(service) = named(service, "Service", namespace) {
            edges.depends(service, object.clone());
        }
    }
    for pointer in ["/spec/tls/secretName", "/spec/virtualhost/tls/secretName"] {
        let name = route.text(pointer);
        if !name.is_empty() {
            let secret = ObjectRef::namespaced("Secret", namespace, name);
            edges.depends(secret, object.clone());
        }
    }
}

/// A virtual service suffers with the Services it sends to, and its change
/// touches the callers of the hosts it speaks for.
fn add_virtual_service(item: &Custom, edges: &mut Edges) {
    let object = view::reference("VirtualService", item);
    let namespace = view::namespace_of(item);
    let rules = item
        .items("/spec/http")
        .iter()
        .chain(item.items("/spec/tcp"));
    let targets = rules.flat_map(|rule| array(rule, "route"));
    for host in targets.filter_map(|one| one.pointer("/destination/host")?.as_str()) {
        if let Some((name, home)) = wiring::split_host(host, namespace) {
            edges.depends(ObjectRef::namespaced("Service", home, name), object.clone());
        }
    }
    for host in item.items("/spec/hosts").iter().filter_map(Value::as_str) {
        if let Some((name, home)) = wiring::split_host(host, namespace) {
            edges.governs(object.clone(), ObjectRef::namespaced("Service", home, name));
        }
    }
}

/// cert-manager's objects stand behind the Secrets they fill.
fn add_certificates(objects: &Objects, edges: &mut Edges) {
    for certificate in objects.customs.of("Certificate") {
        let object = view::reference("Certificate", certificate);
        let namespace = view::namespace_of(certificate);
        let secret = certificate.text("/spec/secretName");
        if !secret.is_empty() {
            let secret = ObjectRef::namespaced("Secret", namespace, secret);
            edges.depends(object.clone(), secret);
        }
        let issuer = certificate.text("/spec/issuerRef/name");
        if !issuer.is_empty() {
            let issuer = match certificate.text("/spec/issuerRef/kind") {
                "ClusterIssuer" => ObjectRef::cluster("ClusterIssuer", issuer),
                _ => ObjectRef::namespaced("Issuer", namespace, issuer),
            };
            edges.depends(issuer, object);
        }
    }
}
