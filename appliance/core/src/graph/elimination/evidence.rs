//! The questions that tell look-alikes apart, answered with evidence.
//!
//! Each looks at the pods, nodes, claims and logs behind a finding and gives
//! the pieces that speak against one reading; nothing where they do not.

use k8s_openapi::api::core::v1::{ContainerStateTerminated, Node, Pod};

use crate::causes::signs::{self, Sign};
use crate::causes::{Case, Finding, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// A process that ran this long, in seconds, was started.
const STARTED_SECONDS: i64 = 2;

/// The pods a finding is about, those that are not well first.
pub(super) fn pods<'a>(case: &Case<'a>, finding: &Finding) -> Vec<&'a Pod> {
    let objects = &case.snapshot.objects;
    let root = view::root_of(objects, &finding.object);
    let mut pods = view::pods_of(objects, &root);
    if pods.is_empty() {
        pods = objects
            .pods
            .iter()
            .filter(|pod| finding.explains.contains(&view::pod_ref(pod)))
            .collect();
    }
    pods.sort_by_key(|pod| (view::is_well(pod), view::name_of(*pod)));
    pods
}

/// How a container of the finding's pods last ended, if `fits` says so of it.
fn end(
    case: &Case<'_>,
    finding: &Finding,
    fits: impl Fn(&ContainerStateTerminated) -> bool,
) -> Vec<Draft> {
    for pod in pods(case, finding) {
        for status in view::container_statuses(pod) {
            let states = [&status.last_state, &status.state];
            let ends = states
                .into_iter()
                .filter_map(|state| state.as_ref()?.terminated.as_ref());
            if let Some(end) = ends.into_iter().find(|end| fits(end)) {
                let reason = end.reason.as_deref().unwrap_or("no reason");
                let ran = seconds(end).map_or_else(String::new, |ran| format!(" after {ran} s"));
                let title = format!(
                    "container {} ended{ran}: {reason}, exit code {}",
                    status.name, end.exit_code
                );
                let at = end.finished_at.as_ref().map(|time| time.0);
                return vec![Draft::status(view::pod_ref(pod), title, Vec::new()).at(at)];
            }
        }
    }
    Vec::new()
}

fn seconds(end: &ContainerStateTerminated) -> Option<i64> {
    let (from, to) = (end.started_at.as_ref()?, end.finished_at.as_ref()?);
    Some(to.0.as_second() - from.0.as_second()).filter(|ran| *ran >= 0)
}

fn is_oom(end: &ContainerStateTerminated) -> bool {
    end.reason.as_deref() == Some("OOMKilled")
}

/// The kernel ended it, not the kubelet and not itself.
pub(super) fn was_killed_for_memory(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    end(case, finding, is_oom)
}

/// It was ended, and not for memory.
pub(super) fn ended_otherwise(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    if was_killed_for_memory(case, finding).is_empty() {
        end(case, finding, |end| end.exit_code != 0)
    } else {
        Vec::new()
    }
}

/// It ended by itself: no signal was sent.
pub(super) fn ended_by_itself(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    if was_killed_for_memory(case, finding).is_empty() {
        end(case, finding, |end| (1..=125).contains(&end.exit_code))
    } else {
        Vec::new()
    }
}

pub(super) fn exit_was_an_error(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    end(case, finding, |end| end.exit_code != 0)
}

pub(super) fn exit_was_zero(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    end(case, finding, |end| end.exit_code == 0)
}

/// The command was found and ran.
pub(super) fn ran_for_a_while(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    end(case, finding, |end| {
        (1..=125).contains(&end.exit_code) && seconds(end).is_some_and(|ran| ran >= STARTED_SECONDS)
    })
}

/// A pod that still runs on its node was not evicted.
pub(super) fn did_not_evict(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let running = |pod: &&Pod| view::phase(pod) == "Running";
    let found = pods(case, finding).into_iter().find(running);
    let drafts = found.map(|pod| {
        let title = "phase Running: the pod was not evicted";
        Draft::status(view::pod_ref(pod), title, Vec::new())
    });
    drafts.into_iter().collect()
}

/// The node of the pods has no memory pressure.
pub(super) fn node_has_room(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let nodes = &case.snapshot.objects.nodes;
    let node = pods(case, finding)
        .into_iter()
        .find_map(|pod| nodes.get("", pod.spec.as_ref()?.node_name.as_deref()?));
    node.and_then(|node| condition(node, "MemoryPressure", &["False"]))
        .into_iter()
        .collect()
}

pub(super) fn condition(node: &Node, kind: &str, wanted: &[&str]) -> Option<Draft> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    let found = conditions.iter().find(|one| one.type_ == kind)?;
    wanted.contains(&found.status.as_str()).then(|| {
        let title = format!("condition {kind} is {}", found.status);
        let lines = found.message.clone().into_iter().collect();
        let at = found.last_transition_time.as_ref().map(|time| time.0);
        Draft::status(view::reference("Node", node), title, lines).at(at)
    })
}

/// The scheduler looked at the pod and said why not.
pub(super) fn scheduler_speaks(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    for pod in pods(case, finding) {
        let object = view::pod_ref(pod);
        let event = view::events_of(case, &object).find(|one| one.reason == "FailedScheduling");
        if let Some(event) = event {
            return vec![Draft::event(event)];
        }
    }
    Vec::new()
}

/// The pods were created, so nothing refused them.
pub(super) fn has_pods(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let pending = |pod: &&Pod| view::phase(pod) == "Pending";
    let found = pods(case, finding).into_iter().find(pending);
    let drafts = found.map(|pod| {
        let title = "the pod exists and waits for a node";
        Draft::status(view::pod_ref(pod), title, Vec::new())
    });
    drafts.into_iter().collect()
}

/// All claims of the pods are bound.
pub(super) fn claims_bound(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let claims = &case.snapshot.objects.persistent_volume_claims;
    let mut drafts = Vec::new();
    for pod in pods(case, finding) {
        let names = pod.spec.as_ref().map(view::claim_names);
        for name in names.unwrap_or_default() {
            let claim = claims.get(view::namespace_of(pod), &name);
            let phase = claim.and_then(|claim| claim.status.as_ref()?.phase.as_deref());
            let (Some(claim), Some("Bound")) = (claim, phase) else {
                return Vec::new();
            };
            let object = view::reference("PersistentVolumeClaim", claim);
            drafts.push(Draft::status(object, "phase Bound", Vec::new()));
        }
    }
    drafts.truncate(1);
    drafts
}

/// The pod has a node.
pub(super) fn scheduled(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let unwell = pods(case, finding)
        .into_iter()
        .filter(|pod| !view::is_well(pod));
    let drafts = unwell.filter_map(|pod| {
        let node = pod.spec.as_ref()?.node_name.as_ref()?;
        let title = format!("the pod was placed on node {node}");
        Some(Draft::status(view::pod_ref(pod), title, Vec::new()))
    });
    drafts.take(1).collect()
}

/// The message that states the cause names no other.
pub(super) fn another_reason(_: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    finding.because.iter().take(1).cloned().collect()
}

/// What clients of the finding's object log under one sign.
fn logged(case: &Case<'_>, finding: &Finding, sign: Sign) -> Vec<Draft> {
    let objects = &case.snapshot.objects;
    let root = view::root_of(objects, &finding.object);
    let about = |one: &&signs::Seen| {
        let client = view::root_of(objects, &one.pod);
        client == root
            || finding.explains.contains(&client)
            || finding.because.iter().any(|draft| draft.object == one.pod)
    };
    let found = signs::seen(case)
        .iter()
        .filter(|one| one.sign == sign)
        .find(about);
    found.map(signs::Seen::draft).into_iter().collect()
}

/// A refusal is an answer: packets arrive, and the name was resolved.
pub(super) fn refused_not_dropped(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    logged(case, finding, Sign::Refused)
}

/// Silence is no refusal.
pub(super) fn timed_out_not_refused(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    if logged(case, finding, Sign::Refused).is_empty() {
        logged(case, finding, Sign::TimedOut)
    } else {
        Vec::new()
    }
}

/// The cluster's DNS pods are ready.
pub(super) fn names_resolve(case: &Case<'_>, _: &Finding) -> Vec<Draft> {
    let is_dns = |pod: &&Pod| {
        let labels = pod.metadata.labels.as_ref();
        labels
            .and_then(|labels| labels.get("k8s-app"))
            .map(String::as_str)
            == Some("kube-dns")
    };
    let pods: Vec<&Pod> = case.snapshot.objects.pods.iter().filter(is_dns).collect();
    if pods.is_empty() || !pods.iter().all(|pod| view::is_well(pod)) {
        return Vec::new();
    }
    let title = format!("all {} pods of the cluster's DNS are ready", pods.len());
    vec![Draft::status(view::pod_ref(pods[0]), title, Vec::new())]
}

/// The namespace was looked through and has no network policy.
pub(super) fn no_policy(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let policies = &case.snapshot.objects.network_policies;
    let Some(namespace) = finding.object.namespace.as_deref() else {
        return Vec::new();
    };
    if !policies.captured_in(namespace) || policies.in_namespace(namespace).next().is_some() {
        return Vec::new();
    }
    let object = ObjectRef::cluster("Namespace", namespace);
    vec![Draft::status(object, "it has no NetworkPolicy", Vec::new())]
}

/// The node of a finding about a node.
fn node<'a>(case: &Case<'a>, finding: &Finding) -> Option<&'a Node> {
    let is_node = finding.object.kind == "Node";
    let nodes = &case.snapshot.objects.nodes;
    is_node.then(|| nodes.get("", &finding.object.name))?
}

/// Ready is Unknown: the kubelet says nothing, so it reports no fault either.
pub(super) fn node_silent(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let silent = node(case, finding).and_then(|node| condition(node, "Ready", &["Unknown"]));
    silent.into_iter().collect()
}

/// Ready is True or False: the kubelet reports.
pub(super) fn kubelet_reports(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let reports = node(case, finding).and_then(|node| condition(node, "Ready", &["True", "False"]));
    reports.into_iter().collect()
}

/// Another node still reports through the same address.
pub(super) fn other_nodes_report(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let nodes = case.snapshot.objects.nodes.iter();
    let others = nodes.filter(|node| view::name_of(*node) != finding.object.name);
    others
        .filter_map(|node| condition(node, "Ready", &["True"]))
        .take(1)
        .collect()
}

/// No container of the pods was killed for memory, and all run.
pub(super) fn answered(case: &Case<'_>, finding: &Finding) -> Vec<Draft> {
    let pods = pods(case, finding);
    let calm = !pods.is_empty()
        && pods.iter().all(|pod| {
            view::is_well(pod)
                && view::container_statuses(pod).all(|status| status.restart_count == 0)
        });
    if !calm {
        return Vec::new();
    }
    let title = "no container was restarted";
    vec![Draft::status(view::pod_ref(pods[0]), title, Vec::new())]
}
