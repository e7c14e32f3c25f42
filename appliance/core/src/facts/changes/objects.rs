//! Creation and edits of objects that workloads depend on.
//!
//! The object itself tells little: when it was made, and when which manager
//! last wrote it. What the cluster makes for itself is left out.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::authors::{Edit, author, last_edit};
use crate::facts::workloads::{controller, object_ref};
use crate::facts::{Change, ChangeKind};
use crate::snapshot::Snapshot;

/// Writes this close to the creation belong to it.
const CREATION: SignedDuration = SignedDuration::from_secs(5);
/// Kinds whose creation or edit can break a workload.
const KINDS: &[&str] = &[
    "ConfigMap",
    "Secret",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "Service",
    "Ingress",
    "ServiceAccount",
    "RoleBinding",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "PersistentVolumeClaim",
    "StorageClass",
    "StatefulSet",
    "DaemonSet",
    "CronJob",
    "Namespace",
    // What decides over requests to the API server.
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "APIService",
    "PriorityClass",
    // What decides over traffic.
    "IngressClass",
    "Gateway",
    "HTTPRoute",
    "GRPCRoute",
    "IngressRoute",
    "HTTPProxy",
    "VirtualService",
    "DestinationRule",
    "AuthorizationPolicy",
    "PeerAuthentication",
    // What decides over certificates, scaling and monitoring.
    "Certificate",
    "Issuer",
    "ClusterIssuer",
    "ScaledObject",
    "VerticalPodAutoscaler",
    "ServiceMonitor",
    "PodMonitor",
    "PrometheusRule",
];

pub(super) fn find(snapshot: &Snapshot, changes: &mut Vec<Change>) {
    for (kind, meta) in snapshot.objects.all() {
        if KINDS.contains(&kind.name) && !is_generated(kind.name, meta) {
            changes.extend(created(snapshot, kind.name, meta));
            changes.extend(edited(snapshot, kind.name, meta));
        }
    }
}

/// Objects the cluster makes in every namespace, or for another object.
fn is_generated(kind: &str, meta: &ObjectMeta) -> bool {
    const NAMES: &[&str] = &[
        "kube-root-ca.crt",
        "openshift-service-ca.crt",
        "istio-ca-root-cert",
        "istio-ca-crl",
        "default",
    ];
    let name = meta.name.as_deref().unwrap_or_default();
    let leader = "control-plane.alpha.kubernetes.io/leader";
    // The default ServiceAccount, not a policy that is called so.
    let made =
        NAMES.contains(&name) && matches!(kind, "ServiceAccount" | "ConfigMap" | "Namespace");
    made || controller(meta, None).is_some()
        || meta
            .annotations
            .as_ref()
            .is_some_and(|annotations| annotations.contains_key(leader))
}

fn created(snapshot: &Snapshot, kind: &str, meta: &ObjectMeta) -> Option<Change> {
    let object = object_ref(kind, meta);
    let (what, change) = match (kind, helm_release(snapshot, kind, meta)) {
        (_, Some(release)) => (release, ChangeKind::Rollout),
        _ => (
            format!("was created{}", quality(snapshot, kind, meta)),
            ChangeKind::Created,
        ),
    };
    Some(Change {
        at: meta.creation_timestamp.as_ref()?.0,
        kind: change,
        what,
        object,
        diff: Vec::new(),
        by: author(meta),
    })
}

fn edited(snapshot: &Snapshot, kind: &str, meta: &ObjectMeta) -> Option<Change> {
    let edit = last_edit(meta)?;
    let created = meta.creation_timestamp.as_ref()?.0;
    if edit.at.duration_since(created) <= CREATION {
        return None;
    }
    let object = object_ref(kind, meta);
    Some(Change {
        at: edit.at,
        kind: ChangeKind::Edited,
        what: format!(
            "was edited{}{}",
            quality(snapshot, kind, meta),
            touched(snapshot, kind, meta, &edit)
        ),
        object,
        diff: Vec::new(),
        by: author(meta),
    })
}

/// What is worth knowing beside the name: ` with a TLS certificate` for
/// Secrets that hold one, the bounds of an autoscaler.
fn quality(snapshot: &Snapshot, kind: &str, meta: &ObjectMeta) -> String {
    if kind == "HorizontalPodAutoscaler" {
        return bounds(snapshot, meta).unwrap_or_default();
    }
    let held = match secret(snapshot, kind, meta).and_then(|secret| secret.type_.as_deref()) {
        Some("kubernetes.io/tls") => " with a TLS certificate",
        Some("kubernetes.io/dockerconfigjson" | "kubernetes.io/dockercfg") => {
            " with registry credentials"
        }
        _ => "",
    };
    held.to_owned()
}

/// ` for 2 to 9 replicas`
fn bounds(snapshot: &Snapshot, meta: &ObjectMeta) -> Option<String> {
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let autoscalers = &snapshot.objects.horizontal_pod_autoscalers;
    let spec = &autoscalers.get(namespace, meta.name.as_deref()?)?.spec;
    let least = spec.min_replicas.unwrap_or(1);
    Some(format!(" for {least} to {} replicas", spec.max_replicas))
}

/// Fields named of an edit; one that owns more wrote the whole object.
const TOUCHED_MAX: usize = 4;

/// The fields that the last edit touched, as far as its manager tells.
fn touched(snapshot: &Snapshot, kind: &str, meta: &ObjectMeta, edit: &Edit) -> String {
    let named = &edit.fields;
    let data = named
        .iter()
        .filter_map(|field| field.split_once('.'))
        .filter(|(section, _)| matches!(*section, "data" | "stringData" | "binaryData"))
        .map(|(_, key)| key);
    match (kind, named.len()) {
        ("ConfigMap" | "Secret", 1..=TOUCHED_MAX) => {
            let data: Vec<&str> = data.collect();
            format!(" (keys {})", data.join(", "))
        }
        ("ConfigMap" | "Secret", _) => keys(snapshot, kind, meta),
        (_, 1..=TOUCHED_MAX) => format!(" ({})", named.join(", ")),
        _ => String::new(),
    }
}

/// All keys of a ConfigMap or Secret, for edits that do not tell theirs.
fn keys(snapshot: &Snapshot, kind: &str, meta: &ObjectMeta) -> String {
    const KEYS_MAX: usize = 8;
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    let name = meta.name.as_deref().unwrap_or_default();
    let keys: Vec<&str> = match kind {
        "ConfigMap" => snapshot
            .objects
            .config_maps
            .get(namespace, name)
            .map(config_keys)
            .unwrap_or_default(),
        "Secret" => secret(snapshot, kind, meta)
            .and_then(|secret| secret.data.as_ref())
            .map(|data| data.keys().map(String::as_str).collect())
            .unwrap_or_default(),
        _ => Vec::new(),
    };
    if keys.is_empty() {
        return String::new();
    }
    let more = if keys.len() > KEYS_MAX { ", …" } else { "" };
    let shown = keys[..keys.len().min(KEYS_MAX)].join(", ");
    format!(" (keys {shown}{more})")
}

fn config_keys(map: &ConfigMap) -> Vec<&str> {
    let text = map.data.iter().flatten().map(|(key, _)| key.as_str());
    let binary = map
        .binary_data
        .iter()
        .flatten()
        .map(|(key, _)| key.as_str());
    text.chain(binary).collect()
}

fn secret<'a>(snapshot: &'a Snapshot, kind: &str, meta: &ObjectMeta) -> Option<&'a Secret> {
    if kind != "Secret" {
        return None;
    }
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    snapshot
        .objects
        .secrets
        .get(namespace, meta.name.as_deref()?)
}

/// Helm keeps each revision of a release in a Secret (or ConfigMap) of its own.
fn helm_release(snapshot: &Snapshot, kind: &str, meta: &ObjectMeta) -> Option<String> {
    let labels = meta.labels.as_ref()?;
    let is_release = match kind {
        "Secret" => secret(snapshot, kind, meta)?.type_.as_deref() == Some("helm.sh/release.v1"),
        _ => labels
            .get("owner")
            .is_some_and(|owner| owner.eq_ignore_ascii_case("helm")),
    };
    if !is_release {
        return None;
    }
    let label = |key: &str| labels.get(key).map_or("?", String::as_str);
    Some(format!(
        "holds Helm release {} revision {} ({})",
        label("name"),
        label("version"),
        label("status")
    ))
}
