//! Each further source of change, with a near miss beside it.

use super::*;
use crate::facts::ChangeKind;
use crate::snapshot::{Sample, Series};

fn meta(name: &str) -> Value {
    json!({"name": name, "creationTimestamp": "2025-01-01T00:00:00Z"})
}

fn managed(name: &str, entries: &Value) -> Value {
    json!({"name": name, "creationTimestamp": "2025-01-01T00:00:00Z", "managedFields": entries})
}

#[test]
fn argo_tells_its_newest_revisions_and_a_failed_sync() {
    let entry = |revision: &str, at: &str, by: Value| {
        json!({"revision": revision, "deployedAt": at, "initiatedBy": by,
            "source": {"repoURL": "https://git.example/shop.git"}})
    };
    let commit = "0123456789abcdef0123456789abcdef01234567";
    check(
        &[(
            "applications",
            json!([{"metadata": meta("front"), "status": {
                "history": [
                    entry("v1", "2026-02-27T10:00:00Z", json!({})),
                    entry("v2", "2026-02-28T10:00:00Z", json!({})),
                    entry("v3", "2026-02-28T11:00:00Z", json!({"username": "sam"})),
                    entry(commit, "2026-03-01T11:40:00Z", json!({"automated": true}))],
                "operationState": {"phase": "Failed", "finishedAt": "2026-03-01T11:50:00Z",
                    "operation": {"initiatedBy": {"username": "kim"}}, "syncResult": {"revision": "v5"}}}},
                {"metadata": meta("other"), "status": {"operationState": {"phase": "Succeeded",
                    "finishedAt": "2026-03-01T11:51:00Z", "syncResult": {"revision": "v5"}}}}]),
        )],
        &[
            "03-01T11:50 Application shop/front failed to sync revision v5 (kim)",
            "03-01T11:40 Application shop/front synced revision 0123456789 of https://git.example/shop.git (automated sync)",
            "02-28T11:00 Application shop/front synced revision v3 of https://git.example/shop.git (sam)",
            "02-28T10:00 Application shop/front synced revision v2 of https://git.example/shop.git",
        ],
    );
}

#[test]
fn flux_tells_what_it_applied_and_released() {
    let ready =
        json!([{"type": "Ready", "status": "True", "lastTransitionTime": "2026-03-01T11:30:00Z"}]);
    check(
        &[
            (
                "kustomizations",
                json!([
                {"metadata": meta("apps"), "status": {"conditions": ready,
                    "lastAppliedRevision": "main@sha1:0123456789abcdef0123456789abcdef01234567"}},
                {"metadata": meta("infra"), "status": {"conditions": ready, "history": [
                    {"digest": "sha256:aa", "firstReconciled": "2026-03-01T11:35:00Z",
                     "lastReconciledStatus": "HealthCheckFailed", "metadata": {"revision": "main@v9"}}]}},
                // Nothing was ever applied.
                {"metadata": meta("new"), "status": {"conditions": ready}}]),
            ),
            (
                "helmreleases",
                json!([{"metadata": meta("db"), "status": {"history": [
                {"chartName": "postgres", "chartVersion": "15.2.1", "version": 4, "status": "deployed",
                 "lastDeployed": "2026-03-01T11:45:00Z"}]}}]),
            ),
        ],
        &[
            "03-01T11:45 HelmRelease shop/db released chart postgres 15.2.1 as revision 4 (deployed)",
            "03-01T11:35 Kustomization shop/infra applied revision main@v9 (HealthCheckFailed)",
            "03-01T11:30 Kustomization shop/apps applied revision main 0123456789",
        ],
    );
}

#[test]
fn certificates_tell_issue_due_date_and_end() {
    let dated = |name: &str, from: &str, until: &str| {
        json!({"metadata": {"name": name, "creationTimestamp": "2025-01-01T00:00:00Z", "annotations": {
            "certificate.anchorite/not-before": from, "certificate.anchorite/not-after": until}},
            "type": "kubernetes.io/tls", "data": {"tls.crt": ""}})
    };
    check(
        &[
            (
                "secrets",
                json!([
                    dated("renewed", "2026-03-01T11:00:00Z", "2026-05-30T11:00:00Z"),
                    dated("short", "2026-02-28T00:00:00Z", "2026-03-04T12:00:00Z"),
                    dated("over", "2025-12-01T00:00:00Z", "2026-03-01T11:55:00Z"),
                    // Issued long ago and valid for long.
                    dated("calm", "2025-12-01T00:00:00Z", "2026-12-01T00:00:00Z")
                ]),
            ),
            (
                "certificates",
                json!([{"metadata": meta("front"), "status": {
                    "notBefore": "2025-12-01T00:00:00Z", "notAfter": "2026-03-02T00:00:00Z",
                    "renewalTime": "2026-02-28T12:00:00Z",
                    "conditions": [
                        {"type": "Ready", "status": "False", "reason": "Expiring", "message": "soon",
                         "lastTransitionTime": "2026-03-01T10:00:00Z"},
                        {"type": "Issuing", "status": "False", "lastTransitionTime": "2026-03-01T10:00:00Z"}]}}]),
            ),
        ],
        &[
            "03-01T11:55 Secret shop/over its certificate ended",
            "03-01T11:00 Secret shop/renewed got a certificate valid until 2026-05-30T11:00:00Z",
            "03-01T10:00 Certificate shop/front became not ready: Expiring",
            "02-28T12:00 Certificate shop/front was due for renewal and was not renewed",
            "02-28T00:00 Secret shop/short got a certificate valid until 2026-03-04T12:00:00Z, 3 days left",
        ],
    );
}

#[test]
fn the_newest_runs_of_a_schedule_are_told_with_their_end() {
    let job = |name: &str, owner: &str, at: &str, condition: Value| {
        json!({"metadata": {"name": name, "ownerReferences": [{"kind": owner, "name": "nightly", "controller": true}]},
            "status": {"startTime": at, "conditions": [condition]}})
    };
    let failed = json!({"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"});
    let done = json!({"type": "Complete", "status": "True"});
    check(
        &[(
            "jobs",
            json!([
                job("nightly-1", "CronJob", "2026-02-26T02:00:00Z", done.clone()),
                job("nightly-2", "CronJob", "2026-02-27T02:00:00Z", done.clone()),
                job("nightly-3", "CronJob", "2026-02-28T02:00:00Z", failed),
                job(
                    "nightly-4",
                    "CronJob",
                    "2026-03-01T02:00:00Z",
                    json!({"type": "Complete", "status": "False"})
                ),
                job("by-hand", "Workflow", "2026-03-01T03:00:00Z", done)
            ]),
        )],
        &[
            "03-01T02:00 CronJob shop/nightly ran as Job nightly-4, which still ran at the capture",
            "02-28T02:00 CronJob shop/nightly ran as Job nightly-3, which failed (BackoffLimitExceeded)",
            "02-27T02:00 CronJob shop/nightly ran as Job nightly-2, which succeeded",
        ],
    );
}

#[test]
fn edits_tell_the_fields_their_manager_looks_after() {
    let by = |manager: &str, fields: Value| json!([{"manager": manager, "operation": "Update", "time": "2026-03-01T11:58:00Z", "fieldsV1": fields}]);
    let selector = json!({"f:spec": {"f:selector": {"f:app": {}}}});
    let one_key = json!({"f:data": {"f:b": {}}});
    let bounds = json!({"f:spec": {"f:maxReplicas": {}}});
    let whole = json!({"f:spec": {"f:a": {}, "f:b": {}, "f:c": {}, "f:d": {}, "f:e": {}}});
    check(
        &[
            (
                "services",
                json!([{"metadata": managed("api", &by("kubectl-edit", selector))}]),
            ),
            (
                "configmaps",
                json!([{"metadata": managed("app", &by("kubectl-patch", one_key)), "data": {"a": "1", "b": "2"}}]),
            ),
            (
                "horizontalpodautoscalers",
                json!([{"metadata": managed("api", &by("kubectl-edit", bounds)), "spec": {"minReplicas": 2,
                    "maxReplicas": 4, "scaleTargetRef": {"kind": "Deployment", "name": "api"}}}]),
            ),
            (
                "networkpolicies",
                json!([{"metadata": managed("default", &by("helm", whole.clone()))}]),
            ),
            (
                "validatingwebhookconfigurations",
                json!([{"metadata": managed("policy", &by("helm", whole))}]),
            ),
            // The cluster's own hand.
            (
                "ingresses",
                json!([{"metadata": managed("front", &by("kube-controller-manager", json!({})))}]),
            ),
        ],
        &[
            "03-01T11:58 ConfigMap shop/app was edited (keys b) (kubectl-patch)",
            "03-01T11:58 HorizontalPodAutoscaler shop/api was edited for 2 to 4 replicas (spec.maxReplicas) (kubectl-edit)",
            "03-01T11:58 NetworkPolicy shop/default was edited (helm)",
            "03-01T11:58 Service shop/api was edited (spec.selector) (kubectl-edit)",
            "03-01T11:58 ValidatingWebhookConfiguration policy was edited (helm)",
        ],
    );
}

#[test]
fn replicas_set_by_hand_are_told_once_and_an_apply_is_none() {
    let entry = |manager: &str, sub: &str, fields: Value| {
        json!([{"manager": manager, "operation": "Update", "subresource": sub,
            "time": "2026-03-01T11:30:00Z", "fieldsV1": {"f:spec": fields}}])
    };
    let replicas = json!({"f:replicas": {}});
    let template = json!({"spec": {"containers": []}});
    let deployment = |name: &str, entries: Value| json!({"metadata": managed(name, &entries), "spec": {"replicas": 0, "selector": {}, "template": template}});
    let set = json!({"metadata": {"name": "api-1", "creationTimestamp": "2026-02-20T00:00:00Z",
        "ownerReferences": [{"kind": "Deployment", "name": "api", "controller": true}]}, "spec": {"selector": {}}});
    check(
        &[
            (
                "deployments",
                json!([
                    deployment("web", entry("kubectl", "scale", replicas.clone())),
                    deployment("api", entry("kubectl", "scale", replicas.clone())),
                    deployment(
                        "old",
                        entry("kube-controller-manager", "scale", replicas.clone())
                    ),
                    deployment(
                        "all",
                        entry("helm", "", json!({"f:replicas": {}, "f:template": {}}))
                    )
                ]),
            ),
            ("replicasets", json!([set])),
            (
                "events",
                json!([event(
                    "Deployment",
                    "api",
                    "ScalingReplicaSet",
                    "Scaled down replica set api-1 from 3 to 0",
                    "2026-03-01T11:30:00Z"
                )]),
            ),
        ],
        &[
            "03-01T11:30 Deployment shop/api was scaled down to 0 (kubectl)",
            "03-01T11:30 Deployment shop/web was set to 0 replicas (kubectl)",
        ],
    );
}

#[test]
fn a_boot_without_an_event_is_measured_and_told_once() {
    let node = |name: &str, created: &str| {
        json!({"metadata": {"name": name, "creationTimestamp": created},
            "status": {"addresses": [{"type": "InternalIP", "address": format!("10.0.0.{}", &name[1..])}]}})
    };
    let mut snapshot = Snapshot::default();
    let old = "2025-01-01T00:00:00Z";
    let nodes = json!([
        node("n1", old),
        node("n2", old),
        node("n3", "2026-03-01T11:22:00Z")
    ]);
    snapshot.insert_list("nodes", "", nodes).expect("known");
    let spoken = event(
        "Node",
        "n2",
        "Rebooted",
        "boot id x",
        "2026-03-01T11:24:00Z",
    );
    snapshot
        .insert_list("events", "default", json!([spoken]))
        .expect("known");
    let boot: Timestamp = "2026-03-01T11:20:00Z".parse().expect("a time");
    for host in [
        "10.0.0.1:9100",
        "10.0.0.2:9100",
        "10.0.0.3:9100",
        "10.9.9.9:9100",
    ] {
        snapshot.series.push(Series {
            name: "node_boot_time_seconds".to_owned(),
            labels: [("instance".to_owned(), host.to_owned())].into(),
            samples: vec![Sample {
                at: 0.0,
                value: boot.as_second() as f64,
            }],
        });
    }
    let changes = find(&snapshot, &events::each(&snapshot), onset());
    let seen: Vec<String> = changes
        .iter()
        .map(|change| {
            format!(
                "{} {} {}",
                &change.at.to_string()[11..16],
                change.object,
                change.what
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            "11:24 Node n2 rebooted",
            "11:22 Node n3 joined the cluster",
            "11:20 Node n1 rebooted"
        ]
    );
}

#[test]
fn conditions_are_marked_as_what_they_are() {
    let node = json!({"metadata": {"name": "n1", "creationTimestamp": "2025-01-01T00:00:00Z"}, "spec": {"taints": [
            {"key": "disk", "effect": "NoExecute", "timeAdded": "2026-03-01T11:10:00Z"}]},
        "status": {"conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-03-01T11:20:00Z"}]}});
    let changes = check(
        &[("nodes", json!([node]))],
        &[
            "03-01T11:20 Node n1 became not ready",
            "03-01T11:10 Node n1 was tainted disk:NoExecute",
        ],
    );
    assert_eq!(changes[0].kind, ChangeKind::Condition);
    assert_eq!(changes[1].kind, ChangeKind::Node);
}
