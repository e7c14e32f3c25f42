#![allow(
    clippy::needless_pass_by_value,
    reason = "JSON snippets read best where they are used"
)]

use serde_json::json;

use super::*;
use crate::causes::fixture::{Fixture, ago};

fn node(spec: Value) -> Fixture {
    Fixture::new().with(
        json!({"kind": "Node", "metadata": {"name": "n1"}, "spec": spec,
        "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}]}}),
    )
}

fn proxy(ready: bool) -> Fixture {
    node(json!({})).with(json!({"kind": "Pod", "metadata": {"name": "kube-proxy-1", "labels": {"k8s-app": "kube-proxy"}},
        "spec": {"nodeName": "n1", "containers": [{"name": "kube-proxy"}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "kube-proxy", "ready": ready, "restartCount": 3, "image": "", "imageID": ""}]}}))
}

#[test]
fn a_node_part_that_lacks_a_module_names_the_node() {
    let line = "modprobe: FATAL: Module ip_tables not found in directory /lib/modules/6.1.0";
    proxy(false)
        .log("kube-proxy-1", "kube-proxy", false, line)
        .check(kernel, &["KernelParamModule Node n1"]);
    proxy(true)
        .log("kube-proxy-1", "kube-proxy", false, line)
        .check(kernel, &[]);
}

#[test]
fn a_forbidden_sysctl_is_the_nodes_and_another_failure_is_not() {
    let pod = |reason: &str| {
        node(json!({})).with(json!({"kind": "Pod", "metadata": {"name": "web"}, "spec": {"nodeName": "n1", "containers": []},
            "status": {"phase": "Failed", "reason": reason, "message": "forbidden sysctl: net.core.somaxconn not allowlisted"}}))
    };
    pod("SysctlForbidden").check(kernel, &["KernelParamModule Node n1"]);
    pod("Evicted").check(kernel, &[]);
}

fn request(minutes: i64, conditions: Value) -> Fixture {
    node(json!({})).with(json!({"kind": "CertificateSigningRequest", "metadata": {"name": "csr-1", "creationTimestamp": ago(minutes)},
        "spec": {"signerName": "kubernetes.io/kubelet-serving", "username": "system:node:n1"},
        "status": {"conditions": conditions}}))
}

#[test]
fn a_request_that_waits_long_is_not_approved() {
    request(60, json!([])).check(certificate, &["KubeletCert Node n1"]);
    request(2, json!([])).check(certificate, &[]);
    request(60, json!([{"type": "Approved", "status": "True"}])).check(certificate, &[]);
}

#[test]
fn clients_of_a_kubelet_tell_of_its_certificate() {
    let line = "Failed to scrape node, err=Get \"https://10.0.0.1:10250/metrics/resource\": remote error: tls: internal error";
    node(json!({}))
        .log("metrics-server-1", "metrics-server", false, line)
        .check(certificate, &["KubeletCert Node n1"]);
    node(json!({}))
        .log(
            "web-1",
            "web",
            false,
            "https://10.0.0.1:8443/: remote error: tls: internal error",
        )
        .check(certificate, &[]);
}

#[test]
fn images_that_cannot_be_deleted_are_told_without_disk_pressure_only() {
    let message = "Failed to garbage collect required amount of images. Attempted to free 12884901888 bytes, but only found 0 bytes eligible to free.";
    node(json!({}))
        .warning("Node/n1", "FreeDiskSpaceFailed", message)
        .check(images, &["ImageGarbageCollection Node n1"]);
    Fixture::new()
        .with(json!({"kind": "Node", "metadata": {"name": "n1"},
            "status": {"conditions": [{"type": "DiskPressure", "status": "True"}]}}))
        .warning("Node/n1", "FreeDiskSpaceFailed", message)
        .check(images, &[]);
}

fn cordoned(hours: i64, note: Value) -> Fixture {
    let mut fixture = Fixture::new().with(json!({"kind": "Node", "metadata": {"name": "n1", "annotations": note},
        "spec": {"unschedulable": true, "taints": [{"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule", "timeAdded": ago(hours * 60)}]}}));
    fixture.subjects = vec![ObjectRef::cluster("Node", "n1")];
    fixture
}

#[test]
fn an_old_cordon_without_a_note_is_forgotten() {
    cordoned(72, json!({})).check(cordon, &["CordonForgotten Node n1"]);
    cordoned(1, json!({})).check(cordon, &[]);
    cordoned(72, json!({"example.com/note": "maintenance until Friday"})).check(cordon, &[]);
}
