//! Facts about claims that do not bind, one point of comparison each.

#![allow(
    clippy::needless_pass_by_value,
    reason = "JSON snippets read best when written where they are used"
)]

use serde_json::{Value, json};

use super::*;
use crate::causes::fixture::{Fixture, ago};

fn claim(spec: Value) -> Fixture {
    let mut whole = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "",
        "resources": {"requests": {"storage": "1Gi"}}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    let pod = json!({"containers": [{"name": "app"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
    Fixture::new()
        .with(json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "creationTimestamp": ago(20)},
            "spec": whole, "status": {"phase": "Pending"}}))
        .with(json!({"kind": "StorageClass", "metadata": {"name": "local"}, "provisioner": "kubernetes.io/no-provisioner"}))
        .with(json!({"kind": "StorageClass", "metadata": {"name": "fast"}, "provisioner": "csi.local"}))
        .deployment("db", 1, 0, pod.clone())
        .pod("db", "a", pod, json!({"phase": "Pending"}))
}

fn volume(name: &str, phase: &str, spec: Value) -> Value {
    let mut whole = json!({"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    json!({"kind": "PersistentVolume", "metadata": {"name": name, "labels": {"disk": "ssd"}},
        "spec": whole, "status": {"phase": phase}})
}

#[track_caller]
fn check(wanted: Value, offered: Value, expected: &[&str]) {
    claim(wanted)
        .with(volume("v1", "Available", offered))
        .check(claims, expected);
}

#[test]
fn the_single_point_that_differs_names_the_cause() {
    check(
        json!({"resources": {"requests": {"storage": "2Gi"}}}),
        json!({}),
        &["PvcCapacityMismatch Deployment shop/db"],
    );
    check(
        json!({"accessModes": ["ReadWriteMany"]}),
        json!({}),
        &["PvcAccessModeMismatch Deployment shop/db"],
    );
    check(
        json!({"selector": {"matchLabels": {"disk": "nvme"}}}),
        json!({}),
        &["PvcSelectorMismatch Deployment shop/db"],
    );
    check(
        json!({"storageClassName": "local"}),
        json!({}),
        &["PvcStorageClassMismatch Deployment shop/db"],
    );
    check(
        json!({}),
        json!({"storageClassName": "local"}),
        &["PvcStorageClassMismatch Deployment shop/db"],
    );
    check(
        json!({"volumeMode": "Block"}),
        json!({}),
        &["PvNoMatch Deployment shop/db"],
    );
    check(json!({}), json!({}), &[]);
}

#[test]
fn several_points_at_once_stay_the_broader_cause() {
    check(
        json!({"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "2Gi"}}}),
        json!({}),
        &["PvNoMatch Deployment shop/db"],
    );
}

#[test]
fn a_volume_bound_to_another_claim_is_occupied() {
    claim(json!({}))
        .with(volume(
            "v1",
            "Bound",
            json!({"claimRef": {"namespace": "shop", "name": "other"}}),
        ))
        .check(claims, &["PvAlreadyBound Deployment shop/db"]);
}

#[test]
fn the_binders_word_about_no_class_does_not_hide_an_occupied_volume() {
    claim(json!({}))
        .with(volume(
            "v1",
            "Bound",
            json!({"claimRef": {"namespace": "shop", "name": "other"}}),
        ))
        .event(
            "Normal",
            "PersistentVolumeClaim/data",
            "FailedBinding",
            "no persistent volumes available for this claim and no storage class is set",
            1,
        )
        .check(claims, &["PvAlreadyBound Deployment shop/db"]);
}

#[test]
fn a_free_volume_is_the_nearer_candidate_than_one_in_use() {
    claim(json!({"resources": {"requests": {"storage": "2Gi"}}}))
        .with(volume("v1", "Bound", json!({"capacity": {"storage": "2Gi"}, "claimRef": {"namespace": "shop", "name": "other"}})))
        .with(volume("v2", "Available", json!({})))
        .check(claims, &["PvcCapacityMismatch Deployment shop/db"]);
}

#[test]
fn a_released_volume_has_to_be_reclaimed() {
    claim(json!({}))
        .with(volume(
            "v1",
            "Released",
            json!({"claimRef": {"namespace": "shop", "name": "data"}}),
        ))
        .check(claims, &["PvNoMatch Deployment shop/db"]);
}

#[test]
fn a_class_that_does_not_exist_is_missing_with_and_without_the_event() {
    let fixture =
        claim(json!({"storageClassName": "fastt"})).with(volume("v1", "Available", json!({})));
    fixture.check(claims, &["StorageClassMissing Deployment shop/db"]);
    let findings = fixture
        .warning(
            "PersistentVolumeClaim/data",
            "ProvisioningFailed",
            "storageclass.storage.k8s.io \"fastt\" not found",
        )
        .check(claims, &["StorageClassMissing Deployment shop/db"]);
    assert_eq!(findings.found[0].strength, Strength::Stated);
}

#[test]
fn a_provisioner_that_stays_silent_is_down() {
    claim(json!({"storageClassName": "fast"}))
        .event(
            "Normal",
            "PersistentVolumeClaim/data",
            "ExternalProvisioning",
            "waiting for a volume to be created by the external provisioner",
            1,
        )
        .check(claims, &["ProvisionerDown Deployment shop/db"]);
}

#[test]
fn waiting_for_the_first_consumer_is_normal() {
    let findings = claim(json!({"storageClassName": "fast"}))
        .event(
            "Normal",
            "PersistentVolumeClaim/data",
            "WaitForFirstConsumer",
            "waiting for first consumer to be created before binding",
            1,
        )
        .check(claims, &[]);
    assert_eq!(findings.excluded[0].cause, Cause::ProvisionerDown);
}

#[test]
fn a_bound_claim_is_no_finding() {
    claim(json!({}))
        .with(
            json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteMany"]}, "status": {"phase": "Bound"}}),
        )
        .with(volume("v1", "Released", json!({})))
        .check(claims, &[]);
}

#[test]
fn volumes_that_were_not_captured_prove_nothing() {
    claim(json!({})).check(claims, &[]);
}
