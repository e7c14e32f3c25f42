//! `CronJobs` that start no Jobs: suspended, with a schedule nobody can read,
//! too far behind, or kept back by a run that does not end.
//!
//! A `CronJob` that is suspended on purpose is a finding only when the alert
//! asks for it.

use k8s_openapi::api::batch::v1::{CronJob, Job};

use crate::causes::subject::is_asked;
use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::query::shell_word;
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;

/// Reasons under which the controller says that it cannot start runs.
const REFUSALS: [&str; 6] = [
    "UnparseableSchedule",
    "UnparsableSchedule",
    "InvalidSchedule",
    "TooManyMissedTimes",
    "FailedNeedsStart",
    "UnknownTimeZone",
];

/// Finds out why `cron` does not run, where it should.
pub(super) fn analyze(case: &Case<'_>, cron: &CronJob, findings: &mut Findings) {
    let object = view::reference("CronJob", cron);
    let asked = is_asked(case, &object);
    let event = view::events_of(case, &object).find(|event| {
        REFUSALS.contains(&event.reason.as_str()) && view::in_window(case, event.last)
    });
    let suspended = cron.spec.suspend == Some(true);
    let (strength, why, draft) = if let Some(event) = event {
        let why = format!("the controller says {}", event.reason);
        (Strength::Stated, why, Draft::event(event))
    } else if suspended && asked {
        let draft = Draft::spec(object.clone(), "spec.suspend is true", Vec::new());
        (Strength::Strong, "it is suspended".to_owned(), draft)
    } else if let Some((run, draft)) = kept_back(case, cron).filter(|_| asked) {
        let why = format!("{run} still runs, and concurrencyPolicy is Forbid");
        (Strength::Strong, why, draft)
    } else {
        return;
    };
    let statement = format!("{object} does not run: {why}.");
    let finding = Finding::new(
        Cause::CronjobNotRunning,
        object.clone(),
        strength,
        statement,
    )
    .because([draft])
    .check(
        format!(
            "kubectl describe cronjob {}{}",
            shell_word(&object.name),
            namespace_flag(&object)
        ),
        "shows its schedule, its last run and what the controller says",
    );
    findings.add(if suspended {
        resumed(finding, &object)
    } else {
        finding
    });
}

fn resumed(finding: Finding, object: &ObjectRef) -> Finding {
    let name = shell_word(&object.name).into_owned();
    let patch = |value: bool| {
        format!(
            "kubectl patch cronjob {name}{} -p '{{\"spec\":{{\"suspend\":{value}}}}}'",
            namespace_flag(object)
        )
    };
    finding.repair(patch(false), patch(true), "lets it run again")
}

/// The run that keeps the next one from starting.
fn kept_back(case: &Case<'_>, cron: &CronJob) -> Option<(ObjectRef, Draft)> {
    if cron.spec.concurrency_policy.as_deref() != Some("Forbid") {
        return None;
    }
    let objects = &case.snapshot.objects;
    let owner = view::reference("CronJob", cron);
    let active = |job: &&Job| {
        let status = job.status.as_ref();
        status.is_some_and(|status| status.active.unwrap_or(0) > 0)
            && view::root_of(objects, &view::reference("Job", *job)) == owner
    };
    let job = objects
        .jobs
        .in_namespace(view::namespace_of(cron))
        .find(active)?;
    let started = job.status.as_ref()?.start_time.as_ref()?.0;
    if view::in_window(case, Some(started)) {
        return None;
    }
    let run = view::reference("Job", job);
    let draft = Draft::status(run.clone(), "the run is still active", Vec::new());
    Some((run, draft.at(Some(started))))
}
