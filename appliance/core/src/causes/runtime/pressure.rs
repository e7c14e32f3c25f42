//! Pods that the kubelet evicted, and pods that will not go.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Node, Pod};

use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// How long after its grace period a pod may take to go.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);

/// Finds evicted pods: by their own limit, or by pressure on the node.
pub(super) fn evicted(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for pod in &objects.pods {
        let Some(status) = pod.status.as_ref() else {
            continue;
        };
        if status.reason.as_deref() != Some("Evicted") {
            continue;
        }
        let start = status.start_time.as_ref().map(|time| time.0);
        let at = view::events_of(case, &view::pod_ref(pod))
            .find(|event| event.reason == "Evicted")
            .and_then(|event| event.last)
            .or(start);
        if !view::in_window(case, at) {
            continue;
        }
        let message = status.message.clone().unwrap_or_default();
        let workload = view::workload_of(objects, pod);
        let own_limit = view::mentions(
            &message,
            &[
                "exceeds the total limit",
                "exceeds the limit",
                "exceeded its local ephemeral storage",
            ],
        );
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        let cause = if own_limit {
            Cause::EphemeralLimit
        } else {
            Cause::EvictedPressure
        };
        let statement = if own_limit {
            format!("Pods of {workload} write more to local storage than their limit allows.")
        } else {
            format!(
                "Pods of {workload} were evicted because node {} ran low.",
                node.unwrap_or("(unknown)")
            )
        };
        let title = format!("evicted: {}", first_line(&message));
        let draft = Draft::status(view::pod_ref(pod), title, vec![message]).at(at);
        findings.add(
            Finding::new(cause, workload, Strength::Stated, statement)
                .because([draft])
                .since(at)
                .explains(view::affected_by(objects, pod)),
        );
    }
}

/// Finds pods whose deletion does not end.
pub(super) fn terminating(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for pod in objects.pods.iter().filter(|pod| view::is_terminating(pod)) {
        let Some(asked) = pod.metadata.deletion_timestamp.as_ref() else {
            continue;
        };
        // The timestamp already lies the grace period after the request.
        if case.snapshot.captured_at - PATIENCE < asked.0 {
            continue;
        }
        let finalizers = pod.metadata.finalizers.clone().unwrap_or_default();
        let node = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.node_name.as_deref())
            .and_then(|name| objects.nodes.get("", name));
        let lost = node.is_some_and(|node| !node_is_ready(node));
        let why = if !finalizers.is_empty() {
            format!("finalizers {} are not removed", finalizers.join(", "))
        } else if lost {
            "its node does not answer".to_owned()
        } else {
            "the kubelet does not finish it".to_owned()
        };
        let statement = format!("Pod {} does not terminate: {why}.", view::name_of(pod));
        let draft = Draft::status(
            view::pod_ref(pod),
            format!("terminating: {why}"),
            finalizers,
        )
        .at(Some(asked.0));
        findings.add(
            Finding::new(
                Cause::StuckTerminating,
                view::pod_ref(pod),
                Strength::Likely,
                statement,
            )
            .because([draft])
            .since(Some(asked.0))
            .explains(owners(case, pod)),
        );
    }
}

fn owners(case: &Case<'_>, pod: &Pod) -> [ObjectRef; 1] {
    [view::workload_of(&case.snapshot.objects, pod)]
}

fn node_is_ready(node: &Node) -> bool {
    let conditions = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn first_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(160)
        .collect()
}
