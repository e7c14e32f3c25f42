//! The cluster's own parts: their pods, what those say, how they are.
//!
//! A part is known by the names its releases give it, in labels or in the
//! pods' names, in whichever namespace a site installs it.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::Pod;

use super::{Case, view};
use crate::evidence::Draft;
use crate::facts::LogTemplate;
use crate::object::ObjectRef;

/// Labels that say what a pod is part of.
const LABELS: [&str; 6] = [
    "app.kubernetes.io/name",
    "app.kubernetes.io/component",
    "k8s-app",
    "app",
    "component",
    "name",
];

/// The pods of the part of one of those names, in name order of the snapshot.
pub(crate) fn pods<'a>(case: &Case<'a>, names: &[&str]) -> Vec<&'a Pod> {
    let pods = case.snapshot.objects.pods.iter();
    pods.filter(|pod| is_part(pod, names) && !view::is_terminating(pod))
        .collect()
}

fn is_part(pod: &Pod, names: &[&str]) -> bool {
    let own = view::name_of(pod);
    let labels = pod.metadata.labels.as_ref();
    names.iter().any(|name| {
        own == *name
            || own
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('-'))
            || LABELS.iter().any(|label| {
                labels.is_some_and(|all| all.get(*label).is_some_and(|value| value == name))
            })
    })
}

/// The same by workload: a site may run a part more than once.
pub(crate) fn groups<'a>(case: &Case<'a>, names: &[&str]) -> BTreeMap<ObjectRef, Vec<&'a Pod>> {
    let mut groups: BTreeMap<ObjectRef, Vec<&Pod>> = BTreeMap::new();
    for pod in pods(case, names) {
        let workload = view::workload_of(&case.snapshot.objects, pod);
        groups.entry(workload).or_default().push(pod);
    }
    groups
}

/// The recent log shapes of those pods that hold one of `fragments` (lower case).
pub(crate) fn said<'a>(case: &Case<'a>, pods: &[&Pod], fragments: &[&str]) -> Vec<&'a LogTemplate> {
    let wanted: BTreeSet<ObjectRef> = pods.iter().map(|pod| view::pod_ref(pod)).collect();
    case.facts
        .logs
        .iter()
        .filter(|log| wanted.contains(&log.pod))
        .filter(|log| view::in_window(case, log.last))
        .filter(|log| view::mentions(&log.exemplar, fragments))
        .collect()
}

/// Evidence of how a pod is.
pub(crate) fn state(pod: &Pod) -> Draft {
    let waiting = view::container_statuses(pod).find_map(|status| {
        let (reason, _) = view::waiting(status)?;
        Some(format!(", container {} waits: {reason}", status.name))
    });
    let ready = if view::is_well(pod) {
        "ready"
    } else {
        "not ready"
    };
    let title = format!(
        "pod is {} and {ready}{}",
        view::phase(pod),
        waiting.unwrap_or_default()
    );
    Draft::status(view::pod_ref(pod), title, Vec::new())
}

/// The workload of the first of those pods.
pub(crate) fn workload(case: &Case<'_>, pods: &[&Pod]) -> Option<ObjectRef> {
    let pod = pods.first()?;
    Some(view::workload_of(&case.snapshot.objects, pod))
}

/// Stands for the control plane where nothing of it was captured.
pub(crate) fn control_plane() -> ObjectRef {
    ObjectRef::cluster("Namespace", "kube-system")
}
