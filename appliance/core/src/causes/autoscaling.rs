//! Autoscalers that have no metrics, no target, or no room.
//!
//! Conditions of the autoscaler decide here. Autoscalers that scale too often,
//! too late or against a manifest are [`churn`]'s and [`lag`]'s; those that
//! other projects bring are [`addons`]'.

mod addons;
mod churn;
mod lag;
#[cfg(test)]
mod tests;

use k8s_openapi::api::autoscaling::v2::{
    HorizontalPodAutoscaler, HorizontalPodAutoscalerCondition,
};

use super::{Analyzer, Case, Cause, Finding, Findings, Strength, subject, view};
use crate::evidence::query::shell_word;
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;

/// The analyzers of this family.
pub(crate) const ANALYZERS: &[Analyzer] = &[
    analyze,
    churn::analyze,
    lag::analyze,
    addons::keda,
    addons::vpa,
];

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
            // KEDA's own autoscalers speak of its triggers.
            .filter(|_| !addons::is_of_keda(autoscaler))
        {
            let statement = format!("{object} has no metrics to scale {target} by.");
            add(Cause::HpaNoMetrics, &object, condition, statement, findings);
        } else if let Some(condition) =
            at_maximum(autoscaler).filter(|_| is_asked(case, &object, &target))
        {
            maxed(autoscaler, &object, condition, findings);
        }
    }
}

/// At the maximum with load above the target; with load below it the maximum
/// is only where the last scaling ended.
fn maxed(
    autoscaler: &HorizontalPodAutoscaler,
    object: &ObjectRef,
    condition: &HorizontalPodAutoscalerCondition,
    findings: &mut Findings,
) {
    let load = load(autoscaler);
    if let Some((name, now, wanted)) = load.as_ref().filter(|(_, now, wanted)| now <= wanted) {
        let title = format!("{name} is at {now} % of requests, the target is {wanted} %");
        let draft = Draft::status(object.clone(), title, Vec::new());
        findings.exclude(Cause::HpaMaxed, object.clone(), vec![draft]);
        return;
    }
    let above = load.map_or_else(String::new, |(name, now, wanted)| {
        format!(": {name} is at {now} % of requests, the target is {wanted} %")
    });
    let statement = format!(
        "{object} is at its maximum of {} replicas and still wants more{above}.",
        autoscaler.spec.max_replicas
    );
    add(Cause::HpaMaxed, object, condition, statement, findings);
}

/// The resource whose utilization is furthest above its target: name, percent
/// now, percent wanted.
fn load(autoscaler: &HorizontalPodAutoscaler) -> Option<(String, i32, i32)> {
    let wanted = autoscaler
        .spec
        .metrics
        .iter()
        .flatten()
        .filter_map(|metric| {
            let resource = metric.resource.as_ref()?;
            Some((&resource.name, resource.target.average_utilization?))
        });
    let current = autoscaler.status.as_ref()?.current_metrics.as_ref()?;
    wanted
        .filter_map(|(name, wanted)| {
            let now = current.iter().find_map(|metric| {
                let resource = metric.resource.as_ref()?;
                (resource.name == *name).then_some(resource.current.average_utilization?)
            })?;
            Some((name.clone(), now, wanted))
        })
        .max_by_key(|(_, now, wanted)| now - wanted)
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
    subject::is_asked(case, object) || subject::is_asked(case, target)
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
            .since(at)
            .check(
                format!(
                    "kubectl describe hpa {}{}",
                    shell_word(&object.name),
                    namespace_flag(object)
                ),
                "shows its metrics, its target and what it did last",
            ),
    );
}
