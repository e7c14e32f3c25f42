//! What the resolver asks of the captured objects.

use k8s_openapi::Metadata;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::object::ObjectRef;
use crate::snapshot::{Collection, Snapshot};

/// A look into what was captured. "Not captured" is not "does not exist".
pub trait ObjectIndex {
    /// Whether the object exists; `None` when its kind was not captured there.
    fn exists(&self, object: &ObjectRef) -> Option<bool>;
    /// What controls the object, or what it scales.
    fn controller(&self, object: &ObjectRef) -> Option<ObjectRef>;
    /// The node with that address (`InternalIP` or `Hostname`).
    fn node_by_address(&self, address: &str) -> Option<String>;
    /// Objects of a kind with that name, in any namespace.
    fn named(&self, kind: &str, name: &str) -> Vec<ObjectRef>;
    /// Workloads with that name, in any namespace.
    fn workloads_named(&self, name: &str) -> Vec<ObjectRef> {
        ["Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job"]
            .iter()
            .flat_map(|kind| self.named(kind, name))
            .collect()
    }
}

/// Nothing was captured yet: names come from labels alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObjects;

impl ObjectIndex for NoObjects {
    fn exists(&self, _: &ObjectRef) -> Option<bool> {
        None
    }

    fn controller(&self, _: &ObjectRef) -> Option<ObjectRef> {
        None
    }

    fn node_by_address(&self, _: &str) -> Option<String> {
        None
    }

    fn named(&self, _: &str, _: &str) -> Vec<ObjectRef> {
        Vec::new()
    }
}

/// One kind's objects, whatever their type.
trait Kind {
    fn meta(&self, namespace: &str, name: &str) -> Option<&ObjectMeta>;
    fn captured(&self, namespace: &str) -> bool;
    fn namespaces_of(&self, name: &str) -> Vec<Option<String>>;
}

impl<T: Metadata<Ty = ObjectMeta>> Kind for Collection<T> {
    fn meta(&self, namespace: &str, name: &str) -> Option<&ObjectMeta> {
        self.get(namespace, name).map(Metadata::metadata)
    }

    fn captured(&self, namespace: &str) -> bool {
        self.captured_in(namespace)
    }

    fn namespaces_of(&self, name: &str) -> Vec<Option<String>> {
        self.iter()
            .map(Metadata::metadata)
            .filter(|meta| meta.name.as_deref() == Some(name))
            .map(|meta| meta.namespace.clone())
            .collect()
    }
}

fn kind_of<'a>(snapshot: &'a Snapshot, kind: &str) -> Option<&'a dyn Kind> {
    let objects = &snapshot.objects;
    Some(match kind {
        "Pod" => &objects.pods,
        "Deployment" => &objects.deployments,
        "ReplicaSet" => &objects.replica_sets,
        "StatefulSet" => &objects.stateful_sets,
        "DaemonSet" => &objects.daemon_sets,
        "ReplicationController" => &objects.replication_controllers,
        "Job" => &objects.jobs,
        "CronJob" => &objects.cron_jobs,
        "Service" => &objects.services,
        "Ingress" => &objects.ingresses,
        "HorizontalPodAutoscaler" => &objects.horizontal_pod_autoscalers,
        "PodDisruptionBudget" => &objects.pod_disruption_budgets,
        "PersistentVolumeClaim" => &objects.persistent_volume_claims,
        "PersistentVolume" => &objects.persistent_volumes,
        "ResourceQuota" => &objects.resource_quotas,
        "Node" => &objects.nodes,
        "Namespace" => &objects.namespaces,
        _ => return None,
    })
}

impl ObjectIndex for Snapshot {
    fn exists(&self, object: &ObjectRef) -> Option<bool> {
        let kind = kind_of(self, &object.kind)?;
        let namespace = object.namespace.as_deref().unwrap_or_default();
        if kind.meta(namespace, &object.name).is_some() {
            return Some(true);
        }
        kind.captured(namespace).then_some(false)
    }

    fn controller(&self, object: &ObjectRef) -> Option<ObjectRef> {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        if object.kind == "HorizontalPodAutoscaler" {
            let scaler = self
                .objects
                .horizontal_pod_autoscalers
                .get(namespace, &object.name)?;
            let target = &scaler.spec.scale_target_ref;
            return Some(ObjectRef::namespaced(&target.kind, namespace, &target.name));
        }
        let meta = kind_of(self, &object.kind)?.meta(namespace, &object.name)?;
        let owners = meta.owner_references.as_deref().unwrap_or_default();
        let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
        Some(match owner.kind.as_str() {
            // A static pod is controlled by its node.
            "Node" => ObjectRef::cluster("Node", &owner.name),
            kind => ObjectRef::namespaced(kind, namespace, &owner.name),
        })
    }

    fn node_by_address(&self, address: &str) -> Option<String> {
        let node = self.objects.nodes.iter().find(|node| {
            let addresses = node
                .status
                .as_ref()
                .and_then(|status| status.addresses.as_deref());
            addresses.unwrap_or_default().iter().any(|known| {
                known.address == address
                    && matches!(known.type_.as_str(), "InternalIP" | "Hostname")
            })
        })?;
        node.metadata.name.clone()
    }

    fn named(&self, kind: &str, name: &str) -> Vec<ObjectRef> {
        let Some(found) = kind_of(self, kind) else {
            return Vec::new();
        };
        let object = |namespace| ObjectRef {
            kind: kind.to_owned(),
            namespace,
            name: name.to_owned(),
        };
        found.namespaces_of(name).into_iter().map(object).collect()
    }
}
