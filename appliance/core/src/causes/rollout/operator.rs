//! Custom resources that the cluster cannot serve, or their operator cannot
//! handle.
//!
//! A conversion webhook without a backend blocks every use of its kind; the
//! object is what serves it. A program that asks for a kind the cluster does
//! not have lacks its definition. A resource whose operator reports failure is
//! named itself, modestly: its reason is in the operator's words.

use std::collections::BTreeSet;

use crate::causes::subject::is_near;
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::Draft;
use crate::facts::{EventFold, LogTemplate};
use crate::object::ObjectRef;
use crate::snapshot::Kind;

/// Words of a conversion webhook that cannot be called.
const CONVERSION: [&str; 2] = ["conversion webhook for", "failed to convert"];

/// Words of clients that look for a kind the cluster does not have.
const NO_KIND: [&str; 5] = [
    "no matches for kind",
    "ensure crds are installed first",
    "no kind is registered for the type",
    "the server doesn't have a resource type",
    "could not find the requested resource",
];

/// Kinds whose failures other families read.
const ELSEWHERE: [&str; 22] = [
    "Application",
    "Kustomization",
    "HelmRelease",
    "GitRepository",
    "OCIRepository",
    "HelmRepository",
    "HelmChart",
    "ScaledObject",
    "ScaledJob",
    "VerticalPodAutoscaler",
    "Certificate",
    "CertificateRequest",
    "Issuer",
    "ClusterIssuer",
    "Order",
    "Challenge",
    "VolumeSnapshot",
    "VolumeSnapshotContent",
    "HTTPRoute",
    "Gateway",
    "Volume",
    "CephCluster",
];

/// Finds custom resources that cannot be served or handled.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for event in &case.facts.events {
        if view::in_window(case, event.last) && view::mentions(&event.message, &CONVERSION) {
            let subject = event.object.clone();
            conversion(case, &event.message, subject, Draft::event(event), findings);
        }
        failed_resource(case, event, findings);
    }
    for template in &case.facts.logs {
        if view::mentions(&template.exemplar, &CONVERSION) {
            let subject = view::root_of(&case.snapshot.objects, &template.pod);
            conversion(
                case,
                &template.exemplar,
                subject,
                Draft::log(template),
                findings,
            );
        } else if view::mentions(&template.exemplar, &NO_KIND) {
            no_kind(case, template, findings);
        }
    }
}

/// A conversion webhook that nothing answers.
fn conversion(
    case: &Case<'_>,
    text: &str,
    victim: ObjectRef,
    draft: Draft,
    findings: &mut Findings,
) {
    let objects = &case.snapshot.objects;
    let Some((namespace, name)) = service_in(text) else {
        return;
    };
    let Some(service) = objects.services.get(namespace, name) else {
        return;
    };
    let ready = wiring::backends(objects, service).ready;
    let object = wiring::workload_behind(objects, service);
    let strength = if ready == 0 {
        Strength::Strong
    } else {
        Strength::Likely
    };
    let statement = format!(
        "The conversion webhook served by {object} cannot be called ({ready} ready backends), so its custom resources can neither be read nor written."
    );
    let title = format!("{ready} ready backends");
    findings.add(
        Finding::new(Cause::CrdOrOperatorBroken, object, strength, statement)
            .because([
                draft,
                Draft::status(view::reference("Service", service), title, Vec::new()),
            ])
            .explains([victim, view::reference("Service", service)])
            .check(
                "kubectl get customresourcedefinitions",
                "shows which kinds are converted by a webhook",
            ),
    );
}

/// Namespace and name of the Service in `https://name.namespace.svc:443/…`.
fn service_in(text: &str) -> Option<(&str, &str)> {
    let start = text.find("https://")? + "https://".len();
    let host = text[start..].split(['/', ':', '?', '"']).next()?;
    let mut parts = host.split('.');
    let (name, namespace, word) = (parts.next()?, parts.next()?, parts.next()?);
    (word == "svc").then_some((namespace, name))
}

/// A program whose kind the cluster does not know.
fn no_kind(case: &Case<'_>, template: &LogTemplate, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let namespace = template.pod.namespace.as_deref().unwrap_or_default();
    let Some(pod) = objects.pods.get(namespace, &template.pod.name) else {
        return;
    };
    let well = view::is_well(pod);
    if view::is_terminating(pod) || well && template.previous {
        return;
    }
    let workload = view::workload_of(objects, pod);
    let strength = if well {
        Strength::Hint
    } else {
        Strength::Strong
    };
    let statement = format!(
        "{workload} works with a kind whose definition the cluster does not have, or not in that version."
    );
    findings.add(
        Finding::new(Cause::CrdOrOperatorBroken, workload, strength, statement)
            .because([Draft::log(template)])
            .since(template.first)
            .explains(view::affected_by(objects, pod))
            .check(
                "kubectl get customresourcedefinitions",
                "shows which kinds and versions are defined",
            ),
    );
}

/// A warning about an object of a kind that Kubernetes itself does not have.
fn failed_resource(case: &Case<'_>, event: &EventFold, findings: &mut Findings) {
    let kind = event.object.kind.as_str();
    let custom = Kind::find(kind).is_none() && !ELSEWHERE.contains(&kind) && !is_builtin(kind);
    let fails = view::mentions(&event.reason, &["fail", "error", "degraded", "unhealthy"]);
    let namespace = event.object.namespace.as_deref().unwrap_or_default();
    if !custom
        || !event.is_warning()
        || !fails
        || event.count < 2
        || !view::in_window(case, event.last)
        || !is_near(case, namespace)
    {
        return;
    }
    let statement = format!("The operator of {} reports {}.", event.object, event.reason);
    findings.add(
        Finding::new(
            Cause::CrdOrOperatorBroken,
            event.object.clone(),
            Strength::Hint,
            statement,
        )
        .because([Draft::event(event)])
        .since(event.first)
        .explains(owned_by(case, &event.object)),
    );
}

/// Kinds of Kubernetes itself that a snapshot does not hold.
fn is_builtin(kind: &str) -> bool {
    const BUILTIN: [&str; 10] = [
        "APIService",
        "ClusterRole",
        "ClusterRoleBinding",
        "ControllerRevision",
        "CSINode",
        "CustomResourceDefinition",
        "IngressClass",
        "MutatingWebhookConfiguration",
        "PriorityClass",
        "VolumeAttachment",
    ];
    BUILTIN.contains(&kind)
}

/// Workloads that the custom resource owns.
fn owned_by(case: &Case<'_>, owner: &ObjectRef) -> BTreeSet<ObjectRef> {
    let objects = &case.snapshot.objects;
    objects
        .pods
        .iter()
        .filter(|pod| pod.metadata.namespace == owner.namespace)
        .filter(|pod| {
            let workload = view::workload_of(objects, pod);
            let meta = objects.metadata(&workload);
            meta.and_then(|meta| meta.owner_references.as_deref())
                .into_iter()
                .flatten()
                .any(|reference| reference.kind == owner.kind && reference.name == owner.name)
        })
        .map(|pod| view::workload_of(objects, pod))
        .collect()
}
