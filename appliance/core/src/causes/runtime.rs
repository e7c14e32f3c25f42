//! Causes inside running pods: memory, crashes, probes, dependencies,
//! databases, brokers and queues, load, files, jobs.
//!
//! Each submodule holds the analyzers of one kind of trouble. Log-based ones
//! share one reading of the logs.

mod broker;
mod cpu;
mod crash;
mod database;
mod defect;
mod dependency;
mod exporters;
mod files;
mod jobs;
mod leak;
mod load;
mod memory;
mod neighbour;
mod pressure;
mod probes;
mod queue;
mod stuck;
#[cfg(test)]
mod tests;
mod throttling;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

pub(super) use self::cpu::bound as cpu_bound;
use super::signs::{self, Seen};
use super::view;
use super::{Analyzer, Case, Findings};
use crate::evidence::query::shell_word;

/// A container that ran longer than this since its last restart has recovered:
/// back-off never waits longer than five minutes.
const RESTARTED_LATELY: SignedDuration = SignedDuration::from_mins(6);

/// The analyzers of this family.
pub(crate) const ANALYZERS: &[Analyzer] = &[
    memory::analyze,
    probes::analyze,
    crash_and_logs,
    pressure::evicted,
    stuck::analyze,
    jobs::analyze,
    leak::analyze,
    load::analyze,
    neighbour::analyze,
    defect::analyze,
    queue::analyze,
    throttling::analyze,
    cpu::analyze,
    exporters::analyze,
];

/// Reads the logs once for all that live on them.
fn crash_and_logs(case: &Case<'_>, findings: &mut Findings) {
    let seen = signs::seen(case);
    dependency::analyze(case, seen, findings);
    database::analyze(case, seen, findings);
    broker::analyze(case, seen, findings);
    files::analyze(case, seen, findings);
    crash::analyze(case, seen, findings);
}

/// How a container last ended: the instance before, or this one when it is over.
fn last_end(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    let now = status
        .state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    let before = status
        .last_state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    now.or(before)
}

/// Whether the end belongs to this incident: the container is unwell now or
/// ended within the window.
fn is_recent(case: &Case<'_>, status: &ContainerStatus, end: &ContainerStateTerminated) -> bool {
    let at = end.finished_at.as_ref().map(|time| time.0);
    let unwell = !status.ready && view::waiting(status).is_some();
    unwell || at.is_some_and(|at| view::in_window(case, Some(at)))
}

/// Whether a pod is unwell, or was restarted within the window.
fn is_troubled(case: &Case<'_>, pod: &Pod) -> bool {
    !view::is_well(pod)
        || view::container_statuses(pod).any(|status| {
            status.restart_count > 0
                && last_end(status).is_some_and(|end| is_recent(case, status, end))
        })
}

/// Whether what a log says still counts: not of a pod that is leaving, nor of
/// one that is well and has stopped saying it. The instance before counts only
/// while its container is unwell or keeps restarting.
fn matters(case: &Case<'_>, pod: &Pod, seen: &Seen) -> bool {
    if view::is_terminating(pod) {
        return false;
    }
    let Some(status) = view::container_statuses(pod).find(|status| status.name == seen.container)
    else {
        return !view::is_well(pod) || !seen.is_over();
    };
    if seen.previous {
        return !status.ready || keeps_restarting(case, status);
    }
    !status.ready || !seen.is_over()
}

/// Restarted at least three times, the last time a short while ago.
fn keeps_restarting(case: &Case<'_>, status: &ContainerStatus) -> bool {
    let ended = last_end(status).and_then(|end| end.finished_at.as_ref());
    status.restart_count >= 3
        && ended.is_some_and(|at| at.0 + RESTARTED_LATELY >= case.snapshot.captured_at)
}

/// The pod that a log line is from.
fn pod_of<'a>(case: &Case<'a>, seen: &Seen) -> Option<&'a Pod> {
    let namespace = seen.pod.namespace.as_deref().unwrap_or_default();
    case.snapshot.objects.pods.get(namespace, &seen.pod.name)
}

/// `kubectl` words that name the namespace of `pod`.
fn namespace_words(namespace: Option<&str>) -> String {
    namespace.map_or_else(String::new, |namespace| {
        format!(" -n {}", shell_word(namespace))
    })
}
