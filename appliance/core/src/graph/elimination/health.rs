//! Questions about what still works: nodes, leases, Services, claims and the
//! pods of a workload. An answer is evidence that one of them is well.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Node, Pod};

use super::evidence::{condition, pods};
use crate::causes::{Case, Finding, view, wiring};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// A leader renews its lease every few seconds; older than this, nobody leads.
const LEASE_FRESH: SignedDuration = SignedDuration::from_secs(60);

fn one(draft: Option<Draft>) -> Vec<Draft> {
    draft.into_iter().collect()
}

/// All nodes report Ready.
pub(super) fn nodes_ready(case: &Case<'_>, _: &Finding) -> Vec<Draft> {
    let nodes = &case.snapshot.objects.nodes;
    let drafts: Vec<Draft> = nodes
        .iter()
        .filter_map(|node| condition(node, "Ready", &["True"]))
        .collect();
    let Some(first) = drafts.first().filter(|_| drafts.len() == nodes.len()) else {
        return Vec::new();
    };
    let mut draft = first.clone();
    draft.title = format!("all {} nodes are Ready", nodes.len());
    vec![draft]
}

/// The node a finding is about, or the one its pods run on.
fn machine<'a>(case: &Case<'a>, finding: &Finding) -> Option<&'a Node> {
    let nodes = &case.snapshot.objects.nodes;
    let named = std::iter::once(&finding.object).chain(&finding.explains);
    let mut named = named.filter(|object| object.kind == "Node");
    named
        .find_map(|object| nodes.get("", &object.name))
        .or_else(|| {
            let pods = pods(case, finding);
            let name = pods
                .iter()
                .find_map(|pod| pod.spec.as_ref()?.node_name.as_deref());
            nodes.get("", name?)
        })
}

/// The machine has memory left.
pub(super) fn memory_has_room(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    one(machine(case, finding).and_then(|node| condition(node, "MemoryPressure", &["False"])))
}

/// The machine has disk left.
pub(super) fn disk_has_room(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    one(machine(case, finding).and_then(|node| condition(node, "DiskPressure", &["False"])))
}

/// The scheduler renews its lease.
pub(super) fn scheduler_works(case: &Case<'_>, _: &Finding) -> Vec<Draft> {
    one(renewed(case, "kube-scheduler"))
}

/// The controller manager renews its lease.
pub(super) fn manager_works(case: &Case<'_>, _: &Finding) -> Vec<Draft> {
    one(renewed(case, "kube-controller-manager"))
}

fn renewed(case: &Case<'_>, name: &str) -> Option<Draft> {
    let lease = case.snapshot.objects.leases.get("kube-system", name)?;
    let at = lease.spec.as_ref()?.renew_time.as_ref()?.0;
    let age = case.snapshot.captured_at.duration_since(at);
    (age < LEASE_FRESH).then(|| {
        let title = format!(
            "its leader renewed it {} s before the capture",
            age.as_secs().max(0)
        );
        Draft::status(view::reference("Lease", lease), title, Vec::new()).at(Some(at))
    })
}

/// Every aggregated API is available, and there is one.
pub(super) fn apis_available(case: &Case<'_>, _: &Finding) -> Vec<Draft> {
    let all = case.snapshot.objects.customs.of("APIService");
    let available = |api: &&crate::snapshot::Custom| {
        let mut conditions = api.conditions();
        conditions.any(|one| one.kind == "Available" && one.status == "True")
    };
    let metrics = all
        .iter()
        .find(|api| view::name_of(*api).contains("metrics.k8s.io"));
    let Some(api) = metrics.filter(|_| all.iter().all(|api| available(&api))) else {
        return Vec::new();
    };
    let object = ObjectRef::cluster("APIService", view::name_of(api));
    vec![Draft::status(object, "Available is True", Vec::new())]
}

/// No container of the pods was restarted.
pub(super) fn not_restarted(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let pods = pods(case, finding);
    let calm = |pod: &&Pod| {
        let mut statuses = view::container_statuses(pod).peekable();
        statuses.peek().is_some() && statuses.all(|status| status.restart_count == 0)
    };
    let Some(first) = pods.first().filter(|_| pods.iter().all(calm)) else {
        return Vec::new();
    };
    let title = "no container was restarted";
    vec![Draft::status(view::pod_ref(first), title, Vec::new())]
}

/// All pods of the workload are ready.
pub(super) fn all_ready(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let pods = pods(case, finding);
    let Some(first) = pods
        .first()
        .filter(|_| pods.iter().all(|pod| view::is_well(pod)))
    else {
        return Vec::new();
    };
    let title = format!("all {} pods are ready", pods.len());
    vec![Draft::status(view::pod_ref(first), title, Vec::new())]
}

/// Something ready stands behind the Services of the finding.
pub(super) fn serves(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let objects = &case.snapshot.objects;
    let own = view::affected_by_workload(objects, &finding.object);
    let mut named = std::iter::once(&finding.object)
        .chain(&own)
        .chain(&finding.explains)
        .filter(|object| object.kind == "Service");
    let found = named.find_map(|object| {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let service = objects.services.get(namespace, &object.name)?;
        let ready = wiring::backends(objects, service).ready;
        (ready > 0).then(|| {
            Draft::status(
                object.clone(),
                format!("{ready} ready endpoints"),
                Vec::new(),
            )
        })
    });
    one(found)
}

/// The claim itself is bound.
pub(super) fn claim_bound(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let cited = finding.because.iter().map(|draft| &draft.object);
    let mut named = std::iter::once(&finding.object)
        .chain(&finding.explains)
        .chain(cited)
        .filter(|object| object.kind == "PersistentVolumeClaim");
    let claims = &case.snapshot.objects.persistent_volume_claims;
    let found = named.find_map(|object| {
        let namespace = object.namespace.as_deref().unwrap_or_default();
        let claim = claims.get(namespace, &object.name)?;
        let phase = claim.status.as_ref()?.phase.as_deref()?;
        (phase == "Bound").then(|| Draft::status(object.clone(), "phase Bound", Vec::new()))
    });
    one(found)
}

/// The namespace was looked through and has no quota.
pub(super) fn has_no_quota(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let quotas = &case.snapshot.objects.resource_quotas;
    let Some(namespace) = finding.object.namespace.as_deref() else {
        return Vec::new();
    };
    if !quotas.captured_in(namespace) || quotas.in_namespace(namespace).next().is_some() {
        return Vec::new();
    }
    let object = ObjectRef::cluster("Namespace", namespace);
    vec![Draft::status(object, "it has no ResourceQuota", Vec::new())]
}

/// The workload wants pods.
pub(super) fn some_wanted(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let object = &finding.object;
    let wanted = view::replicas(&case.snapshot.objects, object).map(|(wanted, _)| wanted);
    let found = wanted.filter(|wanted| *wanted > 0).map(|wanted| {
        Draft::spec(
            object.clone(),
            format!("{wanted} replicas are wanted"),
            Vec::new(),
        )
    });
    one(found)
}

/// The Deployment is not paused.
pub(super) fn not_paused(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let found = deployment(case, finding).filter(|one| one.spec.paused != Some(true));
    one(found.map(|_| Draft::spec(finding.object.clone(), "spec.paused is not set", Vec::new())))
}

/// The controller has seen the Deployment's newest specification.
pub(super) fn observed(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let found = deployment(case, finding).filter(|one| {
        let seen = one
            .status
            .as_ref()
            .and_then(|status| status.observed_generation);
        seen.is_some() && seen == one.metadata.generation
    });
    let title = "observedGeneration is that of the specification";
    one(found.map(|_| Draft::status(finding.object.clone(), title, Vec::new())))
}

fn deployment<'a>(
    case: &Case<'a>,
    finding: &Finding,
) -> Option<&'a k8s_openapi::api::apps::v1::Deployment> {
    let object = &finding.object;
    let namespace = object.namespace.as_deref()?;
    let all = &case.snapshot.objects.deployments;
    (object.kind == "Deployment").then(|| all.get(namespace, &object.name))?
}
