//! Alerts and clients that look in the wrong namespace.
//!
//! What the alert names is not where it says, and an object of the same kind
//! and name is in one other namespace. An object that is nowhere is
//! [`crate::causes::quiet`]'s.

use crate::causes::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::Draft;
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// Kinds that alerts name and that are looked for elsewhere.
const KINDS: [&str; 8] = [
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "Service",
    "PersistentVolumeClaim",
    "HorizontalPodAutoscaler",
];

/// Finds alert objects that exist in another namespace.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for subject in case.subjects {
        let Some(namespace) = subject.namespace.as_deref() else {
            continue;
        };
        let absent = KINDS.contains(&subject.kind.as_str())
            && objects.captured(&subject.kind, namespace)
            && !objects.contains(subject);
        if !absent {
            continue;
        }
        let mut elsewhere = others(objects, subject);
        let Some(found) = elsewhere.next() else {
            continue;
        };
        // Of several nobody knows which was meant.
        if elsewhere.next().is_some() {
            continue;
        }
        findings.add(wrong(case, subject, &found));
    }
}

fn others<'a>(
    objects: &'a Objects,
    subject: &'a ObjectRef,
) -> impl Iterator<Item = ObjectRef> + 'a {
    objects
        .all()
        .filter(|(kind, _)| kind.name == subject.kind)
        .filter(|(_, meta)| meta.name.as_deref() == Some(subject.name.as_str()))
        .map(|(kind, meta)| ObjectRef {
            kind: kind.name.to_owned(),
            namespace: meta.namespace.clone(),
            name: subject.name.clone(),
        })
}

fn wrong(case: &Case<'_>, subject: &ObjectRef, found: &ObjectRef) -> Finding {
    let namespace = subject.namespace.as_deref().unwrap_or_default();
    let other = found.namespace.as_deref().unwrap_or_default();
    let statement = format!(
        "{} {} is not in namespace {namespace}; one of that name is in {other}.",
        subject.kind, subject.name
    );
    let title = format!("is in namespace {other}, not in {namespace}");
    let alerts = case
        .alerts
        .iter()
        .filter(|alert| alert.labels.get("namespace").map(String::as_str) == Some(namespace));
    Finding::new(
        Cause::WrongNamespaceOrContext,
        found.clone(),
        Strength::Likely,
        statement,
    )
    .because([Draft::status(found.clone(), title, Vec::new())])
    .because(alerts.take(1).map(Draft::alert))
    .explains([subject.clone()])
    .check(
        format!(
            "kubectl get {} -A --field-selector metadata.name={}",
            subject.kind.to_lowercase(),
            crate::evidence::query::shell_word(&subject.name)
        ),
        "shows where objects of that name are",
    )
}
