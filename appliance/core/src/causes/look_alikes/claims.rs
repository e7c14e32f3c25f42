//! Row "PVC Pending", and volumes that are held or full.

use serde_json::{Value, json};

use super::{Fixture, ago, check, node};

fn claim(class: &str, extra: Value) -> Fixture {
    let mut spec = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": class,
        "resources": {"requests": {"storage": "1Gi"}}});
    for (key, value) in extra.as_object().into_iter().flatten() {
        spec[key] = value.clone();
    }
    let pod = json!({"containers": [{"name": "main", "image": "i"}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
    let fixture = Fixture::new()
        .alert(&[("alertname", "KubePodNotReady"), ("namespace", "shop"), ("pod", "db-77f-a")])
        .with(json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "creationTimestamp": ago(20)},
            "spec": spec, "status": {"phase": "Pending"}}))
        .with(json!({"kind": "StorageClass", "metadata": {"name": "local"},
            "provisioner": "kubernetes.io/no-provisioner", "volumeBindingMode": "WaitForFirstConsumer"}))
        .with(json!({"kind": "StorageClass", "metadata": {"name": "fast"}, "provisioner": "csi.local"}))
        .deployment("db", 1, 0, pod.clone())
        .pod("db", "a", pod, json!({"phase": "Pending"}));
    node(fixture, "n1").warning(
        "Pod/db-77f-a",
        "FailedScheduling",
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
    )
}

fn said(fixture: Fixture, reason: &str, message: &str) -> Fixture {
    fixture.event("Normal", "PersistentVolumeClaim/data", reason, message, 8)
}

fn volume(fixture: Fixture, phase: &str, spec: Value) -> Fixture {
    let mut whole = json!({"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}});
    for (key, value) in spec.as_object().into_iter().flatten() {
        whole[key] = value.clone();
    }
    fixture.with(
        json!({"kind": "PersistentVolume", "metadata": {"name": "v1", "labels": {"disk": "ssd"}},
        "spec": whole, "status": {"phase": phase}}),
    )
}

#[test]
fn a_claim_that_is_not_bound_is_told_apart_by_what_it_waits_for() {
    let waits = "waiting for a volume to be created either by the external provisioner 'csi.local' or manually by the system administrator";
    check(
        "PVC Pending",
        vec![
            (
                "its class does not exist",
                said(
                    claim("gold", json!({})),
                    "ProvisioningFailed",
                    "storageclass.storage.k8s.io \"gold\" not found",
                ),
                "StorageClassMissing Deployment shop/db",
            ),
            (
                "the provisioner does not answer",
                said(claim("fast", json!({})), "ExternalProvisioning", waits),
                "ProvisionerDown",
            ),
            (
                "too small a volume",
                volume(
                    claim("", json!({"resources": {"requests": {"storage": "5Gi"}}})),
                    "Available",
                    json!({}),
                ),
                "PvcCapacityMismatch Deployment shop/db",
            ),
            (
                "another access mode",
                volume(
                    claim("", json!({"accessModes": ["ReadWriteMany"]})),
                    "Available",
                    json!({}),
                ),
                "PvcAccessModeMismatch Deployment shop/db",
            ),
            (
                "other labels",
                volume(
                    claim("", json!({"selector": {"matchLabels": {"disk": "nvme"}}})),
                    "Available",
                    json!({}),
                ),
                "PvcSelectorMismatch Deployment shop/db",
            ),
            (
                "another class",
                volume(
                    claim("", json!({})),
                    "Available",
                    json!({"storageClassName": "local"}),
                ),
                "PvcStorageClassMismatch Deployment shop/db",
            ),
            (
                "the one it names is another's",
                volume(
                    claim("", json!({"volumeName": "v1"})),
                    "Bound",
                    json!({"claimRef": {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": "other"}}),
                ),
                "PvAlreadyBound",
            ),
        ],
    );
}

#[test]
fn a_quota_of_storage_is_told_apart_from_a_provisioner() {
    let full = "exceeded quota: team, requested: requests.storage=1Gi, used: requests.storage=10Gi, limited: requests.storage=10Gi";
    let quota = json!({"kind": "ResourceQuota", "metadata": {"name": "team"},
        "spec": {"hard": {"requests.storage": "10Gi"}},
        "status": {"hard": {"requests.storage": "10Gi"}, "used": {"requests.storage": "10Gi"}}});
    let pod = json!({"containers": [{"name": "main", "image": "i"}]});
    let fixture = Fixture::new()
        .alert(&[("alertname", "KubeStatefulSetReplicasMismatch"), ("namespace", "shop"), ("statefulset", "db")])
        .with(json!({"kind": "StatefulSet", "metadata": {"name": "db", "generation": 1}, "spec": {"replicas": 1, "serviceName": "db",
            "selector": {"matchLabels": {"app": "db"}}, "template": {"metadata": {"labels": {"app": "db"}}, "spec": pod},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"resources": {"requests": {"storage": "1Gi"}}}}]},
            "status": {"replicas": 0, "observedGeneration": 1}}))
        .with(json!({"kind": "Service", "metadata": {"name": "db"}, "spec": {"clusterIP": "None", "selector": {"app": "db"}}}))
        .with(quota);
    let message = format!(
        "create Pod db-0 in StatefulSet db failed error: failed to create PVC data-db-0: persistentvolumeclaims \"data-db-0\" is forbidden: {full}"
    );
    let waits = "waiting for a volume to be created, either by external provisioner \"csi.local\" or manually created by system administrator";
    check(
        "no volume",
        vec![
            (
                "the quota of storage is full",
                fixture.warning("StatefulSet/db", "FailedCreate", &message),
                "StorageQuotaExceeded",
            ),
            (
                "the provisioner does not answer",
                said(claim("fast", json!({})), "ExternalProvisioning", waits),
                "ProvisionerDown",
            ),
        ],
    );
}

#[test]
fn a_claim_that_waits_for_its_pod_is_told_apart_by_whether_there_is_one() {
    let first = "waiting for first consumer to be created before binding";
    let pod = json!({"containers": [{"name": "main", "image": "i", "resources": {"requests": {"cpu": "64"}}}],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
    let late = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "late",
        "resources": {"requests": {"storage": "1Gi"}}});
    let unbound = |label: (&'static str, &'static str)| {
        Fixture::new()
            .alert(&[("alertname", "KubePersistentVolumeClaimPending"), ("namespace", "shop"), label])
            .with(json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "creationTimestamp": ago(20)},
                "spec": late, "status": {"phase": "Pending"}}))
            .with(json!({"kind": "StorageClass", "metadata": {"name": "late"}, "provisioner": "csi.local",
                "volumeBindingMode": "WaitForFirstConsumer"}))
    };
    let claimed = || {
        said(
            unbound(("persistentvolumeclaim", "data")),
            "WaitForFirstConsumer",
            first,
        )
    };
    let placed = |fixture: Fixture| {
        let fixture = fixture.deployment("db", 1, 0, pod.clone());
        let fixture = fixture.pod("db", "a", pod.clone(), json!({"phase": "Pending"}));
        node(fixture, "n1").warning(
            "Pod/db-77f-a",
            "FailedScheduling",
            "0/1 nodes are available: 1 Insufficient cpu.",
        )
    };
    check(
        "PVC Pending, WaitForFirstConsumer",
        vec![
            (
                "nobody mounts it",
                claimed(),
                "WaitingFirstConsumer PersistentVolumeClaim shop/data",
            ),
            (
                "its pod finds no node",
                placed(claimed()),
                "InsufficientCpu Deployment shop/db",
            ),
            (
                "its pod finds no node, and the pod is asked about",
                placed(said(
                    unbound(("pod", "db-77f-a")),
                    "WaitForFirstConsumer",
                    first,
                )),
                "InsufficientCpu Deployment shop/db",
            ),
        ],
    );
}
