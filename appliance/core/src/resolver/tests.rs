use jiff::Timestamp;
use k8s_openapi::Resource;
use k8s_openapi::serde_json::{Value, from_value, json};

use super::*;
use crate::alert::{AlertStatus, Labels};
use crate::snapshot::Snapshot;

fn alert(labels: &str) -> Alert {
    let labels: Labels = labels
        .split_whitespace()
        .map(|pair| pair.split_once('=').expect("name=value"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Alert {
        status: AlertStatus::Firing,
        fingerprint: crate::alert::fingerprint::of(&labels),
        labels,
        annotations: Labels::new(),
        starts_at: Timestamp::UNIX_EPOCH,
        ends_at: None,
        generator_url: String::new(),
    }
}

fn read<T: Resource + serde::de::DeserializeOwned>(value: Value) -> T {
    from_value(value).expect("valid object")
}

/// Deployment shop/ads with a ReplicaSet and a pod, a StatefulSet and a
/// Deployment both named `cache` in two namespaces, one node.
fn snapshot() -> Snapshot {
    let mut snapshot = Snapshot::default();
    let objects = &mut snapshot.objects;
    let owned = |ns: &str, name: &str, kind: &str, owner: &str| {
        json!({"metadata": {"namespace": ns, "name": name, "ownerReferences":
            [{"apiVersion": "apps/v1", "kind": kind, "name": owner, "uid": "u", "controller": true}]}})
    };
    let free = |ns: &str, name: &str| json!({"metadata": {"namespace": ns, "name": name}});
    objects.deployments.insert(read(free("shop", "ads")));
    objects.deployments.insert(read(free("shop", "cache")));
    objects.stateful_sets.insert(read(free("bank", "cache")));
    objects
        .replica_sets
        .insert(read(owned("shop", "ads-7d9f8b6c5", "Deployment", "ads")));
    objects.pods.insert(read(owned(
        "shop",
        "ads-7d9f8b6c5-x2x4z",
        "ReplicaSet",
        "ads-7d9f8b6c5",
    )));
    objects
        .nodes
        .insert(read(json!({"metadata": {"name": "worker-1"},
        "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.5"}]}})));
    objects.horizontal_pod_autoscalers.insert(read(json!({"metadata": {"namespace": "shop", "name": "ads-hpa"},
        "spec": {"maxReplicas": 3, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "ads"}}})));
    objects.pods.mark_captured_everywhere();
    objects.deployments.mark_captured_everywhere();
    snapshot
}

fn print(resolution: Resolution) -> String {
    let subjects: Vec<_> = resolution
        .subjects
        .iter()
        .map(ToString::to_string)
        .collect();
    let note = resolution
        .note
        .map(|note| format!(" ({note})"))
        .unwrap_or_default();
    format!("{}{note}", subjects.join(", "))
}

#[track_caller]
fn check(labels: &str, expected: &str) {
    let got = print(resolve(&alert(labels), &Aliases::default(), &snapshot()));
    assert_eq!(got, expected);
}

#[track_caller]
fn check_labels(labels: &str, expected: &str) {
    let got = print(resolve_labels(&alert(labels), &Aliases::default()));
    assert_eq!(got, expected);
}

#[track_caller]
fn check_key(labels: &str, expected: &str) {
    let key = subject_key(&alert(labels), &Aliases::default());
    assert_eq!(key.map(|key| key.to_string()).unwrap_or_default(), expected);
}

#[test]
fn a_pod_leads_to_its_workload() {
    check(
        "alertname=KubePodCrashLooping job=kube-state-metrics namespace=shop pod=ads-7d9f8b6c5-x2x4z",
        "Pod shop/ads-7d9f8b6c5-x2x4z, ReplicaSet shop/ads-7d9f8b6c5, Deployment shop/ads",
    );
}

#[test]
fn a_pod_that_is_gone_leads_to_its_workload_and_says_so() {
    check(
        "namespace=shop pod=ads-66b7c9d8f-bbbbb",
        "Pod shop/ads-66b7c9d8f-bbbbb, Deployment shop/ads (Pod shop/ads-66b7c9d8f-bbbbb is not in the cluster; \
         Deployment shop/ads is taken for its workload, by the pod's name)",
    );
}

#[test]
fn job_is_the_scrape_job_and_job_name_the_job() {
    check(
        "job=batch job_name=nightly namespace=shop",
        "Job shop/nightly",
    );
    check("job=batch", " (no label of the alert names an object)");
}

#[test]
fn labels_of_an_exporter_itself_are_not_the_subject() {
    check(
        "job=kube-state-metrics namespace=monitoring pod=kube-state-metrics-0 exported_namespace=shop exported_pod=ads-7d9f8b6c5-x2x4z",
        "Pod shop/ads-7d9f8b6c5-x2x4z, ReplicaSet shop/ads-7d9f8b6c5, Deployment shop/ads",
    );
    check(
        "job=kube-state-metrics instance=10.0.0.5:8080 namespace=monitoring pod=kube-state-metrics-0 node=worker-1",
        "Node worker-1",
    );
    check(
        "job=node-exporter namespace=monitoring pod=node-exporter-abcde instance=10.0.0.5:9100",
        "Node worker-1",
    );
}

#[test]
fn an_instance_is_a_node_by_its_internal_ip() {
    check("job=kubelet instance=10.0.0.5:10250", "Node worker-1");
    check(
        "job=x instance=10.0.0.9:80",
        " (no node is known to have the address of `instance` (10.0.0.9))",
    );
    check(
        "job=x instance=[fd00::1]:80",
        " (no node is known to have the address of `instance` (fd00::1))",
    );
    check(
        "job=kube-state-metrics instance=10.0.0.5:8080",
        " (no label of the alert names an object)",
    );
    check_labels("job=node-exporter instance=worker-7:9100", "Node worker-7");
}

#[test]
fn a_scaler_leads_to_what_it_scales() {
    check(
        "horizontalpodautoscaler=ads-hpa namespace=shop",
        "HorizontalPodAutoscaler shop/ads-hpa, Deployment shop/ads",
    );
}

#[test]
fn a_unique_name_is_enough_and_an_ambiguous_one_is_said() {
    check("app=ads", "Deployment shop/ads");
    check(
        "destination_workload=cache kubernetes_namespace=bank",
        "StatefulSet bank/cache",
    );
    check(
        "app=cache",
        " (the label `app` names `cache`, which 2 objects are called: Deployment shop/cache, StatefulSet bank/cache)",
    );
    check(
        "app=nothing",
        " (the label `app` names `nothing`, and no workload of that name is known)",
    );
    check_labels(
        "workload=ads workload_type=deployment namespace=shop",
        "Deployment shop/ads",
    );
}

#[test]
fn label_names_are_case_sensitive() {
    check(
        "Pod=ads-7d9f8b6c5-x2x4z Namespace=shop",
        " (no label of the alert names an object)",
    );
}

#[test]
fn a_missing_namespace_is_found_or_said() {
    check("deployment=ads", "Deployment shop/ads");
    check_labels(
        "deployment=ads",
        " (the label `deployment` names Deployment ads, but no label names its namespace)",
    );
}

#[test]
fn hostile_label_values_name_nothing() {
    check(
        "namespace=shop pod=../../etc",
        "Namespace shop (the label `pod` holds no Kubernetes name)",
    );
    check("namespace=$(reboot) deployment=ads", "Deployment shop/ads");
}

#[test]
fn targets_down_are_found_by_their_service() {
    check_labels(
        "alertname=TargetDown job=ads service=ads namespace=shop",
        "Service shop/ads",
    );
    check_labels(
        "resourcequota=q resource=pods namespace=shop",
        "ResourceQuota shop/q",
    );
}

#[test]
fn cluster_wide_alerts_name_no_object() {
    check(
        "alertname=KubeAPIDown job=apiserver",
        " (KubeAPIDown is about the whole cluster)",
    );
    check_key("alertname=Watchdog namespace=monitoring pod=p", "");
}

#[test]
fn alerts_of_one_workload_share_a_key_whatever_they_name() {
    for labels in [
        "namespace=shop pod=ads-7d9f8b6c5-x2x4z",
        "namespace=shop deployment=ads",
        "namespace=shop service=ads alertname=TargetDown",
        "namespace=shop pod=ads-0",
        "namespace=shop pod=ads-zz2xq",
        "namespace=shop replicaset=ads-7d9f8b6c5",
        "namespace=shop job_name=ads-29384756",
        "namespace=shop pod=ads-29384756-zz2xq",
        "namespace=shop app=ads",
    ] {
        check_key(labels, "shop/ads");
    }
    check_key("node=worker-1", "node worker-1");
    check_key("namespace=shop", "");
    check_key("namespace=shop pod=web-proxy", "shop/web-proxy");
}
