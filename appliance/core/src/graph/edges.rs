//! What suffers when something is unwell.
//!
//! Edges lead from a thing to what depends on it: node to pods, pod to
//! workload, workload to Services, Service to its clients and ingresses,
//! claim, `ConfigMap`, Secret and `ServiceAccount` to the pods that use them.
//! Clients are known from configured addresses, logs and dependency series.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Pod, PodSpec};

use crate::causes::{Case, series, signs, view, wiring};
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// The cluster's dependencies, as far as the snapshot shows them.
#[derive(Clone, Debug, Default)]
pub struct Edges {
    dependents: BTreeMap<ObjectRef, BTreeSet<ObjectRef>>,
    parts: BTreeMap<ObjectRef, BTreeSet<ObjectRef>>,
}

impl Edges {
    /// Reads the edges of a case.
    pub fn of(case: &Case<'_>) -> Self {
        let mut edges = Self::default();
        let objects = &case.snapshot.objects;
        for pod in &objects.pods {
            edges.add_pod(objects, pod);
        }
        edges.add_workloads(objects);
        edges.add_storage(objects);
        edges.add_ingresses(objects);
        edges.add_configured_clients(objects);
        edges.add_logged_clients(case);
        edges.add_measured_clients(case);
        edges
    }

    /// What suffers from `object`: its parts and everything that depends on
    /// it, directly or through others. `object` itself is among them.
    pub fn reach(&self, object: &ObjectRef) -> BTreeSet<ObjectRef> {
        self.reach_all([object.clone()])
    }

    pub(super) fn reach_all(
        &self,
        objects: impl IntoIterator<Item = ObjectRef>,
    ) -> BTreeSet<ObjectRef> {
        let mut open: Vec<ObjectRef> = objects.into_iter().collect();
        // Parts only of what is unwell itself: a slow client is not unwell in all its pods.
        let parts: Vec<ObjectRef> = open
            .iter()
            .filter_map(|object| self.parts.get(object))
            .flatten()
            .cloned()
            .collect();
        open.extend(parts);
        let mut reached = BTreeSet::new();
        while let Some(object) = open.pop() {
            if let Some(next) = self.dependents.get(&object) {
                open.extend(next.iter().filter(|next| !reached.contains(*next)).cloned());
            }
            reached.insert(object);
        }
        reached
    }

    fn depends(&mut self, on: ObjectRef, dependent: ObjectRef) {
        if on != dependent {
            self.dependents.entry(on).or_default().insert(dependent);
        }
    }

    fn add_pod(&mut self, objects: &Objects, pod: &Pod) {
        let object = view::pod_ref(pod);
        let workload = view::workload_of(objects, pod);
        self.depends(object.clone(), workload.clone());
        self.parts
            .entry(workload.clone())
            .or_default()
            .insert(object.clone());
        for service in view::services_of(objects, pod) {
            self.depends(workload.clone(), service);
        }
        if let Some(spec) = &pod.spec {
            if let Some(node) = &spec.node_name {
                self.depends(ObjectRef::cluster("Node", node), object.clone());
            }
            for used in used_by(spec, view::namespace_of(pod)) {
                self.depends(used, object.clone());
            }
        }
        let namespace = ObjectRef::cluster("Namespace", view::namespace_of(pod));
        self.parts.entry(namespace).or_default().insert(object);
    }

    /// Workloads that have no pods, and `ReplicaSets` and Jobs of workloads.
    fn add_workloads(&mut self, objects: &Objects) {
        for set in &objects.replica_sets {
            let object = view::reference("ReplicaSet", set);
            self.depends(object.clone(), view::root_of(objects, &object));
        }
        for job in &objects.jobs {
            let object = view::reference("Job", job);
            self.depends(object.clone(), view::root_of(objects, &object));
        }
        for service in &objects.services {
            let object = view::reference("Service", service);
            let workload = wiring::workload_behind(objects, service);
            self.depends(workload, object);
        }
    }

    fn add_storage(&mut self, objects: &Objects) {
        for claim in &objects.persistent_volume_claims {
            let object = view::reference("PersistentVolumeClaim", claim);
            let Some(spec) = &claim.spec else { continue };
            if let Some(volume) = &spec.volume_name {
                self.depends(
                    ObjectRef::cluster("PersistentVolume", volume),
                    object.clone(),
                );
            }
            if let Some(class) = &spec.storage_class_name {
                self.depends(ObjectRef::cluster("StorageClass", class), object);
            }
        }
    }

    fn add_ingresses(&mut self, objects: &Objects) {
        for ingress in &objects.ingresses {
            let object = view::reference("Ingress", ingress);
            let rules = ingress
                .spec
                .iter()
                .flat_map(|spec| spec.rules.iter().flatten());
            let paths = rules
                .filter_map(|rule| rule.http.as_ref())
                .flat_map(|http| &http.paths);
            for service in paths.filter_map(|path| path.backend.service.as_ref()) {
                let backend =
                    ObjectRef::namespaced("Service", view::namespace_of(ingress), &service.name);
                self.depends(backend, object.clone());
            }
        }
    }

    fn add_configured_clients(&mut self, objects: &Objects) {
        let workloads: BTreeSet<ObjectRef> = objects
            .pods
            .iter()
            .map(|pod| view::workload_of(objects, pod))
            .collect();
        for workload in workloads {
            let namespace = workload.namespace.clone().unwrap_or_default();
            for setting in wiring::settings_of(objects, &workload) {
                if let Some(service) = wiring::service_of(objects, &setting.host, &namespace) {
                    self.depends(view::reference("Service", service), workload.clone());
                }
            }
        }
    }

    fn add_logged_clients(&mut self, case: &Case<'_>) {
        let objects = &case.snapshot.objects;
        for one in signs::seen(case) {
            let Some(address) = &one.address else {
                continue;
            };
            let namespace = one.pod.namespace.clone().unwrap_or_default();
            if let Some(service) = wiring::service_of(objects, &address.host, &namespace) {
                let client = view::root_of(objects, &one.pod);
                self.depends(view::reference("Service", service), client);
            }
        }
    }

    fn add_measured_clients(&mut self, case: &Case<'_>) {
        let objects = &case.snapshot.objects;
        for (client, servers) in series::dependencies(case.snapshot) {
            let Some(client) = workload_named(objects, &client) else {
                continue;
            };
            for server in &servers {
                let named = objects
                    .services
                    .iter()
                    .filter(|service| view::name_of(*service) == server);
                for service in named {
                    self.depends(view::reference("Service", service), client.clone());
                }
            }
        }
    }
}

fn workload_named(objects: &Objects, name: &str) -> Option<ObjectRef> {
    let deployment = objects
        .deployments
        .iter()
        .find(|found| view::name_of(*found) == name)
        .map(|found| view::reference("Deployment", found));
    deployment.or_else(|| {
        objects
            .stateful_sets
            .iter()
            .find(|found| view::name_of(*found) == name)
            .map(|found| view::reference("StatefulSet", found))
    })
}

/// What a pod needs to start: claims, `ConfigMaps`, Secrets, its account.
fn used_by(spec: &PodSpec, namespace: &str) -> Vec<ObjectRef> {
    let named = |kind: &str, name: &str| ObjectRef::namespaced(kind, namespace, name);
    let mut used = Vec::new();
    for volume in spec.volumes.iter().flatten() {
        if let Some(claim) = &volume.persistent_volume_claim {
            used.push(named("PersistentVolumeClaim", &claim.claim_name));
        }
        if let Some(map) = &volume.config_map {
            used.push(named("ConfigMap", &map.name));
        }
        if let Some(name) = volume
            .secret
            .as_ref()
            .and_then(|secret| secret.secret_name.as_ref())
        {
            used.push(named("Secret", name));
        }
    }
    for from in spec
        .containers
        .iter()
        .flat_map(|container| container.env_from.iter().flatten())
    {
        if let Some(map) = &from.config_map_ref {
            used.push(named("ConfigMap", &map.name));
        }
        if let Some(secret) = &from.secret_ref {
            used.push(named("Secret", &secret.name));
        }
    }
    if let Some(account) = &spec.service_account_name {
        used.push(named("ServiceAccount", account));
    }
    used
}
