//! Storage systems by their own objects: Ceph clusters, Longhorn volumes,
//! volume snapshots, backups, and the pods of provisioners.

use crate::causes::{Case, Cause, Finding, Findings, Strength, fired, view};
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;

/// Alerts of storage systems about their own health.
const HEALTH_ALERTS: [&str; 8] = [
    "CephHealthError",
    "CephHealthWarning",
    "CephClusterErrorState",
    "CephClusterWarningState",
    "CephOSDDown",
    "CephPGsDamaged",
    "LonghornVolumeStatusCritical",
    "LonghornVolumeStatusWarning",
];

/// Finds storage systems whose own objects say that they are degraded.
pub(crate) fn systems(case: &Case<'_>, findings: &mut Findings) {
    let customs = &case.snapshot.objects.customs;
    let alerts: Vec<Draft> = fired::named(case, &HEALTH_ALERTS)
        .into_iter()
        .map(|alert| alert.draft)
        .collect();
    for cluster in customs.of("CephCluster") {
        let health = cluster.text("/status/ceph/health");
        if health.starts_with("HEALTH_") && health != "HEALTH_OK" {
            let object = view::reference("CephCluster", cluster);
            let details = cluster.at("/status/ceph/details").as_object();
            let lines: Vec<String> = details
                .into_iter()
                .flatten()
                .map(|(name, detail)| {
                    format!("{name}: {}", detail["message"].as_str().unwrap_or(""))
                })
                .collect();
            let draft = Draft::status(object.clone(), health.to_owned(), lines);
            findings.add(degraded(&object, health, draft).because(alerts.clone()));
        }
    }
    for volume in customs.of("Volume") {
        let state = volume.text("/status/robustness");
        if matches!(state, "degraded" | "faulted") {
            let object = view::reference("Volume", volume);
            let claim = ObjectRef::namespaced(
                "PersistentVolumeClaim",
                volume.text("/status/kubernetesStatus/namespace"),
                volume.text("/status/kubernetesStatus/pvcName"),
            );
            let known = case.snapshot.objects.contains(&claim);
            let draft = Draft::status(object.clone(), format!("robustness is {state}"), Vec::new());
            findings.add(
                degraded(&object, state, draft)
                    .because(alerts.clone())
                    .explains(known.then_some(claim)),
            );
        }
    }
}

fn degraded(object: &ObjectRef, state: &str, draft: Draft) -> Finding {
    let check = format!(
        "kubectl describe {}{}",
        object.kubectl_name(),
        namespace_flag(object)
    );
    Finding::new(
        Cause::CephLonghornDegraded,
        object.clone(),
        Strength::Stated,
        format!("{object} reports {state}."),
    )
    .because([draft])
    .check(check, "shows which disks, replicas or daemons are missing")
}

/// Finds snapshots and backups that say they failed.
pub(crate) fn copies(case: &Case<'_>, findings: &mut Findings) {
    let customs = &case.snapshot.objects.customs;
    for snapshot in customs.of("VolumeSnapshot") {
        let error = snapshot.text("/status/error/message");
        if snapshot.at("/status/readyToUse") == false && !error.is_empty() {
            let at = snapshot.text("/status/error/time").parse().ok();
            let object = view::reference("VolumeSnapshot", snapshot);
            let draft = Draft::status(
                object.clone(),
                "is not ready to use",
                vec![error.to_owned()],
            )
            .at(at);
            findings.add(failed_copy(&object, error, draft));
        }
    }
    for backup in customs.of("Backup") {
        let phase = backup.text("/status/phase");
        if matches!(phase, "Failed" | "PartiallyFailed" | "FailedValidation") {
            let object = view::reference("Backup", backup);
            if !view::in_window(case, view::created(backup)) && !case.subjects.contains(&object) {
                continue;
            }
            let why = backup.text("/status/failureReason");
            let draft = Draft::status(
                object.clone(),
                format!("phase {phase}"),
                vec![why.to_owned()],
            );
            findings.add(failed_copy(&object, phase, draft));
        }
    }
}

fn failed_copy(object: &ObjectRef, why: &str, draft: Draft) -> Finding {
    let since = draft.at;
    let check = format!(
        "kubectl describe {}{}",
        object.kubectl_name(),
        namespace_flag(object)
    );
    Finding::new(
        Cause::SnapshotOrBackupFailed,
        object.clone(),
        Strength::Stated,
        format!("{object} failed: {why}."),
    )
    .because([draft])
    .since(since)
    .check(check, "shows why the copy was not made")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::fixture::Fixture;

    #[test]
    fn a_degraded_cluster_or_volume_says_so_itself() {
        let ceph = |health: &str| {
            Fixture::new().with(json!({"kind": "CephCluster", "metadata": {"name": "main"}, "status": {"ceph": {"health": health,
                "details": {"OSD_DOWN": {"message": "1 osds down"}}}}}))
        };
        ceph("HEALTH_WARN").check(systems, &["CephLonghornDegraded CephCluster shop/main"]);
        ceph("HEALTH_OK").check(systems, &[]);
        let volume = |state: &str| {
            Fixture::new().with(json!({"kind": "Volume", "metadata": {"name": "pvc-1"}, "status": {"robustness": state}}))
        };
        volume("degraded").check(systems, &["CephLonghornDegraded Volume shop/pvc-1"]);
        volume("healthy").check(systems, &[]);
    }

    #[test]
    fn a_failed_copy_says_so_itself() {
        let snapshot = |ready: bool| {
            Fixture::new().with(json!({"kind": "VolumeSnapshot", "metadata": {"name": "s1"},
                "status": {"readyToUse": ready, "error": {"message": "quota exceeded"}}}))
        };
        snapshot(false).check(copies, &["SnapshotOrBackupFailed VolumeSnapshot shop/s1"]);
        snapshot(true).check(copies, &[]);
        let backup = |phase: &str| {
            Fixture::new().with(
                json!({"kind": "Backup", "metadata": {"name": "b1"}, "status": {"phase": phase}}),
            )
        };
        backup("PartiallyFailed").check(copies, &["SnapshotOrBackupFailed Backup shop/b1"]);
        backup("Completed").check(copies, &[]);
    }
}
