use serde_json::json;

use super::*;
use crate::causes::fixture::Fixture;

fn component(name: &str, ready: bool) -> Fixture {
    Fixture::new().with(json!({"kind": "Pod", "metadata": {"name": format!("{name}-cp1"), "namespace": "kube-system", "labels": {"component": name}},
        "spec": {"nodeName": "cp1", "containers": [{"name": name}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": name, "ready": ready, "restartCount": 0, "image": "", "imageID": ""}]}}))
}

#[track_caller]
fn check(fixture: Fixture, alert: &str, expected: &[&str]) {
    fixture
        .alert(&[("alertname", alert)])
        .check(analyze, expected);
}

#[test]
fn each_rule_speaks_for_what_it_measures() {
    for (alert, part, cause) in [
        (
            "KubeAPIErrorBudgetBurn",
            "kube-apiserver",
            "ApiServerSloBurn",
        ),
        (
            "KubeAPITerminatedRequests",
            "kube-apiserver",
            "ApiServerThrottling",
        ),
        ("etcdHighFsyncDurations", "etcd", "EtcdSlowDisk"),
        ("etcdNoLeader", "etcd", "EtcdNoQuorumLeader"),
        ("etcdDatabaseQuotaLowSpace", "etcd", "EtcdNoSpace"),
        (
            "KubeClientCertificateExpiration",
            "kube-apiserver",
            "CertExpiring",
        ),
    ] {
        let expected = format!("{cause} Pod kube-system/{part}-cp1");
        check(component(part, true), alert, &[&expected]);
    }
}

#[test]
fn without_the_components_pods_the_control_plane_stands_for_them() {
    check(
        Fixture::new(),
        "etcdNoLeader",
        &["EtcdNoQuorumLeader Namespace kube-system"],
    );
    check(Fixture::new(), "etcdSomethingElse", &[]);
}

#[test]
fn a_component_that_is_ready_is_not_down_whatever_prometheus_sees() {
    check(
        component("kube-scheduler", false),
        "KubeSchedulerDown",
        &["SchedulerDown Node cp1"],
    );
    let ruled_out = component("kube-scheduler", true)
        .alert(&[("alertname", "KubeSchedulerDown")])
        .check(analyze, &[]);
    assert_eq!(ruled_out.excluded.len(), 1);
}
