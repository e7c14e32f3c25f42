//! Objects that went because their owner did.
//!
//! The garbage collector deletes what an absent owner leaves behind. It says
//! so only when an owner reference points into another namespace; otherwise
//! pods were stopped, their workload is not there any more, and the Service
//! that selected them is left alone.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Service;

use crate::causes::subject::is_near;
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::Draft;
use crate::facts::EventFold;
use crate::object::ObjectRef;

/// Finds what the garbage collector took.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for event in &case.facts.events {
        if event.reason == "OwnerRefInvalidNamespace" && view::in_window(case, event.last) {
            let statement = format!(
                "{} names an owner that does not exist in its namespace, so the garbage collector deletes it.",
                event.object
            );
            findings.add(
                Finding::new(
                    Cause::OwnerGc,
                    event.object.clone(),
                    Strength::Stated,
                    statement,
                )
                .because([Draft::event(event)])
                .since(event.first),
            );
        }
    }
    for service in &case.snapshot.objects.services {
        left_alone(case, service, findings);
    }
}

/// A Service whose pods were stopped and whose workload is gone.
fn left_alone(case: &Case<'_>, service: &Service, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let object = view::reference("Service", service);
    let namespace = view::namespace_of(service);
    let captured =
        objects.pods.captured_in(namespace) && objects.deployments.captured_in(namespace);
    if !captured || wiring::selector(service).is_none() || !is_near(case, namespace) {
        return;
    }
    // Somebody who could answer is still there.
    if wiring::workload_behind(objects, service) != object {
        return;
    }
    let stopped = stopped_pods(case, namespace);
    let name = view::name_of(service);
    let Some((stem, events)) = stopped
        .iter()
        .find(|(stem, _)| **stem == name || wiring::is_near(stem, name))
    else {
        return;
    };
    let statement = format!(
        "The pods behind {object} were stopped and the workload {stem} that made them is gone: it was deleted, and they with it."
    );
    let first = events.iter().filter_map(|event| event.first).min();
    let title = "selects no pod, and no workload makes any".to_owned();
    findings.add(
        Finding::new(Cause::OwnerGc, object.clone(), Strength::Strong, statement)
            .because(events.iter().take(3).map(|event| Draft::event(event)))
            .because([Draft::status(object, title, Vec::new())])
            .since(first)
            .check(
                format!(
                    "kubectl get deployments,statefulsets,replicasets -n {}",
                    crate::evidence::query::shell_word(namespace)
                ),
                "shows whether the workload exists by now",
            ),
    );
}

/// Stopped pods that are gone, by the name of the workload that made them,
/// where that is gone too.
fn stopped_pods<'a>(case: &Case<'a>, namespace: &str) -> BTreeMap<String, Vec<&'a EventFold>> {
    let objects = &case.snapshot.objects;
    let mut stopped: BTreeMap<String, Vec<&EventFold>> = BTreeMap::new();
    for event in &case.facts.events {
        let ours = event.object.kind == "Pod"
            && event.object.namespace.as_deref() == Some(namespace)
            && event.reason == "Killing"
            && view::mentions(&event.message, &["stopping container"])
            && view::in_window(case, event.last);
        if !ours || objects.pods.get(namespace, &event.object.name).is_some() {
            continue;
        }
        let stem = stem_of(&event.object.name);
        let exists = [
            "Deployment",
            "StatefulSet",
            "DaemonSet",
            "Job",
            "ReplicaSet",
        ]
        .iter()
        .any(|kind| objects.contains(&ObjectRef::namespaced(*kind, namespace, stem)));
        if !exists {
            stopped.entry(stem.to_owned()).or_default().push(event);
        }
    }
    stopped
}

/// What a pod's name leaves without the parts that controllers add.
fn stem_of(pod: &str) -> &str {
    let mut parts = pod.rsplitn(3, '-');
    let (last, middle, rest) = (parts.next(), parts.next(), parts.next());
    match (last, middle, rest) {
        (Some(ordinal), Some(_), _) if ordinal.bytes().all(|byte| byte.is_ascii_digit()) => {
            &pod[..pod.len() - ordinal.len() - 1]
        }
        (_, _, Some(rest)) => rest,
        _ => pod,
    }
}
