//! Pods that no node takes.
//!
//! The scheduler's message counts why each node was refused, but not which of
//! the reasons decides: a cordoned control plane is background noise on most
//! sites. So the fit of the pod is computed again from the objects ([`fit`]),
//! the message is read beside it ([`message`]), and [`decide`] names the one
//! reason whose removal would let the pod run. Why a claim is not bound is
//! [`super::storage`]'s; here it only ends the search.
//!
//! Convention: the object is the workload that cannot be placed, since its
//! placement and the nodes have to agree; the statement names the nodes.

mod decide;
mod fit;
mod message;
mod neighbours;
mod scheduler;
mod special;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod wordings;

use k8s_openapi::api::core::v1::Pod;

use self::decide::{Decision, decide};
use self::fit::{Cluster, Kind};
use super::quota;
use super::storage;
use super::view::{
    affected_by, claim_names, condition, events_of, is_terminating, mentions, namespace_of, phase,
    pod_ref, reference, workload_of,
};
use super::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::Draft;
use crate::evidence::query::{describe_query, operand, shell_word};
use crate::facts::EventFold;
use crate::object::ObjectRef;

pub(super) use self::scheduler::scheduler_down;
pub(super) use self::special::{custom_scheduler, gated, preempted, unknown_node};

/// Finds the decisive reason why a workload's pods are not placed.
pub(super) fn unplaced(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let mut cluster = None;
    let mut seen: Vec<ObjectRef> = Vec::new();
    for pod in objects.pods.iter().filter(|pod| waits_for_node(case, pod)) {
        let workload = workload_of(objects, pod);
        if seen.contains(&workload) {
            continue;
        }
        if waits_for_claim(case, pod, &workload, findings) {
            seen.push(workload);
            continue;
        }
        let cluster = cluster.get_or_insert_with(|| Cluster::of(objects));
        if let Some(decision) = decide(case, cluster, pod) {
            // Who lost its place to another pod had room before that.
            let lost = is_about_room(decision.kind)
                .then(|| special::preemption_of(case, &workload))
                .flatten();
            match lost {
                Some(draft) => findings.exclude(cause_of(&decision), workload.clone(), vec![draft]),
                None => state(case, cluster, pod, &workload, &decision, findings),
            }
            seen.push(workload);
        }
    }
}

fn is_about_room(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Cpu | Kind::Memory | Kind::Resources | Kind::Pods
    )
}

/// Whether the scheduler has not found a node for this pod yet.
fn waits_for_node(case: &Case<'_>, pod: &Pod) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let placed = spec
        .node_name
        .as_deref()
        .is_some_and(|name| !name.is_empty())
        || condition(pod, "PodScheduled").is_some_and(|(status, ..)| status == "True")
        || events_of(case, &pod_ref(pod)).any(|event| event.reason == "Scheduled");
    let gated = spec
        .scheduling_gates
        .as_ref()
        .is_some_and(|gates| !gates.is_empty());
    phase(pod) == "Pending" && !placed && !gated && !is_terminating(pod)
}

/// What the scheduler said about this pod, newest first.
fn refusals<'a>(case: &Case<'a>, pod: &Pod) -> Vec<&'a EventFold> {
    events_of(case, &pod_ref(pod))
        .filter(|event| event.reason == "FailedScheduling")
        .filter(|event| !mentions(&event.message, &["skip schedule deleting pod"]))
        .collect()
}

/// The scheduler's newest message and its evidence, from an event or the pod's condition.
fn scheduler_says(case: &Case<'_>, pod: &Pod) -> Option<(String, Draft)> {
    if let Some(event) = refusals(case, pod).first() {
        return Some((event.message.clone(), Draft::event(event)));
    }
    let (status, reason, message) = condition(pod, "PodScheduled")?;
    if status == "True" || message.is_empty() {
        return None;
    }
    let draft = Draft::status(
        pod_ref(pod),
        format!("condition PodScheduled: {reason}"),
        vec![message.to_owned()],
    );
    Some((message.to_owned(), draft))
}

/// States that a claim keeps the pod waiting, unless its own cause is stated elsewhere.
fn waits_for_claim(
    case: &Case<'_>,
    pod: &Pod,
    workload: &ObjectRef,
    findings: &mut Findings,
) -> bool {
    let objects = &case.snapshot.objects;
    let namespace = namespace_of(pod);
    let said = scheduler_says(case, pod);
    let stated = said.as_ref().is_some_and(|(text, _)| {
        mentions(
            text,
            &[
                "unbound immediate persistentvolumeclaim",
                "unbound persistentvolumeclaim",
            ],
        ) || (mentions(text, &["persistentvolumeclaim"]) && mentions(text, &["not found"]))
    });
    let missing = quota::missing_claims(case, pod);
    let unexplained_by_quota = missing
        .iter()
        .filter(|_| !quota::has_storage_quota(case, namespace));
    let mut waits = stated || !missing.is_empty();
    let mut culprits: Vec<(String, &str)> = unexplained_by_quota
        .map(|claim| (claim.clone(), "does not exist"))
        .collect();
    for claim in pod.spec.as_ref().map(claim_names).unwrap_or_default() {
        if storage::is_explained(case, namespace, &claim) {
            waits = true;
        } else if stated && storage::is_unbound(objects, namespace, &claim) {
            culprits.push((claim, "is not bound"));
        }
    }
    for (claim, what) in culprits {
        let object = ObjectRef::namespaced("PersistentVolumeClaim", namespace, &claim);
        let title = format!("mounts PersistentVolumeClaim {claim}, which {what}");
        findings.add(
            Finding::new(
                Cause::PvcUnbound,
                workload.clone(),
                if stated { Strength::Strong } else { Strength::Likely },
                format!("{workload} mounts PersistentVolumeClaim {claim}, which {what}, so its pods are not placed"),
            )
            .because(said.iter().map(|(_, draft)| draft.clone()))
            .because([Draft::spec(pod_ref(pod), title, Vec::new())])
            .explains(affected_by(objects, pod))
            .check(
                describe_query(&object),
                "shows whether the claim exists and what it waits for",
            ),
        );
    }
    waits
}

fn cause_of(decision: &Decision) -> Cause {
    match decision.kind {
        Kind::Selector => Cause::NodeSelectorMismatch,
        Kind::Affinity => Cause::NodeAffinityMismatch,
        Kind::Placement | Kind::PodAffinity => Cause::NodePlacementMismatch,
        Kind::Cordoned => Cause::NodeCordoned,
        Kind::Taint => Cause::UntoleratedTaint,
        Kind::HostPort => Cause::HostPortTaken,
        Kind::Pods => Cause::TooManyPods,
        Kind::Cpu => Cause::InsufficientCpu,
        Kind::Memory => Cause::InsufficientMemory,
        Kind::Resources => Cause::InsufficientResources,
        Kind::Extended => Cause::InsufficientExtendedResource,
        Kind::AntiAffinity => Cause::PodAntiAffinity,
        Kind::Spread => Cause::TopologySpreadConstraint,
        Kind::VolumeNode => Cause::VolumeNodeAffinity,
        Kind::MaxVolumes => Cause::MaxVolumesPerNode,
    }
}

fn state(
    case: &Case<'_>,
    cluster: &Cluster<'_>,
    pod: &Pod,
    workload: &ObjectRef,
    decision: &Decision,
    findings: &mut Findings,
) {
    let cause = cause_of(decision);
    let object = pod_ref(pod);
    let said = scheduler_says(case, pod);
    let mut finding = Finding::new(
        cause,
        workload.clone(),
        decision.strength,
        format!("{workload} is not placed: {}", decision.detail),
    )
    .because(said.into_iter().map(|(_, draft)| draft))
    .because([Draft::spec(
        object.clone(),
        decision.wants.clone(),
        Vec::new(),
    )])
    .because(decision.nodes.iter().take(3).map(|(node, why)| {
        Draft::status(
            ObjectRef::cluster("Node", node.as_str()),
            why.clone(),
            Vec::new(),
        )
    }))
    .explains(affected_by(&case.snapshot.objects, pod))
    .explains(siblings(case, workload))
    .check(
        describe_query(&object),
        "shows the scheduler's reasons and the pod's rules",
    )
    .check(
        "kubectl get nodes --show-labels",
        "shows which nodes could serve it",
    );
    for event in refusals(case, pod) {
        finding = finding.since(event.first.or(event.last));
    }
    finding = repairs(finding, cluster, decision);
    findings.add(finding);
    rule_out(pod, workload, decision, findings);
}

/// The other pods of the workload that wait for a node.
fn siblings(case: &Case<'_>, workload: &ObjectRef) -> Vec<ObjectRef> {
    let objects = &case.snapshot.objects;
    super::view::pods_of(objects, workload)
        .into_iter()
        .filter(|pod| waits_for_node(case, pod))
        .map(|pod| reference("Pod", pod))
        .collect()
}

/// Repairs that one command takes back again.
fn repairs(mut finding: Finding, cluster: &Cluster<'_>, decision: &Decision) -> Finding {
    for (node, _) in decision.nodes.iter().take(3) {
        match decision.kind {
            Kind::Cordoned => {
                finding = finding.repair(
                    format!("kubectl uncordon {}", operand(node)),
                    format!("kubectl cordon {}", operand(node)),
                    "lets new pods be placed on the node; ask first why it was cordoned",
                );
            }
            Kind::Taint => {
                for taint in cluster.taints(node) {
                    let value = taint.value.as_deref().unwrap_or_default();
                    let (key, effect) = (&taint.key, &taint.effect);
                    let place = operand(node);
                    finding = finding.repair(
                        format!(
                            "kubectl taint nodes {place} {}",
                            shell_word(&format!("{key}:{effect}-"))
                        ),
                        format!(
                            "kubectl taint nodes {place} {}",
                            shell_word(&format!("{key}={value}:{effect}"))
                        ),
                        "removes the taint; a toleration keeps other pods out",
                    );
                }
            }
            _ => {}
        }
    }
    finding
}

/// The reasons that were seen as well, but would not help if they went.
fn rule_out(pod: &Pod, workload: &ObjectRef, decision: &Decision, findings: &mut Findings) {
    for (kind, why) in &decision.background {
        let other = Decision {
            kind: *kind,
            ..decision.clone()
        };
        let draft = Draft::spec(pod_ref(pod), why.clone(), Vec::new());
        if cause_of(&other) != cause_of(decision) {
            findings.exclude(cause_of(&other), workload.clone(), vec![draft]);
        }
    }
}
