use serde_json::{Value, json};

use super::*;

fn pod(name: &str, owner: Option<(&str, &str)>, labels: &Value) -> Value {
    let owners: Vec<Value> = owner
        .iter()
        .map(|(kind, name)| json!({"kind": kind, "name": name, "controller": true}))
        .collect();
    json!({"metadata": {"name": name, "namespace": "shop", "labels": labels, "ownerReferences": owners}})
}

fn check(pod: &Value, more: &[(&str, Value)], expected: &str) {
    let mut snapshot = Snapshot::default();
    snapshot
        .insert_list("pods", "shop", json!([pod]))
        .expect("known");
    for (kind, item) in more {
        snapshot
            .insert_list(kind, "shop", json!([item]))
            .expect("known");
    }
    assert!(snapshot.gaps.is_empty(), "{:?}", snapshot.gaps);
    let pod = snapshot.objects.pods.iter().next().expect("one pod");
    let owner = owner_workload(&snapshot, pod);
    assert_eq!(owner.to_string(), expected);
    assert_eq!(pods_of(&snapshot, &owner).len(), 1);
}

#[test]
fn a_pod_leads_through_its_replica_set_to_the_deployment() {
    let owned = json!({"metadata": {"name": "web-5d444949c", "namespace": "shop",
        "ownerReferences": [{"kind": "Deployment", "name": "web", "controller": true}]}});
    let bare = json!({"metadata": {"name": "web-5d444949c", "namespace": "shop"}});
    let of_set = || {
        pod(
            "web-5d444949c-abcde",
            Some(("ReplicaSet", "web-5d444949c")),
            &json!({}),
        )
    };
    check(&of_set(), &[("replicasets", owned)], "Deployment shop/web");
    check(
        &of_set(),
        &[("replicasets", bare)],
        "ReplicaSet shop/web-5d444949c",
    );
}

#[test]
fn without_the_replica_set_the_template_hash_tells_the_deployment() {
    check(
        &pod(
            "web-5d444949c-abcde",
            Some(("ReplicaSet", "web-5d444949c")),
            &json!({"pod-template-hash": "5d444949c"}),
        ),
        &[],
        "Deployment shop/web",
    );
    check(
        &pod("web-abc", Some(("ReplicaSet", "web")), &json!({})),
        &[],
        "ReplicaSet shop/web",
    );
}

#[test]
fn a_job_leads_to_its_cron_job() {
    check(
        &pod("n-28000000-x", Some(("Job", "n-28000000")), &json!({})),
        &[],
        "CronJob shop/n",
    );
    check(
        &pod("n-28000000-x", Some(("Job", "n-28000000")), &json!({})),
        &[("cronjobs", json!({"metadata": {"name": "other"}}))],
        "Job shop/n-28000000",
    );
}

#[test]
fn bare_and_static_pods_stand_for_themselves() {
    check(&pod("p", None, &json!({})), &[], "Pod shop/p");
    check(
        &pod("p-node", Some(("Node", "node")), &json!({})),
        &[],
        "Pod shop/p-node",
    );
    check(
        &pod("db-0", Some(("StatefulSet", "db")), &json!({})),
        &[],
        "StatefulSet shop/db",
    );
}

#[test]
fn selectors_are_read_as_kubernetes_reads_them() {
    let selector: LabelSelector = serde_json::from_value(json!({
        "matchLabels": {"a": "1"},
        "matchExpressions": [
            {"key": "b", "operator": "NotIn", "values": ["x"]},
            {"key": "c", "operator": "Exists"}]}))
    .expect("a selector");
    let labels = |list: &[(&str, &str)]| {
        list.iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    };
    assert!(selects(&selector, &labels(&[("a", "1"), ("c", "")])));
    assert!(!selects(
        &selector,
        &labels(&[("a", "1"), ("b", "x"), ("c", "")])
    ));
    assert!(!selects(&selector, &labels(&[("a", "1")])));
    assert!(selects(&LabelSelector::default(), &labels(&[])));
}
