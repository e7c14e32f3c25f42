//! Autoscalers that scale up and down again and again, by a noisy metric or
//! against somebody else who sets the same field.
//!
//! One surge and its end are two scalings and no churn.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;

use super::{is_asked, target_of};
use crate::causes::{Case, Cause, Finding, Findings, Strength, series, trend, view};
use crate::evidence::Draft;
use crate::facts::EventFold;
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// Scalings within the window that are too many.
const SCALINGS_MIN: i64 = 6;
/// Turns of the replica count that are too many.
const TURNS_MIN: usize = 4;
/// How soon after somebody applied a manifest the autoscaler takes it back.
const SOON: SignedDuration = SignedDuration::from_mins(15);

/// The manager that scales for autoscalers.
const CONTROLLER: &str = "kube-controller-manager";

/// Finds autoscalers that thrash or fight a manifest.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for autoscaler in &case.snapshot.objects.horizontal_pod_autoscalers {
        let object = view::reference("HorizontalPodAutoscaler", autoscaler);
        let target = target_of(autoscaler);
        let asked = is_asked(case, &object, &target);
        if let Some(finding) = against_manifest(case, &object, &target, asked) {
            findings.add(finding);
        } else if let Some(finding) = thrash(case, autoscaler, &object, &target, asked) {
            findings.add(finding);
        }
    }
}

fn rescalings<'a>(case: &Case<'a>, object: &ObjectRef) -> Vec<&'a EventFold> {
    view::events_of(case, object)
        .filter(|event| event.reason == "SuccessfulRescale" && view::in_window(case, event.last))
        .collect()
}

fn thrash(
    case: &Case<'_>,
    autoscaler: &HorizontalPodAutoscaler,
    object: &ObjectRef,
    target: &ObjectRef,
    asked: bool,
) -> Option<Finding> {
    let events = rescalings(case, object);
    let count: i64 = events.iter().map(|event| event.count).sum();
    let up = events
        .iter()
        .any(|event| view::mentions(&event.message, &["above target"]));
    let down = events
        .iter()
        .any(|event| view::mentions(&event.message, &["below target"]));
    let measured = replica_series(case, object, target);
    let turned = measured.filter(|series| turns(series) >= TURNS_MIN);
    let often = count >= SCALINGS_MIN && up && down;
    if !often && turned.is_none() {
        return None;
    }
    let strength = if asked {
        Strength::Strong
    } else {
        Strength::Hint
    };
    let window = autoscaler
        .spec
        .behavior
        .as_ref()
        .and_then(|behavior| behavior.scale_down.as_ref()?.stabilization_window_seconds);
    let statement = format!(
        "{object} scales {target} up and down again and again ({count} times of late); its window for scaling down is {} s.",
        window.unwrap_or(300)
    );
    let title = format!("scale-down window {} s", window.unwrap_or(300));
    Some(
        Finding::new(Cause::HpaThrash, object.clone(), strength, statement)
            .because(events.iter().take(3).map(|event| Draft::event(event)))
            .because(turned.map(|series| {
                let title = format!("the replica count turned {} times", turns(series));
                series::draft(target.clone(), series, title)
            }))
            .because([Draft::spec(object.clone(), title, Vec::new())])
            .since(events.iter().filter_map(|event| event.first).min())
            .explains([target.clone()]),
    )
}

fn replica_series<'a>(
    case: &Case<'a>,
    object: &ObjectRef,
    target: &ObjectRef,
) -> Option<&'a Series> {
    case.snapshot.series.iter().find(|series| {
        let label = |name: &str| series.labels.get(name).map(String::as_str);
        let here = label("namespace") == object.namespace.as_deref();
        match series.name.as_str() {
            "kube_horizontalpodautoscaler_status_desired_replicas" => {
                here && label("horizontalpodautoscaler") == Some(object.name.as_str())
            }
            "kube_deployment_spec_replicas" => {
                here && label("deployment") == Some(target.name.as_str())
            }
            _ => false,
        }
    })
}

/// How often the series turned from rising to falling or back.
fn turns(series: &Series) -> usize {
    let levels = trend::levels(series);
    let steps: Vec<bool> = levels
        .windows(2)
        .map(|pair| pair[1].value - pair[0].value)
        .filter(|step| step.abs() >= 1.0)
        .map(|step| step > 0.0)
        .collect();
    steps.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// Somebody's manifest sets the replicas that the autoscaler sets too.
fn against_manifest(
    case: &Case<'_>,
    object: &ObjectRef,
    target: &ObjectRef,
    asked: bool,
) -> Option<Finding> {
    let namespace = target.namespace.as_deref().unwrap_or_default();
    let deployment = case
        .snapshot
        .objects
        .deployments
        .get(namespace, &target.name)?;
    let (manager, at) = other_owner(deployment)?;
    let rescaled = rescalings(case, object);
    let answered = rescaled.iter().find(|event| {
        event
            .last
            .is_some_and(|last| at <= last && last <= at + SOON)
            || event.count >= 3
    })?;
    if !view::in_window(case, Some(at)) {
        return None;
    }
    let strength = if asked {
        Strength::Strong
    } else {
        Strength::Hint
    };
    let statement = format!(
        "{manager} sets the replicas of {target} that {object} sets too: each takes back what the other did."
    );
    let title = format!("spec.replicas belongs to field manager {manager}");
    Some(
        Finding::new(Cause::HpaVsManifest, object.clone(), strength, statement)
            .because([
                Draft::spec(target.clone(), title, Vec::new()).at(Some(at)),
                Draft::event(answered),
            ])
            .since(Some(at))
            .explains([target.clone()]),
    )
}

/// Who other than the controller and the scale command owns `spec.replicas`.
fn other_owner(deployment: &Deployment) -> Option<(String, Timestamp)> {
    deployment
        .metadata
        .managed_fields
        .iter()
        .flatten()
        .filter(|entry| entry.subresource.as_deref().unwrap_or_default().is_empty())
        .filter(|entry| {
            let fields = entry.fields_v1.as_ref().map(|fields| &fields.0);
            let spec = fields.and_then(|fields| fields.get("f:spec"));
            spec.and_then(|spec| spec.get("f:replicas")).is_some()
        })
        .filter_map(|entry| Some((entry.manager.clone()?, entry.time.as_ref()?.0)))
        .filter(|(manager, _)| manager != CONTROLLER)
        .max_by_key(|(_, at)| *at)
}
