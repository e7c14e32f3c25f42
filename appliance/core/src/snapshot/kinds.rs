//! The kinds a snapshot holds: their names, their files, and how raw JSON of
//! one becomes a typed object.
//!
//! One table serves every source: bundle files, live lists, the simulator.
//! A broken item costs itself, never the list.

use k8s_openapi::Metadata;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Map, Value};

use super::{Collection, Gap, Objects, Snapshot};
use crate::object::ObjectRef;
use crate::redaction::redact_object;

/// One kind of Kubernetes object that a snapshot can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    /// API kind in CamelCase: `Pod`.
    pub name: &'static str,
    /// Plural resource in the API's paths: `pods`.
    pub plural: &'static str,
    /// File name without `.json` in a cluster-info dump.
    pub file: &'static str,
    /// Group and version: `v1`, `apps/v1`.
    pub api_version: &'static str,
    /// Whether objects of it live in namespaces.
    pub namespaced: bool,
    /// Whether it is kept as JSON: clusters may lack it, or serve another version.
    pub custom: bool,
}

/// The kind is none that a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("kind {0:?} is none that a snapshot holds")]
pub struct UnknownKind(pub String);

impl Kind {
    /// Finds a kind by any of its names: `Pod`, `PodList`, `pods`, `pods.json`.
    pub fn find(name: &str) -> Option<&'static Kind> {
        let wanted: String = name
            .strip_suffix(".json")
            .unwrap_or(name)
            .chars()
            .filter(|c| *c != '-')
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let single = wanted.strip_suffix("list").unwrap_or(&wanted);
        KINDS
            .iter()
            .find(|kind| kind.plural == wanted || kind.name.eq_ignore_ascii_case(single))
    }
}

macro_rules! kinds {
    (
        typed { $($field:ident, $kind:literal, $plural:literal, $file:literal, $api_version:literal, $namespaced:literal;)* }
        custom { $($c_kind:literal, $c_plural:literal, $c_file:literal, $c_api_version:literal, $c_namespaced:literal;)* }
    ) => {
        /// Every kind a snapshot holds.
        pub const KINDS: &[Kind] = &[$(Kind {
            name: $kind,
            plural: $plural,
            file: $file,
            api_version: $api_version,
            namespaced: $namespaced,
            custom: false,
        },)* $(Kind {
            name: $c_kind,
            plural: $c_plural,
            file: $c_file,
            api_version: $c_api_version,
            namespaced: $c_namespaced,
            custom: true,
        },)*];

        impl Objects {
            fn insert_item(&mut self, kind: &Kind, item: Value) -> Result<(), serde_json::Error> {
                match kind.name {
                    $($kind => self.$field.insert(serde_json::from_value(item)?),)*
                    name => self.customs.of_mut(name).insert(serde_json::from_value(item)?),
                }
                Ok(())
            }

            /// Records that `kind` was listed in `namespace`; `""` is the whole cluster.
            pub fn mark_captured(&mut self, kind: &Kind, namespace: &str) {
                match kind.name {
                    $($kind => mark(&mut self.$field, namespace),)*
                    name => mark(self.customs.of_mut(name), namespace),
                }
            }

            /// Whether `kind` was listed in `namespace` (`""` for cluster-scoped kinds).
            pub fn captured(&self, kind: &str, namespace: &str) -> bool {
                match kind {
                    $($kind => self.$field.captured_in(namespace),)*
                    name => self.customs.of(name).captured_in(namespace),
                }
            }

            /// Every namespace in which some kind was listed on its own.
            pub fn captured_namespaces(&self) -> impl Iterator<Item = &str> {
                self.customs.captured_namespaces()$(.chain(self.$field.captured_namespaces()))*
            }

            /// Metadata of the object, if it was captured.
            pub fn metadata(&self, object: &ObjectRef) -> Option<&ObjectMeta> {
                let namespace = object.namespace.as_deref().unwrap_or_default();
                match object.kind.as_str() {
                    $($kind => self.$field.get(namespace, &object.name).map(Metadata::metadata),)*
                    name => self.customs.of(name).get(namespace, &object.name).map(Metadata::metadata),
                }
            }

            /// The metadata of every captured object of every kind.
            pub fn all(&self) -> impl Iterator<Item = (&'static Kind, &ObjectMeta)> {
                KINDS.iter().flat_map(|kind| {
                    let found: Vec<&ObjectMeta> = match kind.name {
                        $($kind => self.$field.iter().map(Metadata::metadata).collect(),)*
                        name => self.customs.of(name).iter().map(Metadata::metadata).collect(),
                    };
                    found.into_iter().map(move |meta| (kind, meta))
                })
            }

            /// The objects of `kind` in `namespace` as the API would list them,
            /// or `None` where they were not captured.
            pub fn list(&self, kind: &Kind, namespace: &str) -> Option<Value> {
                if !self.captured(kind.name, namespace) {
                    return None;
                }
                let items: Vec<Value> = match kind.name {
                    $($kind => values(&self.$field, namespace),)*
                    name => values(self.customs.of(name), namespace),
                };
                Some(serde_json::json!({
                    "apiVersion": kind.api_version,
                    "kind": format!("{}List", kind.name),
                    "items": items,
                }))
            }
        }
    };
}

fn mark<T: Metadata<Ty = ObjectMeta>>(collection: &mut Collection<T>, namespace: &str) {
    if namespace.is_empty() {
        collection.mark_captured_everywhere();
    } else {
        collection.mark_captured_in(namespace);
    }
}

fn values<T>(collection: &Collection<T>, namespace: &str) -> Vec<Value>
where
    T: Metadata<Ty = ObjectMeta> + serde::Serialize,
{
    collection
        .in_namespace(namespace)
        .filter_map(|item| serde_json::to_value(item).ok())
        .collect()
}

kinds! {
    typed {
        pods, "Pod", "pods", "pods", "v1", true;
        events, "Event", "events", "events", "v1", true;
        services, "Service", "services", "services", "v1", true;
        endpoints, "Endpoints", "endpoints", "endpoints", "v1", true;
        endpoint_slices, "EndpointSlice", "endpointslices", "endpointslices", "discovery.k8s.io/v1", true;
        deployments, "Deployment", "deployments", "deployments", "apps/v1", true;
        replica_sets, "ReplicaSet", "replicasets", "replicasets", "apps/v1", true;
        stateful_sets, "StatefulSet", "statefulsets", "statefulsets", "apps/v1", true;
        daemon_sets, "DaemonSet", "daemonsets", "daemonsets", "apps/v1", true;
        replication_controllers, "ReplicationController", "replicationcontrollers", "replication-controllers", "v1", true;
        jobs, "Job", "jobs", "jobs", "batch/v1", true;
        cron_jobs, "CronJob", "cronjobs", "cronjobs", "batch/v1", true;
        config_maps, "ConfigMap", "configmaps", "configmaps", "v1", true;
        secrets, "Secret", "secrets", "secrets", "v1", true;
        persistent_volume_claims, "PersistentVolumeClaim", "persistentvolumeclaims", "persistentvolumeclaims", "v1", true;
        persistent_volumes, "PersistentVolume", "persistentvolumes", "persistentvolumes", "v1", false;
        storage_classes, "StorageClass", "storageclasses", "storageclasses", "storage.k8s.io/v1", false;
        resource_quotas, "ResourceQuota", "resourcequotas", "resourcequotas", "v1", true;
        limit_ranges, "LimitRange", "limitranges", "limitranges", "v1", true;
        network_policies, "NetworkPolicy", "networkpolicies", "networkpolicies", "networking.k8s.io/v1", true;
        ingresses, "Ingress", "ingresses", "ingresses", "networking.k8s.io/v1", true;
        horizontal_pod_autoscalers, "HorizontalPodAutoscaler", "horizontalpodautoscalers", "horizontalpodautoscalers", "autoscaling/v2", true;
        service_accounts, "ServiceAccount", "serviceaccounts", "serviceaccounts", "v1", true;
        pod_disruption_budgets, "PodDisruptionBudget", "poddisruptionbudgets", "poddisruptionbudgets", "policy/v1", true;
        role_bindings, "RoleBinding", "rolebindings", "rolebindings", "rbac.authorization.k8s.io/v1", true;
        leases, "Lease", "leases", "leases", "coordination.k8s.io/v1", true;
        nodes, "Node", "nodes", "nodes", "v1", false;
        namespaces, "Namespace", "namespaces", "namespaces", "v1", false;
    }
    custom {
        // Built in, of interest to few.
        "IngressClass", "ingressclasses", "ingressclasses", "networking.k8s.io/v1", false;
        "APIService", "apiservices", "apiservices", "apiregistration.k8s.io/v1", false;
        "ValidatingWebhookConfiguration", "validatingwebhookconfigurations", "validatingwebhookconfigurations", "admissionregistration.k8s.io/v1", false;
        "MutatingWebhookConfiguration", "mutatingwebhookconfigurations", "mutatingwebhookconfigurations", "admissionregistration.k8s.io/v1", false;
        "VolumeAttachment", "volumeattachments", "volumeattachments", "storage.k8s.io/v1", false;
        "CertificateSigningRequest", "certificatesigningrequests", "certificatesigningrequests", "certificates.k8s.io/v1", false;
        "PriorityClass", "priorityclasses", "priorityclasses", "scheduling.k8s.io/v1", false;
        // Gateways, meshes and load balancers.
        "Gateway", "gateways", "gateways", "gateway.networking.k8s.io/v1", true;
        "HTTPRoute", "httproutes", "httproutes", "gateway.networking.k8s.io/v1", true;
        "GRPCRoute", "grpcroutes", "grpcroutes", "gateway.networking.k8s.io/v1", true;
        "IngressRoute", "ingressroutes", "ingressroutes", "traefik.io/v1alpha1", true;
        "HTTPProxy", "httpproxies", "httpproxies", "projectcontour.io/v1", true;
        "VirtualService", "virtualservices", "virtualservices", "networking.istio.io/v1", true;
        "DestinationRule", "destinationrules", "destinationrules", "networking.istio.io/v1", true;
        "AuthorizationPolicy", "authorizationpolicies", "authorizationpolicies", "security.istio.io/v1", true;
        "PeerAuthentication", "peerauthentications", "peerauthentications", "security.istio.io/v1", true;
        "IPAddressPool", "ipaddresspools", "ipaddresspools", "metallb.io/v1beta1", true;
        "BGPPeer", "bgppeers", "bgppeers", "metallb.io/v1beta2", true;
        "Certificate", "certificates", "certificates", "cert-manager.io/v1", true;
        "Issuer", "issuers", "issuers", "cert-manager.io/v1", true;
        "ClusterIssuer", "clusterissuers", "clusterissuers", "cert-manager.io/v1", false;
        // Storage.
        "VolumeSnapshot", "volumesnapshots", "volumesnapshots", "snapshot.storage.k8s.io/v1", true;
        "CephCluster", "cephclusters", "cephclusters", "ceph.rook.io/v1", true;
        "Volume", "volumes", "volumes", "longhorn.io/v1beta2", true;
        "Backup", "backups", "backups", "velero.io/v1", true;
        // Monitoring.
        "ServiceMonitor", "servicemonitors", "servicemonitors", "monitoring.coreos.com/v1", true;
        "PodMonitor", "podmonitors", "podmonitors", "monitoring.coreos.com/v1", true;
        "PrometheusRule", "prometheusrules", "prometheusrules", "monitoring.coreos.com/v1", true;
        // Delivery and scaling.
        "Application", "applications", "applications", "argoproj.io/v1alpha1", true;
        "Kustomization", "kustomizations", "kustomizations", "kustomize.toolkit.fluxcd.io/v1", true;
        "HelmRelease", "helmreleases", "helmreleases", "helm.toolkit.fluxcd.io/v2", true;
        "ScaledObject", "scaledobjects", "scaledobjects", "keda.sh/v1alpha1", true;
        "VerticalPodAutoscaler", "verticalpodautoscalers", "verticalpodautoscalers", "autoscaling.k8s.io/v1", true;
    }
}

impl Objects {
    /// Whether the object was captured.
    pub fn contains(&self, object: &ObjectRef) -> bool {
        self.metadata(object).is_some()
    }
}

impl Snapshot {
    /// Adds what one API list holds and records that it was listed.
    ///
    /// `kind` is any name [`Kind::find`] knows. `list` is a list object, a bare
    /// array or a single object. `namespace` is where it was listed, `""` for
    /// cluster-scoped kinds and for lists over all namespaces. Items are
    /// redacted; one that does not parse becomes a [`Gap`]. Returns how many
    /// objects were added.
    pub fn insert_list(
        &mut self,
        kind: &str,
        namespace: &str,
        list: Value,
    ) -> Result<usize, UnknownKind> {
        let kind = Kind::find(kind).ok_or_else(|| UnknownKind(kind.to_owned()))?;
        let scope = if kind.namespaced { namespace } else { "" };
        self.objects.mark_captured(kind, scope);
        let mut inserted = 0;
        for item in items(list) {
            match self.insert_object(kind, scope, item) {
                Ok(()) => inserted += 1,
                Err(gap) => self.gaps.push(gap),
            }
        }
        Ok(inserted)
    }

    fn insert_object(&mut self, kind: &Kind, namespace: &str, item: Value) -> Result<(), Gap> {
        let Value::Object(mut item) = item else {
            return Err(broken(kind, "", "it is not a JSON object"));
        };
        if kind.name == "Event" {
            core_event(&mut item);
        }
        item.insert("kind".into(), kind.name.into());
        let mut item = Value::Object(item);
        redact_object(&mut item);
        let Value::Object(mut item) = item else {
            return Err(broken(kind, "", "it is not a JSON object"));
        };
        // Parsing checks these against one version; others of the group are close enough.
        item.remove("kind");
        item.remove("apiVersion");
        let meta = item
            .entry("metadata")
            .or_insert_with(|| Value::Object(Map::new()));
        let name = place(meta, kind.namespaced.then_some(namespace));
        if !is_name(&name) {
            return Err(broken(kind, "", "it has no valid name"));
        }
        self.objects
            .insert_item(kind, Value::Object(item))
            .map_err(|error| broken(kind, &name, &error.to_string()))
    }
}

/// The items of a list, an array or a single object.
fn items(list: Value) -> Vec<Value> {
    match list {
        Value::Array(items) => items,
        Value::Object(mut object) => match object.remove("items") {
            Some(Value::Array(items)) => items,
            None if object.contains_key("metadata") && !is_list(&object) => {
                vec![Value::Object(object)]
            }
            // Go marshals an empty list as null.
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn is_list(object: &Map<String, Value>) -> bool {
    let kind = object.get("kind").and_then(Value::as_str);
    kind.is_some_and(|kind| kind.ends_with("List"))
}

/// Fills in the namespace an item was listed in; returns the item's name.
fn place(meta: &mut Value, namespace: Option<&str>) -> String {
    let Value::Object(meta) = meta else {
        return String::new();
    };
    if let Some(own) = meta.get("namespace")
        && !own.as_str().is_some_and(is_name)
    {
        meta.remove("namespace");
    }
    match namespace {
        Some(namespace) if !namespace.is_empty() => {
            meta.entry("namespace").or_insert_with(|| namespace.into());
        }
        None => {
            meta.remove("namespace");
        }
        Some(_) => {}
    }
    meta.get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Whether the API server would take this as a name: the names of all kinds
/// are DNS names, those of RBAC may have colons too. Anything else is no name
/// of a cluster and must not reach a command or a path.
fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':');
    !name.is_empty()
        && name.len() <= 253
        && name.bytes().all(allowed)
        && name.as_bytes()[0].is_ascii_alphanumeric()
}

fn broken(kind: &Kind, name: &str, why: &str) -> Gap {
    let space = if name.is_empty() { "" } else { " " };
    Gap {
        source: kind.plural.to_owned(),
        detail: format!("{}{space}{name} could not be read: {why}", kind.name),
    }
}

/// Turns an event of `events.k8s.io` into the core form.
fn core_event(event: &mut Map<String, Value>) {
    for (from, to) in [
        ("regarding", "involvedObject"),
        ("note", "message"),
        ("reportingController", "reportingComponent"),
        ("deprecatedCount", "count"),
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
        ("deprecatedSource", "source"),
    ] {
        if let Some(value) = event.remove(from) {
            event.entry(to).or_insert(value);
        }
    }
}
