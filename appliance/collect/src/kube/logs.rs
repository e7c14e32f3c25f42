//! Which container logs matter, and how much of each.
//!
//! Decides the order: the subjects' pods, then pods that are not ready or
//! restart, then their neighbors. Leaves reading to the caller's budget.

use std::collections::BTreeSet;

use appliance_core::object::ObjectRef;
use appliance_core::redaction::redact_text;
use appliance_core::snapshot::{ContainerLog, Objects};
use bytes::Bytes;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};

use crate::text::encode;

use super::call::{Accept, ApiError, Caller};
use super::limits::{Budget, KubeLimits};
use super::list::is_object_name;

/// A log to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogTarget {
    pub(crate) namespace: String,
    pub(crate) pod: String,
    pub(crate) container: String,
    pub(crate) previous: bool,
}

impl LogTarget {
    fn path(&self, lines: usize, bytes: usize) -> String {
        let previous = if self.previous { "&previous=true" } else { "" };
        format!(
            "/api/v1/namespaces/{}/pods/{}/log?container={}&tailLines={lines}&limitBytes={bytes}&timestamps=true{previous}",
            self.namespace,
            self.pod,
            encode(&self.container)
        )
    }

    /// For a gap: `log of shop/web-1 container web (previous)`.
    pub(crate) fn describe(&self) -> String {
        let previous = if self.previous {
            " (previous instance)"
        } else {
            ""
        };
        format!(
            "log of {}/{} container {}{previous}",
            self.namespace, self.pod, self.container
        )
    }
}

/// The logs to read, most telling first, at most `logs_max` of `log_pods_max` pods.
pub(crate) fn targets(
    objects: &Objects,
    subjects: &[ObjectRef],
    limits: &KubeLimits,
) -> Vec<LogTarget> {
    let mut pods: Vec<(u64, &Pod)> = objects
        .pods
        .iter()
        .filter(|pod| has_plain_names(pod))
        .map(|pod| (rank(objects, subjects, pod), pod))
        .collect();
    pods.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    pods.iter()
        .take(limits.log_pods_max)
        .flat_map(|(_, pod)| of_pod(pod))
        .take(limits.logs_max)
        .collect()
}

fn has_plain_names(pod: &Pod) -> bool {
    let meta = &pod.metadata;
    [&meta.namespace, &meta.name]
        .iter()
        .all(|name| name.as_deref().is_some_and(is_object_name))
}

/// Subject before trouble before restarts; the cap keeps neighbors last.
fn rank(objects: &Objects, subjects: &[ObjectRef], pod: &Pod) -> u64 {
    let position = subjects
        .iter()
        .position(|subject| belongs_to(objects, pod, subject));
    let subject = position.map_or(0, |position| 1_000_000 / (position as u64 + 1));
    let trouble = if is_troubled(pod) { 10_000 } else { 0 };
    let wide = subjects.iter().all(|subject| subject.kind == "Namespace");
    let part = if wide && is_part(pod) { 7_000 } else { 0 };
    subject + trouble + part + restarts(pod).min(5_000)
}

/// Whether a pod is a part of the cluster that speaks for all of it, to be
/// heard when an alert names no object.
fn is_part(pod: &Pod) -> bool {
    const PARTS: [&str; 6] = [
        "etcd-",
        "kube-apiserver-",
        "coredns-",
        "prometheus-",
        "alertmanager-",
        "kube-state-metrics-",
    ];
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    PARTS.iter().any(|start| name.starts_with(start))
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.iter().flat_map(|status| {
        status
            .init_container_statuses
            .iter()
            .chain(&status.container_statuses)
            .flatten()
    })
}

fn restarts(pod: &Pod) -> u64 {
    statuses(pod)
        .map(|status| u64::try_from(status.restart_count).unwrap_or(0))
        .sum()
}

/// Not finished, and not ready.
fn is_troubled(pod: &Pod) -> bool {
    let Some(status) = &pod.status else {
        return true;
    };
    if status.phase.as_deref() == Some("Succeeded") {
        return false;
    }
    let ready = status
        .conditions
        .iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True");
    !ready
}

/// Whether `subject` is the pod, owns it, selects it or carries it.
fn belongs_to(objects: &Objects, pod: &Pod, subject: &ObjectRef) -> bool {
    let namespace = pod.metadata.namespace.as_deref();
    match subject.kind.as_str() {
        "Node" => {
            pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(&subject.name)
        }
        _ if subject.namespace.as_deref() != namespace => false,
        "Pod" => pod.metadata.name.as_deref() == Some(&subject.name),
        "Service" => is_selected(objects, pod, subject),
        _ => owners(objects, pod).contains(&(subject.kind.clone(), subject.name.clone())),
    }
}

fn is_selected(objects: &Objects, pod: &Pod, service: &ObjectRef) -> bool {
    let namespace = service.namespace.as_deref().unwrap_or_default();
    let service = objects.services.get(namespace, &service.name);
    let Some(selector) = service.and_then(|service| service.spec.as_ref()?.selector.as_ref())
    else {
        return false;
    };
    let labels = pod.metadata.labels.as_ref();
    !selector.is_empty()
        && selector
            .iter()
            .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value))
}

/// Kind and name of the pod's controllers, through the ReplicaSet or Job between.
fn owners(objects: &Objects, pod: &Pod) -> BTreeSet<(String, String)> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let direct = pod.metadata.owner_references.iter().flatten();
    let mut owners: BTreeSet<(String, String)> = BTreeSet::new();
    for owner in direct {
        owners.insert((owner.kind.clone(), owner.name.clone()));
        let above = match owner.kind.as_str() {
            "ReplicaSet" => objects
                .replica_sets
                .get(namespace, &owner.name)
                .map(|set| &set.metadata),
            "Job" => objects
                .jobs
                .get(namespace, &owner.name)
                .map(|job| &job.metadata),
            _ => None,
        };
        let above = above
            .into_iter()
            .flat_map(|meta| meta.owner_references.iter().flatten());
        owners.extend(above.map(|owner| (owner.kind.clone(), owner.name.clone())));
    }
    owners
}

/// Current logs of containers that have started, previous ones where there was one.
fn of_pod(pod: &Pod) -> Vec<LogTarget> {
    let target = |status: &ContainerStatus, previous| LogTarget {
        namespace: pod.metadata.namespace.clone().unwrap_or_default(),
        pod: pod.metadata.name.clone().unwrap_or_default(),
        container: status.name.clone(),
        previous,
    };
    let mut targets = Vec::new();
    for status in statuses(pod) {
        let ended_before = status
            .last_state
            .as_ref()
            .is_some_and(|state| state.terminated.is_some());
        let has_log = status
            .state
            .as_ref()
            .is_some_and(|state| state.running.is_some() || state.terminated.is_some());
        // While a container waits to be restarted, its "current" log is that of
        // the instance that ended last.
        if has_log || ended_before {
            targets.push(target(status, false));
        }
        if ended_before && status.restart_count > 0 {
            targets.push(target(status, true));
        }
    }
    targets
}

/// Reads one log; `None` where the server has none.
pub(crate) async fn read_log(
    caller: &Caller,
    budget: &Budget,
    limits: &KubeLimits,
    target: &LogTarget,
) -> Result<Option<ContainerLog>, ApiError> {
    let mut lines = limits.log_lines_max;
    let mut body = get(caller, budget, limits, target, lines).await?;
    if body.len() >= limits.log_bytes_max {
        // `limitBytes` cuts at the newest end, which matters most: ask for
        // fewer lines, as many as fit by the length of those that came.
        let seen = line_count(&body).max(1);
        lines = (seen * 3 / 4).clamp(1, lines);
        body = get(caller, budget, limits, target, lines).await?;
    }
    if body.is_empty() {
        return Ok(None);
    }
    let text = String::from_utf8_lossy(&body);
    let truncated = if line_count(&body) >= lines {
        format!("only the last {lines} lines were read")
    } else if body.len() >= limits.log_bytes_max {
        format!("cut at {} bytes", limits.log_bytes_max)
    } else {
        String::new()
    };
    Ok(Some(ContainerLog {
        namespace: target.namespace.clone(),
        pod: target.pod.clone(),
        container: target.container.clone(),
        previous: target.previous,
        text: redact_text(&text).into_owned(),
        truncated,
    }))
}

async fn get(
    caller: &Caller,
    budget: &Budget,
    limits: &KubeLimits,
    target: &LogTarget,
    lines: usize,
) -> Result<Bytes, ApiError> {
    let path = target.path(lines, limits.log_bytes_max);
    let body = caller.get(budget, &path, Accept::Log).await?;
    // A kubelet may ignore `limitBytes`; keep the newest end then.
    let excess = body.len().saturating_sub(2 * limits.log_bytes_max);
    Ok(body.slice(excess..))
}

fn line_count(body: &[u8]) -> usize {
    body.split(|byte| *byte == b'\n').count() - 1
}
