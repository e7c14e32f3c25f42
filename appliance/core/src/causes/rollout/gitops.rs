//! Live objects that differ from their repository.
//!
//! Two witnesses: Argo CD's and Flux' own objects, events and metrics about what
//! they cannot bring about ([`reported`]), and a workload under their care that
//! somebody edited by hand. An application that waits for its pods is a symptom of theirs.

mod reported;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::causes::subject::{is_asked, is_near};
use crate::causes::{Case, Cause, Finding, Findings, Strength, series, view};
use crate::evidence::Draft;
use crate::facts::EventFold;
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// Kinds that bring a repository's objects about.
const KINDS: [&str; 7] = [
    "Application",
    "Kustomization",
    "HelmRelease",
    "GitRepository",
    "OCIRepository",
    "HelmRepository",
    "HelmChart",
];

/// Reasons and words of a reconciliation that cannot succeed. A failed health
/// check is left out: it only repeats that pods are not ready.
const FAILED: [&str; 12] = [
    "reconciliationfailed",
    "buildfailed",
    "artifactfailed",
    "upgradefailed",
    "installfailed",
    "gitoperationfailed",
    "authenticationfailed",
    "operation to",
    "sync operation failed",
    "comparisonerror",
    "drift detected",
    "-> outofsync",
];

/// Field managers that a person uses.
const BY_HAND: [&str; 7] = [
    "kubectl-edit",
    "kubectl-patch",
    "kubectl-set",
    "kubectl-client-side-apply",
    "kubectl-create",
    "kubectl",
    "lens",
];

/// Finds repositories that are not brought about, and edits beside them.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for event in &case.facts.events {
        if KINDS.contains(&event.object.kind.as_str())
            && view::in_window(case, event.last)
            && failed(event)
        {
            findings.add(by_event(case, event));
        }
    }
    measured(case, findings);
    reported::analyze(case, findings);
    for (workload, meta) in tracked(&case.snapshot.objects) {
        by_hand(case, &workload, meta, findings);
    }
}

fn failed(event: &EventFold) -> bool {
    view::mentions(&event.reason, &FAILED)
        || view::mentions(
            &event.message,
            &["-> outofsync", "drift detected", "comparisonerror"],
        )
        || view::mentions(&event.message, &["sync operation to"])
            && view::mentions(&event.message, &["failed"])
}

fn by_event(case: &Case<'_>, event: &EventFold) -> Finding {
    let namespace = event.object.namespace.as_deref().unwrap_or_default();
    let installed = installed_by(&case.snapshot.objects, &event.object.name);
    let asked = is_asked(case, &event.object) || installed.iter().any(|one| is_asked(case, one));
    let strength = if asked || is_near(case, namespace) {
        Strength::Likely
    } else {
        Strength::Hint
    };
    let statement = format!(
        "{} does not bring its repository about: {}.",
        event.object, event.reason
    );
    Finding::new(
        Cause::GitopsDrift,
        event.object.clone(),
        strength,
        statement,
    )
    .because([Draft::event(event)])
    .since(event.first)
    .explains(installed)
}

/// Argo CD's and Flux' metrics, for clusters whose events are gone.
fn measured(case: &Case<'_>, findings: &mut Findings) {
    for series in &case.snapshot.series {
        let label = |name: &str| series.labels.get(name).map(String::as_str);
        let (kind, bad) = match series.name.as_str() {
            "argocd_app_info" => ("Application", label("sync_status") == Some("OutOfSync")),
            "gotk_resource_info" => (
                label("customresource_kind").unwrap_or("Kustomization"),
                label("ready") == Some("False"),
            ),
            _ => continue,
        };
        let holds = series::last(series).is_some_and(|value| value > 0.0);
        let Some(name) = label("name").filter(|_| bad && holds) else {
            continue;
        };
        let installed = installed_by(&case.snapshot.objects, name);
        if !installed.iter().any(|one| is_asked(case, one)) {
            continue;
        }
        let object = ObjectRef {
            kind: kind.to_owned(),
            namespace: label("exported_namespace")
                .or(label("namespace"))
                .map(str::to_owned),
            name: name.to_owned(),
        };
        let statement = format!("{object} differs from its repository.");
        let draft = series::draft(object.clone(), series, "reported as not in step");
        findings.add(
            Finding::new(Cause::GitopsDrift, object, Strength::Hint, statement)
                .because([draft])
                .explains(installed),
        );
    }
}

/// The tool's object that a workload belongs to, by the marks the tools leave.
fn tool_of(meta: &ObjectMeta) -> Option<(&'static str, &str)> {
    let annotation = |key: &str| meta.annotations.as_ref()?.get(key).map(String::as_str);
    let label = |key: &str| meta.labels.as_ref()?.get(key).map(String::as_str);
    let tracking = annotation("argocd.argoproj.io/tracking-id");
    tracking
        .and_then(|id| id.split(':').next())
        .or_else(|| label("argocd.argoproj.io/instance"))
        .map(|name| ("Argo CD application", name))
        .or_else(|| {
            Some((
                "Flux kustomization",
                label("kustomize.toolkit.fluxcd.io/name")?,
            ))
        })
        .or_else(|| Some(("Flux release", label("helm.toolkit.fluxcd.io/name")?)))
}

fn tracked(objects: &Objects) -> BTreeMap<ObjectRef, &ObjectMeta> {
    let deployments = objects
        .deployments
        .iter()
        .map(|one| (view::reference("Deployment", one), &one.metadata));
    let sets = objects
        .stateful_sets
        .iter()
        .map(|one| (view::reference("StatefulSet", one), &one.metadata));
    deployments
        .chain(sets)
        .filter(|(_, meta)| tool_of(meta).is_some())
        .collect()
}

fn installed_by(objects: &Objects, name: &str) -> Vec<ObjectRef> {
    tracked(objects)
        .into_iter()
        .filter(|(_, meta)| tool_of(meta).is_some_and(|(_, tool)| tool == name))
        .map(|(workload, _)| workload)
        .collect()
}

/// An edit by hand of a workload that a tool looks after.
fn by_hand(case: &Case<'_>, workload: &ObjectRef, meta: &ObjectMeta, findings: &mut Findings) {
    let Some((tool, name)) = tool_of(meta) else {
        return;
    };
    let edits = meta.managed_fields.iter().flatten().filter_map(|entry| {
        let manager = entry.manager.as_deref().unwrap_or_default();
        let own = entry.subresource.as_deref().unwrap_or_default() != "status";
        let at: Timestamp = entry.time.as_ref()?.0;
        (own && BY_HAND.contains(&manager)).then_some((at, manager))
    });
    let Some((at, manager)) = edits.max() else {
        return;
    };
    if !view::in_window(case, Some(at)) || !is_asked(case, workload) {
        return;
    }
    let statement = format!(
        "{workload} belongs to {tool} {name} and was edited by hand ({manager}); the repository says something else."
    );
    let draft = Draft::spec(
        workload.clone(),
        format!("belongs to {tool} {name}, last edited by {manager}"),
        Vec::new(),
    );
    findings.add(
        Finding::new(
            Cause::GitopsDrift,
            workload.clone(),
            Strength::Likely,
            statement,
        )
        .because([draft.at(Some(at))])
        .because(case.facts.changes_of(workload).take(1).map(Draft::change))
        .since(Some(at)),
    );
}
