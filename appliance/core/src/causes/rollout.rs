//! Controllers that do not bring about what is asked: stuck, paused, scaled
//! to nothing, blocked, or not noticed at all.
//!
//! Most of these are symptoms with a cause in the pods; [`crate::graph`]
//! folds them under it when there is one.

mod change;
mod elsewhere;
mod gitops;
mod helm;
mod operator;
mod ownership;
#[cfg(test)]
mod tests;

use jiff::SignedDuration;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;

use super::{Analyzer, Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::Draft;
use crate::evidence::query::namespace_flag;
use crate::facts::ChangeKind;
use crate::object::ObjectRef;

/// The analyzers of this family.
pub(crate) const ANALYZERS: &[Analyzer] = &[
    deployments,
    stateful_sets,
    daemon_sets,
    disruption_budgets,
    change::analyze,
    helm::analyze,
    gitops::analyze,
    operator::analyze,
    ownership::analyze,
    elsewhere::analyze,
];

/// How long a controller may take to notice a new specification.
const NOTICE: SignedDuration = SignedDuration::from_mins(2);

fn deployments(case: &Case<'_>, findings: &mut Findings) {
    for deployment in &case.snapshot.objects.deployments {
        let object = view::reference("Deployment", deployment);
        stuck(case, deployment, &object, findings);
        if deployment.spec.paused == Some(true) {
            paused(case, deployment, &object, findings);
        }
        if deployment.spec.replicas == Some(0) {
            scaled_to_zero(case, &object, findings);
        }
        let observed = deployment
            .status
            .as_ref()
            .and_then(|status| status.observed_generation);
        unnoticed(
            case,
            &object,
            deployment.metadata.generation,
            observed,
            findings,
        );
    }
}

fn stuck(case: &Case<'_>, deployment: &Deployment, object: &ObjectRef, findings: &mut Findings) {
    let conditions = deployment
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    let exceeded = conditions.iter().find(|condition| {
        condition.type_.as_deref() == Some("Progressing")
            && condition.status.as_deref() == Some("False")
            && condition.reason.as_deref() == Some("ProgressDeadlineExceeded")
    });
    let Some(condition) = exceeded else { return };
    let at = condition.last_transition_time.as_ref().map(|time| time.0);
    // Where the old pods suffer as well, something around them is to blame.
    let strength = if old_pods_suffer(case, object) {
        Strength::Hint
    } else {
        Strength::Likely
    };
    let statement = format!("The rollout of {object} made no progress within its deadline.");
    let title = "Progressing is False: ProgressDeadlineExceeded";
    findings.add(
        Finding::new(Cause::RolloutStuck, object.clone(), strength, statement)
            .because([Draft::status(object.clone(), title, Vec::new()).at(at)])
            .since(at)
            .explains(services_for(case, object))
            .repair(
                format!(
                    "kubectl rollout undo {}{}",
                    object.kubectl_name(),
                    namespace_flag(object)
                ),
                String::new(),
                "goes back to the revision before",
            ),
    );
}

/// Whether pods of older revisions are there and none of them is well.
fn old_pods_suffer(case: &Case<'_>, object: &ObjectRef) -> bool {
    let objects = &case.snapshot.objects;
    let set_of = |pod: &Pod| {
        let owner = pod.metadata.owner_references.as_ref()?.first()?;
        objects
            .replica_sets
            .get(view::namespace_of(pod), &owner.name)
    };
    let pods = view::pods_of(objects, object);
    let newest = pods
        .iter()
        .filter_map(|pod| view::created(set_of(pod)?))
        .max();
    let mut old = pods
        .iter()
        .filter(|pod| set_of(pod).is_some_and(|set| view::created(set) < newest))
        .peekable();
    old.peek().is_some() && old.all(|pod| !view::is_well(pod))
}

fn paused(case: &Case<'_>, deployment: &Deployment, object: &ObjectRef, findings: &mut Findings) {
    let behind = deployment.status.as_ref().is_some_and(|status| {
        status.updated_replicas.unwrap_or(0) < deployment.spec.replicas.unwrap_or(1)
    });
    let asked = case.subjects.contains(object);
    if !behind && !asked {
        return;
    }
    let statement = format!("{object} is paused, so its new revision is not rolled out.");
    let draft = Draft::spec(object.clone(), "spec.paused is true", Vec::new());
    findings.add(
        Finding::new(
            Cause::RolloutPaused,
            object.clone(),
            Strength::Strong,
            statement,
        )
        .because([draft])
        .repair(
            format!(
                "kubectl rollout resume {}{}",
                object.kubectl_name(),
                namespace_flag(object)
            ),
            format!(
                "kubectl rollout pause {}{}",
                object.kubectl_name(),
                namespace_flag(object)
            ),
            "lets the controller continue",
        ),
    );
}

/// A workload without replicas is a cause when something counts on it.
fn scaled_to_zero(case: &Case<'_>, object: &ObjectRef, findings: &mut Findings) {
    let services = services_for(case, object);
    let asked = case.subjects.contains(object)
        || services
            .iter()
            .any(|service| case.subjects.contains(service));
    let empty: Vec<ObjectRef> = services
        .iter()
        .filter(|service| is_without_ready(case, service))
        .cloned()
        .collect();
    if empty.is_empty() && !asked {
        return;
    }
    let scaled = case
        .facts
        .changes
        .iter()
        .find(|change| change.object == *object && change.kind == ChangeKind::Scaled);
    let event = view::events_of(case, object).find(|event| {
        view::mentions(&event.message, &["scaled down"]) && event.message.contains(" to 0")
    });
    let statement = format!("{object} is scaled to 0 replicas.");
    let title = "spec.replicas is 0".to_owned();
    findings.add(
        Finding::new(
            Cause::ScaledToZero,
            object.clone(),
            Strength::Strong,
            statement,
        )
        .because([Draft::spec(object.clone(), title, Vec::new())])
        .because(scaled.map(Draft::change))
        .because(event.map(Draft::event))
        .since(
            scaled
                .map(|change| change.at)
                .or(event.and_then(|event| event.last)),
        )
        .explains(empty)
        .repair(
            format!(
                "kubectl scale {}{} --replicas=1",
                object.kubectl_name(),
                namespace_flag(object)
            ),
            format!(
                "kubectl scale {}{} --replicas=0",
                object.kubectl_name(),
                namespace_flag(object)
            ),
            "brings the workload back",
        ),
    );
}

fn is_without_ready(case: &Case<'_>, service: &ObjectRef) -> bool {
    let objects = &case.snapshot.objects;
    let namespace = service.namespace.as_deref().unwrap_or_default();
    objects
        .services
        .get(namespace, &service.name)
        .is_some_and(|service| wiring::backends(objects, service).ready == 0)
}

/// The Services whose selector matches the workload's pod template.
fn services_for(case: &Case<'_>, workload: &ObjectRef) -> Vec<ObjectRef> {
    let objects = &case.snapshot.objects;
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let template = match workload.kind.as_str() {
        "Deployment" => objects
            .deployments
            .get(namespace, &workload.name)
            .map(|found| &found.spec.template),
        "StatefulSet" => objects
            .stateful_sets
            .get(namespace, &workload.name)
            .map(|found| &found.spec.template),
        _ => None,
    };
    let labels = template
        .and_then(|template| template.metadata.as_ref())
        .and_then(|meta| meta.labels.as_ref());
    let Some(labels) = labels else {
        return Vec::new();
    };
    objects
        .services
        .in_namespace(namespace)
        .filter(|service| {
            wiring::selector(service).is_some_and(|selector| {
                selector
                    .iter()
                    .all(|(name, value)| labels.get(name) == Some(value))
            })
        })
        .map(|service| view::reference("Service", service))
        .collect()
}

fn unnoticed(
    case: &Case<'_>,
    object: &ObjectRef,
    generation: Option<i64>,
    observed: Option<i64>,
    findings: &mut Findings,
) {
    let (Some(generation), Some(observed)) = (generation, observed) else {
        return;
    };
    let changed = case
        .facts
        .changes
        .iter()
        .filter(|change| change.object == *object)
        .map(|change| change.at)
        .max();
    let fresh = changed.is_some_and(|at| case.snapshot.captured_at - NOTICE < at);
    if observed >= generation || fresh {
        return;
    }
    let statement = format!(
        "The controller has not noticed the newest specification of {object} (generation {generation}, seen {observed})."
    );
    let title = format!("generation {generation}, observedGeneration {observed}");
    findings.add(
        Finding::new(
            Cause::GenerationMismatch,
            object.clone(),
            Strength::Likely,
            statement,
        )
        .because([Draft::status(object.clone(), title, Vec::new())])
        .since(changed),
    );
}

fn stateful_sets(case: &Case<'_>, findings: &mut Findings) {
    for set in &case.snapshot.objects.stateful_sets {
        let object = view::reference("StatefulSet", set);
        let wanted = set.spec.replicas.unwrap_or(1);
        if wanted == 0 {
            scaled_to_zero(case, &object, findings);
        }
        let observed = set
            .status
            .as_ref()
            .and_then(|status| status.observed_generation);
        unnoticed(case, &object, set.metadata.generation, observed, findings);
        blocked(case, set, &object, wanted, findings);
        service_missing(case, set, &object, findings);
    }
}

/// Ordered start waits for an unready pod, or an update for its partition.
fn blocked(
    case: &Case<'_>,
    set: &StatefulSet,
    object: &ObjectRef,
    wanted: i32,
    findings: &mut Findings,
) {
    let Some(status) = set.status.as_ref() else {
        return;
    };
    let ordered = set.spec.pod_management_policy.as_deref() != Some("Parallel");
    let pods = view::pods_of(&case.snapshot.objects, object);
    let unwell = pods.iter().find(|pod| !view::is_well(pod));
    let waiting = ordered && status.replicas < wanted;
    let half_updated = status.update_revision.is_some()
        && status.current_revision != status.update_revision
        && status.updated_replicas.unwrap_or(0) < wanted;
    let Some(pod) = unwell.filter(|_| waiting || half_updated) else {
        return;
    };
    let name = view::name_of(*pod);
    let statement = format!("{object} waits for pod {name}, which is not ready.");
    let title = format!(
        "{} of {wanted} pods exist, pod {name} is not ready",
        status.replicas
    );
    findings.add(
        Finding::new(
            Cause::StatefulSetBlocked,
            object.clone(),
            Strength::Likely,
            statement,
        )
        .because([Draft::status(object.clone(), title, Vec::new())])
        .explains(services_for(case, object)),
    );
}

fn service_missing(
    case: &Case<'_>,
    set: &StatefulSet,
    object: &ObjectRef,
    findings: &mut Findings,
) {
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let services = &case.snapshot.objects.services;
    let Some(name) = set
        .spec
        .service_name
        .as_deref()
        .filter(|name| !name.is_empty())
    else {
        return;
    };
    if !services.captured_in(namespace) || services.get(namespace, name).is_some() {
        return;
    }
    let statement = format!("{object} names Service {name}, which does not exist.");
    let draft = Draft::spec(object.clone(), format!("serviceName is {name}"), Vec::new());
    findings.add(
        Finding::new(
            Cause::StatefulSetServiceMissing,
            object.clone(),
            Strength::Likely,
            statement,
        )
        .because([draft]),
    );
}

fn daemon_sets(case: &Case<'_>, findings: &mut Findings) {
    for set in &case.snapshot.objects.daemon_sets {
        placed(case, set, findings);
    }
}

fn placed(case: &Case<'_>, set: &DaemonSet, findings: &mut Findings) {
    let Some(status) = set.status.as_ref() else {
        return;
    };
    let object = view::reference("DaemonSet", set);
    let missing = status.desired_number_scheduled - status.current_number_scheduled;
    let misplaced = status.number_misscheduled;
    let asked = case.subjects.contains(&object);
    if missing <= 0 && !(misplaced > 0 && asked) {
        return;
    }
    let statement = format!(
        "{object} lacks pods on {missing} nodes and runs on {misplaced} nodes where it should not."
    );
    let title = format!(
        "desired {}, current {}, misscheduled {misplaced}",
        status.desired_number_scheduled, status.current_number_scheduled
    );
    findings.add(
        Finding::new(
            Cause::DaemonSetNotScheduledMisscheduled,
            object.clone(),
            Strength::Likely,
            statement,
        )
        .because([Draft::status(object, title, Vec::new())]),
    );
}

/// A budget that allows no disruption is a cause only when something is to be evicted.
fn disruption_budgets(case: &Case<'_>, findings: &mut Findings) {
    for budget in &case.snapshot.objects.pod_disruption_budgets {
        let Some(status) = budget.status.as_ref() else {
            continue;
        };
        let object = view::reference("PodDisruptionBudget", budget);
        let refused = case.facts.events.iter().find(|event| {
            view::mentions(
                &event.message,
                &["cannot evict pod", "violate the pod's disruption budget"],
            ) && event.object.namespace == object.namespace
                && view::in_window(case, event.last)
        });
        let asked = case.subjects.contains(&object);
        if status.disruptions_allowed.unwrap_or(0) > 0 || refused.is_none() && !asked {
            continue;
        }
        let statement = format!(
            "{object} allows no eviction: {} of {} pods are healthy, {} must be.",
            number(status.current_healthy),
            number(status.expected_pods),
            number(status.desired_healthy)
        );
        let title = format!(
            "disruptionsAllowed 0, healthy {}, desired {}",
            number(status.current_healthy),
            number(status.desired_healthy)
        );
        findings.add(
            Finding::new(
                Cause::PdbBlocks,
                object.clone(),
                Strength::Strong,
                statement,
            )
            .because([Draft::status(object, title, Vec::new())])
            .because(refused.map(Draft::event)),
        );
    }
}

fn number(value: Option<i32>) -> String {
    value.map_or_else(|| "an unknown number".to_owned(), |value| value.to_string())
}
