//! Decides from a quota's own status who goes without.
//!
//! Needed where no message survived: the controller reports only that
//! creating failed, or the refused object was applied by a person and left no
//! event at all.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Pod, ResourceQuota};

use super::{cause_of, finding};
use crate::causes::quantity::value;
use crate::causes::resources::{Amounts, limits, requests};
use crate::causes::said::refusals;
use crate::causes::view::{
    affected_by, affected_by_workload, claim_names, is_terminating, is_well, live_events, mentions,
    name_of, namespace_of, reference, replicas, services_selecting, template_labels, template_of,
    workload_of,
};
use crate::causes::{Case, Cause, Findings, Strength};
use crate::evidence::Draft;
use crate::evidence::query::shell_word;
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// One resource of one quota.
struct Room<'a> {
    quota: &'a ResourceQuota,
    resource: &'a str,
    hard: f64,
    used: f64,
    hard_text: &'a str,
    used_text: &'a str,
}

impl Room<'_> {
    fn lacks(&self, asked: f64) -> bool {
        asked > 0.0 && self.used + asked > self.hard
    }

    fn evidence(&self) -> Draft {
        Draft::status(
            reference("ResourceQuota", self.quota),
            format!(
                "{}: {} of {} used",
                self.resource, self.used_text, self.hard_text
            ),
            Vec::new(),
        )
    }

    fn quota_name(&self) -> &str {
        name_of(self.quota)
    }
}

fn rooms<'a>(objects: &'a Objects, namespace: &'a str) -> Vec<Room<'a>> {
    let mut rooms = Vec::new();
    for quota in objects.resource_quotas.in_namespace(namespace) {
        let status = quota.status.as_ref();
        let hard = status
            .and_then(|status| status.hard.as_ref())
            .or_else(|| quota.spec.as_ref()?.hard.as_ref());
        let used = status.and_then(|status| status.used.as_ref());
        for (resource, limit) in hard.into_iter().flatten() {
            let taken = used.and_then(|used| used.get(resource));
            rooms.push(Room {
                quota,
                resource,
                hard: value(limit),
                used: taken.map_or(0.0, value),
                hard_text: &limit.0,
                used_text: taken.map_or("0", |taken| taken.0.as_str()),
            });
        }
    }
    rooms
}

/// What one pod of `spec` asks of a quota's resource.
fn asked(resource: &str, requests: &Amounts, limits: &Amounts) -> f64 {
    let of = |amounts: &Amounts, name: &str| amounts.get(name).copied().unwrap_or(0.0);
    match resource {
        "pods" | "count/pods" => 1.0,
        _ => match resource.split_once('.') {
            Some(("requests", name)) if name != "storage" => of(requests, name),
            Some(("limits", name)) => of(limits, name),
            _ if matches!(resource, "cpu" | "memory" | "ephemeral-storage") => {
                of(requests, resource)
            }
            _ => 0.0,
        },
    }
}

/// Finds controllers short of pods, without a word why, that a quota leaves no room for.
pub(crate) fn pods(case: &Case<'_>, findings: &mut Findings) {
    for (controller, workload, drafts) in silently_short(case) {
        let objects = &case.snapshot.objects;
        let namespace = controller.namespace.clone().unwrap_or_default();
        let Some(spec) = template_of(objects, &controller) else {
            continue;
        };
        let (requests, limits) = (requests(spec), limits(spec));
        for room in rooms(objects, &namespace) {
            if !room.lacks(asked(room.resource, &requests, &limits)) {
                continue;
            }
            let strength = if drafts.is_empty() {
                Strength::Likely
            } else {
                Strength::Strong
            };
            let statement = format!(
                "ResourceQuota {} of namespace {namespace} allows {} {} and {} is used, which leaves no room for a pod of {workload}",
                room.quota_name(),
                room.resource,
                room.hard_text,
                room.used_text
            );
            findings.add(
                finding(cause_of(room.resource), &namespace, strength, statement)
                    .because([room.evidence()])
                    .because(drafts.clone())
                    .because(shortage(objects, &controller))
                    .explains([controller.clone()])
                    .explains(affected_by_workload(objects, &workload)),
            );
        }
    }
}

fn shortage(objects: &Objects, controller: &ObjectRef) -> Option<Draft> {
    let (wanted, made) = replicas(objects, controller)?;
    let title = format!("{made} of {wanted} wanted pods exist");
    Some(Draft::status(controller.clone(), title, Vec::new()))
}

/// Controllers with fewer pods than wanted of which no message says why.
fn silently_short(case: &Case<'_>) -> Vec<(ObjectRef, ObjectRef, Vec<Draft>)> {
    let objects = &case.snapshot.objects;
    let refusals = refusals(case);
    let sets = objects
        .replica_sets
        .iter()
        .map(|set| reference("ReplicaSet", set));
    let stateful = objects
        .stateful_sets
        .iter()
        .map(|set| reference("StatefulSet", set));
    sets.chain(stateful)
        .filter(|object| replicas(objects, object).is_some_and(|(wanted, made)| made < wanted))
        .filter_map(|object| {
            let refusal = refusals.iter().find(|refusal| refusal.controller == object);
            let said = refusal
                .map(|refusal| refusal.said.as_slice())
                .unwrap_or_default();
            let silent = said.iter().all(|said| said.text.is_empty());
            let workload = crate::causes::view::root_of(objects, &object);
            silent.then(|| {
                let drafts = said.iter().map(|said| said.draft.clone()).collect();
                (object, workload, drafts)
            })
        })
        .collect()
}

/// Finds pods that wait for a claim which a storage quota keeps from existing.
pub(crate) fn claims(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for pod in objects
        .pods
        .iter()
        .filter(|pod| !is_well(pod) && !is_terminating(pod))
    {
        let namespace = namespace_of(pod);
        for claim in missing_claims(case, pod) {
            for room in rooms(objects, namespace) {
                if cause_of(room.resource) != Cause::StorageQuotaExceeded {
                    continue;
                }
                let workload = workload_of(objects, pod);
                let strength = if tight(objects, &room) {
                    Strength::Strong
                } else {
                    Strength::Likely
                };
                let statement = format!(
                    "PersistentVolumeClaim {claim} that {workload} mounts does not exist, and ResourceQuota {} of namespace {namespace} allows {} {} with {} used, so that a larger claim is refused",
                    room.quota_name(),
                    room.resource,
                    room.hard_text,
                    room.used_text
                );
                let mut finding =
                    finding(Cause::StorageQuotaExceeded, namespace, strength, statement)
                        .because([room.evidence(), mounts(pod, &claim)])
                        .because(waits_for_claim(case, pod, &claim))
                        .explains(affected_by(objects, pod))
                        .check(
                            format!(
                                "kubectl get persistentvolumeclaim -n {}",
                                shell_word(namespace)
                            ),
                            "shows which claims exist and how much they hold",
                        );
                for event in waits(case, pod, &claim) {
                    finding = finding.since(event.first.or(event.last));
                }
                findings.add(finding);
            }
        }
    }
}

/// Whether a quota of the namespace counts claims or their storage.
pub(crate) fn has_storage_quota(case: &Case<'_>, namespace: &str) -> bool {
    rooms(&case.snapshot.objects, namespace)
        .iter()
        .any(|room| cause_of(room.resource) == Cause::StorageQuotaExceeded)
}

/// Whether little room is left, or a waiting volume is larger than what is left.
fn tight(objects: &Objects, room: &Room<'_>) -> bool {
    let left = room.hard - room.used;
    let waiting_volume = objects.persistent_volumes.iter().any(|volume| {
        let available = volume
            .status
            .as_ref()
            .is_some_and(|status| status.phase.as_deref() == Some("Available"));
        let size = volume
            .spec
            .as_ref()
            .and_then(|spec| spec.capacity.as_ref()?.get("storage"))
            .map_or(0.0, value);
        available && size > left
    });
    left <= 0.0 || waiting_volume
}

fn mounts(pod: &Pod, claim: &str) -> Draft {
    let title = format!("mounts PersistentVolumeClaim {claim}, which does not exist");
    Draft::spec(reference("Pod", pod), title, Vec::new())
}

fn waits<'a>(
    case: &Case<'a>,
    pod: &Pod,
    claim: &str,
) -> impl Iterator<Item = &'a crate::facts::EventFold> {
    let object = reference("Pod", pod);
    let claim = claim.to_ascii_lowercase();
    live_events(case).filter(move |event| {
        event.object == object
            && mentions(&event.message, &["persistentvolumeclaim"])
            && mentions(&event.message, &[claim.as_str()])
    })
}

fn waits_for_claim(case: &Case<'_>, pod: &Pod, claim: &str) -> impl Iterator<Item = Draft> {
    waits(case, pod, claim).map(Draft::event)
}

/// Claims a pod mounts that do not exist, by the captured list or by the scheduler's word.
pub(crate) fn missing_claims(case: &Case<'_>, pod: &Pod) -> Vec<String> {
    let objects = &case.snapshot.objects;
    let namespace = namespace_of(pod);
    let captured = objects.persistent_volume_claims.captured_in(namespace);
    let said_missing =
        |claim: &str| waits(case, pod, claim).any(|event| mentions(&event.message, &["not found"]));
    pod.spec
        .as_ref()
        .map(claim_names)
        .unwrap_or_default()
        .into_iter()
        .filter(|claim| {
            let absent = objects
                .persistent_volume_claims
                .get(namespace, claim)
                .is_none();
            absent && (captured || said_missing(claim))
        })
        .collect()
}

/// Finds workloads whose Service is missing while the quota allows no more services.
///
/// Two facts are needed: no room, and a workload that others call by name, or
/// whose ports no Service leads to, has no Service.
pub(crate) fn services(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let namespaces: BTreeSet<&str> = objects.resource_quotas.iter().map(namespace_of).collect();
    for namespace in namespaces
        .into_iter()
        .filter(|name| objects.services.captured_in(name))
    {
        let full = rooms(objects, namespace)
            .into_iter()
            .find(|room| cause_of(room.resource) == Cause::ServiceQuotaExceeded && room.lacks(1.0));
        let Some(room) = full else { continue };
        for workload in without_service(objects, namespace) {
            let callers = callers_of(objects, namespace, &workload.name);
            let strength = if callers.is_empty() {
                Strength::Likely
            } else {
                Strength::Strong
            };
            let statement = format!(
                "ResourceQuota {} of namespace {namespace} allows {} {} and all are used; {workload} has no Service, so nobody reaches it",
                room.quota_name(),
                room.resource,
                room.hard_text
            );
            let unserved = Draft::spec(
                workload.clone(),
                "serves a port, but no Service selects its pods",
                Vec::new(),
            );
            findings.add(
                finding(Cause::ServiceQuotaExceeded, namespace, strength, statement)
                    .because([room.evidence(), unserved])
                    .because(callers.iter().map(|caller| {
                        let title = format!("is configured to call {}", workload.name);
                        Draft::spec(caller.clone(), title, Vec::new())
                    }))
                    .explains(affected_by_workload(objects, &workload))
                    .explains(callers)
                    .check(
                        format!("kubectl get service -n {}", shell_word(namespace)),
                        "shows which Services hold the quota",
                    ),
            );
        }
    }
}

/// Workloads with container ports that no Service of the namespace selects.
fn without_service(objects: &Objects, namespace: &str) -> Vec<ObjectRef> {
    let deployments = objects.deployments.in_namespace(namespace);
    let stateful = objects.stateful_sets.in_namespace(namespace);
    deployments
        .map(|item| reference("Deployment", item))
        .chain(stateful.map(|item| reference("StatefulSet", item)))
        .filter(|workload| {
            let serves = template_of(objects, workload).is_some_and(|spec| {
                spec.containers.iter().any(|container| {
                    container
                        .ports
                        .as_ref()
                        .is_some_and(|ports| !ports.is_empty())
                })
            });
            let labels = template_labels(objects, workload)
                .cloned()
                .unwrap_or_default();
            let by_name = objects.services.get(namespace, &workload.name).is_some();
            serves && !by_name && services_selecting(objects, namespace, &labels).is_empty()
        })
        .collect()
}

/// Workloads of the namespace with an environment value that names host `name`.
fn callers_of(objects: &Objects, namespace: &str, name: &str) -> Vec<ObjectRef> {
    objects
        .deployments
        .in_namespace(namespace)
        .map(|item| reference("Deployment", item))
        .filter(|workload| workload.name != name)
        .filter(|workload| {
            template_of(objects, workload).is_some_and(|spec| {
                spec.containers
                    .iter()
                    .flat_map(|container| container.env.iter().flatten())
                    .filter_map(|variable| variable.value.as_deref())
                    .any(|value| names_host(value, name))
            })
        })
        .collect()
}

/// Whether a configured address (`host`, `host:port`, a URL) is about host `name`.
fn names_host(value: &str, name: &str) -> bool {
    let rest = value.split_once("://").map_or(value, |(_, rest)| rest);
    let host = rest.split(['/', ':', '?']).next().unwrap_or(rest);
    host == name
        || host
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
}
