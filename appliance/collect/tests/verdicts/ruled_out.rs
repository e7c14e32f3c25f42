//! Look-alikes are excluded, and the evidence says why.

use appliance_simulator::scenarios;

use crate::bundle::files_of;
use crate::verdict::analyze;

/// `recipe` must rule out `cause` with evidence that holds `words`.
#[track_caller]
fn check(recipe: &str, cause: &str, words: &str) {
    let run = crate::build(scenarios::find(recipe).unwrap(), 1);
    let analysis = analyze(&files_of(&run));
    let ruled_out = analysis.ruled_out.iter().find(|one| one.cause == cause);
    let ruled_out = ruled_out.unwrap_or_else(|| {
        let all: Vec<&str> = analysis
            .ruled_out
            .iter()
            .map(|one| one.cause.as_str())
            .collect();
        panic!("{recipe} rules out {all:?}, not {cause}")
    });
    let said = ruled_out.because.iter().any(|id| {
        let evidence = analysis.evidence.iter().find(|one| one.id == *id);
        evidence.is_some_and(|one| {
            one.title.contains(words) || one.lines.iter().any(|line| line.contains(words))
        })
    });
    assert!(said, "{recipe}: {cause} is ruled out by {ruled_out:?}");
}

#[test]
fn exit_code_137_is_told_apart_by_its_reason() {
    check("oom-after-limit-lowered", "LivenessKill", "OOMKilled");
    check("liveness-wrong-port", "OomOwnLimit", "exit code");
}

#[test]
fn a_pending_pod_of_which_the_scheduler_speaks_has_a_scheduler() {
    check("insufficient-cpu", "SchedulerDown", "FailedScheduling");
}

#[test]
fn a_refused_pod_is_refused_for_one_reason() {
    check(
        "quota-full-no-pods",
        "PodSecurityViolation",
        "exceeded quota",
    );
}

#[test]
fn a_refused_connection_was_not_dropped() {
    check("wrong-dependency-port", "NetworkPolicyIngress", "refused");
}

#[test]
fn a_silent_node_reports_no_fault() {
    check("node-stops-reporting", "KubeletOrRuntimeFault", "Unknown");
}

#[test]
fn a_normal_end_is_no_exception() {
    check(
        "container-exits-normally",
        "CrashAppException",
        "exit code 0",
    );
}
