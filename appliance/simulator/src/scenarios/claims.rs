//! Claims that do not bind: nothing makes a volume for them, or what there is
//! differs in one point.

use serde_json::{Value, json};

use super::alert::Alert;
use super::storage::{Database, claim_says, new_claim, unbound};
use super::{Expected, Params, ScenarioRun, run};

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
            (
                "Normal",
                "ExternalProvisioning",
                "Waiting for a volume to be created either by the external provisioner 'driver.example.org' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
            ),
            60,
        );
        unbound(site);
        Database::of(site).at_fault(&["ProvisionerDown"])
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
            (
                "Normal",
                "FailedBinding",
                "no persistent volumes available for this claim and no storage class is set",
            ),
            60,
        );
        unbound(site);
        Database::of(site).at_fault(causes)
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
            (
                "Normal",
                "WaitForFirstConsumer",
                "waiting for first consumer to be created before binding",
            ),
            60,
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
