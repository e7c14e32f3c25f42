//! Autoscalers that scale, but later than the load comes.
//!
//! The autoscaler has just asked for more, the load is still above its target,
//! and the new pods are starting in good order. New pods that cannot start are
//! another cause.

use jiff::SignedDuration;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Pod;

use super::{is_asked, load, target_of};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;

/// A pod younger than this may still be starting.
const STARTING: SignedDuration = SignedDuration::from_mins(15);

/// Finds autoscalers that the load outran.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for autoscaler in &case.snapshot.objects.horizontal_pod_autoscalers {
        if let Some(finding) = outrun(case, autoscaler) {
            findings.add(finding);
        }
    }
}

fn outrun(case: &Case<'_>, autoscaler: &HorizontalPodAutoscaler) -> Option<Finding> {
    let object = view::reference("HorizontalPodAutoscaler", autoscaler);
    let target = target_of(autoscaler);
    if !is_asked(case, &object, &target) {
        return None;
    }
    let (name, now, wanted) = load(autoscaler).filter(|(_, now, wanted)| now > wanted)?;
    let scaled = view::events_of(case, &object).find(|event| {
        event.reason == "SuccessfulRescale"
            && view::mentions(&event.message, &["above target"])
            && view::in_window(case, event.last)
    })?;
    let pods = view::pods_of(&case.snapshot.objects, &target);
    let starting = pods.iter().filter(|pod| is_starting(case, pod)).count();
    let ready = pods.iter().filter(|pod| view::is_well(pod)).count();
    let stuck = pods
        .iter()
        .any(|pod| !view::is_well(pod) && !is_starting(case, pod));
    if starting == 0 || ready == 0 || stuck {
        return None;
    }
    let statement = format!(
        "{object} added pods to {target} and {starting} of them still start while {name} is at {now} % against a target of {wanted} %."
    );
    let title = format!("{name} is at {now} %, the target is {wanted} %");
    let counts = format!("{ready} pods are ready, {starting} are starting");
    Some(
        Finding::new(
            Cause::HpaScaleLag,
            object.clone(),
            Strength::Strong,
            statement,
        )
        .because([
            Draft::status(object, title, Vec::new()),
            Draft::event(scaled),
            Draft::status(target.clone(), counts, Vec::new()),
        ])
        .since(scaled.first)
        .explains([target])
        .explains(pods.into_iter().map(view::pod_ref)),
    )
}

/// Young, not ready, and with nothing to complain of.
fn is_starting(case: &Case<'_>, pod: &Pod) -> bool {
    let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    let young = created.is_some_and(|at| case.snapshot.captured_at - STARTING < at);
    let calm = view::container_statuses(pod).all(|status| {
        let reason = view::waiting(status).map_or("", |(reason, _)| reason);
        status.restart_count == 0 && matches!(reason, "" | "ContainerCreating" | "PodInitializing")
    });
    let placed = pod
        .spec
        .as_ref()
        .is_some_and(|spec| spec.node_name.is_some());
    young && calm && placed && !view::is_well(pod) && !view::is_terminating(pod)
}
