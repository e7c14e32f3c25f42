//! From an alert's labels to the first objects to look at.
//!
//! Knows which labels name a subject and which only say who was scraped.
//! Names come from labels alone, or are checked against what was captured
//! through [`ObjectIndex`]. What is ambiguous or absent is said in
//! [`Resolution::note`], never guessed silently.
//!
//! Invariant: every subject has a name Kubernetes would accept, since label
//! values are untrusted.

mod aliases;
mod index;
mod pod_name;
mod scrape;

use std::fmt;

use crate::alert::Alert;
use crate::object::ObjectRef;

pub use self::aliases::Aliases;
pub use self::index::{NoObjects, ObjectIndex};

use self::scrape::View;

/// Where an alert's labels led.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolution {
    /// Objects, best first: what the rule is about, then what controls it.
    pub subjects: Vec<ObjectRef>,
    /// What was unclear, in words for the reader.
    pub note: Option<String>,
}

/// What alerts must share to be about the same thing: a workload's name in a
/// namespace, or a node. Independent of the object's kind, so that a pod's, a
/// Deployment's and a Service's alerts meet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubjectKey(String);

/// Prints `namespace/name` or `node name`.
impl fmt::Display for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Labels that name an object of a kind, most specific first. `true`: namespaced.
///
/// `job` is not among them: it is the scrape job; a Job is in `job_name`.
const KIND_LABELS: [(&str, &str, bool); 13] = [
    ("deployment", "Deployment", true),
    ("statefulset", "StatefulSet", true),
    ("daemonset", "DaemonSet", true),
    ("cronjob", "CronJob", true),
    ("job_name", "Job", true),
    ("replicaset", "ReplicaSet", true),
    ("horizontalpodautoscaler", "HorizontalPodAutoscaler", true),
    ("poddisruptionbudget", "PodDisruptionBudget", true),
    ("persistentvolumeclaim", "PersistentVolumeClaim", true),
    ("persistentvolume", "PersistentVolume", false),
    ("resourcequota", "ResourceQuota", true),
    ("ingress", "Ingress", true),
    ("pod", "Pod", true),
];

/// Looked at only when none of the above is there.
const FALLBACK_LABELS: [(&str, &str, bool); 3] = [
    ("node", "Node", false),
    ("service", "Service", true),
    ("endpoint", "Service", true),
];

/// Mixin alerts about the cluster as a whole; their labels name no object.
const CLUSTER_WIDE: [&str; 15] = [
    "KubeAPIDown",
    "KubeAPIErrorBudgetBurn",
    "KubeAPITerminatedRequests",
    "KubeAggregatedAPIDown",
    "KubeAggregatedAPIErrors",
    "KubeClientCertificateExpiration",
    "KubeCPUOvercommit",
    "KubeControllerManagerDown",
    "KubeMemoryOvercommit",
    "KubeProxyDown",
    "KubeSchedulerDown",
    "KubeVersionMismatch",
    "KubeletDown",
    "InfoInhibitor",
    "Watchdog",
];

/// The kind of object that a label of this name names, by Kubernetes' own conventions.
pub(crate) fn kind_of_label(label: &str) -> Option<&'static str> {
    let all = KIND_LABELS.iter().chain(&FALLBACK_LABELS);
    all.filter(|(name, ..)| *name == label)
        .map(|(_, kind, _)| *kind)
        .next()
}

/// Resolves an alert against what was captured.
pub fn resolve(alert: &Alert, aliases: &Aliases, index: &dyn ObjectIndex) -> Resolution {
    if CLUSTER_WIDE.contains(&alert.name()) {
        return Resolution {
            subjects: Vec::new(),
            note: Some(format!("{} is about the whole cluster", alert.name())),
        };
    }
    let mut search = Search {
        view: View::new(alert, aliases),
        index,
        subjects: Vec::new(),
        notes: Vec::new(),
    };
    search.run(aliases);
    search.finish()
}

/// Resolves an alert by its labels alone, before anything was captured.
pub fn resolve_labels(alert: &Alert, aliases: &Aliases) -> Resolution {
    resolve(alert, aliases, &NoObjects)
}

/// What this alert shares with others about the same thing, by labels alone,
/// so that it is the same whenever it is computed.
pub fn subject_key(alert: &Alert, aliases: &Aliases) -> Option<SubjectKey> {
    if CLUSTER_WIDE.contains(&alert.name()) {
        return None;
    }
    let view = View::new(alert, aliases);
    let subjects = resolve_labels(alert, aliases).subjects;
    if let Some(subject) = subjects
        .first()
        .filter(|subject| subject.kind != "Namespace")
    {
        return Some(SubjectKey(key_of(subject)));
    }
    let (_, name) = view.workload(aliases)?;
    Some(SubjectKey(format!("{}/{name}", view.namespace()?)))
}

fn key_of(subject: &ObjectRef) -> String {
    match &subject.namespace {
        Some(namespace) => format!(
            "{namespace}/{}",
            pod_name::stem(&subject.kind, &subject.name)
        ),
        None => format!("{} {}", subject.kind.to_lowercase(), subject.name),
    }
}

struct Search<'a> {
    view: View<'a>,
    index: &'a dyn ObjectIndex,
    subjects: Vec<ObjectRef>,
    notes: Vec<String>,
}

impl Search<'_> {
    fn run(&mut self, aliases: &Aliases) {
        self.by_labels(&KIND_LABELS);
        if self.subjects.is_empty() {
            self.by_workload_name(aliases);
        }
        if self.subjects.is_empty() {
            self.by_labels(&FALLBACK_LABELS);
        }
        if self.subjects.is_empty() {
            self.by_instance();
        }
        if self.subjects.is_empty()
            && let Some(namespace) = self.view.namespace()
        {
            self.subjects
                .push(ObjectRef::cluster("Namespace", namespace));
        }
        self.add_controllers();
    }

    fn by_labels(&mut self, table: &[(&str, &str, bool)]) {
        for &(label, kind, namespaced) in table {
            let Some(name) = self.view.subject_label(label) else {
                continue;
            };
            if !is_name(name) {
                self.notes
                    .push(format!("the label `{label}` holds no Kubernetes name"));
            } else if !namespaced {
                self.add(ObjectRef::cluster(kind, name));
            } else if let Some(namespace) = self.view.namespace() {
                self.add(ObjectRef::namespaced(kind, namespace, name));
            } else {
                self.without_namespace(label, kind, name);
            }
        }
    }

    /// Adds a subject, and says so if it is known not to exist.
    fn add(&mut self, subject: ObjectRef) {
        if self.subjects.contains(&subject) {
            return;
        }
        if self.index.exists(&subject) == Some(false) {
            self.notes.push(format!("{subject} is not in the cluster"));
        }
        self.subjects.push(subject);
    }

    fn without_namespace(&mut self, label: &str, kind: &str, name: &str) {
        let mut found = self.index.named(kind, name);
        match found.len() {
            1 => self.subjects.append(&mut found),
            0 => self.notes.push(format!(
                "the label `{label}` names {kind} {name}, but no label names its namespace"
            )),
            _ => self.ambiguous(label, name, &found),
        }
    }

    fn by_workload_name(&mut self, aliases: &Aliases) {
        let Some((label, name)) = self.view.workload(aliases) else {
            return;
        };
        let namespace = self.view.namespace();
        if let (Some(kind), Some(namespace)) = (self.view.workload_kind(), namespace) {
            self.add(ObjectRef::namespaced(kind, namespace, name));
            return;
        }
        let mut found = self.index.workloads_named(name);
        found.retain(|object| namespace.is_none() || object.namespace.as_deref() == namespace);
        match found.len() {
            1 => self.subjects.append(&mut found),
            0 => self.notes.push(format!(
                "the label `{label}` names `{name}`, and no workload of that name is known"
            )),
            _ => self.ambiguous(label, name, &found),
        }
    }

    fn ambiguous(&mut self, label: &str, name: &str, found: &[ObjectRef]) {
        const SHOWN_MAX: usize = 4;
        let shown: Vec<_> = found
            .iter()
            .take(SHOWN_MAX)
            .map(ToString::to_string)
            .collect();
        let more = if found.len() > SHOWN_MAX { ", …" } else { "" };
        self.notes.push(format!(
            "the label `{label}` names `{name}`, which {} objects are called: {}{more}",
            found.len(),
            shown.join(", ")
        ));
    }

    fn by_instance(&mut self) {
        let Some(host) = self.view.instance_host() else {
            return;
        };
        let by_address = self.index.node_by_address(host);
        let by_name = || {
            let node = ObjectRef::cluster("Node", host);
            (self.index.exists(&node) == Some(true)).then_some(node)
        };
        if let Some(node) = by_address
            .map(|name| ObjectRef::cluster("Node", name))
            .or_else(by_name)
        {
            self.subjects.push(node);
        } else if self.view.is_about_nodes()
            && host.parse::<std::net::IpAddr>().is_err()
            && is_name(host)
        {
            self.add(ObjectRef::cluster("Node", host));
        } else {
            self.notes.push(format!(
                "no node is known to have the address of `instance` ({host})"
            ));
        }
    }

    /// Appends what controls the first subject, so that a pod leads to its workload.
    fn add_controllers(&mut self) {
        /// Pod, ReplicaSet, Deployment; or Pod, Job, CronJob; and one to spare.
        const STEPS_MAX: usize = 4;
        let Some(mut object) = self.subjects.first().cloned() else {
            return;
        };
        for _ in 0..STEPS_MAX {
            let Some(controller) = self.index.controller(&object) else {
                break;
            };
            if !self.subjects.contains(&controller) {
                self.subjects.push(controller.clone());
            }
            object = controller;
        }
        if object.kind == "Pod" && self.index.exists(&object) == Some(false) {
            self.add_by_pod_name(&object);
        }
    }

    /// A pod that is gone still tells its workload by its name, if only one fits.
    fn add_by_pod_name(&mut self, pod: &ObjectRef) {
        let stem = pod_name::stem("Pod", &pod.name);
        let mut found = self.index.workloads_named(stem);
        found.retain(|object| object.namespace == pod.namespace);
        if let [workload] = found.as_slice()
            && stem != pod.name
        {
            self.notes.push(format!(
                "{workload} is taken for its workload, by the pod's name"
            ));
            if !self.subjects.contains(workload) {
                self.subjects.push(workload.clone());
            }
        }
    }

    fn finish(mut self) -> Resolution {
        if self.subjects.is_empty() && self.notes.is_empty() {
            self.notes
                .push("no label of the alert names an object".to_owned());
        }
        Resolution {
            subjects: self.subjects,
            note: (!self.notes.is_empty()).then(|| self.notes.join("; ")),
        }
    }
}

/// Whether `text` could be an object's name (an RFC 1123 subdomain; some
/// kinds allow colons, none that is looked up here).
fn is_name(text: &str) -> bool {
    const NAME_BYTES_MAX: usize = 253;
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.')
    };
    let ends = |byte: Option<u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    text.len() <= NAME_BYTES_MAX
        && text.bytes().all(allowed)
        && ends(text.bytes().next())
        && ends(text.bytes().last())
}

#[cfg(test)]
mod tests;
