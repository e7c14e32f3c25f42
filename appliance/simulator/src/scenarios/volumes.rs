//! Volumes and storage systems: claims that do not bind, volumes that fill,
//! servers that hang, copies that fail.

use serde_json::{Value, json};

use super::alert::Alert;
use super::names::Role;
use super::node::victim_node;
use super::site::{EventText, Site};
use super::storage::{database_gone, wait_for_node};
use super::{Expected, Params, ScenarioRun, run};

/// Lets the database wait for its claim, which nothing serves yet.
fn unbound(site: &mut Site) {
    let total = site.names.nodes.len();
    let message = format!(
        "0/{total} nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: 0/{total} nodes are available: {total} Preemption is not helpful for scheduling."
    );
    wait_for_node(site, &message);
    database_gone(site);
}

/// Replaces the database's claim by one that waits, and its volume by none.
fn new_claim(site: &mut Site, spec: &Value) -> String {
    let database = site.app(Role::Database);
    let namespace = site.namespace();
    let claim = format!("data-{}-0", database.name);
    let old = site.get("PersistentVolumeClaim", &namespace, &claim)["spec"]["volumeName"].clone();
    site.delete("PersistentVolume", "", old.as_str().unwrap_or_default());
    let at = site.fault_at;
    let meta = site.meta(&namespace, &claim, at);
    site.put(
        "PersistentVolumeClaim",
        json!({"metadata": meta, "spec": spec, "status": {"phase": "Pending"}}),
    );
    claim
}

fn claim_says(site: &mut Site, claim: &str, kind: &str, reason: &str, message: &str) {
    let text = EventText {
        kind,
        reason,
        message,
        from: "persistentvolume-controller",
    };
    let seen = site.repeatedly(2, 60);
    site.controller_event(("PersistentVolumeClaim", claim), &text, seen);
}

fn of_database(site: &Site, causes: &'static [&'static str]) -> (Alert, Expected) {
    let namespace = site.namespace();
    let database = site.app(Role::Database);
    let alert = Alert::stateful_set_mismatch(&namespace, &database.name);
    (
        alert,
        Expected::Cause(causes, ("StatefulSet", namespace, database.name)),
    )
}

pub(super) fn provisioner_down(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let built = site.ago(60 * 86_400);
        let meta = site.meta("", "replicated", built);
        site.put("StorageClass", json!({"metadata": meta, "provisioner": "driver.example.org", "volumeBindingMode": "Immediate", "reclaimPolicy": "Delete"}));
        let claim = new_claim(
            site,
            &json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "replicated", "volumeMode": "Filesystem", "resources": {"requests": {"storage": "20Gi"}}}),
        );
        claim_says(
            site,
            &claim,
            "Normal",
            "ExternalProvisioning",
            "Waiting for a volume to be created either by the external provisioner 'driver.example.org' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
        );
        unbound(site);
        of_database(site, &["ProvisionerDown"])
    })
}

/// A claim without provisioner beside one volume that differs in one point.
fn unmatched(
    params: &Params,
    id: &str,
    causes: &'static [&'static str],
    claim: fn(&mut Value),
    volume: fn(&mut Value),
) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let built = site.ago(60 * 86_400);
        let meta = site.meta("", "local-disks", built);
        site.put("StorageClass", json!({"metadata": meta, "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "Immediate"}));
        let mut spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "local-disks", "volumeMode": "Filesystem", "resources": {"requests": {"storage": "20Gi"}}});
        claim(&mut spec);
        let mut meta = site.meta("", "disk-0", built);
        meta["labels"] = json!({"tier": "fast"});
        let mut disk = json!({"metadata": meta, "spec": {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "20Gi"}, "storageClassName": "local-disks",
            "volumeMode": "Filesystem", "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/mnt/disk-0"}}, "status": {"phase": "Available"}});
        volume(&mut disk);
        site.put("PersistentVolume", disk);
        let claim = new_claim(site, &spec);
        claim_says(
            site,
            &claim,
            "Normal",
            "FailedBinding",
            "no persistent volumes available for this claim and no storage class is set",
        );
        unbound(site);
        of_database(site, causes)
    })
}

fn nothing(_: &mut Value) {}

pub(super) fn too_small(params: &Params, id: &str) -> ScenarioRun {
    unmatched(
        params,
        id,
        &["PvcCapacityMismatch"],
        |claim| claim["resources"]["requests"]["storage"] = json!("200Gi"),
        nothing,
    )
}

pub(super) fn access_mode(params: &Params, id: &str) -> ScenarioRun {
    unmatched(
        params,
        id,
        &["PvcAccessModeMismatch"],
        |claim| claim["accessModes"] = json!(["ReadWriteMany"]),
        nothing,
    )
}

pub(super) fn other_class(params: &Params, id: &str) -> ScenarioRun {
    unmatched(
        params,
        id,
        &["PvcStorageClassMismatch"],
        nothing,
        |volume| volume["spec"]["storageClassName"] = json!("local-slow"),
    )
}

pub(super) fn other_labels(params: &Params, id: &str) -> ScenarioRun {
    unmatched(
        params,
        id,
        &["PvcSelectorMismatch"],
        |claim| claim["selector"] = json!({"matchLabels": {"tier": "archive"}}),
        nothing,
    )
}

pub(super) fn already_bound(params: &Params, id: &str) -> ScenarioRun {
    unmatched(
        params,
        id,
        &["PvAlreadyBound"],
        |claim| claim["volumeName"] = json!("disk-0"),
        |volume| {
            volume["spec"]["claimRef"] = json!({"kind": "PersistentVolumeClaim", "namespace": "archive", "name": "old-data", "uid": "5f0c"});
            volume["status"] = json!({"phase": "Bound"});
        },
    )
}

pub(super) fn released(params: &Params, id: &str) -> ScenarioRun {
    unmatched(params, id, &["PvNoMatch"], nothing, |volume| {
        volume["spec"]["claimRef"] = json!({"kind": "PersistentVolumeClaim", "namespace": "archive", "name": "old-data", "uid": "5f0c"});
        volume["status"] = json!({"phase": "Released"});
    })
}

pub(super) fn multi_attach(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let database = site.app(Role::Database);
        let namespace = site.namespace();
        let pod = format!("{}-0", database.name);
        let claim = format!("data-{}-0", database.name);
        let volume = site.get("PersistentVolumeClaim", &namespace, &claim)["spec"]["volumeName"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let at = site.fault_at.to_string();
        site.edit_pod(&pod, |pod| pod["metadata"]["creationTimestamp"] = json!(at));
        let message = format!(
            "Multi-Attach error for volume \"{volume}\" Volume is already exclusively attached to one node and can't be attached to another"
        );
        site.stuck_creating(&pod, "FailedAttachVolume", &message, 6);
        database_gone(site);
        let expected = Expected::Cause(
            &["MultiAttach"],
            ("StatefulSet", namespace.clone(), database.name.clone()),
        );
        (
            Alert::stateful_set_mismatch(&namespace, &database.name),
            expected,
        )
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
        let database = site.app(Role::Database);
        let namespace = site.namespace();
        let claim = format!("data-{}-0", database.name);
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
        let database = site.app(Role::Database);
        let namespace = site.namespace();
        let claim = format!("data-{}-0", database.name);
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
        let database = site.app(Role::Database);
        let namespace = site.namespace();
        let pod = format!("{}-0", database.name);
        let claim = format!("data-{}-0", database.name);
        let volume = site.get("PersistentVolumeClaim", &namespace, &claim)["spec"]["volumeName"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        site.edit("PersistentVolume", "", &volume, |volume| {
            if let Some(spec) = volume["spec"].as_object_mut() {
                spec.shift_remove("hostPath");
            }
            volume["spec"]["nfs"] = json!({"server": "192.168.20.5", "path": "/export/data"});
        });
        let message = format!(
            "MountVolume.SetUp failed for volume \"{volume}\" : mount failed: exit status 32 Output: mount.nfs: Connection timed out"
        );
        site.stuck_creating(&pod, "FailedMount", &message, 9);
        database_gone(site);
        let expected = Expected::Cause(
            &["NetworkFsHung"],
            ("PersistentVolume", String::new(), volume),
        );
        (
            Alert::stateful_set_mismatch(&namespace, &database.name),
            expected,
        )
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
        let database = site.app(Role::Database);
        let namespace = site.namespace();
        let claim = format!("data-{}-0", database.name);
        let volume = site.get("PersistentVolumeClaim", &namespace, &claim)["spec"]["volumeName"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
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
        let database = site.app(Role::Database);
        let namespace = site.namespace();
        let name = format!("{}-nightly", database.name);
        let at = site.fault_at;
        let meta = site.meta(&namespace, &name, at);
        site.put("VolumeSnapshot", json!({"metadata": meta, "spec": {"source": {"persistentVolumeClaimName": format!("data-{}-0", database.name)}},
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

pub(super) fn no_consumer(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1800, |site| {
        let namespace = site.namespace();
        let at = site.fault_at;
        let meta = site.meta(&namespace, "spare-data", at);
        site.put("PersistentVolumeClaim", json!({"metadata": meta, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "local-path",
            "volumeMode": "Filesystem", "resources": {"requests": {"storage": "5Gi"}}}, "status": {"phase": "Pending"}}));
        claim_says(
            site,
            "spare-data",
            "Normal",
            "WaitForFirstConsumer",
            "waiting for first consumer to be created before binding",
        );
        let alert = Alert::new(
            "PersistentVolumeClaimPending",
            "warning",
            900,
            "A claim is pending.",
            format!("Claim {namespace}/spare-data is pending."),
        )
        .label("namespace", &namespace)
        .label("persistentvolumeclaim", "spare-data");
        (
            alert,
            Expected::Cause(
                &["WaitingFirstConsumer"],
                ("PersistentVolumeClaim", namespace, "spare-data".to_owned()),
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
        (
            alert,
            Expected::Cause(&["DiskFailing"], ("Node", String::new(), node)),
        )
    })
}
