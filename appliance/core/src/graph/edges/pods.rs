//! Pods: their node, their workload and Services, and everything they need to
//! start.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ServiceAccount, Volume};

use super::Edges;
use crate::causes::{view, wiring};
use crate::object::ObjectRef;
use crate::snapshot::Objects;

pub(super) fn add(objects: &Objects, edges: &mut Edges) {
    for pod in &objects.pods {
        add_pod(objects, pod, edges);
    }
    add_workloads(objects, edges);
    for account in &objects.service_accounts {
        add_account(account, edges);
    }
}

fn add_pod(objects: &Objects, pod: &Pod, edges: &mut Edges) {
    let object = view::pod_ref(pod);
    let workload = view::workload_of(objects, pod);
    edges.depends(object.clone(), workload.clone());
    edges.part(workload.clone(), object.clone());
    for service in view::services_of(objects, pod) {
        edges.depends(workload.clone(), service);
    }
    if let Some(spec) = &pod.spec {
        if let Some(node) = &spec.node_name {
            edges.depends(ObjectRef::cluster("Node", node), object.clone());
        }
        for used in used_by(spec, view::namespace_of(pod)) {
            edges.depends(used, object.clone());
        }
    }
    let namespace = ObjectRef::cluster("Namespace", view::namespace_of(pod));
    edges.part(namespace, object);
}

/// Workloads that have no pods, and `ReplicaSets` and Jobs of workloads.
fn add_workloads(objects: &Objects, edges: &mut Edges) {
    for set in &objects.replica_sets {
        let object = view::reference("ReplicaSet", set);
        edges.depends(object.clone(), view::root_of(objects, &object));
    }
    for job in &objects.jobs {
        let object = view::reference("Job", job);
        edges.depends(object.clone(), view::root_of(objects, &object));
    }
    for service in &objects.services {
        let object = view::reference("Service", service);
        let workload = wiring::workload_behind(objects, service);
        edges.depends(workload, object);
    }
}

/// A `ServiceAccount` lends its pull Secrets to its pods.
fn add_account(account: &ServiceAccount, edges: &mut Edges) {
    let object = view::reference("ServiceAccount", account);
    let namespace = view::namespace_of(account);
    for secret in account.image_pull_secrets.iter().flatten() {
        let secret = ObjectRef::namespaced("Secret", namespace, &secret.name);
        edges.depends(secret, object.clone());
    }
}

/// What a pod needs to start: claims, `ConfigMaps`, Secrets, its account.
pub(super) fn used_by(spec: &PodSpec, namespace: &str) -> Vec<ObjectRef> {
    let named = |(kind, name): (&str, &str)| ObjectRef::namespaced(kind, namespace, name);
    let volumes = spec.volumes.iter().flatten().flat_map(of_volume);
    let init = spec.init_containers.iter().flatten();
    let environment = init.chain(&spec.containers).flat_map(of_environment);
    let pull = spec.image_pull_secrets.iter().flatten();
    let account = spec.service_account_name.as_deref();
    volumes
        .chain(environment)
        .chain(pull.map(|secret| ("Secret", secret.name.as_str())))
        .chain(account.map(|name| ("ServiceAccount", name)))
        .filter(|(_, name)| !name.is_empty())
        .map(named)
        .collect()
}

fn of_volume(volume: &Volume) -> Vec<(&'static str, &str)> {
    let mut used = Vec::new();
    let claim = volume.persistent_volume_claim.as_ref();
    used.extend(claim.map(|claim| ("PersistentVolumeClaim", claim.claim_name.as_str())));
    used.extend(
        volume
            .config_map
            .as_ref()
            .map(|map| ("ConfigMap", map.name.as_str())),
    );
    let secret = volume.secret.as_ref();
    let secret = secret.and_then(|secret| secret.secret_name.as_deref());
    used.extend(secret.map(|name| ("Secret", name)));
    let projected = volume
        .projected
        .iter()
        .flat_map(|all| all.sources.iter().flatten());
    for source in projected {
        used.extend(
            source
                .config_map
                .as_ref()
                .map(|map| ("ConfigMap", map.name.as_str())),
        );
        used.extend(
            source
                .secret
                .as_ref()
                .map(|secret| ("Secret", secret.name.as_str())),
        );
    }
    let driver = volume.csi.as_ref();
    let login = driver.and_then(|csi| csi.node_publish_secret_ref.as_ref());
    used.extend(login.map(|secret| ("Secret", secret.name.as_str())));
    used
}

fn of_environment(container: &Container) -> Vec<(&'static str, &str)> {
    let mut used = Vec::new();
    for from in container.env_from.iter().flatten() {
        used.extend(
            from.config_map_ref
                .as_ref()
                .map(|map| ("ConfigMap", map.name.as_str())),
        );
        used.extend(
            from.secret_ref
                .as_ref()
                .map(|secret| ("Secret", secret.name.as_str())),
        );
    }
    for from in container
        .env
        .iter()
        .flatten()
        .filter_map(|one| one.value_from.as_ref())
    {
        let map = from.config_map_key_ref.as_ref();
        used.extend(map.map(|key| ("ConfigMap", key.name.as_str())));
        let secret = from.secret_key_ref.as_ref();
        used.extend(secret.map(|key| ("Secret", key.name.as_str())));
    }
    used
}
