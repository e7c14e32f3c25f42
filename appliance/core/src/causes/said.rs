//! What the cluster says in words about a pod or a controller.
//!
//! Waiting and terminated states, conditions and events carry the same
//! messages; which of them survived until the capture differs. They are read
//! through one list, so that an analyzer needs one table of fragments.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use super::Case;
use super::view::{
    container_statuses, live_events, live_events_of, mentions, pod_ref, reference, replicas,
    root_of, waiting,
};
use crate::evidence::Draft;
use crate::facts::EventFold;
use crate::object::ObjectRef;

/// Reasons under which a controller reports that creating failed.
const REFUSED: &[&str] = &["FailedCreate", "ReplicaSetCreateError", "FailedCreatePod"];

/// One message with the reason it came under and the evidence for it.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    /// CamelCase reason of the event, state or condition.
    pub(crate) reason: String,
    /// The message; untrusted text.
    pub(crate) text: String,
    /// Container it is about, empty when it is about the whole object.
    pub(crate) container: String,
    /// When it was last said.
    pub(crate) at: Option<Timestamp>,
    /// When it was first said.
    pub(crate) since: Option<Timestamp>,
    /// The evidence.
    pub(crate) draft: Draft,
}

impl Said {
    /// Whether the message holds one of `fragments` (lower case).
    pub(crate) fn mentions(&self, fragments: &[&str]) -> bool {
        mentions(&self.text, fragments)
    }

    /// Whether it came under one of `reasons`.
    pub(crate) fn is(&self, reasons: &[&str]) -> bool {
        reasons.contains(&self.reason.as_str())
    }
}

/// What is said about `pod`: states first, then conditions, then live events.
pub(crate) fn about_pod(case: &Case<'_>, pod: &Pod) -> Vec<Said> {
    let object = pod_ref(pod);
    let mut said = Vec::new();
    for status in container_statuses(pod) {
        said.extend(of_container(&object, status));
    }
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    for condition in conditions {
        let message = condition.message.clone().unwrap_or_default();
        if condition.status == "True" || message.is_empty() {
            continue;
        }
        let reason = condition.reason.clone().unwrap_or_default();
        let at = condition.last_transition_time.as_ref().map(|time| time.0);
        let title = format!(
            "condition {} is {}: {reason}",
            condition.type_, condition.status
        );
        said.push(Said {
            draft: Draft::status(object.clone(), title, vec![message.clone()]).at(at),
            reason,
            text: message,
            container: String::new(),
            at,
            since: at,
        });
    }
    said.extend(in_events(case, &object));
    said
}

/// Pods (or claims) that a controller wanted and the API server refused.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    /// The controller that tried: a `ReplicaSet`, `StatefulSet`, `Job`, ….
    pub(crate) controller: ObjectRef,
    /// The workload above it.
    pub(crate) workload: ObjectRef,
    /// What was said, newest first; the condition may carry no message.
    pub(crate) said: Vec<Said>,
}

/// Every controller that is refused its pods right now.
pub(crate) fn refusals(case: &Case<'_>) -> Vec<Refusal> {
    let objects = &case.snapshot.objects;
    let mut refusals: BTreeMap<ObjectRef, Vec<Said>> = BTreeMap::new();
    for event in live_events(case).filter(|event| REFUSED.contains(&event.reason.as_str())) {
        let said = refusals.entry(event.object.clone()).or_default();
        said.push(from_event(event));
    }
    for set in &objects.replica_sets {
        let object = reference("ReplicaSet", set);
        let conditions = set
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default();
        let short = replicas(objects, &object).is_some_and(|(wanted, made)| made < wanted);
        for condition in conditions.iter().filter(|condition| {
            short
                && condition.type_.as_deref() == Some("ReplicaFailure")
                && condition.status.as_deref() == Some("True")
        }) {
            let reason = condition.reason.clone().unwrap_or_default();
            let message = condition.message.clone().unwrap_or_default();
            let at = condition.last_transition_time.as_ref().map(|time| time.0);
            let lines = Vec::from_iter((!message.is_empty()).then(|| message.clone()));
            let title = format!("condition ReplicaFailure: {reason}");
            refusals.entry(object.clone()).or_default().push(Said {
                draft: Draft::status(object.clone(), title, lines).at(at),
                reason,
                text: message,
                container: String::new(),
                at,
                since: at,
            });
        }
    }
    refusals
        .into_iter()
        .map(|(controller, said)| Refusal {
            workload: root_of(objects, &controller),
            controller,
            said,
        })
        .collect()
}

fn in_events<'a>(case: &Case<'a>, object: &ObjectRef) -> impl Iterator<Item = Said> + use<'a> {
    live_events_of(case, object)
        .filter(|event| event.event_type != "Normal")
        .map(from_event)
}

fn from_event(event: &EventFold) -> Said {
    Said {
        reason: event.reason.clone(),
        text: event.message.clone(),
        container: String::new(),
        at: event.last,
        since: event.first,
        draft: Draft::event(event),
    }
}

fn of_container(pod: &ObjectRef, status: &ContainerStatus) -> Vec<Said> {
    let mut said = Vec::new();
    if let Some((reason, message)) = waiting(status) {
        let title = format!("container {} waits: {reason}", status.name);
        said.push(from_state(pod, status, title, reason, message, None));
    }
    let current = status
        .state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    let last = status
        .last_state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    for ended in current.into_iter().chain(last) {
        said.push(of_end(pod, status, ended));
    }
    said
}

fn of_end(pod: &ObjectRef, status: &ContainerStatus, ended: &ContainerStateTerminated) -> Said {
    let reason = ended.reason.as_deref().unwrap_or_default();
    let title = format!(
        "container {} ended: {reason}, exit code {}",
        status.name, ended.exit_code
    );
    let message = ended.message.as_deref().unwrap_or_default();
    let at = ended.finished_at.as_ref().map(|time| time.0);
    from_state(pod, status, title, reason, message, at)
}

fn from_state(
    pod: &ObjectRef,
    status: &ContainerStatus,
    title: String,
    reason: &str,
    message: &str,
    at: Option<Timestamp>,
) -> Said {
    let lines = if message.is_empty() {
        Vec::new()
    } else {
        vec![message.to_owned()]
    };
    Said {
        reason: reason.to_owned(),
        text: message.to_owned(),
        container: status.name.clone(),
        at,
        since: at,
        draft: Draft::status(pod.clone(), title, lines).at(at),
    }
}
