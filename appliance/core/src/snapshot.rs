//! What was captured of a cluster: objects, logs, series and gaps.
//!
//! One type for every source: the live API, an incident bundle, a
//! `kubectl cluster-info dump`. Kubernetes types are used as plain data.
//! "Not captured" and "captured, there were none" are different answers and
//! [`Collection::captured_in`] tells them apart.
//!
//! Objects come in through [`Snapshot::insert_list`], logs through
//! [`Snapshot::insert_log`], series through [`openmetrics`] or directly.
//!
//! Invariant: what came in through those is redacted.

mod collection;
pub mod custom;
mod kinds;
pub mod openmetrics;
mod owned;

use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{
    ConfigMap, Endpoints, Event, LimitRange, Namespace, Node, PersistentVolume,
    PersistentVolumeClaim, Pod, ReplicationController, ResourceQuota, Secret, Service,
    ServiceAccount,
};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::api::storage::v1::StorageClass;

pub use self::collection::Collection;
pub use self::custom::{Custom, Customs};
pub use self::kinds::{KINDS, Kind, UnknownKind};
pub(crate) use self::owned::{Owned, OwnedPods};

/// Kubernetes objects by kind. Secrets carry names and keys, never values.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "each field is the kind its type names")]
pub struct Objects {
    pub pods: Collection<Pod>,
    pub events: Collection<Event>,
    pub services: Collection<Service>,
    pub endpoints: Collection<Endpoints>,
    pub endpoint_slices: Collection<EndpointSlice>,
    pub deployments: Collection<Deployment>,
    pub replica_sets: Collection<ReplicaSet>,
    pub stateful_sets: Collection<StatefulSet>,
    pub daemon_sets: Collection<DaemonSet>,
    pub replication_controllers: Collection<ReplicationController>,
    pub jobs: Collection<Job>,
    pub cron_jobs: Collection<CronJob>,
    pub config_maps: Collection<ConfigMap>,
    pub secrets: Collection<Secret>,
    pub persistent_volume_claims: Collection<PersistentVolumeClaim>,
    pub persistent_volumes: Collection<PersistentVolume>,
    pub storage_classes: Collection<StorageClass>,
    pub resource_quotas: Collection<ResourceQuota>,
    pub limit_ranges: Collection<LimitRange>,
    pub network_policies: Collection<NetworkPolicy>,
    pub ingresses: Collection<Ingress>,
    pub horizontal_pod_autoscalers: Collection<HorizontalPodAutoscaler>,
    pub service_accounts: Collection<ServiceAccount>,
    pub pod_disruption_budgets: Collection<PodDisruptionBudget>,
    pub role_bindings: Collection<RoleBinding>,
    pub leases: Collection<Lease>,
    pub nodes: Collection<Node>,
    pub namespaces: Collection<Namespace>,
    /// Kinds without a type of their own, by name: `HTTPRoute`, `APIService`.
    pub customs: Customs,
    /// Which pods each workload owns, as far as asked.
    pub(crate) owned: OwnedPods,
}

/// The log of one container instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerLog {
    /// Namespace of the pod.
    pub namespace: String,
    /// Pod name.
    pub pod: String,
    /// Container name.
    pub container: String,
    /// Whether this is the instance before the current one.
    pub previous: bool,
    /// Log text, redacted; untrusted.
    pub text: String,
    /// What was not fetched, in words; empty when all of it is here.
    pub truncated: String,
}

/// One sample of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Unix time, seconds.
    pub at: f64,
    /// Value; may be NaN.
    pub value: f64,
}

/// One time series.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Metric name.
    pub name: String,
    /// Labels without the name.
    pub labels: BTreeMap<String, String>,
    /// Samples in order of time.
    pub samples: Vec<Sample>,
}

/// Something that was wanted and could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Which source: `logs`, `metrics`, a resource name such as `pods`.
    pub source: String,
    /// Why, in words: `403 Forbidden`, `timed out after 5 s`.
    pub detail: String,
}

/// Everything that was known when an incident was analysed.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When the capture was made.
    pub captured_at: Timestamp,
    /// Cluster name, as configured; may be empty.
    pub cluster: String,
    /// Where it came from, for the reader.
    pub source: String,
    /// Kubernetes objects.
    pub objects: Objects,
    /// Container logs.
    pub logs: Vec<ContainerLog>,
    /// Metric series.
    pub series: Vec<Series>,
    /// What could not be had.
    pub gaps: Vec<Gap>,
}

impl Snapshot {
    /// Adds a container's log, redacted.
    pub fn insert_log(&mut self, mut log: ContainerLog) {
        if let std::borrow::Cow::Owned(text) = crate::redaction::redact_text(&log.text) {
            log.text = text;
        }
        self.logs.push(log);
    }

    /// Records that something could not be had.
    pub fn gap(&mut self, source: impl Into<String>, detail: impl Into<String>) {
        self.gaps.push(Gap {
            source: source.into(),
            detail: detail.into(),
        });
    }

    /// The logs of one pod, current and previous instances.
    pub fn logs_of<'a>(
        &'a self,
        namespace: &'a str,
        pod: &'a str,
    ) -> impl Iterator<Item = &'a ContainerLog> + 'a {
        self.logs
            .iter()
            .filter(move |log| log.namespace == namespace && log.pod == pod)
    }
}
