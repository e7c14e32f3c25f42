//! Autoscalers of other projects: KEDA's triggers, the vertical autoscaler's
//! evictions.
//!
//! Read from their objects and events. The object of a finding is what does the
//! work: KEDA's `HorizontalPodAutoscaler` where it made one, the workload whose
//! pods the vertical autoscaler evicts.

use std::collections::BTreeMap;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;

use super::{failing, target_of};
use crate::causes::subject::is_asked;
use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;
use crate::facts::EventFold;
use crate::object::ObjectRef;

/// Reasons under which KEDA says that a trigger or its object fails.
const KEDA_FAILS: [&str; 6] = [
    "KEDAScalerFailed",
    "KEDAMetricSourceFailed",
    "ScaledObjectCheckFailed",
    "ScaledJobCheckFailed",
    "KEDAScaleTargetActivationFailed",
    "KEDAScaleTargetDeactivationFailed",
];

/// Evictions within the window that make a loop.
const EVICTIONS_MIN: i64 = 2;

/// Whether KEDA made the autoscaler.
pub(super) fn is_of_keda(autoscaler: &HorizontalPodAutoscaler) -> bool {
    scaled_object(autoscaler).is_some()
}

fn scaled_object(autoscaler: &HorizontalPodAutoscaler) -> Option<&str> {
    let label = autoscaler
        .metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get("scaledobject.keda.sh/name"));
    label
        .map(String::as_str)
        .or_else(|| view::name_of(autoscaler).strip_prefix("keda-hpa-"))
}

/// Finds triggers of KEDA that fail.
pub(super) fn keda(case: &Case<'_>, findings: &mut Findings) {
    let autoscalers = &case.snapshot.objects.horizontal_pod_autoscalers;
    for event in &case.facts.events {
        let about = matches!(event.object.kind.as_str(), "ScaledObject" | "ScaledJob");
        if about && KEDA_FAILS.contains(&event.reason.as_str()) && view::in_window(case, event.last)
        {
            let namespace = event.object.namespace.as_deref().unwrap_or_default();
            let own = autoscalers
                .in_namespace(namespace)
                .find(|one| scaled_object(one) == Some(event.object.name.as_str()));
            let draft = Draft::event(event);
            findings
                .add(trigger_fails(&event.object, &event.reason, draft, own).since(event.first));
        }
    }
    for scaled in case.snapshot.objects.customs.of("ScaledObject") {
        let ready = scaled
            .conditions()
            .find(|condition| condition.kind == "Ready" && condition.status == "False");
        if let Some(condition) = ready {
            let own = autoscalers
                .in_namespace(view::namespace_of(scaled))
                .find(|one| scaled_object(one) == Some(view::name_of(scaled)));
            let about = view::reference("ScaledObject", scaled);
            let title = format!("Ready is False ({})", condition.reason);
            let lines = vec![condition.message.to_owned()];
            let draft = Draft::status(about.clone(), title, lines).at(condition.at);
            findings.add(trigger_fails(&about, condition.reason, draft, own).since(condition.at));
        }
    }
    for autoscaler in autoscalers.iter().filter(|one| is_of_keda(one)) {
        let condition = failing(autoscaler, "ScalingActive", "False")
            .filter(|found| found.reason.as_deref() != Some("ScalingDisabled"));
        if let Some(condition) = condition {
            let object = view::reference("HorizontalPodAutoscaler", autoscaler);
            let target = target_of(autoscaler);
            let reason = condition.reason.as_deref().unwrap_or("no reason");
            let statement =
                format!("KEDA gives {object} no metric to scale {target} by ({reason}).");
            let title = format!("ScalingActive is False ({reason})");
            let lines = condition.message.iter().cloned().collect();
            let at = condition.last_transition_time.as_ref().map(|time| time.0);
            findings.add(
                Finding::new(
                    Cause::KedaScalerFail,
                    object.clone(),
                    Strength::Strong,
                    statement,
                )
                .because([Draft::status(object, title, lines).at(at)])
                .since(at)
                .explains([target]),
            );
        }
    }
}

fn trigger_fails(
    about: &ObjectRef,
    reason: &str,
    draft: Draft,
    own: Option<&HorizontalPodAutoscaler>,
) -> Finding {
    let object = own.map_or_else(
        || about.clone(),
        |one| view::reference("HorizontalPodAutoscaler", one),
    );
    let statement = format!("{about} cannot read its trigger: {reason}.");
    Finding::new(Cause::KedaScalerFail, object, Strength::Stated, statement)
        .because([draft])
        .explains(own.map(target_of))
}

/// Finds workloads whose pods the vertical autoscaler evicts again and again.
pub(super) fn vpa(case: &Case<'_>, findings: &mut Findings) {
    let mut evicted: BTreeMap<ObjectRef, Vec<&EventFold>> = BTreeMap::new();
    for event in &case.facts.events {
        let by_vpa = event.reason == "EvictedByVPA"
            || event.reason == "EvictedPod" && event.object.kind == "VerticalPodAutoscaler";
        if by_vpa && view::in_window(case, event.last) {
            let workload = workload_of(case, &event.object);
            evicted.entry(workload).or_default().push(event);
        }
    }
    for (workload, events) in evicted {
        let count: i64 = events.iter().map(|event| event.count).sum();
        if count < EVICTIONS_MIN {
            continue;
        }
        let strength = if is_asked(case, &workload) {
            Strength::Strong
        } else {
            Strength::Hint
        };
        let statement = format!(
            "The vertical autoscaler evicted pods of {workload} {count} times to change their requests."
        );
        findings.add(
            Finding::new(Cause::VpaEvictions, workload, strength, statement)
                .because(events.iter().take(3).map(|event| Draft::event(event)))
                .since(events.iter().filter_map(|event| event.first).min()),
        );
    }
}

/// The workload of an evicted pod, which may be gone by now, or of the
/// autoscaler of the same name.
fn workload_of(case: &Case<'_>, object: &ObjectRef) -> ObjectRef {
    let objects = &case.snapshot.objects;
    let known = view::root_of(objects, object);
    if known != *object {
        return known;
    }
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let mut name = object.name.as_str();
    for _ in 0..3 {
        for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
            let workload = ObjectRef::namespaced(kind, namespace, name);
            if objects.contains(&workload) {
                return workload;
            }
        }
        match name.rsplit_once('-') {
            Some((stem, _)) => name = stem,
            None => break,
        }
    }
    object.clone()
}
