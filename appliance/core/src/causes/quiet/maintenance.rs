//! Work on nodes that somebody announced, and limits that are only close.
//!
//! A drain that its tool marked on the node explains pods that move; a cordon
//! that nobody explains is [`crate::causes::node`]'s. A quota that is almost
//! full refuses nothing yet.

use k8s_openapi::api::core::v1::{Node, ResourceQuota};

use crate::causes::quantity::value;
use crate::causes::subject::all_named;
use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// Parts of the annotations, labels and taints that maintenance tools leave:
/// kured, system-upgrade-controller, Cluster API, the node maintenance
/// operator, medik8s, and people.
const MARKS: [&str; 9] = [
    "reboot-in-progress",
    "maintenance",
    "upgrade.cattle.io",
    "upgrade-in-progress",
    "medik8s.io",
    "drain-in-progress",
    "machineconfiguration.openshift.io/desireddrain",
    "talos.dev/upgrade",
    "os-update",
];

/// Alerts about limits that are close and not reached.
const ADVICE: [&str; 5] = [
    "KubeQuotaAlmostFull",
    "KubeQuotaFullyUsed",
    "KubeCPUQuotaOvercommit",
    "KubeMemoryQuotaOvercommit",
    "KubeletTooManyPods",
];

/// Share of a quota from which it is almost full.
const ALMOST: f64 = 0.85;

/// Finds nodes under announced maintenance that the alert touches.
pub(super) fn planned(case: &Case<'_>, findings: &mut Findings) {
    for node in &case.snapshot.objects.nodes {
        let cordoned = node
            .spec
            .as_ref()
            .is_some_and(|spec| spec.unschedulable == Some(true));
        let Some(mark) = mark_of(node).filter(|_| cordoned) else {
            continue;
        };
        let object = ObjectRef::cluster("Node", view::name_of(node));
        if touches(case, &object) {
            findings.add(maintenance(case, object, &mark));
        }
    }
}

fn maintenance(case: &Case<'_>, object: ObjectRef, mark: &str) -> Finding {
    let change = case
        .facts
        .changes
        .iter()
        .find(|change| change.object == object);
    let statement = format!("{object} is cordoned for maintenance ({mark}).");
    let title = format!("is cordoned and marked {mark}");
    let moved = moved_pods(case, &object);
    Finding::new(
        Cause::PlannedMaintenance,
        object.clone(),
        Strength::Strong,
        statement,
    )
    .because([Draft::spec(object, title, Vec::new())])
    .because(change.map(Draft::change))
    .since(change.map(|change| change.at))
    .explains(moved)
}

/// The annotation, label or taint that says the node is worked on.
fn mark_of(node: &Node) -> Option<String> {
    let meta = &node.metadata;
    let annotations = meta.annotations.iter().flatten();
    let labels = meta.labels.iter().flatten();
    let spoken = annotations
        .chain(labels)
        .filter(|(_, value)| !matches!(value.as_str(), "false" | "none" | "idle" | "Done"))
        .map(|(key, _)| key.clone());
    let taints = node
        .spec
        .iter()
        .flat_map(|spec| spec.taints.iter().flatten())
        .map(|taint| taint.key.clone());
    spoken.chain(taints).find(|key| view::mentions(key, &MARKS))
}

/// The alert is about the node, or about pods that were evicted from it.
fn touches(case: &Case<'_>, node: &ObjectRef) -> bool {
    let moved = moved_pods(case, node);
    case.subjects.contains(node)
        || case.subjects.iter().any(|subject| {
            moved.contains(subject)
                || moved.contains(&view::root_of(&case.snapshot.objects, subject))
        })
}

/// Pods of the node that are going, and the workloads of those evicted.
fn moved_pods(case: &Case<'_>, node: &ObjectRef) -> Vec<ObjectRef> {
    let objects = &case.snapshot.objects;
    let evicted = |pod: &k8s_openapi::api::core::v1::Pod| {
        view::is_terminating(pod)
            || view::condition(pod, "DisruptionTarget").is_some_and(|(status, reason, _)| {
                status == "True" && reason == "EvictionByEvictionAPI"
            })
    };
    let going = objects.pods.iter().filter(|pod| {
        let on = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        on == Some(node.name.as_str()) && evicted(pod)
    });
    going
        .flat_map(|pod| [view::pod_ref(pod), view::workload_of(objects, pod)])
        .collect()
}

/// Finds quotas that the alert calls almost full and that refuse nothing.
pub(super) fn advice(case: &Case<'_>, findings: &mut Findings) {
    if !all_named(case, &ADVICE) {
        return;
    }
    let refused = case.facts.events.iter().any(|event| {
        view::mentions(&event.message, &["exceeded quota"]) && view::in_window(case, event.last)
    });
    if refused {
        return;
    }
    for quota in &case.snapshot.objects.resource_quotas {
        let object = view::reference("ResourceQuota", quota);
        let own = ObjectRef::cluster("Namespace", view::namespace_of(quota));
        let asked = case.subjects.contains(&object) || case.subjects.contains(&own);
        if let Some((resource, share)) = fullest(quota).filter(|_| asked) {
            let percent = share * 100.0;
            let statement = format!(
                "{object} is {percent:.0} % full in {resource}; nothing was refused so far."
            );
            let title = format!("{resource} is {percent:.0} % used");
            findings.add(
                Finding::new(
                    Cause::CapacityAdvice,
                    object.clone(),
                    Strength::Strong,
                    statement,
                )
                .because([Draft::status(object, title, Vec::new())]),
            );
        }
    }
}

/// The resource of which the largest share is used.
fn fullest(quota: &ResourceQuota) -> Option<(String, f64)> {
    let status = quota.status.as_ref()?;
    let (hard, used) = (status.hard.as_ref()?, status.used.as_ref()?);
    hard.iter()
        .filter_map(|(resource, hard)| {
            let share = value(used.get(resource)?) / value(hard);
            (share.is_finite() && share >= ALMOST).then(|| (resource.clone(), share))
        })
        .max_by(|a, b| a.1.total_cmp(&b.1))
}
