//! Containers the runtime cannot start, hooks that fail, init containers that do not end.
//!
//! A process that starts and then fails is [`crate::causes`]' runtime family;
//! here the process never ran, or what must run before it did not finish.

#[cfg(test)]
mod tests;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use crate::causes::said::{Said, about_pod};
use crate::causes::view::{
    affected_by, container_statuses, is_terminating, is_well, mentions, pod_ref, waiting,
    workload_of,
};
use crate::causes::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::Draft;
use crate::evidence::query::{describe_query, history_query, logs_query};
use crate::object::ObjectRef;

/// How long an init container may run before it counts as hung.
const INIT_PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// The runtime's words for a program it cannot execute (lower case).
const NOT_STARTED: &[&str] = &[
    "executable file not found",
    "no such file or directory",
    "permission denied",
    "is a directory",
    "not a directory",
];

/// Words that make a failed start somebody else's: memory, space, mounts, devices.
const ANOTHER_REASON: &[&str] = &[
    "exec format error",
    "oom-killed",
    "out of memory",
    "cannot allocate memory",
    "no space left",
    "failed to pull",
    "mounting",
    "error mounting",
    "nvidia-container",
    "seccomp",
    "apparmor",
];

/// The shell's words for the same, in logs.
const SHELL: &[&str] = &[
    "command not found",
    ": not found",
    "syntax error",
    "can't open",
    "no such file or directory",
    "permission denied",
];

fn unwell<'a>(case: &Case<'a>) -> impl Iterator<Item = &'a Pod> + use<'a> {
    let pods = case.snapshot.objects.pods.iter();
    pods.filter(|pod| !is_well(pod) && !is_terminating(pod))
}

fn ended(status: &ContainerStatus) -> Option<&ContainerStateTerminated> {
    let now = status
        .state
        .as_ref()
        .and_then(|state| state.terminated.as_ref());
    now.or_else(|| status.last_state.as_ref()?.terminated.as_ref())
}

/// Finds containers whose command cannot be executed.
pub(crate) fn bad_command(case: &Case<'_>, findings: &mut Findings) {
    for pod in unwell(case) {
        let said = about_pod(case, pod);
        for status in container_statuses(pod) {
            if let Some((strength, drafts)) = not_started(case, pod, status, &said) {
                findings.add(state_command(case, pod, status, strength, drafts));
            }
        }
    }
}

/// Evidence that the program of a container never ran.
fn not_started(
    case: &Case<'_>,
    pod: &Pod,
    status: &ContainerStatus,
    said: &[Said],
) -> Option<(Strength, Vec<Draft>)> {
    let own: Vec<&Said> = said
        .iter()
        .filter(|said| {
            let event = said.container.is_empty() && said.is(&["Failed"]);
            said.container == status.name || (event && !said.mentions(ANOTHER_REASON))
        })
        .collect();
    if own.iter().any(|said| said.mentions(ANOTHER_REASON)) {
        return None;
    }
    let refused = |said: &&&Said| {
        said.is(&[
            "StartError",
            "ContainerCannotRun",
            "RunContainerError",
            "Failed",
            "CreateContainerError",
        ]) && said.mentions(NOT_STARTED)
    };
    let drafts: Vec<Draft> = own
        .iter()
        .filter(refused)
        .map(|said| said.draft.clone())
        .collect();
    if !drafts.is_empty() {
        return Some((Strength::Stated, drafts));
    }
    let ended = ended(status)?;
    let reason = ended.reason.as_deref().unwrap_or_default();
    let state = own
        .iter()
        .find(|said| said.is(&[reason]))
        .map(|said| said.draft.clone());
    match ended.exit_code {
        128 if matches!(reason, "StartError" | "ContainerCannotRun") => {
            Some((Strength::Strong, Vec::from_iter(state)))
        }
        126 | 127 => {
            let shell = shell_complaint(case, pod, status);
            let strength = if shell.is_some() {
                Strength::Stated
            } else {
                Strength::Strong
            };
            Some((strength, state.into_iter().chain(shell).collect()))
        }
        1 | 2 => {
            let shell = shell_complaint(case, pod, status).filter(|draft| {
                draft
                    .lines
                    .iter()
                    .any(|line| mentions(line, &["syntax error"]))
            })?;
            Some((Strength::Likely, state.into_iter().chain([shell]).collect()))
        }
        _ => None,
    }
}

fn shell_complaint(case: &Case<'_>, pod: &Pod, status: &ContainerStatus) -> Option<Draft> {
    let pod = pod_ref(pod);
    let shells = [
        "sh:",
        "bash:",
        "/bin/sh",
        "/bin/bash",
        "entrypoint",
        ": line ",
    ];
    case.facts
        .logs
        .iter()
        .filter(|log| log.pod == pod && log.container == status.name)
        .find(|log| mentions(&log.exemplar, SHELL) && mentions(&log.exemplar, &shells))
        .map(Draft::log)
}

fn state_command(
    case: &Case<'_>,
    pod: &Pod,
    status: &ContainerStatus,
    strength: Strength,
    drafts: Vec<Draft>,
) -> Finding {
    let object = pod_ref(pod);
    let workload = workload_of(&case.snapshot.objects, pod);
    let command = command_of(pod, &status.name);
    let mut finding = Finding::new(
        Cause::BadCommand,
        workload.clone(),
        strength,
        format!(
            "the command of container {} in pod {} cannot be executed",
            status.name, object.name
        ),
    )
    .because(drafts)
    .because(command.map(|line| {
        let title = format!("command of container {}", status.name);
        Draft::spec(object.clone(), title, vec![line])
    }))
    .because(
        case.facts
            .changes
            .iter()
            .filter(|change| change.object == workload)
            .take(1)
            .map(Draft::change),
    )
    .since(
        ended(status)
            .and_then(|ended| ended.finished_at.as_ref())
            .map(|time| time.0),
    )
    .explains(affected_by(&case.snapshot.objects, pod))
    .check(
        logs_query(&object, &status.name, true),
        "shows what the shell or the runtime complained about",
    );
    if workload.kind == "Deployment" {
        finding = finding.check(
            history_query(&workload),
            "shows which revision changed the command",
        );
    }
    finding
}

/// Command and arguments of a container, as written in its spec.
fn command_of(pod: &Pod, name: &str) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let mut containers = spec
        .init_containers
        .iter()
        .flatten()
        .chain(&spec.containers);
    let container = containers.find(|container| container.name == name)?;
    let words: Vec<&str> = container
        .command
        .iter()
        .flatten()
        .chain(container.args.iter().flatten())
        .map(String::as_str)
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

/// Finds lifecycle hooks that fail.
pub(crate) fn hook(case: &Case<'_>, findings: &mut Findings) {
    for pod in unwell(case) {
        for said in about_pod(case, pod) {
            if !said.is(&[
                "FailedPostStartHook",
                "PostStartHookError",
                "PreStartHookError",
                "FailedPreStopHook",
            ]) {
                continue;
            }
            let object = pod_ref(pod);
            let finding = Finding::new(
                Cause::LifecycleHookFailed,
                workload_of(&case.snapshot.objects, pod),
                Strength::Stated,
                format!(
                    "a lifecycle hook of pod {} fails, so its container is killed before it serves",
                    object.name
                ),
            )
            .because([said.draft.clone()])
            .since(said.since.or(said.at))
            .explains(affected_by(&case.snapshot.objects, pod))
            .check(
                describe_query(&object),
                "shows the hook's command and its output",
            );
            findings.add(finding);
        }
    }
}

/// Finds init containers that fail or do not end.
///
/// An init container whose image, configuration or command is at fault has
/// that cause instead.
pub(crate) fn init(case: &Case<'_>, findings: &mut Findings) {
    for pod in unwell(case) {
        let statuses = pod
            .status
            .as_ref()
            .and_then(|status| status.init_container_statuses.as_deref())
            .unwrap_or_default();
        for status in statuses
            .iter()
            .filter(|status| !is_sidecar(pod, &status.name))
        {
            if let Some((strength, what, draft)) = init_trouble(case, pod, status) {
                findings.add(state_init(case, pod, status, strength, &what, draft));
            }
        }
    }
}

fn is_sidecar(pod: &Pod, name: &str) -> bool {
    pod.spec.as_ref().is_some_and(|spec| {
        spec.init_containers.iter().flatten().any(|container| {
            container.name == name && container.restart_policy.as_deref() == Some("Always")
        })
    })
}

fn init_trouble(
    case: &Case<'_>,
    pod: &Pod,
    status: &ContainerStatus,
) -> Option<(Strength, String, Draft)> {
    let object = pod_ref(pod);
    if let Some(running) = status
        .state
        .as_ref()
        .and_then(|state| state.running.as_ref())
    {
        let started = running.started_at.as_ref()?.0;
        let age = case.snapshot.captured_at.duration_since(started);
        if age < INIT_PATIENCE {
            return None;
        }
        let what = format!("has been running for {} minutes", age.as_mins());
        let title = format!("init container {} {what}", status.name);
        return Some((
            Strength::Likely,
            what,
            Draft::status(object, title, Vec::new()).at(Some(started)),
        ));
    }
    let failed = ended(status).filter(|ended| ended.exit_code != 0)?;
    if matches!(failed.exit_code, 126..=128) {
        return None;
    }
    let loops = waiting(status).is_some_and(|(reason, _)| reason == "CrashLoopBackOff");
    if !loops
        && status
            .state
            .as_ref()
            .is_none_or(|state| state.terminated.is_none())
    {
        return None;
    }
    let reason = failed.reason.as_deref().unwrap_or("Error");
    let what = format!("ends with exit code {} ({reason})", failed.exit_code);
    let title = format!("init container {} {what}", status.name);
    let at = failed.finished_at.as_ref().map(|time| time.0);
    Some((
        Strength::Strong,
        what,
        Draft::status(object, title, Vec::new()).at(at),
    ))
}

fn state_init(
    case: &Case<'_>,
    pod: &Pod,
    status: &ContainerStatus,
    strength: Strength,
    what: &str,
    draft: Draft,
) -> Finding {
    let object = pod_ref(pod);
    let at = draft.at;
    let log = case
        .facts
        .logs
        .iter()
        .find(|log| log.pod == object && log.container == status.name && log.trouble);
    Finding::new(
        Cause::InitFailedOrHung,
        workload_of(&case.snapshot.objects, pod),
        strength,
        format!(
            "init container {} of pod {} {what}, so the main containers do not start",
            status.name, object.name
        ),
    )
    .because([draft])
    .because(log.map(Draft::log))
    .since(at)
    .explains(
        affected_by(&case.snapshot.objects, pod)
            .into_iter()
            .collect::<Vec<ObjectRef>>(),
    )
    .check(
        logs_query(&object, &status.name, false),
        "shows what the init container waits for or fails at",
    )
}
