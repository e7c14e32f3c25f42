//! Small clusters for analyzer tests, written as JSON snippets.
//!
//! Everything lives in namespace `shop` unless a snippet says otherwise; the
//! alert began ten minutes before the capture, events are two minutes old.

#![allow(
    clippy::unwrap_used,
    reason = "a fixture that does not parse fails its test"
)]
#![allow(
    clippy::needless_pass_by_value,
    reason = "JSON snippets read best when written where they are used"
)]

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Analyzer, Case, Findings};
use crate::alert::{Alert, AlertStatus, Labels};
use crate::facts::Facts;
use crate::object::ObjectRef;
use crate::snapshot::{Collection, ContainerLog, Kind, Sample, Series, Snapshot};

/// The namespace snippets fall into when they name none.
pub(crate) const NAMESPACE: &str = "shop";

/// Builds a snapshot, an alert and the facts about them.
#[derive(Debug)]
pub(crate) struct Fixture {
    pub(crate) snapshot: Snapshot,
    pub(crate) alerts: Vec<Alert>,
    pub(crate) subjects: Vec<ObjectRef>,
    events: usize,
}

/// When the capture was made.
pub(crate) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// `minutes` before the capture, as Kubernetes writes it.
pub(crate) fn ago(minutes: i64) -> String {
    (now() - SignedDuration::from_mins(minutes)).to_string()
}

fn put<T>(collection: &mut Collection<T>, value: Value, namespace: &str)
where
    T: k8s_openapi::Metadata<Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>
        + serde::de::DeserializeOwned,
{
    collection.insert(serde_json::from_value(value).unwrap());
    collection.mark_captured_in(namespace);
}

impl Fixture {
    /// An empty cluster with one alert on the namespace.
    pub(crate) fn new() -> Self {
        let snapshot = Snapshot {
            captured_at: now(),
            ..Snapshot::default()
        };
        let fixture = Self {
            snapshot,
            alerts: Vec::new(),
            subjects: Vec::new(),
            events: 0,
        };
        fixture.alert(&[("alertname", "Trouble"), ("namespace", NAMESPACE)])
    }

    /// Replaces the alert's labels.
    pub(crate) fn alert(mut self, labels: &[(&str, &str)]) -> Self {
        let labels: Labels = labels
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        self.alerts = vec![Alert {
            status: AlertStatus::Firing,
            labels,
            annotations: Labels::new(),
            starts_at: now() - SignedDuration::from_mins(10),
            ends_at: None,
            generator_url: String::new(),
            fingerprint: "0123456789abcdef".to_owned(),
        }];
        self
    }

    /// Adds an object by its `kind`. Namespaced kinds fall into [`NAMESPACE`];
    /// the kind counts as captured there.
    pub(crate) fn with(mut self, mut value: Value) -> Self {
        let kind = value["kind"].as_str().unwrap().to_owned();
        let clustered = Kind::find(&kind).is_some_and(|kind| !kind.namespaced);
        if !clustered && value["metadata"]["namespace"].is_null() {
            value["metadata"]["namespace"] = json!(NAMESPACE);
        }
        let namespace = value["metadata"]["namespace"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let all = &mut self.snapshot.objects;
        match kind.as_str() {
            "Pod" => put(&mut all.pods, value, &namespace),
            "Event" => put(&mut all.events, value, &namespace),
            "Service" => put(&mut all.services, value, &namespace),
            "Endpoints" => put(&mut all.endpoints, value, &namespace),
            "EndpointSlice" => put(&mut all.endpoint_slices, value, &namespace),
            "Deployment" => put(&mut all.deployments, value, &namespace),
            "ReplicaSet" => put(&mut all.replica_sets, value, &namespace),
            "StatefulSet" => put(&mut all.stateful_sets, value, &namespace),
            "DaemonSet" => put(&mut all.daemon_sets, value, &namespace),
            "Job" => put(&mut all.jobs, value, &namespace),
            "CronJob" => put(&mut all.cron_jobs, value, &namespace),
            "ConfigMap" => put(&mut all.config_maps, value, &namespace),
            "Secret" => put(&mut all.secrets, value, &namespace),
            "PersistentVolumeClaim" => {
                put(&mut all.persistent_volume_claims, value, &namespace);
            }
            "PersistentVolume" => put(&mut all.persistent_volumes, value, &namespace),
            "StorageClass" => put(&mut all.storage_classes, value, &namespace),
            "ResourceQuota" => put(&mut all.resource_quotas, value, &namespace),
            "LimitRange" => put(&mut all.limit_ranges, value, &namespace),
            "NetworkPolicy" => put(&mut all.network_policies, value, &namespace),
            "Ingress" => put(&mut all.ingresses, value, &namespace),
            "HorizontalPodAutoscaler" => {
                put(&mut all.horizontal_pod_autoscalers, value, &namespace);
            }
            "ServiceAccount" => put(&mut all.service_accounts, value, &namespace),
            "PodDisruptionBudget" => {
                put(&mut all.pod_disruption_budgets, value, &namespace);
            }
            "RoleBinding" => put(&mut all.role_bindings, value, &namespace),
            "Lease" => put(&mut all.leases, value, &namespace),
            "Node" => put(&mut all.nodes, value, &namespace),
            "Namespace" => put(&mut all.namespaces, value, &namespace),
            other => {
                let kind = Kind::find(other).filter(|kind| kind.custom);
                let kind = kind.unwrap_or_else(|| panic!("the fixture knows no kind {other}"));
                put(all.customs.of_mut(kind.name), value, &namespace);
            }
        }
        self
    }

    /// A `Warning` event two minutes ago on `Kind/name` in [`NAMESPACE`].
    pub(crate) fn warning(self, object: &str, reason: &str, message: &str) -> Self {
        self.event("Warning", object, reason, message, 2)
    }

    /// An event `minutes` ago on `Kind/name`; nodes are cluster-scoped.
    pub(crate) fn event(
        mut self,
        event_type: &str,
        object: &str,
        reason: &str,
        message: &str,
        minutes: i64,
    ) -> Self {
        self.events += 1;
        let (kind, name) = object.split_once('/').unwrap();
        let mut involved = json!({"kind": kind, "name": name, "namespace": NAMESPACE});
        let mut namespace = NAMESPACE;
        if kind == "Node" {
            involved.as_object_mut().unwrap().remove("namespace");
            namespace = "default";
        }
        let number = self.events;
        self.with(json!({
            "kind": "Event",
            "metadata": {"name": format!("event-{number}"), "namespace": namespace},
            "involvedObject": involved,
            "type": event_type, "reason": reason, "message": message, "count": 1,
            "firstTimestamp": ago(minutes), "lastTimestamp": ago(minutes),
        }))
    }

    /// A Deployment and its ReplicaSet `NAME-77f` whose pods carry `app: NAME`.
    /// `pod_spec` is the template's spec.
    pub(crate) fn deployment(self, name: &str, replicas: i32, ready: i32, pod_spec: Value) -> Self {
        let labels = json!({"app": name});
        let template = json!({"metadata": {"labels": labels.clone()}, "spec": pod_spec});
        let spec = json!({"replicas": replicas, "selector": {"matchLabels": labels.clone()}, "template": template});
        self.with(json!({
            "kind": "Deployment",
            "metadata": {"name": name, "labels": labels.clone(), "creationTimestamp": ago(600)},
            "spec": spec.clone(),
            "status": {"replicas": replicas, "updatedReplicas": replicas, "readyReplicas": ready,
                       "availableReplicas": ready, "unavailableReplicas": replicas - ready},
        }))
        .with(json!({
            "kind": "ReplicaSet",
            "metadata": {"name": format!("{name}-77f"), "labels": labels, "creationTimestamp": ago(20),
                         "ownerReferences": [owner("Deployment", name)]},
            "spec": spec,
            "status": {"replicas": replicas, "readyReplicas": ready},
        }))
    }

    /// The pod `NAME-77f-SUFFIX` of [`Fixture::deployment`] `name`.
    pub(crate) fn pod(self, name: &str, suffix: &str, spec: Value, status: Value) -> Self {
        self.with(json!({
            "kind": "Pod",
            "metadata": {"name": format!("{name}-77f-{suffix}"), "labels": {"app": name}, "creationTimestamp": ago(20),
                         "ownerReferences": [owner("ReplicaSet", &format!("{name}-77f"))]},
            "spec": spec,
            "status": status,
        }))
    }

    /// A schedulable node with 4 CPUs, 8Gi and 110 pods; `spec` and `labels` as given.
    pub(crate) fn node(self, name: &str, mut labels: Value, spec: Value) -> Self {
        labels["kubernetes.io/hostname"] = json!(name);
        self.with(json!({
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": spec,
            "status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
                       "conditions": [{"type": "Ready", "status": "True"}]},
        }))
    }

    /// A container's log.
    pub(crate) fn log(mut self, pod: &str, container: &str, previous: bool, text: &str) -> Self {
        self.snapshot.logs.push(ContainerLog {
            namespace: NAMESPACE.to_owned(),
            pod: pod.to_owned(),
            container: container.to_owned(),
            previous,
            text: text.to_owned(),
            truncated: String::new(),
        });
        self
    }

    /// A series with one sample a minute, the last at the capture.
    pub(crate) fn series(mut self, name: &str, labels: &[(&str, &str)], values: &[f64]) -> Self {
        let end = now().as_second() as f64;
        let samples = values
            .iter()
            .rev()
            .enumerate()
            .map(|(minutes, &value)| Sample {
                at: end - 60.0 * minutes as f64,
                value,
            })
            .collect::<Vec<_>>();
        self.snapshot.series.push(Series {
            name: name.to_owned(),
            labels: labels
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            samples: samples.into_iter().rev().collect(),
        });
        self
    }

    /// What `analyzer` finds, with the facts of this snapshot.
    pub(crate) fn findings(&self, analyzer: Analyzer) -> Findings {
        let started_at = self.alerts[0].starts_at;
        let facts = Facts::find(&self.snapshot, started_at);
        let case = Case {
            snapshot: &self.snapshot,
            facts: &facts,
            alerts: &self.alerts,
            subjects: &self.subjects,
            started_at,
        };
        let mut findings = Findings::default();
        analyzer(&case, &mut findings);
        findings
    }

    /// Checks that `analyzer` finds exactly `expected`, as
    /// `"Cause Kind namespace/name"` in any order, and that every finding
    /// cites evidence and every statement is a sentence.
    #[track_caller]
    pub(crate) fn check(&self, analyzer: Analyzer, expected: &[&str]) -> Findings {
        let findings = self.findings(analyzer);
        let mut found: Vec<String> = findings
            .found
            .iter()
            .map(|finding| format!("{} {}", finding.cause, finding.object))
            .collect();
        found.sort_unstable();
        let mut wanted = expected.to_vec();
        wanted.sort_unstable();
        assert_eq!(found, wanted);
        for finding in &findings.found {
            assert!(!finding.because.is_empty(), "{finding:?} cites nothing");
            assert!(finding.statement.len() > 10, "{finding:?} says nothing");
        }
        for exclusion in &findings.excluded {
            assert!(!exclusion.because.is_empty(), "{exclusion:?} cites nothing");
        }
        findings
    }
}

/// An owner reference of a controller.
pub(crate) fn owner(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": true})
}
