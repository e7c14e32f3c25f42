//! Which object belongs to which app: the leniency of the scoring.
//!
//! A benchmark names an app; an analysis names the object to fix. Both are
//! right when the object is the app's workload, or a pod, Service or claim of it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// Labels that carry an app's name, by convention.
const APP_LABELS: [&str; 3] = ["app", "app.kubernetes.io/name", "k8s-app"];

type LabelSet = BTreeMap<String, String>;

/// A workload with the parts that tell whose it is.
struct Workload<'a> {
    kind: &'static str,
    meta: &'a ObjectMeta,
    template_labels: Option<&'a LabelSet>,
    template: Option<&'a PodSpec>,
    claim_templates: Vec<&'a str>,
}

impl Workload<'_> {
    fn is_app(&self, app: &str) -> bool {
        self.meta.name.as_deref() == Some(app)
            || names_app(self.meta.labels.as_ref(), app)
            || names_app(self.template_labels, app)
    }

    fn is(&self, object: &ObjectRef) -> bool {
        self.kind == object.kind
            && self.meta.name.as_deref() == Some(object.name.as_str())
            && self.meta.namespace == object.namespace
    }

    fn mounts(&self, claim: &ObjectRef) -> bool {
        self.meta.namespace == claim.namespace
            && (self.template.is_some_and(|spec| mounts(spec, &claim.name))
                || self.claims_by_template(&claim.name))
    }

    fn claims_by_template(&self, claim: &str) -> bool {
        let Some(name) = &self.meta.name else {
            return false;
        };
        self.claim_templates
            .iter()
            .any(|template| claim.starts_with(&format!("{template}-{name}-")))
    }
}

/// Whether `object` is the workload named `app`, or a pod, Service or claim of it.
pub(super) fn belongs_to_app(object: &ObjectRef, app: &str, snapshot: &Snapshot) -> bool {
    let workloads = workloads(snapshot);
    match object.kind.as_str() {
        "Pod" => pod_is_of_app(object, app, snapshot, &workloads),
        "Service" => service_is_of_app(object, app, snapshot),
        "PersistentVolumeClaim" => workloads
            .iter()
            .any(|workload| workload.is_app(app) && workload.mounts(object)),
        _ => workloads
            .iter()
            .any(|workload| workload.is(object) && workload.is_app(app)),
    }
}

/// Whether `object` and `expected` are two names of one place: a workload and a
/// claim that it mounts, a quota and its namespace.
pub(super) fn is_same_place(object: &ObjectRef, expected: &ObjectRef, snapshot: &Snapshot) -> bool {
    let mounts = |claim: &ObjectRef, workload: &ObjectRef| {
        claim.kind == "PersistentVolumeClaim"
            && workloads(snapshot)
                .iter()
                .any(|one| one.is(workload) && one.mounts(claim))
    };
    let is_quota_of = |quota: &ObjectRef, namespace: &ObjectRef| {
        quota.kind == "ResourceQuota"
            && namespace.kind == "Namespace"
            && quota.namespace.as_deref() == Some(&namespace.name)
    };
    mounts(object, expected)
        || mounts(expected, object)
        || is_quota_of(object, expected)
        || is_quota_of(expected, object)
}

/// Whether `object` is a pod, `ReplicaSet` or Job that `owner` controls.
pub(super) fn is_owned_by(object: &ObjectRef, owner: &ObjectRef, snapshot: &Snapshot) -> bool {
    let mut current = object.clone();
    // Pod -> Job -> CronJob is the deepest chain of the built-in controllers.
    for _ in 0..3 {
        let Some(next) = controller_of(&current, snapshot) else {
            return false;
        };
        if next == *owner {
            return true;
        }
        current = next;
    }
    false
}

fn pod_is_of_app(
    pod: &ObjectRef,
    app: &str,
    snapshot: &Snapshot,
    workloads: &[Workload<'_>],
) -> bool {
    let labels = snapshot
        .objects
        .pods
        .get(pod.namespace.as_deref().unwrap_or_default(), &pod.name)
        .and_then(|found| found.metadata.labels.as_ref());
    names_app(labels, app)
        || workloads
            .iter()
            .filter(|workload| workload.is_app(app))
            .any(|workload| is_owned_by(pod, &reference(workload), snapshot))
}

fn service_is_of_app(object: &ObjectRef, app: &str, snapshot: &Snapshot) -> bool {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let Some(service) = snapshot.objects.services.get(namespace, &object.name) else {
        return false;
    };
    let selector = service
        .spec
        .as_ref()
        .and_then(|spec| spec.selector.as_ref());
    object.name == app
        || names_app(service.metadata.labels.as_ref(), app)
        || names_app(selector, app)
}

fn reference(workload: &Workload<'_>) -> ObjectRef {
    ObjectRef {
        kind: workload.kind.to_owned(),
        namespace: workload.meta.namespace.clone(),
        name: workload.meta.name.clone().unwrap_or_default(),
    }
}

fn controller_of(object: &ObjectRef, snapshot: &Snapshot) -> Option<ObjectRef> {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let objects = &snapshot.objects;
    let meta = match object.kind.as_str() {
        "Pod" => &objects.pods.get(namespace, &object.name)?.metadata,
        "ReplicaSet" => &objects.replica_sets.get(namespace, &object.name)?.metadata,
        "Job" => &objects.jobs.get(namespace, &object.name)?.metadata,
        _ => return None,
    };
    let owners = meta.owner_references.as_deref()?;
    let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
    Some(ObjectRef {
        kind: owner.kind.clone(),
        namespace: object.namespace.clone(),
        name: owner.name.clone(),
    })
}

fn names_app(labels: Option<&LabelSet>, app: &str) -> bool {
    labels.is_some_and(|labels| {
        APP_LABELS
            .iter()
            .any(|key| labels.get(*key).is_some_and(|value| value == app))
    })
}

fn mounts(spec: &PodSpec, claim: &str) -> bool {
    spec.volumes.iter().flatten().any(|volume| {
        volume
            .persistent_volume_claim
            .as_ref()
            .is_some_and(|source| source.claim_name == claim)
    })
}

fn workloads(snapshot: &Snapshot) -> Vec<Workload<'_>> {
    let objects = &snapshot.objects;
    let deployments = objects
        .deployments
        .iter()
        .map(|item| templated("Deployment", &item.metadata, &item.spec.template));
    let daemon_sets = objects
        .daemon_sets
        .iter()
        .map(|item| templated("DaemonSet", &item.metadata, &item.spec.template));
    let jobs = objects
        .jobs
        .iter()
        .filter_map(|item| Some((&item.metadata, item.spec.as_ref()?)))
        .map(|(meta, spec)| templated("Job", meta, &spec.template));
    let stateful_sets = objects.stateful_sets.iter().map(|set| Workload {
        claim_templates: set
            .spec
            .volume_claim_templates
            .iter()
            .flatten()
            .filter_map(|claim| claim.metadata.name.as_deref())
            .collect(),
        ..templated("StatefulSet", &set.metadata, &set.spec.template)
    });
    let replica_sets = objects.replica_sets.iter();
    let cron_jobs = objects.cron_jobs.iter();
    deployments
        .chain(daemon_sets)
        .chain(jobs)
        .chain(stateful_sets)
        .chain(replica_sets.map(|set| bare("ReplicaSet", &set.metadata)))
        .chain(cron_jobs.map(|job| bare("CronJob", &job.metadata)))
        .collect()
}

fn templated<'a>(
    kind: &'static str,
    meta: &'a ObjectMeta,
    template: &'a PodTemplateSpec,
) -> Workload<'a> {
    Workload {
        template_labels: template
            .metadata
            .as_ref()
            .and_then(|meta| meta.labels.as_ref()),
        template: template.spec.as_ref(),
        ..bare(kind, meta)
    }
}

fn bare<'a>(kind: &'static str, meta: &'a ObjectMeta) -> Workload<'a> {
    Workload {
        kind,
        meta,
        template_labels: None,
        template: None,
        claim_templates: Vec::new(),
    }
}
