mod kinds;

use serde_json::{Value, json};

use super::*;
use crate::facts::events;

fn onset() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time")
}

/// Checks the changes of a cluster, each as `TIME OBJECT WHAT (BY)`.
fn check(lists: &[(&str, Value)], expected: &[&str]) -> Vec<Change> {
    let mut snapshot = Snapshot::default();
    for (kind, items) in lists {
        snapshot
            .insert_list(kind, "shop", items.clone())
            .expect("known");
    }
    assert!(snapshot.gaps.is_empty(), "{:?}", snapshot.gaps);
    let changes = find(&snapshot, &events::each(&snapshot), onset());
    let seen: Vec<String> = changes
        .iter()
        .map(|change| {
            let by = if change.by.is_empty() {
                String::new()
            } else {
                format!(" ({})", change.by)
            };
            let time = change.at.to_string();
            format!("{} {} {}{by}", &time[5..16], change.object, change.what)
        })
        .collect();
    assert_eq!(seen, expected);
    changes
}

fn set(name: &str, created: &str, annotations: &Value, template: &Value) -> Value {
    json!({"metadata": {"name": name, "creationTimestamp": created, "annotations": annotations,
            "ownerReferences": [{"kind": "Deployment", "name": "web", "controller": true}]},
        "spec": {"template": template}})
}

fn revision(number: &str) -> Value {
    json!({"deployment.kubernetes.io/revision": number})
}

fn template(container: &Value) -> Value {
    json!({"spec": {"containers": [container]}})
}

fn event(kind: &str, name: &str, reason: &str, message: &str, at: &str) -> Value {
    json!({"metadata": {"name": format!("{name}.{at}").to_lowercase()}, "reason": reason, "message": message,
        "involvedObject": {"kind": kind, "name": name, "namespace": "shop"},
        "lastTimestamp": at})
}

#[test]
fn a_rollout_tells_what_its_template_changed() {
    let old = template(&json!({"name": "web", "image": "web:1",
        "env": [{"name": "DB_HOST", "value": "db"}],
        "readinessProbe": {"httpGet": {"path": "/", "port": 8080}}}));
    let new = template(&json!({"name": "web", "image": "web:2",
        "env": [{"name": "DB_HOST", "value": "db2"}, {"name": "DEBUG", "value": "1"}]}));
    let deployment = json!({"metadata": {"name": "web",
        "annotations": {"kubernetes.io/change-cause": "ticket 7"},
        "managedFields": [
            {"manager": "kubectl-edit", "operation": "Update", "time": "2026-03-01T11:50:00Z"},
            {"manager": "kube-controller-manager", "operation": "Update", "time": "2026-03-01T11:59:00Z", "subresource": "status"}]},
        "spec": {"template": new}});
    let changes = check(
        &[
            (
                "replicasets",
                json!([
                    set("web-a", "2026-02-28T10:00:00Z", &revision("1"), &old),
                    set("web-b", "2026-03-01T11:50:00Z", &revision("2"), &new)
                ]),
            ),
            ("deployments", json!([deployment])),
        ],
        &[
            "03-01T11:50 Deployment shop/web rolled out revision 2: image of web web:1 → web:2, \
             env DB_HOST of web db → db2, env DEBUG of web 1 added and 2 more \
             (ticket 7, kubectl-edit)",
            "02-28T10:00 Deployment shop/web was created",
        ],
    );
    assert_eq!(
        changes[0].diff,
        [
            "- spec.containers[web].env[DB_HOST].value: db",
            "+ spec.containers[web].env[DB_HOST].value: db2",
            "+ spec.containers[web].env[DEBUG].value: 1",
            "- spec.containers[web].image: web:1",
            "+ spec.containers[web].image: web:2",
            "- spec.containers[web].readinessProbe.httpGet.path: /",
            "- spec.containers[web].readinessProbe.httpGet.port: 8080",
        ]
    );
}

#[test]
fn a_rollback_happens_when_the_old_set_is_scaled_up_again() {
    let (one, two) = (
        template(&json!({"name": "web", "image": "web:1"})),
        template(&json!({"name": "web", "image": "web:2"})),
    );
    let again = json!({"deployment.kubernetes.io/revision": "3", "deployment.kubernetes.io/revision-history": "1"});
    check(
        &[
            (
                "replicasets",
                json!([
                    set("web-a", "2026-02-28T10:00:00Z", &again, &one),
                    set("web-b", "2026-03-01T11:00:00Z", &revision("2"), &two)
                ]),
            ),
            (
                "events",
                json!([event(
                    "Deployment",
                    "web",
                    "ScalingReplicaSet",
                    "Scaled up replica set web-a from 0 to 1",
                    "2026-03-01T11:40:00Z"
                )]),
            ),
        ],
        &[
            "03-01T11:40 Deployment shop/web was rolled back to an older template as revision 3: image of web web:2 → web:1",
        ],
    );
}

#[test]
fn a_restart_and_a_scaling_are_called_so() {
    let at = |time: &str| json!({"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": time}}, "spec": {"containers": []}});
    check(
        &[
            (
                "replicasets",
                json!([
                    set("web-a", "2026-02-28T10:00:00Z", &revision("4"), &at("a")),
                    set("web-b", "2026-03-01T11:00:00Z", &revision("5"), &at("b"))
                ]),
            ),
            (
                "events",
                json!([
                    event(
                        "Deployment",
                        "web",
                        "ScalingReplicaSet",
                        "Scaled up replica set web-b from 0 to 1",
                        "2026-03-01T11:00:00Z"
                    ),
                    event(
                        "Deployment",
                        "web",
                        "ScalingReplicaSet",
                        "Scaled down replica set web-b from 3 to 0",
                        "2026-03-01T11:30:00Z"
                    ),
                    event(
                        "HorizontalPodAutoscaler",
                        "hpa",
                        "SuccessfulRescale",
                        "New size: 5; reason: cpu",
                        "2026-03-01T11:45:00Z"
                    )
                ]),
            ),
            (
                "horizontalpodautoscalers",
                json!([{"metadata": {"name": "hpa"},
                "spec": {"maxReplicas": 9, "scaleTargetRef": {"kind": "Deployment", "name": "api"}}}]),
            ),
        ],
        &[
            "03-01T11:45 Deployment shop/api was rescaled by HorizontalPodAutoscaler shop/hpa: New size: 5; reason: cpu",
            "03-01T11:30 Deployment shop/web was scaled down to 0",
            "03-01T11:00 Deployment shop/web rolled out revision 5: restarted, the pod template is otherwise the same",
        ],
    );
}

#[test]
fn a_template_that_no_replica_set_has_was_not_rolled_out() {
    let (one, two) = (
        template(&json!({"name": "web", "image": "web:1"})),
        template(&json!({"name": "web", "image": "web:2"})),
    );
    check(
        &[
            (
                "replicasets",
                json!([set("web-a", "2026-02-28T10:00:00Z", &revision("3"), &one)]),
            ),
            (
                "deployments",
                json!([{"metadata": {"name": "web", "managedFields": [
                {"manager": "helm", "operation": "Update", "time": "2026-03-01T11:00:00Z"}]}, "spec": {"template": two}}]),
            ),
        ],
        &[
            "03-01T11:00 Deployment shop/web was edited and not rolled out: image of web web:1 → web:2 (helm)",
        ],
    );
}

#[test]
fn pods_of_two_revisions_tell_a_stateful_set_s_update() {
    let pod = |name: &str, hash: &str, created: &str, image: &str| {
        json!({"metadata": {"name": name, "labels": {"controller-revision-hash": hash}, "creationTimestamp": created,
                "ownerReferences": [{"kind": "StatefulSet", "name": "db", "controller": true}]},
            "spec": {"containers": [{"name": "db", "image": image}]}})
    };
    check(
        &[(
            "pods",
            json!([
                pod("db-0", "db-1", "2026-02-27T00:00:00Z", "db:1"),
                pod("db-1", "db-2", "2026-03-01T11:30:00Z", "db:2")
            ]),
        )],
        &[
            "03-01T11:30 StatefulSet shop/db began to roll out revision db-2: image of db db:1 → db:2",
        ],
    );
}

#[test]
fn creations_and_edits_are_told_and_what_the_cluster_makes_is_not() {
    let meta = |name: &str| json!({"name": name, "creationTimestamp": "2026-03-01T10:00:00Z"});
    check(
        &[
            (
                "configmaps",
                json!([
                {"metadata": meta("kube-root-ca.crt")},
                {"metadata": {"name": "app", "creationTimestamp": "2025-01-01T00:00:00Z", "managedFields": [
                    {"manager": "kubectl-edit", "operation": "Update", "time": "2026-03-01T11:58:00Z"}]},
                 "data": {"a.yaml": "x", "b": "y"}}]),
            ),
            (
                "secrets",
                json!([
                {"metadata": meta("tls"), "type": "kubernetes.io/tls"},
                {"metadata": {"name": "sh.helm.release.v1.web.v7", "creationTimestamp": "2026-03-01T11:00:00Z",
                    "labels": {"name": "web", "version": "7", "status": "deployed", "owner": "helm"}},
                 "type": "helm.sh/release.v1"}]),
            ),
            ("networkpolicies", json!([{"metadata": meta("deny-all")}])),
            ("serviceaccounts", json!([{"metadata": meta("default")}])),
        ],
        &[
            "03-01T11:58 ConfigMap shop/app was edited (keys a.yaml, b) (kubectl-edit)",
            "03-01T11:00 Secret shop/sh.helm.release.v1.web.v7 holds Helm release web revision 7 (deployed)",
            "03-01T10:00 NetworkPolicy shop/deny-all was created",
            "03-01T10:00 Secret shop/tls was created with a TLS certificate",
        ],
    );
}

#[test]
fn nodes_tell_cordon_taints_conditions_and_reboots() {
    let node = json!({"metadata": {"name": "n1", "creationTimestamp": "2025-01-01T00:00:00Z", "managedFields": [
            {"manager": "kubectl-cordon", "operation": "Update", "time": "2026-03-01T11:00:00Z",
             "fieldsV1": {"f:spec": {"f:unschedulable": {}}}}]},
        "spec": {"unschedulable": true, "taints": [
            {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"},
            {"key": "disk", "value": "bad", "effect": "NoExecute", "timeAdded": "2026-03-01T11:10:00Z"}]},
        "status": {"conditions": [
            {"type": "Ready", "status": "Unknown", "lastTransitionTime": "2026-03-01T11:20:00Z", "message": "silent"},
            {"type": "DiskPressure", "status": "True", "lastTransitionTime": "2026-03-01T11:15:00Z"},
            {"type": "MemoryPressure", "status": "False", "lastTransitionTime": "2026-03-01T11:15:00Z"}]}});
    check(
        &[
            ("nodes", json!([node])),
            (
                "events",
                json!([event(
                    "Node",
                    "n1",
                    "Rebooted",
                    "boot id x",
                    "2026-03-01T11:30:00Z"
                )]),
            ),
        ],
        &[
            "03-01T11:30 Node n1 rebooted",
            "03-01T11:20 Node n1 stopped reporting",
            "03-01T11:15 Node n1 entered DiskPressure",
            "03-01T11:10 Node n1 was tainted disk=bad:NoExecute",
            "03-01T11:00 Node n1 was cordoned (kubectl-cordon)",
        ],
    );
}
