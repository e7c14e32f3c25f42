//! Causes in the control plane: scheduler, controller manager, API server, etcd.
//!
//! Decided by what they leave undone (pods that nobody schedules, objects
//! that nobody observes), by their pods and by their leases; systemd units
//! are read by the node family.

mod alerts;
mod api;
mod etcd;
#[cfg(test)]
mod tests;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Pod;

use super::{Analyzer, Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// The analyzers of this family.
pub(crate) const ANALYZERS: &[Analyzer] = &[
    components,
    unscheduled,
    alerts::analyze,
    api::analyze,
    etcd::analyze,
];

/// A leader renews its lease every two seconds; far older means no leader.
const LEASE_STALE: SignedDuration = SignedDuration::from_secs(60);

/// How long a pod may wait for its first scheduling attempt.
const ATTEMPT: SignedDuration = SignedDuration::from_secs(30);

const COMPONENTS: [(&str, Cause); 2] = [
    ("kube-scheduler", Cause::SchedulerDown),
    ("kube-controller-manager", Cause::ControllerManagerDown),
];

/// Component pods that are unwell, and leader leases that went stale.
fn components(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for (name, cause) in COMPONENTS {
        let pods: Vec<&Pod> = objects
            .pods
            .in_namespace("kube-system")
            .filter(|pod| view::name_of(*pod).starts_with(name))
            .collect();
        let down = !pods.is_empty() && pods.iter().all(|pod| !view::is_well(pod));
        let lease = objects
            .leases
            .get("kube-system", name)
            .and_then(|lease| lease.spec.as_ref()?.renew_time.as_ref())
            .map(|renewed| renewed.0)
            .filter(|renewed| case.snapshot.captured_at - LEASE_STALE > *renewed);
        let lease_draft = lease.map(|renewed| {
            let object = ObjectRef::namespaced("Lease", "kube-system", name);
            Draft::status(
                object,
                format!("leader lease was last renewed at {renewed}"),
                Vec::new(),
            )
            .at(Some(renewed))
        });
        let pod_drafts = pods.iter().filter(|_| down).map(|pod| {
            let title = format!("{name} pod is {}", view::phase(pod));
            Draft::status(view::pod_ref(pod), title, Vec::new())
        });
        if !down && lease.is_none() {
            continue;
        }
        let object = component_object(case, name, &pods);
        let strength = if down && lease.is_some() {
            Strength::Stated
        } else {
            Strength::Strong
        };
        let statement = format!("{name} does not run.");
        findings.add(
            Finding::new(cause, object, strength, statement)
                .because(pod_drafts)
                .because(lease_draft)
                .since(lease)
                .explains(waiting_pods(case).iter().map(|pod| view::pod_ref(pod))),
        );
    }
}

/// The node a component runs on, when there is one; else its pod or lease.
fn component_object(case: &Case<'_>, name: &str, pods: &[&Pod]) -> ObjectRef {
    let node = pods
        .iter()
        .find_map(|pod| pod.spec.as_ref()?.node_name.clone())
        .or_else(|| control_plane_node(case));
    node.map_or_else(
        || {
            pods.first().map_or_else(
                || ObjectRef::namespaced("Lease", "kube-system", name),
                |pod| view::pod_ref(pod),
            )
        },
        |node| ObjectRef::cluster("Node", node),
    )
}

/// The only node with a control-plane role.
fn control_plane_node(case: &Case<'_>) -> Option<String> {
    let mut nodes = case.snapshot.objects.nodes.iter().filter(|node| {
        let labels = node.metadata.labels.as_ref();
        labels.is_some_and(|labels| {
            [
                "node-role.kubernetes.io/control-plane",
                "node-role.kubernetes.io/master",
            ]
            .iter()
            .any(|role| labels.contains_key(*role))
                || labels
                    .get("kubernetes.io/role")
                    .is_some_and(|role| role == "master")
        })
    });
    let first = nodes.next()?;
    nodes
        .next()
        .is_none()
        .then(|| view::name_of(first).to_owned())
}

/// Pods that wait without node and without any word of the scheduler.
fn waiting_pods<'a>(case: &Case<'a>) -> Vec<&'a Pod> {
    let objects = &case.snapshot.objects;
    objects
        .pods
        .iter()
        .filter(|pod| view::phase(pod) == "Pending" && !view::is_terminating(pod))
        .filter(|pod| {
            let spec = pod.spec.as_ref();
            let scheduler = spec.and_then(|spec| spec.scheduler_name.as_deref());
            spec.is_none_or(|spec| spec.node_name.is_none() && spec.scheduling_gates.is_none())
                && scheduler.is_none_or(|name| name == "default-scheduler")
        })
        .filter(|pod| {
            let created = pod.metadata.creation_timestamp.as_ref();
            created.is_none_or(|at| case.snapshot.captured_at - ATTEMPT > at.0)
        })
        .filter(|pod| {
            view::condition(pod, "PodScheduled").is_none_or(|(.., message)| message.is_empty())
        })
        .filter(|pod| {
            !view::events_of(case, &view::pod_ref(pod))
                .any(|event| matches!(event.reason.as_str(), "FailedScheduling" | "Scheduled"))
        })
        .collect()
}

/// Nobody even tries to schedule: the scheduler is not there.
fn unscheduled(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let waiting: Vec<&Pod> = waiting_pods(case)
        .into_iter()
        .filter(|pod| objects.events.captured_in(view::namespace_of(*pod)))
        .collect();
    let Some(first) = waiting.first() else { return };
    let object = component_object(case, "kube-scheduler", &scheduler_pods(case));
    let workloads = waiting
        .iter()
        .flat_map(|pod| view::affected_by(objects, pod));
    let strength = if waiting.len() >= 2 {
        Strength::Strong
    } else {
        Strength::Likely
    };
    let statement = format!(
        "{} pods wait and no scheduler has tried to place them.",
        waiting.len()
    );
    let drafts = waiting.iter().take(4).map(|pod| {
        Draft::status(
            view::pod_ref(pod),
            "Pending, without node and without any FailedScheduling event",
            Vec::new(),
        )
    });
    if object.kind == "Lease"
        && objects
            .leases
            .get("kube-system", "kube-scheduler")
            .is_none()
    {
        // Nothing of the scheduler was captured; the first waiting pod stands for it.
        let object = view::pod_ref(first);
        findings.add(
            Finding::new(Cause::SchedulerDown, object, Strength::Likely, statement)
                .because(drafts)
                .explains(workloads),
        );
        return;
    }
    findings.add(
        Finding::new(Cause::SchedulerDown, object, strength, statement)
            .because(drafts)
            .explains(workloads),
    );
}

fn scheduler_pods<'a>(case: &Case<'a>) -> Vec<&'a Pod> {
    case.snapshot
        .objects
        .pods
        .iter()
        .filter(|pod| view::name_of(*pod).starts_with("kube-scheduler"))
        .collect()
}
