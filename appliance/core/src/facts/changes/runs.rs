//! Runs of scheduled jobs: load and edits that come by the clock.

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::Job;

use crate::facts::workloads::controller;
use crate::facts::{Change, ChangeKind};
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// Runs told of one schedule; the cluster itself keeps three that succeeded.
const RUNS_MAX: usize = 3;

pub(super) fn find(snapshot: &Snapshot, changes: &mut Vec<Change>) {
    let mut runs: BTreeMap<ObjectRef, Vec<(Timestamp, &Job)>> = BTreeMap::new();
    for job in &snapshot.objects.jobs {
        let owner = controller(&job.metadata, job.metadata.namespace.as_deref());
        let Some(owner) = owner.filter(|owner| owner.kind == "CronJob") else {
            continue;
        };
        if let Some(at) = started(job) {
            runs.entry(owner).or_default().push((at, job));
        }
    }
    for (schedule, mut jobs) in runs {
        jobs.sort_by_key(|(at, job)| (std::cmp::Reverse(*at), job.metadata.name.clone()));
        let newest = jobs.into_iter().take(RUNS_MAX);
        changes.extend(newest.map(|(at, job)| run(&schedule, at, job)));
    }
}

fn started(job: &Job) -> Option<Timestamp> {
    let status = job.status.as_ref();
    let start = status.and_then(|status| status.start_time.as_ref());
    start
        .or(job.metadata.creation_timestamp.as_ref())
        .map(|time| time.0)
}

fn run(schedule: &ObjectRef, at: Timestamp, job: &Job) -> Change {
    let name = job.metadata.name.as_deref().unwrap_or_default();
    Change {
        at,
        kind: ChangeKind::Ran,
        object: schedule.clone(),
        what: format!("ran as Job {name}, which {}", outcome(job)),
        diff: Vec::new(),
        by: String::new(),
    }
}

/// How a job ended, or that it has not.
fn outcome(job: &Job) -> String {
    let conditions = job
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let mut ended = conditions.filter(|condition| condition.status == "True");
    match ended.find(|condition| matches!(condition.type_.as_str(), "Complete" | "Failed")) {
        Some(condition) if condition.type_ == "Complete" => "succeeded".to_owned(),
        Some(condition) => {
            let reason = condition.reason.as_deref().unwrap_or("no reason given");
            format!("failed ({reason})")
        }
        None => "still ran at the capture".to_owned(),
    }
}
