//! Autoscalers that have no metrics, no target, or no room.

#[cfg(test)]
mod tests;

use k8s_openapi::api::autoscaling::v2::{
    HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition,
};

use super::{Analyzer, Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// The analyzers of this family.
pub(crate) const ANALYZERS: &[Analyzer] = &[analyze];

fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for autoscaler in &case.snapshot.objects.horizontal_pod_autoscalers {
        let object = view::reference("HorizontalPodAutoscaler", autoscaler);
        let target = target_of(autoscaler);
        if let Some(condition) = failing(autoscaler, "AbleToScale", "False")
            .filter(|found| found.reason.as_deref() == Some("FailedGetScale"))
        {
            let statement = format!("{object} scales {target}, which does not exist.");
            add(
                Cause::HpaTargetMissing,
                &object,
                condition,
                statement,
                findings,
            );
        } else if let Some(condition) = failing(autoscaler, "ScalingActive", "False")
            // An autoscaler whose target is at zero is switched off on purpose.
            .filter(|found| found.reason.as_deref() != Some("ScalingDisabled"))
        {
            let statement = format!("{object} has no metrics to scale {target} by.");
            add(Cause::HpaNoMetrics, &object, condition, statement, findings);
        } else if let Some(condition) =
            at_maximum(autoscaler).filter(|_| is_asked(case, &object, &target))
        {
            let statement = format!(
                "{object} is at its maximum of {} replicas and still wants more.",
                autoscaler.spec.max_replicas
            );
            add(Cause::HpaMaxed, &object, condition, statement, findings);
        }
    }
}

fn target_of(autoscaler: &HorizontalPodAutoscaler) -> ObjectRef {
    let target = &autoscaler.spec.scale_target_ref;
    ObjectRef {
        kind: target.kind.clone(),
        namespace: autoscaler.metadata.namespace.clone(),
        name: target.name.clone(),
    }
}

fn failing<'a>(
    autoscaler: &'a HorizontalPodAutoscaler,
    name: &str,
    wanted: &str,
) -> Option<&'a HorizontalPodAutoscalerCondition> {
    let conditions = autoscaler.status.as_ref()?.conditions.as_ref()?;
    conditions
        .iter()
        .find(|condition| condition.type_ == name && condition.status == wanted)
}

fn at_maximum(autoscaler: &HorizontalPodAutoscaler) -> Option<&HorizontalPodAutoscalerCondition> {
    let current = autoscaler.status.as_ref()?.current_replicas.unwrap_or(0);
    failing(autoscaler, "ScalingLimited", "True").filter(|condition| {
        condition.reason.as_deref() == Some("TooManyReplicas")
            && current >= autoscaler.spec.max_replicas
    })
}

/// Being at the maximum is no cause unless the alert is about it.
fn is_asked(case: &Case<'_>, object: &ObjectRef, target: &ObjectRef) -> bool {
    case.subjects.contains(object) || case.subjects.contains(target)
}

fn add(
    cause: Cause,
    object: &ObjectRef,
    condition: &HorizontalPodAutoscalerCondition,
    statement: String,
    findings: &mut Findings,
) {
    let reason = condition.reason.as_deref().unwrap_or("no reason");
    let title = format!("{} is {} ({reason})", condition.type_, condition.status);
    let at = condition.last_transition_time.as_ref().map(|time| time.0);
    let lines = condition.message.iter().cloned().collect();
    findings.add(
        Finding::new(cause, object.clone(), Strength::Stated, statement)
            .because([Draft::status(object.clone(), title, lines).at(at)])
            .since(at),
    );
}
