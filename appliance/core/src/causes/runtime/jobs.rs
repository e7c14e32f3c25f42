//! Jobs that fail or hang. `CronJobs` that start none are [`cron`]'s.

mod cron;

use jiff::SignedDuration;
use k8s_openapi::api::batch::v1::Job;

use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// How long a Job may be active before it counts as hung: the mixin's
/// `KubeJobNotCompleted` waits as long.
const HUNG_AFTER: SignedDuration = SignedDuration::from_hours(12);

/// Finds failed, hung and missing runs.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for job in &case.snapshot.objects.jobs {
        failed(case, job, findings);
        hung(case, job, findings);
    }
    for cron in &case.snapshot.objects.cron_jobs {
        cron::analyze(case, cron, findings);
    }
}

fn failed(case: &Case<'_>, job: &Job, findings: &mut Findings) {
    let conditions = job
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    let failure = conditions
        .iter()
        .find(|condition| condition.type_ == "Failed" && condition.status == "True");
    let Some(condition) = failure else { return };
    let at = condition.last_transition_time.as_ref().map(|time| time.0);
    if !view::in_window(case, at) && !is_subject(case, job) || succeeded_later(case, job) {
        return;
    }
    let reason = condition.reason.as_deref().unwrap_or_default();
    let cause = if reason == "DeadlineExceeded" {
        Cause::JobDeadlineOrHung
    } else {
        Cause::JobFailedBackoff
    };
    let object = view::reference("Job", job);
    let statement = format!("{object} failed ({reason}); the reason is in its last pod.");
    let draft = Draft::status(object.clone(), format!("Job failed: {reason}"), Vec::new()).at(at);
    findings.add(
        Finding::new(cause, object.clone(), Strength::Stated, statement)
            .because([draft])
            .since(at)
            .explains([view::root_of(&case.snapshot.objects, &object)]),
    );
}

fn hung(case: &Case<'_>, job: &Job, findings: &mut Findings) {
    let Some(status) = job.status.as_ref() else {
        return;
    };
    let started = status.start_time.as_ref().map(|time| time.0);
    let long = started.is_some_and(|at| case.snapshot.captured_at - HUNG_AFTER > at);
    let told = is_subject(case, job)
        && case
            .alerts
            .iter()
            .any(|alert| alert.name() == "KubeJobNotCompleted");
    if status.active.unwrap_or(0) == 0 || !(long || told) {
        return;
    }
    let object = view::reference("Job", job);
    let statement = format!("{object} has been active for long and does not complete.");
    let draft = Draft::status(object.clone(), "Job is still active", Vec::new()).at(started);
    findings.add(
        Finding::new(
            Cause::JobDeadlineOrHung,
            object,
            Strength::Likely,
            statement,
        )
        .because([draft])
        .since(started),
    );
}

/// A later run of the same `CronJob` that succeeded makes the failure history.
fn succeeded_later(case: &Case<'_>, job: &Job) -> bool {
    let objects = &case.snapshot.objects;
    let owner = view::root_of(objects, &view::reference("Job", job));
    owner.kind == "CronJob"
        && objects
            .jobs
            .in_namespace(view::namespace_of(job))
            .any(|other| {
                view::root_of(objects, &view::reference("Job", other)) == owner
                    && other.metadata.creation_timestamp > job.metadata.creation_timestamp
                    && other
                        .status
                        .as_ref()
                        .is_some_and(|status| status.succeeded.unwrap_or(0) > 0)
            })
}

fn is_subject(case: &Case<'_>, job: &Job) -> bool {
    let object: ObjectRef = view::reference("Job", job);
    case.subjects.contains(&object)
        || case
            .subjects
            .contains(&view::root_of(&case.snapshot.objects, &object))
}
