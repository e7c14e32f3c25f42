//! Ingresses that route to nothing, and certificates that are missing or over.

use k8s_openapi::api::networking::v1::{Ingress, IngressBackend};

use crate::causes::signs::{self, Sign};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// Finds backends that do not exist and TLS Secrets that are missing.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for ingress in &case.snapshot.objects.ingresses {
        for backend in backends(ingress) {
            routes(case, ingress, backend, findings);
        }
        certificates(case, ingress, findings);
    }
}

fn backends(ingress: &Ingress) -> Vec<&IngressBackend> {
    let Some(spec) = ingress.spec.as_ref() else {
        return Vec::new();
    };
    let paths = spec
        .rules
        .iter()
        .flatten()
        .filter_map(|rule| rule.http.as_ref())
        .flat_map(|http| &http.paths)
        .map(|path| &path.backend);
    spec.default_backend.iter().chain(paths).collect()
}

fn routes(case: &Case<'_>, ingress: &Ingress, backend: &IngressBackend, findings: &mut Findings) {
    let Some(wanted) = backend.service.as_ref() else {
        return;
    };
    let objects = &case.snapshot.objects;
    let namespace = view::namespace_of(ingress);
    if !objects.services.captured_in(namespace) {
        return;
    }
    let object = view::reference("Ingress", ingress);
    let problem = match objects.services.get(namespace, &wanted.name) {
        None => format!("Service {}, which does not exist", wanted.name),
        Some(service) => {
            let port = wanted.port.as_ref();
            let number = port.and_then(|port| port.number);
            let name = port.and_then(|port| port.name.as_deref());
            let exists = wiring::ports(service).iter().any(|known| {
                number == Some(known.port) || name.is_some() && name == known.name.as_deref()
            });
            if exists || number.is_none() && name.is_none() {
                return;
            }
            let shown =
                number.map_or_else(|| name.unwrap_or_default().to_owned(), |n| n.to_string());
            format!(
                "port {shown} of Service {}, which does not have it",
                wanted.name
            )
        }
    };
    let statement = format!("{object} routes to {problem}.");
    findings.add(
        Finding::new(
            Cause::IngressMisroute,
            object.clone(),
            Strength::Strong,
            statement,
        )
        .because([Draft::spec(
            object,
            format!("backend is {problem}"),
            Vec::new(),
        )]),
    );
}

fn certificates(case: &Case<'_>, ingress: &Ingress, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let namespace = view::namespace_of(ingress);
    let object = view::reference("Ingress", ingress);
    let tls = ingress
        .spec
        .as_ref()
        .and_then(|spec| spec.tls.as_deref())
        .unwrap_or_default();
    let shown: Vec<&str> = tls
        .iter()
        .filter_map(|tls| tls.secret_name.as_deref())
        .collect();
    for name in shown.iter().copied() {
        let secret = objects.secrets.get(namespace, name);
        let problem = match secret {
            None if objects.secrets.captured_in(namespace) => "does not exist",
            Some(secret) if secret.type_.as_deref().is_some_and(|kind| kind == "Opaque") => {
                "is not of type kubernetes.io/tls"
            }
            _ => continue,
        };
        let statement = format!("{object} uses TLS Secret {name}, which {problem}.");
        let draft = Draft::spec(
            object.clone(),
            format!("tls.secretName is {name}"),
            Vec::new(),
        );
        findings.add(
            Finding::new(
                Cause::TlsSecretOrExpired,
                ObjectRef::namespaced("Secret", namespace, name),
                Strength::Strong,
                statement,
            )
            .because([draft])
            .explains([object.clone()]),
        );
    }
    expired(case, &object, &shown, findings);
}

/// Certificates that the ingress shows and that are over: an old one that lies
/// beside them in the namespace harms nobody.
fn expired(case: &Case<'_>, object: &ObjectRef, shown: &[&str], findings: &mut Findings) {
    let secret_types = case.snapshot.objects.secrets.iter().filter(|secret| {
        secret.metadata.namespace == object.namespace
            && secret.type_.as_deref() == Some("kubernetes.io/tls")
            && shown.contains(&view::name_of(*secret))
    });
    for secret in secret_types {
        let not_after = secret
            .metadata
            .annotations
            .iter()
            .flatten()
            .find(|(name, _)| name.ends_with("/not-after") || name.ends_with("expiry"))
            .and_then(|(_, value)| value.parse::<jiff::Timestamp>().ok());
        let Some(end) = not_after.filter(|end| *end < case.snapshot.captured_at) else {
            continue;
        };
        let name = view::reference("Secret", secret);
        let statement = format!("The certificate in {name} ended at {end}.");
        let draft = Draft::status(name.clone(), format!("not after {end}"), Vec::new());
        let logs = signs::seen(case);
        let complaint = logs
            .iter()
            .find(|one| one.sign == Sign::CertificateTime)
            .map(signs::Seen::draft);
        findings.add(
            Finding::new(Cause::TlsSecretOrExpired, name, Strength::Strong, statement)
                .because([draft])
                .because(complaint)
                .since(Some(end))
                .explains([object.clone()]),
        );
    }
}
