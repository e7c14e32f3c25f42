//! Facts about missing configuration and volumes that will not mount.

#![allow(
    clippy::needless_pass_by_value,
    reason = "JSON snippets read best when written where they are used"
)]

use serde_json::{Value, json};

use super::*;
use crate::causes::fixture::Fixture;

fn waits(reason: &str, message: &str) -> Value {
    json!({"phase": "Pending", "containerStatuses": [{
        "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}}}]})
}

fn spec() -> Value {
    json!({"nodeName": "n1", "containers": [{"name": "app",
        "envFrom": [{"secretRef": {"name": "db"}}, {"configMapRef": {"name": "maybe", "optional": true}}]}],
        "volumes": [{"name": "conf", "configMap": {"name": "settings"}}]})
}

fn web(reason: &str, message: &str) -> Fixture {
    Fixture::new()
        .deployment("web", 1, 0, spec())
        .pod("web", "a", spec(), waits(reason, message))
}

#[track_caller]
fn check(message: &str, expected: &str) {
    web("CreateContainerConfigError", message).check(
        super::objects,
        &[&format!("{expected} Deployment shop/web")],
    );
}

#[test]
fn the_kubelet_names_what_is_missing() {
    check("secret \"db\" not found", "SecretMissing");
    check("configmap \"settings\" not found", "ConfigMapMissing");
    check(
        "couldn't find key PASSWORD in Secret shop/db",
        "ConfigKeyMissing",
    );
    check(
        "couldn't find key MODE in ConfigMap shop/settings",
        "ConfigKeyMissing",
    );
}

#[test]
fn a_missing_object_that_is_mounted_is_told_apart() {
    web("ContainerCreating", "")
        .warning(
            "Pod/web-77f-a",
            "FailedMount",
            "MountVolume.SetUp failed for volume \"conf\" : configmap \"settings\" not found",
        )
        .check(super::objects, &["MountObjectMissing Deployment shop/web"]);
    web("ContainerCreating", "")
        .warning("Pod/web-77f-a", "FailedMount", "MountVolume.SetUp failed for volume \"conf\" : references non-existent config key: app.yaml")
        .check(super::objects, &["MountObjectMissing Deployment shop/web"]);
}

#[test]
fn the_spec_tells_when_the_message_is_gone() {
    let findings = web("CreateContainerConfigError", "")
        .with(json!({"kind": "Secret", "metadata": {"name": "other"}}))
        .with(json!({"kind": "ConfigMap", "metadata": {"name": "settings"}}))
        .check(super::objects, &["SecretMissing Deployment shop/web"]);
    assert_eq!(findings.found[0].strength, Strength::Strong);
}

#[test]
fn references_to_kinds_that_were_not_captured_prove_nothing() {
    web("CreateContainerConfigError", "").check(super::objects, &[]);
}

#[test]
fn a_crashing_pod_is_not_waiting_for_objects() {
    web("CrashLoopBackOff", "")
        .with(json!({"kind": "Secret", "metadata": {"name": "other"}}))
        .check(super::objects, &[]);
}

#[test]
fn a_pull_secret_that_is_missing_is_not_configuration() {
    web("ImagePullBackOff", "")
        .warning(
            "Pod/web-77f-a",
            "FailedToRetrieveImagePullSecret",
            "Unable to retrieve some image pull secrets; secret \"regcred\" not found",
        )
        .check(super::objects, &[]);
}

#[test]
fn a_volume_that_will_not_mount_is_found() {
    let findings = web("ContainerCreating", "")
        .warning("Pod/web-77f-a", "FailedMount", "MountVolume.MountDevice failed for volume \"pv-7\" : mount failed: exit status 32: wrong fs type, bad option")
        .warning("Pod/web-77f-a", "FailedMount", "Unable to attach or mount volumes: unmounted volumes=[data]: timed out waiting for the condition")
        .check(super::volumes, &["MountVolumeFailed Deployment shop/web"]);
    assert!(findings.found[0].statement.contains("pv-7"));
}

#[test]
fn a_mount_explained_by_a_missing_object_or_an_attach_conflict_is_not_counted_twice() {
    for text in [
        "configmap \"settings\" not found",
        "Multi-Attach error for volume \"pv-7\" Volume is already used by pod(s) web-2",
    ] {
        web("ContainerCreating", "")
            .warning("Pod/web-77f-a", "FailedMount", text)
            .check(super::volumes, &[]);
    }
}
