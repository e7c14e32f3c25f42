//! Certificates that could not be issued or renewed, and their issuers.
//!
//! cert-manager says why in its conditions. It is an outage when the Secret is
//! not there or its certificate is over; before that it is a warning, and the
//! alert must be about it. An issuer that is not ready is to fix before every
//! certificate it should issue.

use jiff::Timestamp;

use crate::causes::subject::{is_asked, is_near};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;
use crate::redaction::NOT_AFTER;
use crate::snapshot::Custom;
use crate::snapshot::custom::CustomCondition;

/// Finds certificates that are not ready.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for certificate in case.snapshot.objects.customs.of("Certificate") {
        let unready = not_ready(certificate);
        let Some(condition) = unready.filter(|one| !is_first_issue(case, certificate, one)) else {
            continue;
        };
        let object = view::reference("Certificate", certificate);
        let secret = secret_of(certificate);
        let harm = harm(case, certificate, &secret);
        let front = shown_by(case, &secret);
        let asked = [&object, &secret]
            .into_iter()
            .chain(&front)
            .any(|one| is_asked(case, one));
        if !(asked || harm.is_some() && is_near(case, view::namespace_of(certificate))) {
            continue;
        }
        findings.add(unissued(case, certificate, &condition, harm).explains(front));
    }
}

fn not_ready(item: &Custom) -> Option<CustomCondition<'_>> {
    item.conditions()
        .find(|condition| condition.kind == "Ready" && condition.status == "False")
}

/// A certificate that was asked for minutes ago is on its way.
fn is_first_issue(case: &Case<'_>, certificate: &Custom, condition: &CustomCondition<'_>) -> bool {
    const PATIENCE: jiff::SignedDuration = jiff::SignedDuration::from_mins(5);
    let young = view::created(certificate)
        .is_some_and(|created| case.snapshot.captured_at.duration_since(created) < PATIENCE);
    young && condition.reason == "DoesNotExist"
}

fn secret_of(certificate: &Custom) -> ObjectRef {
    let name = certificate.text("/spec/secretName");
    ObjectRef::namespaced("Secret", view::namespace_of(certificate), name)
}

/// What is broken for clients: no Secret, or a certificate that is over.
fn harm(case: &Case<'_>, certificate: &Custom, secret: &ObjectRef) -> Option<String> {
    let objects = &case.snapshot.objects;
    let namespace = view::namespace_of(certificate);
    let Some(found) = objects.secrets.get(namespace, &secret.name) else {
        let missing = objects.secrets.captured_in(namespace);
        return missing.then(|| format!("{secret} does not exist"));
    };
    let stated: Option<Timestamp> = certificate.text("/status/notAfter").parse().ok();
    let annotations = found.metadata.annotations.as_ref();
    let read = annotations.and_then(|all| all.get(NOT_AFTER)?.parse().ok());
    let end = stated.or(read)?;
    (end <= case.snapshot.captured_at)
        .then(|| format!("the certificate in {secret} ended at {end}"))
}

/// Ingresses that show the certificate.
fn shown_by(case: &Case<'_>, secret: &ObjectRef) -> Vec<ObjectRef> {
    let namespace = secret.namespace.as_deref().unwrap_or_default();
    let ingresses = case.snapshot.objects.ingresses.in_namespace(namespace);
    ingresses
        .filter(|ingress| {
            let tls = ingress
                .spec
                .iter()
                .flat_map(|spec| spec.tls.iter().flatten());
            tls.into_iter()
                .any(|tls| tls.secret_name.as_deref() == Some(secret.name.as_str()))
        })
        .map(|ingress| view::reference("Ingress", ingress))
        .collect()
}

fn unissued(
    case: &Case<'_>,
    certificate: &Custom,
    condition: &CustomCondition<'_>,
    harm: Option<String>,
) -> Finding {
    let object = view::reference("Certificate", certificate);
    let issuer = issuer(case, certificate);
    let broken = issuer
        .as_ref()
        .and_then(|(issuer, item)| Some((issuer.clone(), not_ready(item)?)));
    let strength = match (&harm, &broken) {
        (Some(_), _) => Strength::Stated,
        (None, Some(_)) => Strength::Strong,
        (None, None) => Strength::Likely,
    };
    let effect = harm.map_or_else(String::new, |harm| format!(", and {harm}"));
    let (fix, why) = match &broken {
        Some((issuer, state)) => (
            issuer.clone(),
            format!("{issuer} is not ready ({})", state.message),
        ),
        None => (object.clone(), condition.message.to_owned()),
    };
    let statement = format!("{object} is not issued{effect}: {why}.");
    let drafts = broken.iter().map(|(issuer, state)| draft(issuer, state));
    Finding::new(Cause::TlsSecretOrExpired, fix.clone(), strength, statement)
        .because([draft(&object, condition)])
        .because(drafts)
        .since(condition.at)
        .explains([object.clone(), secret_of(certificate)])
        .check(
            format!("kubectl describe {}{}", object.kubectl_name(), namespace_flag(&object)),
            "shows the last attempt to issue it",
        )
        .check(
            format!(
                "kubectl get certificaterequests.cert-manager.io,orders.acme.cert-manager.io,challenges.acme.cert-manager.io{}",
                namespace_flag(&object)
            ),
            "shows where the request is stuck",
        )
}

fn draft(object: &ObjectRef, condition: &CustomCondition<'_>) -> Draft {
    let title = format!("Ready is False: {}", condition.reason);
    Draft::status(object.clone(), title, vec![condition.message.to_owned()]).at(condition.at)
}

fn issuer<'a>(case: &Case<'a>, certificate: &Custom) -> Option<(ObjectRef, &'a Custom)> {
    let name = certificate.text("/spec/issuerRef/name");
    let (kind, namespace) = match certificate.text("/spec/issuerRef/kind") {
        "ClusterIssuer" => ("ClusterIssuer", ""),
        _ => ("Issuer", view::namespace_of(certificate)),
    };
    let item = case
        .snapshot
        .objects
        .customs
        .of(kind)
        .get(namespace, name)?;
    Some((view::reference(kind, item), item))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::causes::fixture::{Fixture, ago};

    fn certificate(ready: &str, reason: &str, until: &str) -> Value {
        json!({"kind": "Certificate", "metadata": {"name": "front", "creationTimestamp": ago(90_000)},
            "spec": {"secretName": "front-tls", "issuerRef": {"kind": "ClusterIssuer", "name": "ca"}},
            "status": {"notAfter": until, "conditions": [{"type": "Ready", "status": ready, "reason": reason,
                "message": "the request was denied", "lastTransitionTime": ago(60)}]}})
    }

    fn issuer(ready: &str) -> Value {
        json!({"kind": "ClusterIssuer", "metadata": {"name": "ca"}, "status": {"conditions": [
            {"type": "Ready", "status": ready, "reason": "ErrGetKeyPair", "message": "its key is gone"}]}})
    }

    fn secret() -> Value {
        json!({"kind": "Secret", "metadata": {"name": "front-tls"}, "type": "kubernetes.io/tls"})
    }

    const FUTURE: &str = "2027-01-01T00:00:00Z";

    #[test]
    fn a_certificate_that_is_over_and_not_renewed_is_the_cause() {
        let over = || {
            Fixture::new()
                .with(secret())
                .with(certificate("False", "Expired", &ago(30)))
        };
        let found = over().check(analyze, &["TlsSecretOrExpired Certificate shop/front"]);
        assert!(
            found.found[0].statement.contains("ended at"),
            "{}",
            found.found[0].statement
        );
        // Behind it stands an issuer that cannot sign.
        over()
            .with(issuer("False"))
            .check(analyze, &["TlsSecretOrExpired ClusterIssuer ca"]);
        over()
            .with(issuer("True"))
            .check(analyze, &["TlsSecretOrExpired Certificate shop/front"]);
    }

    #[test]
    fn a_renewal_that_fails_in_time_is_no_outage_unless_asked_about() {
        let failing = || {
            Fixture::new()
                .with(secret())
                .with(certificate("False", "Failed", FUTURE))
        };
        failing().check(analyze, &[]);
        let mut asked = failing();
        asked.subjects = vec![ObjectRef::namespaced("Certificate", "shop", "front")];
        asked.check(analyze, &["TlsSecretOrExpired Certificate shop/front"]);
    }

    #[test]
    fn a_secret_that_was_never_made_is_an_outage() {
        let other = json!({"kind": "Secret", "metadata": {"name": "front-tls-old"}});
        Fixture::new()
            .with(other)
            .with(certificate("False", "DoesNotExist", ""))
            .check(analyze, &["TlsSecretOrExpired Certificate shop/front"]);
        Fixture::new()
            .with(secret())
            .with(certificate("True", "Ready", FUTURE))
            .check(analyze, &[]);
    }

    #[test]
    fn a_certificate_on_its_way_is_given_time() {
        let mut young = certificate("False", "DoesNotExist", "");
        young["metadata"]["creationTimestamp"] = json!(ago(1));
        let other = json!({"kind": "Secret", "metadata": {"name": "other"}});
        Fixture::new().with(other).with(young).check(analyze, &[]);
    }
}
