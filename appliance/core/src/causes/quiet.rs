//! Not an incident: alerts that are meant to fire, objects that are well
//! again, rollouts under way, failures that a retry made good.
//!
//! These are said only about what the alert names; [`crate::graph`] prefers a
//! real cause when there is one.

mod maintenance;
#[cfg(test)]
mod tests;
mod visibility;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Pod;

use super::{Analyzer, Case, Cause, Finding, Findings, Strength, view};
use crate::alert::AlertStatus;
use crate::evidence::{Draft, EvidenceKind};
use crate::object::ObjectRef;

/// The analyzers of this family.
pub(crate) const ANALYZERS: &[Analyzer] = &[
    meant_to_fire,
    absent,
    rolling_out,
    expected,
    recovered,
    maintenance::planned,
    maintenance::advice,
    visibility::analyze,
];

/// Alerts that fire on purpose.
const ON_PURPOSE: [&str; 3] = ["Watchdog", "InfoInhibitor", "DeadMansSwitch"];

/// A rollout younger than this is given its time: the controller's default deadline.
const DEADLINE: SignedDuration = SignedDuration::from_mins(10);

fn meant_to_fire(case: &Case<'_>, findings: &mut Findings) {
    if case.alerts.is_empty() {
        return;
    }
    let all = case
        .alerts
        .iter()
        .all(|alert| ON_PURPOSE.contains(&alert.name()));
    let Some(first) = case.alerts.first().filter(|_| all) else {
        return;
    };
    let object = alert_object(case);
    let statement = format!("{} fires on purpose and needs no action.", first.name());
    findings.add(
        Finding::new(
            Cause::WatchdogInfoInhibitor,
            object.clone(),
            Strength::Stated,
            statement,
        )
        .because([alert_draft(case, object, "this alert always fires")]),
    );
}

/// What the alert is about, as far as anything is known of it.
fn alert_object(case: &Case<'_>) -> ObjectRef {
    case.subjects.first().cloned().unwrap_or_else(|| {
        let labels = case.alerts.first().map(|alert| &alert.labels);
        let namespace = labels.and_then(|labels| labels.get("namespace"));
        ObjectRef::cluster("Namespace", namespace.map_or("default", String::as_str))
    })
}

fn alert_draft(case: &Case<'_>, object: ObjectRef, title: &str) -> Draft {
    let lines = case
        .alerts
        .iter()
        .map(|alert| {
            let labels: Vec<String> = alert
                .labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            labels.join(" ")
        })
        .collect();
    Draft {
        kind: EvidenceKind::Alert,
        object,
        at: Some(case.started_at),
        title: title.to_owned(),
        lines,
        query: String::new(),
        truncated: String::new(),
    }
}

/// The namespace or the pod of the alert is not there, and its kind was captured.
fn absent(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for alert in case.alerts {
        let Some(namespace) = alert.labels.get("namespace") else {
            continue;
        };
        let known = objects.namespaces.get("", namespace).is_some()
            || objects.pods.in_namespace(namespace).next().is_some();
        if objects.namespaces.captured_anywhere() && !known && !objects.namespaces.is_empty() {
            let object = ObjectRef::cluster("Namespace", namespace);
            add_absent(case, object, findings);
            continue;
        }
        let Some(pod) = alert.labels.get("pod") else {
            continue;
        };
        let stem = pod.rsplitn(3, '-').last().unwrap_or(pod);
        let near = objects
            .pods
            .in_namespace(namespace)
            .any(|other| view::name_of(other).starts_with(stem) && view::name_of(other) != pod);
        let gone =
            objects.pods.captured_in(namespace) && objects.pods.get(namespace, pod).is_none();
        // A replaced pod's workload carries on; that is another family's matter.
        if gone && !near {
            add_absent(case, ObjectRef::namespaced("Pod", namespace, pod), findings);
        }
    }
}

fn add_absent(case: &Case<'_>, object: ObjectRef, findings: &mut Findings) {
    let statement = format!("{object}, which the alert names, does not exist any more.");
    let draft = alert_draft(
        case,
        object.clone(),
        "the alert names an object that is not there",
    );
    findings.add(
        Finding::new(
            Cause::AlertObjectAbsent,
            object,
            Strength::Likely,
            statement,
        )
        .because([draft]),
    );
}

/// A rollout that is within its deadline.
fn rolling_out(case: &Case<'_>, findings: &mut Findings) {
    for deployment in &case.snapshot.objects.deployments {
        let object = view::reference("Deployment", deployment);
        let Some(status) = deployment
            .status
            .as_ref()
            .filter(|_| is_asked(case, &object))
        else {
            continue;
        };
        let wanted = deployment.spec.replicas.unwrap_or(1);
        let progressing = status.conditions.iter().flatten().find(|condition| {
            condition.type_.as_deref() == Some("Progressing")
                && condition.status.as_deref() == Some("True")
                && condition.reason.as_deref() == Some("ReplicaSetUpdated")
        });
        let under_way = status.updated_replicas.unwrap_or(0) > 0
            && status.available_replicas.unwrap_or(0) < wanted
            && status.available_replicas.unwrap_or(0) > 0;
        let Some(condition) = progressing.filter(|_| under_way) else {
            continue;
        };
        let updated = condition.last_update_time.as_ref().map(|time| time.0);
        let young = updated.is_some_and(|at| case.snapshot.captured_at - DEADLINE < at);
        if !young || !pods_are_fine(case, &object) {
            continue;
        }
        let statement = format!("{object} is being rolled out and within its deadline.");
        let title = format!(
            "{} of {wanted} pods updated, {} available",
            status.updated_replicas.unwrap_or(0),
            status.available_replicas.unwrap_or(0)
        );
        findings.add(
            Finding::new(
                Cause::RolloutInProgress,
                object.clone(),
                Strength::Likely,
                statement,
            )
            .because([Draft::status(object, title, Vec::new()).at(updated)])
            .since(updated),
        );
    }
}

/// No pod has restarted, waits in an error or was refused.
fn pods_are_fine(case: &Case<'_>, workload: &ObjectRef) -> bool {
    view::pods_of(&case.snapshot.objects, workload)
        .iter()
        .all(|pod| {
            view::container_statuses(pod).all(|status| {
                let reason = view::waiting(status).map_or("", |(reason, _)| reason);
                status.restart_count == 0
                    && matches!(reason, "" | "ContainerCreating" | "PodInitializing")
            })
        })
}

/// A Job whose run failed and whose later run succeeded.
fn expected(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for job in &objects.jobs {
        let object = view::reference("Job", job);
        let root = view::root_of(objects, &object);
        let asked = case.subjects.contains(&object) || case.subjects.contains(&root);
        let failed = |job: &k8s_openapi::api::batch::v1::Job| {
            job.status
                .as_ref()
                .is_some_and(|status| status.failed.unwrap_or(0) > 0)
        };
        if !asked || !failed(job) {
            continue;
        }
        let own_success = job
            .status
            .as_ref()
            .is_some_and(|status| status.succeeded.unwrap_or(0) > 0);
        let later = objects
            .jobs
            .in_namespace(view::namespace_of(job))
            .find(|other| {
                root.kind == "CronJob"
                    && view::root_of(objects, &view::reference("Job", *other)) == root
                    && other.metadata.creation_timestamp > job.metadata.creation_timestamp
                    && other
                        .status
                        .as_ref()
                        .is_some_and(|status| status.succeeded.unwrap_or(0) > 0)
            });
        if !own_success && later.is_none() {
            continue;
        }
        let good = later.map_or(object.clone(), |later| view::reference("Job", later));
        let statement = format!("{object} failed and was made good: {good} succeeded.");
        let draft = Draft::status(good, "succeeded after the failure", Vec::new());
        findings.add(
            Finding::new(Cause::ExpectedFailure, root, Strength::Likely, statement)
                .because([draft]),
        );
    }
}

/// What the alert names is well now.
fn recovered(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let resolved = !case.alerts.is_empty()
        && case
            .alerts
            .iter()
            .all(|alert| alert.status == AlertStatus::Resolved);
    // Whether what fires has ended is told by what it was measured by.
    if !resolved && case.snapshot.series.is_empty() {
        return;
    }
    for subject in case.subjects {
        let pods: Vec<&Pod> = match subject.kind.as_str() {
            "Pod" => objects
                .pods
                .get(
                    subject.namespace.as_deref().unwrap_or_default(),
                    &subject.name,
                )
                .into_iter()
                .collect(),
            "Deployment" | "StatefulSet" | "DaemonSet" => view::pods_of(objects, subject),
            _ => continue,
        };
        let well = !pods.is_empty() && pods.iter().all(|pod| view::is_well(pod));
        let complete = view::replicas(objects, subject).is_none_or(|(wanted, made)| {
            made >= wanted && usize::try_from(wanted).is_ok_and(|wanted| wanted <= pods.len())
        });
        if !well || !complete {
            continue;
        }
        let strength = if resolved {
            Strength::Strong
        } else {
            Strength::Hint
        };
        let statement = format!("{subject} is well now: all its pods are ready.");
        let title = format!("{} pods, all ready", pods.len());
        findings.add(
            Finding::new(
                Cause::AlreadyRecovered,
                subject.clone(),
                strength,
                statement,
            )
            .because([Draft::status(subject.clone(), title, Vec::new())]),
        );
    }
}

fn is_asked(case: &Case<'_>, object: &ObjectRef) -> bool {
    case.subjects.contains(object)
        || case
            .subjects
            .iter()
            .any(|subject| view::root_of(&case.snapshot.objects, subject) == *object)
}
