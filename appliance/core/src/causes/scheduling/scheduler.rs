//! Whether anybody schedules at all.
//!
//! A pod that fits a node, waits, and has not been refused once was never
//! looked at. The scheduler's own unit, target, lease and pod are asked for a
//! second fact; the object is the node it runs on.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Pod;

use super::fit::{Cluster, is_control_plane};
use super::{refusals, waits_for_claim, waits_for_node};
use crate::causes::view::{
    affected_by, condition, events_of, is_well, mentions, name_of, namespace_of, pod_ref,
    workload_of,
};
use crate::causes::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::{Draft, EvidenceKind};
use crate::object::ObjectRef;

/// The scheduler looks at a new pod within seconds; a minute leaves room for clocks.
const PATIENCE: SignedDuration = SignedDuration::from_mins(1);

/// Events are kept for an hour; an older silence proves nothing.
const EVENTS_KEPT: SignedDuration = SignedDuration::from_mins(55);

/// Finds a scheduler that does not work.
pub(crate) fn scheduler_down(case: &Case<'_>, findings: &mut Findings) {
    let (drafts, named) = signs(case);
    let ignored: Vec<&Pod> = case
        .snapshot
        .objects
        .pods
        .iter()
        .filter(|pod| is_ignored(case, pod, !drafts.is_empty()))
        .collect();
    let alerted = case
        .alerts
        .iter()
        .any(|alert| mentions(alert.name(), &["kubeschedulerdown"]));
    if drafts.is_empty() && (ignored.is_empty() || !fits_somewhere(case, &ignored)) {
        return;
    }
    if !drafts.is_empty() && ignored.is_empty() && !alerted {
        return;
    }
    let Some(object) = named.or_else(|| only_control_plane(case)).or_else(|| {
        ignored
            .first()
            .map(|pod| workload_of(&case.snapshot.objects, pod))
    }) else {
        return;
    };
    let strength = if drafts.is_empty() {
        Strength::Likely
    } else {
        Strength::Strong
    };
    let statement = format!(
        "kube-scheduler does not work: {} pod(s) wait without having been refused by any node",
        ignored.len()
    );
    let mut finding = Finding::new(Cause::SchedulerDown, object, strength, statement)
        .because(drafts)
        .because(ignored.iter().map(|pod| {
            Draft::status(
                pod_ref(pod),
                "is Pending without a node and without a FailedScheduling event",
                Vec::new(),
            )
            .at(pod.metadata.creation_timestamp.as_ref().map(|time| time.0))
        }))
        .check(
            "kubectl get pods -n kube-system -l component=kube-scheduler -o wide",
            "shows whether the scheduler runs",
        )
        .check(
            "kubectl get lease kube-scheduler -n kube-system -o yaml",
            "shows who leads and when it last renewed",
        );
    for pod in ignored {
        finding = finding
            .explains(affected_by(&case.snapshot.objects, pod))
            .since(pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
    }
    findings.add(finding);
}

/// Whether the default scheduler should have looked at this pod and did not.
///
/// Silence counts where events were captured, or where something else speaks
/// against the scheduler (`doubted`).
fn is_ignored(case: &Case<'_>, pod: &Pod, doubted: bool) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let default = matches!(
        spec.scheduler_name.as_deref(),
        None | Some("" | "default-scheduler")
    );
    let events = &case.snapshot.objects.events;
    let Some(created) = pod.metadata.creation_timestamp.as_ref().map(|time| time.0) else {
        return false;
    };
    let age = case.snapshot.captured_at.duration_since(created);
    default
        && waits_for_node(case, pod)
        && (doubted || events.captured_in(namespace_of(pod)))
        && (PATIENCE..EVENTS_KEPT).contains(&age)
        && refusals(case, pod).is_empty()
        && condition(pod, "PodScheduled").is_none_or(|(_, reason, _)| reason.is_empty())
        && !waits_for_claim(
            case,
            pod,
            &workload_of(&case.snapshot.objects, pod),
            &mut Findings::default(),
        )
}

fn fits_somewhere(case: &Case<'_>, pods: &[&Pod]) -> bool {
    let cluster = Cluster::of(&case.snapshot.objects);
    pods.iter().any(|pod| {
        cluster
            .nodes
            .iter()
            .any(|node| cluster.blockers(pod, node).is_empty())
    })
}

/// Signs of a scheduler that is down, and the node they name.
fn signs(case: &Case<'_>) -> (Vec<Draft>, Option<ObjectRef>) {
    let mut drafts = Vec::new();
    let mut node = None;
    unit_and_target(case, &mut drafts, &mut node);
    lease(case, &mut drafts, &mut node);
    own_pod(case, &mut drafts, &mut node);
    (drafts, node.or_else(|| leader(case)))
}

fn node_named(case: &Case<'_>, name: &str) -> Option<ObjectRef> {
    let nodes = &case.snapshot.objects.nodes;
    nodes
        .get("", name)
        .map(|node| ObjectRef::cluster("Node", name_of(node)))
}

fn unit_and_target(case: &Case<'_>, drafts: &mut Vec<Draft>, node: &mut Option<ObjectRef>) {
    for series in &case.snapshot.series {
        let label = |name: &str| series.labels.get(name).map_or("", String::as_str);
        let Some(last) = series.samples.last().map(|sample| sample.value) else {
            continue;
        };
        let down = match series.name.as_str() {
            "node_systemd_unit_state" => {
                label("name").starts_with("kube-scheduler")
                    && label("state") == "active"
                    && last == 0.0
            }
            "up" => mentions(label("job"), &["kube-scheduler"]) && last == 0.0,
            _ => false,
        };
        if !down {
            continue;
        }
        let host = series
            .labels
            .get("node")
            .or_else(|| series.labels.get("instance"));
        let host = host.map_or("", |host| {
            host.rsplit_once(':')
                .map_or(host.as_str(), |(host, _)| host)
        });
        *node = node.take().or_else(|| node_named(case, host));
        let about = node_named(case, host).unwrap_or_else(|| ObjectRef::cluster("Node", host));
        let title = if series.name == "up" {
            "Prometheus cannot scrape kube-scheduler".to_owned()
        } else {
            format!("unit {} is not active", label("name"))
        };
        drafts.push(Draft {
            kind: EvidenceKind::Metric,
            query: format!(
                "{}{{name={:?},job={:?}}}",
                series.name,
                label("name"),
                label("job")
            ),
            ..Draft::status(about, title, Vec::new())
        });
    }
}

fn lease(case: &Case<'_>, drafts: &mut Vec<Draft>, node: &mut Option<ObjectRef>) {
    let Some(lease) = case
        .snapshot
        .objects
        .leases
        .get("kube-system", "kube-scheduler")
    else {
        return;
    };
    let spec = lease.spec.as_ref();
    let holder = spec
        .and_then(|spec| spec.holder_identity.as_deref())
        .unwrap_or_default();
    let renewed = spec
        .and_then(|spec| spec.renew_time.as_ref())
        .map(|time| time.0);
    let stale = renewed.is_some_and(|at| case.snapshot.captured_at.duration_since(at) > PATIENCE);
    let host = holder.rsplit_once('_').map_or(holder, |(host, _)| host);
    if stale {
        *node = node.take().or_else(|| node_named(case, host));
        let object = ObjectRef::namespaced("Lease", "kube-system", "kube-scheduler");
        let title = format!("the leader {holder} has stopped renewing its lease");
        drafts.push(Draft::status(object, title, Vec::new()).at(renewed));
    }
}

fn own_pod(case: &Case<'_>, drafts: &mut Vec<Draft>, node: &mut Option<ObjectRef>) {
    let pods = case.snapshot.objects.pods.in_namespace("kube-system");
    for pod in pods.filter(|pod| name_of(*pod).starts_with("kube-scheduler-") && !is_well(pod)) {
        let host = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.node_name.as_deref())
            .unwrap_or_else(|| &name_of(pod)["kube-scheduler-".len()..]);
        *node = node.take().or_else(|| node_named(case, host));
        drafts.push(Draft::status(
            pod_ref(pod),
            "the scheduler's pod is not ready",
            Vec::new(),
        ));
    }
}

/// The node that last became leader, by the lease's events.
fn leader(case: &Case<'_>) -> Option<ObjectRef> {
    let lease = ObjectRef::namespaced("Lease", "kube-system", "kube-scheduler");
    events_of(case, &lease)
        .filter(|event| event.reason == "LeaderElection")
        .max_by_key(|event| event.last)
        .and_then(|event| {
            let holder = event.message.split_whitespace().next()?;
            node_named(
                case,
                holder.rsplit_once('_').map_or(holder, |(host, _)| host),
            )
        })
}

fn only_control_plane(case: &Case<'_>) -> Option<ObjectRef> {
    let mut nodes = case
        .snapshot
        .objects
        .nodes
        .iter()
        .filter(|node| is_control_plane(node));
    let first = nodes.next()?;
    nodes
        .next()
        .is_none()
        .then(|| ObjectRef::cluster("Node", name_of(first)))
}
