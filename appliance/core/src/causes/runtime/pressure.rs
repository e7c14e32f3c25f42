//! Pods that the kubelet evicted: by their own limit, or for the node's sake.

use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;

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

fn first_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(160)
        .collect()
}
