//! Service meshes that refuse a caller: an authorization policy that does not
//! admit it, or mutual TLS that one side does not speak.

pub(super) mod rules;

use k8s_openapi::api::core::v1::Pod;

use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;
use crate::facts::LogTemplate;
use crate::object::ObjectRef;
use crate::snapshot::Custom;

/// Words of a proxy that enforces an authorization policy (lower case).
const DENIED: [&str; 2] = ["rbac: access denied", "rbac_access_denied"];

/// Words of a connection that mutual TLS ended (lower case).
const TERMINATED: [&str; 3] = [
    "reset reason: connection termination",
    "upstream connect error or disconnect/reset before headers",
    "connection closed by remote during tls handshake",
];

/// Names of the proxies that meshes put beside a container.
const SIDECARS: [&str; 3] = ["istio-proxy", "linkerd-proxy", "envoy-sidecar"];

/// Finds policies of a mesh that keep callers out.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let recent = |words: &'static [&'static str]| -> Vec<&LogTemplate> {
        let logs = case.facts.logs.iter();
        logs.filter(|log| view::mentions(&log.exemplar, words) && view::in_window(case, log.last))
            .collect()
    };
    let denied = recent(&DENIED);
    if let Some(policy) = newest(case, "AuthorizationPolicy", &denied) {
        let statement = format!("{policy} does not admit callers: the proxy answers 403.");
        add(
            case,
            &policy,
            Strength::Strong,
            statement,
            &denied,
            findings,
        );
    }
    let terminated = recent(&TERMINATED);
    let plain: Vec<&LogTemplate> = terminated
        .into_iter()
        .filter(|log| !has_sidecar(case, &log.pod))
        .collect();
    if let Some(policy) = strict(case, &plain) {
        let statement =
            format!("{policy} asks for mutual TLS, and the caller has no proxy that speaks it.");
        add(case, &policy, Strength::Strong, statement, &plain, findings);
    }
}

fn add(
    case: &Case<'_>,
    policy: &ObjectRef,
    strength: Strength,
    statement: String,
    said: &[&LogTemplate],
    findings: &mut Findings,
) {
    let objects = &case.snapshot.objects;
    let callers = said.iter().map(|log| view::root_of(objects, &log.pod));
    let title = format!(
        "{} of namespace {}",
        policy.kind,
        policy.namespace.as_deref().unwrap_or("?")
    );
    findings.add(
        Finding::new(Cause::MeshAuthzMtls, policy.clone(), strength, statement)
            .because(said.iter().take(3).map(|log| Draft::log(log)))
            .because([Draft::spec(policy.clone(), title, Vec::new())])
            .since(said.iter().filter_map(|log| log.first).min())
            .explains(callers)
            .check(
                "kubectl get authorizationpolicies,peerauthentications -A -o yaml",
                "shows which callers are admitted, and since when",
            ),
    );
}

/// The policy that changed last in the namespaces that complain.
fn newest(case: &Case<'_>, kind: &str, said: &[&LogTemplate]) -> Option<ObjectRef> {
    let concerned = |item: &&Custom| {
        said.iter()
            .any(|log| log.pod.namespace.as_deref() == Some(view::namespace_of(*item)))
    };
    let all = case.snapshot.objects.customs.of(kind);
    let allowing = all.iter().filter(concerned);
    let changed = |item: &Custom| {
        let meta = k8s_openapi::Metadata::metadata(item);
        let edits = meta.managed_fields.iter().flatten();
        edits
            .filter_map(|entry| entry.time.as_ref().map(|time| time.0))
            .chain(view::created(item))
            .max()
    };
    let last = allowing.max_by_key(|item| (changed(item), view::name_of(*item).to_owned()))?;
    Some(view::reference(kind, last))
}

/// A peer authentication that asks for mutual TLS everywhere in its namespace.
fn strict(case: &Case<'_>, said: &[&LogTemplate]) -> Option<ObjectRef> {
    if said.is_empty() {
        return None;
    }
    let all = case.snapshot.objects.customs.of("PeerAuthentication");
    let found = all
        .iter()
        .find(|item| item.text("/spec/mtls/mode") == "STRICT")?;
    Some(view::reference("PeerAuthentication", found))
}

fn has_sidecar(case: &Case<'_>, pod: &ObjectRef) -> bool {
    let namespace = pod.namespace.as_deref().unwrap_or_default();
    let found: Option<&Pod> = case.snapshot.objects.pods.get(namespace, &pod.name);
    found.is_some_and(has_proxy)
}

/// Whether a proxy of a mesh runs beside the pod's containers.
fn has_proxy(pod: &Pod) -> bool {
    let spec = pod.spec.as_ref();
    let main = spec.map_or(&[][..], |spec| &spec.containers);
    let init = spec.and_then(|spec| spec.init_containers.as_deref());
    main.iter()
        .chain(init.unwrap_or_default())
        .any(|container| SIDECARS.contains(&container.name.as_str()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::fixture::Fixture;

    fn caller(sidecar: bool) -> Fixture {
        let names = if sidecar {
            vec!["web", "istio-proxy"]
        } else {
            vec!["web"]
        };
        let containers: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        Fixture::new()
            .with(json!({"kind": "Pod", "metadata": {"name": "web-1"}, "spec": {"containers": containers}}))
            .with(json!({"kind": "AuthorizationPolicy", "metadata": {"name": "deny"}, "spec": {}}))
            .with(json!({"kind": "PeerAuthentication", "metadata": {"name": "default"}, "spec": {"mtls": {"mode": "STRICT"}}}))
    }

    #[test]
    fn a_proxy_that_refuses_names_the_policy() {
        caller(true)
            .log(
                "web-1",
                "web",
                false,
                "ERROR call to store: 403 RBAC: access denied",
            )
            .check(analyze, &["MeshAuthzMtls AuthorizationPolicy shop/deny"]);
        caller(true)
            .log(
                "web-1",
                "web",
                false,
                "ERROR call to store: 403 not your cart",
            )
            .check(analyze, &[]);
    }

    #[test]
    fn strict_tls_ends_calls_without_a_proxy_only() {
        let line = "ERROR upstream connect error or disconnect/reset before headers. reset reason: connection termination";
        caller(false)
            .log("web-1", "web", false, line)
            .check(analyze, &["MeshAuthzMtls PeerAuthentication shop/default"]);
        caller(true)
            .log("web-1", "web", false, line)
            .check(analyze, &[]);
    }
}
