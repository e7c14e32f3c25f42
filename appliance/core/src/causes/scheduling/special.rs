//! Pods that wait for something other than a fitting node: a gate, another
//! scheduler, a node that does not exist, or room that a higher priority took.

use k8s_openapi::api::core::v1::Pod;

use super::refusals;
use crate::causes::view::{
    affected_by, affected_by_workload, condition, events_of, in_window, is_terminating, is_well,
    mentions, name_of, phase, pod_ref, reference, template_of, workload_of,
};
use crate::causes::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::query::get_query;
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;
use crate::snapshot::Objects;

fn pending<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Pod> + use<'a> {
    let pods = case.snapshot.objects.pods.iter();
    pods.filter(|pod| phase(pod) == "Pending" && !is_terminating(pod))
}

/// Finds pods held by scheduling gates.
pub(crate) fn gated(case: &Case<'_>, findings: &mut Findings) {
    for pod in pending(case) {
        let gates: Vec<String> = pod
            .spec
            .iter()
            .flat_map(|spec| spec.scheduling_gates.iter().flatten())
            .map(|gate| gate.name.clone())
            .collect();
        let told = condition(pod, "PodScheduled")
            .is_some_and(|(_, reason, _)| reason == "SchedulingGated");
        if gates.is_empty() && !told {
            continue;
        }
        let workload = workload_of(&case.snapshot.objects, pod);
        let names = if gates.is_empty() {
            "unknown".to_owned()
        } else {
            gates.join(", ")
        };
        findings.add(
            Finding::new(
                Cause::SchedulingGated,
                workload.clone(),
                Strength::Stated,
                format!("the pods of {workload} are held by scheduling gate {names} until its owner lifts it"),
            )
            .because([Draft::spec(pod_ref(pod), format!("scheduling gates: {names}"), Vec::new())])
            .explains(affected_by(&case.snapshot.objects, pod))
            .check(
                get_query(&pod_ref(pod)),
                "shows the gates and who set them",
            ),
        );
    }
}

/// Finds pods that ask for a scheduler which nobody runs.
pub(crate) fn custom_scheduler(case: &Case<'_>, findings: &mut Findings) {
    for pod in pending(case) {
        let Some(spec) = &pod.spec else { continue };
        let name = spec.scheduler_name.as_deref().unwrap_or_default();
        let placed = spec
            .node_name
            .as_deref()
            .is_some_and(|node| !node.is_empty());
        let heard = events_of(case, &pod_ref(pod))
            .any(|event| matches!(event.reason.as_str(), "Scheduled" | "FailedScheduling"));
        if matches!(name, "" | "default-scheduler") || placed || heard {
            continue;
        }
        let serves = case
            .snapshot
            .objects
            .pods
            .iter()
            .any(|other| is_well(other) && mentions(name_of(other), &[&name.to_lowercase()]));
        let workload = workload_of(&case.snapshot.objects, pod);
        findings.add(
            Finding::new(
                Cause::CustomSchedulerMissing,
                workload.clone(),
                if serves {
                    Strength::Hint
                } else {
                    Strength::Strong
                },
                format!(
                    "{workload} asks for scheduler {name}, which has not said a word about its pods"
                ),
            )
            .because([Draft::spec(
                pod_ref(pod),
                format!("schedulerName is {name}"),
                Vec::new(),
            )])
            .explains(affected_by(&case.snapshot.objects, pod))
            .check(
                "kubectl get pods -A",
                "shows whether a scheduler of that name runs",
            ),
        );
    }
}

/// Finds workloads that pin their pods to a node which does not exist.
pub(crate) fn unknown_node(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    if objects.nodes.is_empty() {
        return;
    }
    for pod in objects
        .pods
        .iter()
        .filter(|pod| !is_well(pod) && !is_terminating(pod))
    {
        let pinned = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let Some(node) = pinned.filter(|node| !node.is_empty()) else {
            continue;
        };
        let workload = workload_of(objects, pod);
        // A pod that was scheduled and lost its node is the node's story.
        let scheduled = events_of(case, &pod_ref(pod)).any(|event| event.reason == "Scheduled")
            || condition(pod, "PodScheduled").is_some_and(|(status, ..)| status == "True");
        let by_hand = template_of(objects, &workload)
            .is_some_and(|spec| spec.node_name.as_deref() == Some(node));
        if objects.nodes.get("", node).is_some() || (scheduled && !by_hand) {
            continue;
        }
        findings.add(
            Finding::new(
                Cause::NodeNameUnknown,
                workload.clone(),
                if by_hand {
                    Strength::Strong
                } else {
                    Strength::Likely
                },
                format!("{workload} pins its pods to node {node}, which does not exist"),
            )
            .because([Draft::spec(
                pod_ref(pod),
                format!("nodeName is {node}"),
                Vec::new(),
            )])
            .explains(affected_by(objects, pod))
            .check("kubectl get nodes", "shows which nodes exist"),
        );
    }
}

/// Finds workloads that lost pods to ones of higher priority.
pub(crate) fn preempted(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for event in case
        .facts
        .events
        .iter()
        .filter(|event| event.reason == "Preempted")
    {
        if !in_window(case, event.last) {
            continue;
        }
        let Some(workload) = workload_of_gone(objects, &event.object) else {
            continue;
        };
        if let Some(waiting) = waiting_pod(objects, &workload) {
            let draft = refusals(case, waiting)
                .first()
                .map(|event| Draft::event(event));
            findings.add(state_preempted(case, &workload, Draft::event(event), draft));
        }
    }
    for pod in &objects.pods {
        let disrupted = condition(pod, "DisruptionTarget")
            .filter(|(status, reason, _)| *status == "True" && *reason == "PreemptionByScheduler");
        if let Some((_, _, message)) = disrupted {
            let draft = Draft::status(
                pod_ref(pod),
                "condition DisruptionTarget: PreemptionByScheduler",
                vec![message.to_owned()],
            );
            findings.add(state_preempted(
                case,
                &workload_of(objects, pod),
                draft,
                None,
            ));
        }
    }
}

/// The word that a pod of `workload` was removed for another one of late.
pub(super) fn preemption_of(case: &Case<'_>, workload: &ObjectRef) -> Option<Draft> {
    let objects = &case.snapshot.objects;
    let event = case.facts.events.iter().find(|event| {
        event.reason == "Preempted"
            && in_window(case, event.last)
            && workload_of_gone(objects, &event.object).as_ref() == Some(workload)
    })?;
    Some(Draft::event(event))
}

/// The workload of a pod that is gone: its name is the workload's and two suffixes, or one.
fn workload_of_gone(objects: &Objects, pod: &ObjectRef) -> Option<ObjectRef> {
    let namespace = pod.namespace.as_deref().unwrap_or_default();
    if let Some(pod) = objects.pods.get(namespace, &pod.name) {
        return Some(workload_of(objects, pod));
    }
    let (set, _) = pod.name.rsplit_once('-')?;
    if let Some(set) = objects.stateful_sets.get(namespace, set) {
        return Some(reference("StatefulSet", set));
    }
    let (deployment, _) = set.rsplit_once('-')?;
    objects
        .deployments
        .get(namespace, deployment)
        .map(|deployment| reference("Deployment", deployment))
}

fn waiting_pod<'a>(objects: &'a Objects, workload: &ObjectRef) -> Option<&'a Pod> {
    crate::causes::view::pods_of(objects, workload)
        .into_iter()
        .find(|pod| phase(pod) == "Pending")
}

fn state_preempted(
    case: &Case<'_>,
    workload: &ObjectRef,
    draft: Draft,
    waiting: Option<Draft>,
) -> Finding {
    let at = draft.at;
    Finding::new(
        Cause::Preempted,
        workload.clone(),
        Strength::Stated,
        format!("a pod of {workload} was removed to make room for one of higher priority"),
    )
    .because([draft])
    .because(waiting)
    .since(at)
    .explains(affected_by_workload(&case.snapshot.objects, workload))
    .check("kubectl get priorityclasses", "shows who outranks whom")
    .check(
        format!("kubectl get pods -o wide{}", namespace_flag(workload)),
        "shows whether the replacement found a node",
    )
}
