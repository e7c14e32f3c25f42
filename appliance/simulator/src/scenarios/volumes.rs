//! Volumes and storage systems: volumes that fill, servers that hang, copies
//! that fail.

use serde_json::json;

use super::alert::Alert;
use super::node::{node_cause, victim_node};
use super::storage::{Database, database_gone};
use super::{Expected, Params, ScenarioRun, run};

pub(super) fn multi_attach(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let database = Database::of(site);
        let volume = database.volume(site);
        let at = site.fault_at.to_string();
        site.edit_pod(&database.pod, |pod| {
            pod["metadata"]["creationTimestamp"] = json!(at);
        });
        let message = format!(
            "Multi-Attach error for volume \"{volume}\" Volume is already exclusively attached to one node and can't be attached to another"
        );
        site.stuck_creating(&database.pod, "FailedAttachVolume", &message, 6);
        database_gone(site);
        database.at_fault(&["MultiAttach"])
    })
}

/// The database's claim with a condition or a shrinking series, told by an alert.
fn filling(
    params: &Params,
    id: &str,
    cause: &'static [&'static str],
    rule: &'static str,
    meters: [&'static str; 2],
) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let Database {
            namespace, claim, ..
        } = Database::of(site);
        site.edit("PersistentVolumeClaim", &namespace, &claim, |claim| {
            claim["metadata"]["annotations"]["example.com/watched"] = json!("yes");
        });
        let labels = [
            ("namespace", namespace.as_str()),
            ("persistentvolumeclaim", claim.as_str()),
            ("job", "kubelet"),
        ];
        site.new_gauge(meters[0], &labels, |since| {
            if since < 0.0 {
                4e5
            } else {
                (4e5 - since * 180.0).max(9e3)
            }
        });
        site.new_gauge(meters[1], &labels, |_| 1e6);
        let alert = Alert::new(
            rule,
            "critical",
            60,
            "A volume is filling up.",
            format!("The volume of {claim} in {namespace} has 1% left."),
        )
        .label("namespace", &namespace)
        .label("persistentvolumeclaim", &claim)
        .label("job", "kubelet");
        (
            alert,
            Expected::Cause(cause, ("PersistentVolumeClaim", namespace, claim)),
        )
    })
}

pub(super) fn volume_filling(params: &Params, id: &str) -> ScenarioRun {
    filling(
        params,
        id,
        &["VolumeFilling"],
        "KubePersistentVolumeFillingUp",
        [
            "kubelet_volume_stats_available_bytes",
            "kubelet_volume_stats_capacity_bytes",
        ],
    )
}

pub(super) fn inodes(params: &Params, id: &str) -> ScenarioRun {
    filling(
        params,
        id,
        &["Inodes"],
        "KubePersistentVolumeInodesFillingUp",
        [
            "kubelet_volume_stats_inodes_free",
            "kubelet_volume_stats_inodes",
        ],
    )
}

pub(super) fn resize_stuck(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1800, |site| {
        let Database {
            namespace, claim, ..
        } = Database::of(site);
        let at = site.fault_at.to_string();
        site.edit("PersistentVolumeClaim", &namespace, &claim, |claim| {
            claim["spec"]["resources"]["requests"]["storage"] = json!("50Gi");
            claim["status"]["conditions"] = json!([{"type": "FileSystemResizePending", "status": "True", "lastTransitionTime": at,
                "message": "Waiting for user to (re-)start a pod to finish file system resize of volume on node."}]);
        });
        let alert = Alert::volume_filling(&namespace, &claim);
        (
            alert,
            Expected::Cause(
                &["ResizeStuck"],
                ("PersistentVolumeClaim", namespace, claim),
            ),
        )
    })
}

pub(super) fn file_server(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let database = Database::of(site);
        let volume = database.volume(site);
        site.edit("PersistentVolume", "", &volume, |volume| {
            if let Some(spec) = volume["spec"].as_object_mut() {
                spec.shift_remove("hostPath");
            }
            volume["spec"]["nfs"] = json!({"server": "192.168.20.5", "path": "/export/data"});
        });
        let message = format!(
            "MountVolume.SetUp failed for volume \"{volume}\" : mount failed: exit status 32 Output: mount.nfs: Connection timed out"
        );
        site.stuck_creating(&database.pod, "FailedMount", &message, 9);
        database_gone(site);
        let expected = Expected::Cause(
            &["NetworkFsHung"],
            ("PersistentVolume", String::new(), volume),
        );
        (database.mismatch(), expected)
    })
}

pub(super) fn ceph(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let built = site.ago(90 * 86_400);
        site.add_namespace("rook-ceph", built);
        let meta = site.meta("rook-ceph", "rook-ceph", built);
        let at = site.fault_at.to_string();
        site.put("CephCluster", json!({"metadata": meta, "spec": {}, "status": {"phase": "Ready", "ceph": {"health": "HEALTH_WARN", "lastChanged": at,
            "details": {"OSD_DOWN": {"severity": "HEALTH_WARN", "message": "1 osds down"}, "PG_DEGRADED": {"severity": "HEALTH_WARN", "message": "Degraded data redundancy: 4123/98211 objects degraded"}}}}}));
        let alert = Alert::new(
            "CephHealthWarning",
            "warning",
            900,
            "Ceph is in the WARNING state.",
            "The cluster state has been HEALTH_WARN for more than 15 minutes.",
        )
        .label("namespace", "rook-ceph");
        (
            alert,
            Expected::Cause(
                &["CephLonghornDegraded"],
                (
                    "CephCluster",
                    "rook-ceph".to_owned(),
                    "rook-ceph".to_owned(),
                ),
            ),
        )
    })
}

pub(super) fn longhorn(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let database = Database::of(site);
        let volume = database.volume(site);
        let Database {
            namespace, claim, ..
        } = database;
        let built = site.ago(90 * 86_400);
        site.add_namespace("longhorn-system", built);
        let meta = site.meta("longhorn-system", &volume, built);
        site.put("Volume", json!({"metadata": meta, "spec": {"numberOfReplicas": 3}, "status": {"state": "attached", "robustness": "degraded",
            "kubernetesStatus": {"namespace": namespace, "pvcName": claim}}}));
        let alert = Alert::new(
            "LonghornVolumeStatusWarning",
            "warning",
            300,
            "A Longhorn volume is degraded.",
            format!("Volume {volume} is degraded."),
        )
        .label("namespace", "longhorn-system")
        .label("volume", &volume);
        (
            alert,
            Expected::Cause(
                &["CephLonghornDegraded"],
                ("Volume", "longhorn-system".to_owned(), volume),
            ),
        )
    })
}

pub(super) fn snapshot_failed(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let Database {
            namespace,
            name,
            claim,
            ..
        } = Database::of(site);
        let name = format!("{name}-nightly");
        let at = site.fault_at;
        let meta = site.meta(&namespace, &name, at);
        site.put("VolumeSnapshot", json!({"metadata": meta, "spec": {"source": {"persistentVolumeClaimName": claim}},
            "status": {"readyToUse": false, "error": {"time": at.to_string(), "message": "Failed to create snapshot: rpc error: code = ResourceExhausted desc = no space for snapshots"}}}));
        let alert = Alert::new(
            "VolumeSnapshotNotReady",
            "warning",
            600,
            "A volume snapshot is not ready.",
            format!("Snapshot {namespace}/{name} is not ready."),
        )
        .label("namespace", &namespace)
        .label("volumesnapshot", &name);
        (
            alert,
            Expected::Cause(
                &["SnapshotOrBackupFailed"],
                ("VolumeSnapshot", namespace, name),
            ),
        )
    })
}

/// A node's own word about its file system.
pub(super) fn read_only(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let node = victim_node(site);
        site.node_says(
            &node,
            "FilesystemIsReadOnly",
            "kernel-monitor",
            "EXT4-fs (sda2): Remounting filesystem read-only",
            2,
        );
        let alert = Alert::new(
            "NodeFilesystemReadOnly",
            "critical",
            60,
            "A file system became read-only.",
            format!("A file system of node {node} is read-only."),
        )
        .label("node", &node);
        (alert, node_cause(&["DiskFailing"], &node))
    })
}
