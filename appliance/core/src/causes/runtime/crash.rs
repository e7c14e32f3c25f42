//! Containers that end again and again, by their own doing.
//!
//! Last among the log readers: where the logs name a dependency, a database,
//! a file or a port, that is the cause and the crash is its symptom. Where
//! they speak of one and nobody could say which, the crash is told as a hint.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

use super::{is_recent, keeps_restarting, last_end, matters};
use crate::causes::signs::{Seen, Sign};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;
use crate::evidence::query::logs_query;
use crate::object::ObjectRef;

/// Signs that other analyzers turn into causes.
const ELSEWHERE: [Sign; 18] = [
    Sign::DatabaseReadOnly,
    Sign::TooManyConnections,
    Sign::PoolTimeout,
    Sign::BadCredentials,
    Sign::RbacForbidden,
    Sign::NoSpace,
    Sign::TooManyFiles,
    Sign::AddressInUse,
    Sign::CertificateTime,
    Sign::NameUnknown,
    Sign::NameServerFails,
    Sign::Refused,
    Sign::TimedOut,
    Sign::ProtocolMismatch,
    Sign::CacheFull,
    Sign::DatabaseLock,
    Sign::BrokerPartition,
    Sign::FileDenied,
];

/// Longer than this, in seconds, a program has got past reading its settings.
const START_MAX: i64 = 60;

/// Exit codes of a program that never ran; the start-up family states them.
const NEVER_RAN: [i32; 3] = [126, 127, 128];

/// Finds containers that crash.
pub(super) fn analyze(case: &Case<'_>, seen: &[Seen], findings: &mut Findings) {
    for pod in &case.snapshot.objects.pods {
        if view::is_terminating(pod) || view::phase(pod) == "Succeeded" {
            continue;
        }
        for status in main_statuses(pod) {
            let Some(end) = last_end(status).filter(|end| is_recent(case, status, end)) else {
                continue;
            };
            if status.ready && !keeps_restarting(case, status) {
                continue;
            }
            let told = findings
                .found
                .iter()
                .any(|known| is_about(case, known, pod));
            if let Some(finding) = judge(case, pod, status, end, seen, told) {
                findings.add(finding);
            }
        }
    }
}

/// Whether a finding is about `pod`, its workload, or explains its trouble.
fn is_about(case: &Case<'_>, known: &Finding, pod: &Pod) -> bool {
    let workload = view::workload_of(&case.snapshot.objects, pod);
    let explained = |object: &ObjectRef| known.explains.contains(object);
    known.object == workload || explained(&workload) || explained(&view::pod_ref(pod))
}

fn main_statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.as_ref();
    status
        .and_then(|status| status.container_statuses.as_deref())
        .into_iter()
        .flatten()
}

fn judge(
    case: &Case<'_>,
    pod: &Pod,
    status: &ContainerStatus,
    end: &ContainerStateTerminated,
    seen: &[Seen],
    told: bool,
) -> Option<Finding> {
    let reason = end.reason.as_deref().unwrap_or_default();
    let killed = reason == "OOMKilled" || NEVER_RAN.contains(&end.exit_code);
    let started = !matches!(reason, "StartError" | "ContainerCannotRun");
    if killed || !started || was_killed_by_probe(case, pod) || is_job(pod) {
        return None;
    }
    let own: Vec<&Seen> = seen
        .iter()
        .filter(|one| one.pod == view::pod_ref(pod) && one.container == status.name)
        .filter(|one| matters(case, pod, one))
        .collect();
    if let Some(line) = own.iter().find(|one| ELSEWHERE.contains(&one.sign)) {
        let what = "ends with an error that it blames on something else";
        let cause = Cause::CrashAppException;
        let hint = finding(case, pod, status, end, cause, Strength::Hint, what);
        let blames_another = line.sign != Sign::DatabaseLock;
        return (blames_another && !told).then(|| hint.because([line.draft()]));
    }
    let says = |sign: Sign| own.iter().find(|one| one.sign == sign).copied();
    let short = lifetime(end).is_none_or(|seconds| seconds <= START_MAX);
    let looping = view::waiting(status).is_some_and(|(reason, _)| reason == "CrashLoopBackOff")
        || status.restart_count >= 3;
    let (cause, strength, what, line) = if end.exit_code == 0 {
        if !looping || status.ready {
            return None;
        }
        let what = "ends with exit code 0 though it should keep running";
        (Cause::CrashExit0Loop, Strength::Strong, what, None)
    } else if let Some(line) = says(Sign::HeapFull) {
        let what = "runs out of its own heap";
        (Cause::OomOwnLimit, Strength::Likely, what, Some(line))
    } else if let Some(line) = says(Sign::ConfigInvalid).filter(|_| short) {
        let what = "ends at once over a missing or invalid setting";
        (Cause::CrashConfigEnv, Strength::Strong, what, Some(line))
    } else if let Some(line) = says(Sign::Exception) {
        let what = "ends with an uncaught error";
        (Cause::CrashAppException, Strength::Likely, what, Some(line))
    } else if end.exit_code == 137 || end.exit_code == 143 {
        return None;
    } else {
        let strength = if matches!(end.exit_code, 134 | 139) {
            Strength::Likely
        } else {
            Strength::Hint
        };
        (
            Cause::CrashAppException,
            strength,
            "ends with an error",
            None,
        )
    };
    Some(finding(case, pod, status, end, cause, strength, what).because(line.map(Seen::draft)))
}

fn finding(
    case: &Case<'_>,
    pod: &Pod,
    status: &ContainerStatus,
    end: &ContainerStateTerminated,
    cause: Cause,
    strength: Strength,
    what: &str,
) -> Finding {
    let objects = &case.snapshot.objects;
    let workload = view::workload_of(objects, pod);
    let at = end.finished_at.as_ref().map(|time| time.0);
    let title = format!(
        "container {} ended with exit code {} ({}), {} restarts",
        status.name,
        end.exit_code,
        end.reason.as_deref().unwrap_or("no reason"),
        status.restart_count
    );
    let statement = format!("Container {} of {workload} {what}.", status.name);
    Finding::new(cause, workload, strength, statement)
        .because([Draft::status(view::pod_ref(pod), title, Vec::new()).at(at)])
        .since(at)
        .explains(view::affected_by(objects, pod))
        .check(
            logs_query(&view::pod_ref(pod), &status.name, true),
            "the last words of the instance that ended",
        )
}

/// Seconds the ended instance lived.
fn lifetime(end: &ContainerStateTerminated) -> Option<i64> {
    let from = end.started_at.as_ref()?.0.as_second();
    Some(end.finished_at.as_ref()?.0.as_second() - from)
}

fn was_killed_by_probe(case: &Case<'_>, pod: &Pod) -> bool {
    let object = view::pod_ref(pod);
    view::events_of(case, &object).any(|event| {
        event.reason == "Killing"
            && view::mentions(
                &event.message,
                &["failed liveness probe", "failed startup probe"],
            )
            && view::in_window(case, event.last)
    })
}

/// Pods of Jobs may end; the job analyzers judge them.
fn is_job(pod: &Pod) -> bool {
    let restart = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.restart_policy.as_deref());
    matches!(restart, Some("Never" | "OnFailure"))
}
