//! Trouble that began right after a change: a new revision, or a
//! configuration that was edited.
//!
//! A change alone is no cause. It is one when symptoms on the same workload
//! began within a quarter of an hour after it and no other cause is closer.

use jiff::SignedDuration;

use crate::causes::rise::Risen;
use crate::causes::{Case, Cause, Finding, Findings, Strength, series, view};
use crate::evidence::Draft;
use crate::evidence::query::namespace_flag;
use crate::facts::{Change, ChangeKind, STALE_AFTER};
use crate::object::ObjectRef;

/// How soon after a change its consequences show.
const SOON: SignedDuration = SignedDuration::from_mins(15);

/// Parts of the names of series that measure how well requests go.
const QUALITY: [&str; 6] = [
    "latency",
    "duration",
    "response_time",
    "error",
    "5xx",
    "failed",
];

/// Finds changes that symptoms followed.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for change in &case.facts.changes {
        let recent = case.started_at - SOON - STALE_AFTER <= change.at
            && change.at <= case.snapshot.captured_at;
        if !recent {
            continue;
        }
        match change.object.kind.as_str() {
            "Deployment" | "StatefulSet" | "DaemonSet" if change.kind == ChangeKind::Rollout => {
                rolled_out(case, change, findings);
            }
            "ConfigMap" | "Secret" if change.kind == ChangeKind::Edited => {
                edited(case, change, findings);
            }
            _ => {}
        }
    }
}

fn rolled_out(case: &Case<'_>, change: &Change, findings: &mut Findings) {
    let Some(worse) = worse_after(case, &change.object, change) else {
        return;
    };
    let object = change.object.clone();
    // A path does not become slow at the moment of a rollout.
    findings.exclude(
        Cause::PodNetworkDelay,
        object.clone(),
        vec![Draft::change(change)],
    );
    let statement = format!(
        "{object} became worse right after it was changed ({}).",
        change.what
    );
    let title = format!("{} after the change", worse.title());
    findings.add(
        Finding::new(
            Cause::LatencyRegressionRollout,
            object.clone(),
            Strength::Likely,
            statement,
        )
        .because([
            Draft::change(change),
            series::draft(object.clone(), worse.series, title),
        ])
        .since(Some(change.at))
        .repair(
            format!(
                "kubectl rollout undo {}{}",
                object.kubectl_name(),
                namespace_flag(&object)
            ),
            String::new(),
            "goes back to the revision before",
        ),
    );
}

/// An edit of a `ConfigMap` or Secret that the users of it did not survive.
fn edited(case: &Case<'_>, change: &Change, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let users: Vec<ObjectRef> = objects
        .pods
        .iter()
        .filter(|pod| pod.metadata.namespace == change.object.namespace)
        .filter(|pod| refers_to(pod.spec.as_ref(), &change.object))
        .map(|pod| view::workload_of(objects, pod))
        .collect();
    let troubled = users.iter().find(|workload| {
        view::pods_of(objects, workload)
            .iter()
            .any(|pod| !view::is_well(pod))
            || worse_after(case, workload, change).is_some()
    });
    let Some(workload) = troubled else { return };
    let statement = format!(
        "{workload} became unwell right after {} was edited.",
        change.object
    );
    let draft = Draft::spec(
        workload.clone(),
        format!("uses {}", change.object),
        Vec::new(),
    );
    findings.add(
        Finding::new(
            Cause::ConfigChangeRegression,
            change.object.clone(),
            Strength::Hint,
            statement,
        )
        .because([Draft::change(change), draft])
        .since(Some(change.at))
        .explains(users.iter().cloned()),
    );
}

fn refers_to(spec: Option<&k8s_openapi::api::core::v1::PodSpec>, object: &ObjectRef) -> bool {
    let Some(spec) = spec else { return false };
    let name = object.name.as_str();
    let secret = object.kind == "Secret";
    let from_env = spec.containers.iter().any(|container| {
        container.env_from.iter().flatten().any(|from| {
            if secret {
                from.secret_ref
                    .as_ref()
                    .is_some_and(|found| found.name == name)
            } else {
                from.config_map_ref
                    .as_ref()
                    .is_some_and(|found| found.name == name)
            }
        }) || container.env.iter().flatten().any(|variable| {
            let from = variable.value_from.as_ref();
            if secret {
                from.and_then(|from| from.secret_key_ref.as_ref())
                    .is_some_and(|found| found.name == name)
            } else {
                from.and_then(|from| from.config_map_key_ref.as_ref())
                    .is_some_and(|found| found.name == name)
            }
        })
    });
    let mounted = spec.volumes.iter().flatten().any(|volume| {
        if secret {
            let source = volume.secret.as_ref();
            source.and_then(|source| source.secret_name.as_deref()) == Some(name)
        } else {
            volume
                .config_map
                .as_ref()
                .is_some_and(|source| source.name == name)
        }
    });
    from_env || mounted
}

/// A quality series of `workload` that rose after `change` and stayed.
fn worse_after<'a>(case: &Case<'a>, workload: &ObjectRef, change: &Change) -> Option<Risen<'a>> {
    let at = change.at.as_second() as f64;
    let soon = at - 60.0..=at + SOON.as_secs_f64();
    series::named(case.snapshot, &QUALITY)
        .filter(|series| series::service_label(series) == Some(workload.name.as_str()))
        .filter_map(Risen::find)
        .filter(|risen| risen.regime.is_large(2.0, f64::EPSILON))
        .find(|risen| soon.contains(&risen.regime.since))
}
