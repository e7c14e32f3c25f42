//! Which names an analysis may use: those the snapshot or the alerts contain.
//!
//! Decides what counts as a phantom. An object exists when it was captured,
//! or when something captured or the alert refers to it (a missing Secret is
//! named by the pod that wants it, a pod that is gone by its alert). Words of prose are not names: only a token after a
//! kind, after `kind/`, in a command's place for a name, or in backquotes.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;

use crate::analysis::Analysis;
use crate::object::ObjectRef;
use crate::resolver::kind_of_label;
use crate::snapshot::{Collection, KINDS, Snapshot};

/// Kinds that must exist themselves, or be referred to as that kind.
const CONCRETE_KINDS: [&str; 9] = [
    "Pod",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "Node",
    "Service",
];

/// Words before a name in prose and commands, in kubectl's lower case.
const KIND_WORDS: [&str; 34] = [
    "pod",
    "pods",
    "deployment",
    "deploy",
    "statefulset",
    "sts",
    "daemonset",
    "ds",
    "replicaset",
    "rs",
    "job",
    "cronjob",
    "node",
    "service",
    "svc",
    "namespace",
    "ns",
    "secret",
    "configmap",
    "cm",
    "serviceaccount",
    "sa",
    "persistentvolumeclaim",
    "pvc",
    "persistentvolume",
    "pv",
    "storageclass",
    "resourcequota",
    "quota",
    "ingress",
    "networkpolicy",
    "endpoints",
    "horizontalpodautoscaler",
    "hpa",
];

/// A type of Service, which `kubectl create service` wants before the name.
const CLUSTER_IP: &str = "clusterip";

/// kubectl flags that take a name.
const NAME_FLAGS: [&str; 5] = ["-n", "--namespace", "-c", "--container", "--for"];

/// Every name of a snapshot and its alerts.
#[derive(Clone, Debug, Default)]
pub struct KnownNames {
    objects: BTreeSet<(String, String)>,
    tokens: BTreeSet<String>,
}

impl KnownNames {
    /// Collects the names of `snapshot` and of the alerts in `analysis`.
    pub fn of(snapshot: &Snapshot, analysis: &Analysis) -> Self {
        let mut known = Self::default();
        let objects = &snapshot.objects;
        macro_rules! add {
            ($($field:ident: $kind:literal),* $(,)?) => {
                $(known.add_collection($kind, &objects.$field);)*
            };
        }
        add!(
            pods: "Pod", events: "Event", services: "Service", endpoints: "Endpoints",
            endpoint_slices: "EndpointSlice", deployments: "Deployment",
            replica_sets: "ReplicaSet", stateful_sets: "StatefulSet", daemon_sets: "DaemonSet",
            replication_controllers: "ReplicationController", jobs: "Job", cron_jobs: "CronJob",
            config_maps: "ConfigMap", secrets: "Secret",
            persistent_volume_claims: "PersistentVolumeClaim",
            persistent_volumes: "PersistentVolume", storage_classes: "StorageClass",
            resource_quotas: "ResourceQuota", limit_ranges: "LimitRange",
            network_policies: "NetworkPolicy", ingresses: "Ingress",
            horizontal_pod_autoscalers: "HorizontalPodAutoscaler",
            service_accounts: "ServiceAccount",
            pod_disruption_budgets: "PodDisruptionBudget", role_bindings: "RoleBinding",
            leases: "Lease", nodes: "Node", namespaces: "Namespace",
        );
        for kind in KINDS.iter().filter(|kind| kind.custom) {
            known.add_collection(kind.name, objects.customs.of(kind.name));
        }
        for log in &snapshot.logs {
            known.add_text(&log.text);
            known.add_text(&log.container);
        }
        for series in &snapshot.series {
            known.add_text(&series.name);
            series
                .labels
                .values()
                .for_each(|value| known.add_text(value));
        }
        for alert in &analysis.incident.alerts {
            for (label, value) in &alert.labels {
                known.add_text(value);
                // An alert may name what is gone; who repeats it invents nothing.
                if let Some(kind) = kind_of_label(label) {
                    known.objects.insert((kind.to_owned(), value.clone()));
                }
            }
        }
        known
    }

    /// Names in `analysis` that are not known, sorted.
    pub fn phantoms(&self, analysis: &Analysis) -> Vec<String> {
        let mut phantoms = BTreeSet::new();
        for object in objects_of(analysis) {
            if !self.has_object(object) {
                phantoms.insert(object.to_string());
            }
        }
        let checks = analysis.next_checks.iter().map(|check| &check.command);
        let actions = &analysis.actions;
        let repairs = actions
            .iter()
            .flat_map(|action| [&action.command, &action.undo]);
        for command in checks.chain(repairs) {
            phantoms.extend(self.unknown(names_in_command(command)));
        }
        phantoms.extend(self.unknown(names_in_prose(&analysis.summary.text)));
        phantoms.into_iter().collect()
    }

    fn unknown<'a>(&'a self, names: Vec<&'a str>) -> impl Iterator<Item = String> + 'a {
        names
            .into_iter()
            .filter(|name| !self.tokens.contains(*name))
            .map(str::to_owned)
    }

    fn has_object(&self, object: &ObjectRef) -> bool {
        let named = (object.kind.clone(), object.name.clone());
        let namespace_known = object
            .namespace
            .as_ref()
            .is_none_or(|namespace| self.tokens.contains(namespace));
        let concrete = CONCRETE_KINDS.contains(&object.kind.as_str());
        namespace_known
            && (self.objects.contains(&named) || !concrete && self.tokens.contains(&object.name))
    }

    fn add_collection<T>(&mut self, kind: &str, items: &Collection<T>)
    where
        T: Serialize
            + k8s_openapi::Metadata<Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta>,
    {
        for item in items {
            if let Some(name) = &item.metadata().name {
                self.objects.insert((kind.to_owned(), name.clone()));
            }
            if let Ok(value) = serde_json::to_value(item) {
                self.add_value(&value);
            }
        }
    }

    fn add_value(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add_text(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_value(item)),
            Value::Object(fields) => {
                if let (Some(Value::String(kind)), Some(Value::String(name))) =
                    (fields.get("kind"), fields.get("name"))
                {
                    self.objects.insert((kind.clone(), name.clone()));
                }
                for (key, field) in fields {
                    self.add_text(key);
                    self.add_value(field);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn add_text(&mut self, text: &str) {
        for token in text.split(|c: char| !is_name_char(c)) {
            let token = token.trim_matches(['.', '-', '_']);
            if !token.is_empty() && token.len() <= 253 {
                self.tokens.insert(token.to_owned());
                // `host.namespace.svc` and `10.0.0.1:80` speak of their parts too.
                for part in token.split('.').filter(|part| !part.is_empty()) {
                    self.tokens.insert(part.to_owned());
                }
            }
        }
    }
}

fn objects_of(analysis: &Analysis) -> impl Iterator<Item = &ObjectRef> {
    let causes = analysis.causes.iter().map(|stated| &stated.object);
    let ruled_out = analysis.ruled_out.iter().map(|ruled_out| &ruled_out.object);
    let evidence = analysis.evidence.iter().map(|evidence| &evidence.object);
    let changes = analysis.changes.iter().map(|change| &change.object);
    analysis
        .subject
        .iter()
        .chain(causes)
        .chain(ruled_out)
        .chain(evidence)
        .chain(changes)
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')
}

/// Names in the places where kubectl expects one.
fn names_in_command(command: &str) -> Vec<&str> {
    let words: Vec<&str> = command.split_whitespace().collect();
    if words.first() != Some(&"kubectl") {
        return Vec::new();
    }
    let mut names = Vec::new();
    for (position, word) in words.iter().enumerate() {
        let before = position.checked_sub(1).map_or("", |index| words[index]);
        if let Some((kind, name)) = word.split_once('/') {
            if is_kind(kind) {
                names.push(name);
            }
        } else if *word != CLUSTER_IP
            && (is_kind(before) || NAME_FLAGS.contains(&before) || before == "logs")
            && is_name(word)
        {
            names.push(word);
        }
    }
    names
}

/// Names that prose claims: after a kind, or as `kind/name`, or in backquotes.
fn names_in_prose(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut before = "";
    for word in text.split_whitespace() {
        let quoted = word.contains('`');
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let word = word.strip_suffix("'s").unwrap_or(word);
        let (kind, name) = word.rsplit_once('/').unwrap_or((before, word));
        if (is_kind(kind) || is_kind(before) && word.contains('/') || quoted)
            && is_name(name)
            && (name.contains('-') || name.chars().any(|c| c.is_ascii_digit()) || quoted)
            && name.chars().all(is_name_char)
        {
            names.push(name);
        }
        before = word;
    }
    names
}

fn is_kind(word: &str) -> bool {
    KIND_WORDS.contains(&word.to_lowercase().as_str())
}

fn is_name(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_alphanumeric())
}
