//! Disks that are saturated or fail, storage systems that are degraded,
//! snapshots that do not finish.
//!
//! Node exporters and the node problem detector speak here; the object is the
//! node whose disk it is, or the storage system's own object.

use crate::causes::view::{in_window, mentions, name_of};
use crate::causes::{Case, Cause, Finding, Findings, Strength, machine};
use crate::evidence::query::{describe_query, pods_on_node};
use crate::evidence::{Draft, EvidenceKind};
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// A disk busy for this share of the time has no room left.
const SATURATED: f64 = 0.95;

/// Kernel words for a disk that is going (lower case).
const DYING: &[&str] = &[
    "i/o error",
    "remounting filesystem read-only",
    "remounting read-only",
    "ext4-fs error",
    "xfs_force_shutdown",
    "medium error",
    "smart failure",
    "readonlyfilesystem",
];

fn metric(object: &ObjectRef, series: &Series, title: String) -> Draft {
    let labels: Vec<String> = series
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    Draft {
        kind: EvidenceKind::Metric,
        query: format!("{}{{{}}}", series.name, labels.join(",")),
        ..Draft::status(object.clone(), title, Vec::new())
    }
}

/// Finds disks that were busy all the time at the end of the window.
pub(crate) fn saturated_disks(case: &Case<'_>, findings: &mut Findings) {
    let named = |series: &&Series| series.name == "node_disk_io_time_seconds_total";
    for series in case.snapshot.series.iter().filter(named) {
        let Some(busy) = recent_rate(series) else {
            continue;
        };
        if !(SATURATED..1.5).contains(&busy) {
            continue;
        }
        let Some(node) = machine::of_series(case, series) else {
            continue;
        };
        let device = series.labels.get("device").map_or("a disk", String::as_str);
        let statement = format!(
            "disk {device} of node {} is busy {:.0} % of the time",
            node.name,
            busy * 100.0
        );
        findings.add(
            Finding::new(
                Cause::DiskIoSaturated,
                node.clone(),
                Strength::Likely,
                statement.clone(),
            )
            .because([metric(&node, series, statement)])
            .check(pods_on_node(&node.name), "shows who may be writing"),
        );
    }
}

/// Slope of a counter over its last samples, per second.
fn recent_rate(series: &Series) -> Option<f64> {
    let tail = &series.samples[series.samples.len().saturating_sub(5)..];
    let (first, last) = (tail.first()?, tail.last()?);
    let seconds = last.at - first.at;
    (seconds > 0.0 && last.value >= first.value).then(|| (last.value - first.value) / seconds)
}

/// Finds disks that report errors, failed RAID members or a read-only remount.
pub(crate) fn failing_disks(case: &Case<'_>, findings: &mut Findings) {
    for event in &case.facts.events {
        let told = mentions(&event.message, DYING) || mentions(&event.reason, DYING);
        let abnormal = event.event_type != "Normal";
        if event.object.kind == "Node" && told && abnormal && in_window(case, event.last) {
            findings.add(failing(&event.object, Draft::event(event)));
        }
    }
    for node in &case.snapshot.objects.nodes {
        let object = ObjectRef::cluster("Node", name_of(node));
        let conditions = node
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_deref());
        for condition in conditions.unwrap_or_default() {
            let about_disk = mentions(
                &condition.type_,
                &["readonlyfilesystem", "disk failure", "baddisk"],
            );
            if about_disk && condition.status == "True" {
                let lines = condition.message.iter().cloned().collect();
                let title = format!("condition {} is True", condition.type_);
                let at = condition.last_transition_time.as_ref().map(|time| time.0);
                findings.add(failing(
                    &object,
                    Draft::status(object.clone(), title, lines).at(at),
                ));
            }
        }
    }
    for series in &case.snapshot.series {
        let Some(last) = series.samples.last().map(|sample| sample.value) else {
            continue;
        };
        let failed = match series.name.as_str() {
            "node_md_disks" => {
                series
                    .labels
                    .get("state")
                    .is_some_and(|state| state == "failed")
                    && last > 0.0
            }
            "smartmon_device_smart_healthy" | "smartctl_device_smart_status" => last == 0.0,
            "node_filesystem_device_error" => last > 0.0,
            _ => false,
        };
        if let Some(node) = failed.then(|| machine::of_series(case, series)).flatten() {
            let draft = metric(&node, series, format!("{} is {last}", series.name));
            findings.add(failing(&node, draft));
        }
    }
}

fn failing(node: &ObjectRef, draft: Draft) -> Finding {
    let at = draft.at;
    Finding::new(
        Cause::DiskFailing,
        node.clone(),
        Strength::Stated,
        format!("a disk of node {} reports errors", node.name),
    )
    .because([draft])
    .since(at)
    .check(
        describe_query(node),
        "shows what the node reports about its disks",
    )
}

/// Finds Ceph clusters and Longhorn volumes that report themselves degraded.
pub(crate) fn clusters(case: &Case<'_>, findings: &mut Findings) {
    for series in &case.snapshot.series {
        let Some(last) = series.samples.last().map(|sample| sample.value) else {
            continue;
        };
        let degraded = match series.name.as_str() {
            "ceph_health_status" => last >= 1.0,
            "longhorn_volume_robustness" => (2.0..=3.0).contains(&last),
            _ => continue,
        };
        let label = |name: &str| series.labels.get(name).cloned();
        let object = match (label("volume"), label("namespace")) {
            (Some(volume), _)
                if case
                    .snapshot
                    .objects
                    .persistent_volumes
                    .get("", &volume)
                    .is_some() =>
            {
                ObjectRef::cluster("PersistentVolume", volume)
            }
            (_, Some(namespace)) => ObjectRef::cluster("Namespace", namespace),
            _ => continue,
        };
        if !degraded {
            continue;
        }
        let statement = format!(
            "the storage system reports {} = {last} for {object}",
            series.name
        );
        findings.add(
            Finding::new(
                Cause::CephLonghornDegraded,
                object.clone(),
                Strength::Likely,
                statement.clone(),
            )
            .because([metric(&object, series, statement)])
            .check(
                "kubectl get pods -A -o wide",
                "shows which storage pods are not well and where",
            ),
        );
    }
}

/// Finds volume snapshots that fail.
pub(crate) fn snapshots(case: &Case<'_>, findings: &mut Findings) {
    for event in &case.facts.events {
        let is_snapshot = event.object.kind.starts_with("VolumeSnapshot");
        if !is_snapshot || event.event_type == "Normal" || !in_window(case, event.last) {
            continue;
        }
        findings.add(
            Finding::new(
                Cause::SnapshotOrBackupFailed,
                event.object.clone(),
                Strength::Stated,
                format!("{} does not finish: {}", event.object, event.reason),
            )
            .because([Draft::event(event)])
            .since(event.first.or(event.last))
            .check(
                format!(
                    "kubectl describe {}{}",
                    event.object.kubectl_name(),
                    crate::evidence::namespace_flag(&event.object)
                ),
                "shows why the snapshot is not ready",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::fixture::Fixture;

    fn node() -> Fixture {
        Fixture::new().with(json!({"kind": "Node", "metadata": {"name": "n1"},
            "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}}))
    }

    const DISK: &[(&str, &str)] = &[("instance", "10.0.0.1:9100"), ("device", "sda")];

    #[test]
    fn a_disk_that_is_always_busy_is_saturated() {
        node()
            .series(
                "node_disk_io_time_seconds_total",
                DISK,
                &[0.0, 59.0, 119.0, 178.0],
            )
            .check(saturated_disks, &["DiskIoSaturated Node n1"]);
    }

    #[test]
    fn a_disk_with_pauses_is_not() {
        node()
            .series("node_disk_io_time_seconds_total", DISK, &[0.0, 20.0, 41.0])
            .check(saturated_disks, &[]);
    }

    #[test]
    fn a_disk_that_reports_errors_fails() {
        node()
            .warning("Node/n1", "IOError", "Buffer I/O error on device sda")
            .check(failing_disks, &["DiskFailing Node n1"]);
        node()
            .series(
                "node_md_disks",
                &[("instance", "10.0.0.1:9100"), ("state", "failed")],
                &[1.0],
            )
            .check(failing_disks, &["DiskFailing Node n1"]);
    }

    #[test]
    fn old_disk_errors_and_healthy_arrays_do_not() {
        node()
            .event(
                "Warning",
                "Node/n1",
                "IOError",
                "Buffer I/O error on device sda",
                600,
            )
            .series(
                "node_md_disks",
                &[("instance", "10.0.0.1:9100"), ("state", "failed")],
                &[0.0],
            )
            .check(failing_disks, &[]);
    }

    #[test]
    fn a_degraded_storage_system_is_found_and_a_healthy_one_is_not() {
        let labels: &[(&str, &str)] = &[("namespace", "rook-ceph")];
        Fixture::new()
            .series("ceph_health_status", labels, &[1.0])
            .check(clusters, &["CephLonghornDegraded Namespace rook-ceph"]);
        Fixture::new()
            .series("ceph_health_status", labels, &[0.0])
            .check(clusters, &[]);
    }

    #[test]
    fn a_snapshot_that_fails_is_found() {
        Fixture::new()
            .warning(
                "VolumeSnapshot/nightly",
                "SnapshotCreationFailed",
                "failed to create snapshot",
            )
            .check(
                snapshots,
                &["SnapshotOrBackupFailed VolumeSnapshot shop/nightly"],
            );
    }
}
