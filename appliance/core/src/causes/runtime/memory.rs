//! Killed for memory: at the container's own limit, in a sidecar, or because
//! the node ran out.
//!
//! Told apart by who did the killing: reason `OOMKilled` and the container's
//! limit against a `SystemOOM` event of the node.

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod};

use super::{is_recent, last_end, namespace_words};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;
use crate::evidence::query::operand;
use crate::facts::EventFold;
use crate::object::ObjectRef;

/// Fragments of runtime messages when even the first process was killed.
const INIT_KILLED: [&str; 3] = [
    "container init was oom-killed",
    "oom-killed (memory limit too low",
    "memory limit too low",
];

/// Container names that sidecars commonly have.
const SIDECARS: [&str; 9] = [
    "proxy", "sidecar", "agent", "exporter", "envoy", "fluent", "vault", "metrics", "linkerd",
];

/// Finds containers that were killed for memory.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for pod in &case.snapshot.objects.pods {
        if view::is_terminating(pod) {
            continue;
        }
        for status in view::container_statuses(pod) {
            killed(case, pod, status, findings);
        }
        killed_at_start(case, pod, findings);
    }
}

fn killed(case: &Case<'_>, pod: &Pod, status: &ContainerStatus, findings: &mut Findings) {
    let Some(end) = last_end(status).filter(|end| is_recent(case, status, end)) else {
        return;
    };
    let by_reason = end.reason.as_deref() == Some("OOMKilled");
    let node_oom = system_oom(case, pod);
    let by_node = end.exit_code == 137 && node_oom.is_some();
    if !(by_reason || by_node) {
        return;
    }
    let limit = limit_of(pod, &status.name);
    // A container that hit its own limit is marked so; one that the node's
    // kernel chose ends with the signal alone.
    if let Some(event) = node_oom.filter(|_| limit.is_none() || !by_reason) {
        findings.add(node_victim(case, pod, status, event));
        return;
    }
    let objects = &case.snapshot.objects;
    let workload = view::workload_of(objects, pod);
    let cause = if is_sidecar(pod, &status.name) {
        Cause::OomSidecar
    } else {
        Cause::OomOwnLimit
    };
    let limit = limit.unwrap_or_else(|| "its limit".to_owned());
    let title = format!(
        "container {} ended OOMKilled, exit {}, {} restarts",
        status.name, end.exit_code, status.restart_count
    );
    let statement = format!(
        "Container {} of {workload} needs more memory than {limit} and is killed by the kernel.",
        status.name
    );
    findings.add(
        Finding::new(cause, workload.clone(), Strength::Stated, statement)
            .because([Draft::status(view::pod_ref(pod), title, Vec::new())
                .at(end.finished_at.as_ref().map(|time| time.0))])
            .because(limit_draft(pod, &status.name))
            .since(end.finished_at.as_ref().map(|time| time.0))
            .explains(view::affected_by(objects, pod))
            .check(
                format!(
                    "kubectl top pod {}{} --containers",
                    operand(view::name_of(pod)),
                    namespace_words(pod.metadata.namespace.as_deref())
                ),
                "shows how close each container is to its limit now",
            ),
    );
}

/// The runtime could not even start the container within its memory limit.
fn killed_at_start(case: &Case<'_>, pod: &Pod, findings: &mut Findings) {
    let object = view::pod_ref(pod);
    let said = view::events_of(case, &object)
        .find(|event| view::mentions(&event.message, &INIT_KILLED))
        .filter(|event| view::still_matters(case, event));
    let Some(event) = said else { return };
    let objects = &case.snapshot.objects;
    let workload = view::workload_of(objects, pod);
    let name = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.containers.first())
        .map_or("", |container| container.name.as_str());
    let statement =
        format!("{workload} cannot start: its memory limit is too low for even the first process.");
    findings.add(
        Finding::new(Cause::OomOwnLimit, workload, Strength::Stated, statement)
            .because([Draft::event(event)])
            .because(limit_draft(pod, name))
            .since(event.first)
            .explains(view::affected_by(objects, pod)),
    );
}

fn node_victim(case: &Case<'_>, pod: &Pod, status: &ContainerStatus, event: &EventFold) -> Finding {
    let objects = &case.snapshot.objects;
    let node = event.object.clone();
    let title = format!("container {} was killed with exit 137", status.name);
    let statement = format!(
        "Node {} ran out of memory and the kernel killed container {} of pod {}; find the pod that uses most beyond its request.",
        node.name,
        status.name,
        view::name_of(pod)
    );
    Finding::new(Cause::NodeOomVictim, node, Strength::Strong, statement)
        .because([
            Draft::event(event),
            Draft::status(view::pod_ref(pod), title, Vec::new()),
        ])
        .since(event.first)
        .explains(view::affected_by(objects, pod))
}

/// The `SystemOOM` event of the pod's node, within the window.
fn system_oom<'a>(case: &Case<'a>, pod: &Pod) -> Option<&'a EventFold> {
    let node = pod.spec.as_ref()?.node_name.as_deref()?;
    let node = ObjectRef::cluster("Node", node);
    case.facts.events.iter().find(|event| {
        event.object.kind == "Node"
            && event.object.name == node.name
            && view::mentions(&event.reason, &["systemoom", "oomkilling"])
            && view::in_window(case, event.last)
    })
}

fn container_of<'a>(pod: &'a Pod, name: &str) -> Option<&'a Container> {
    let spec = pod.spec.as_ref()?;
    let init = spec.init_containers.iter().flatten();
    spec.containers
        .iter()
        .chain(init)
        .find(|container| container.name == name)
}

fn limit_of(pod: &Pod, container: &str) -> Option<String> {
    let limits = container_of(pod, container)?
        .resources
        .as_ref()?
        .limits
        .as_ref()?;
    Some(format!("its limit of {}", limits.get("memory")?.0))
}

fn limit_draft(pod: &Pod, container: &str) -> Option<Draft> {
    let limit = limit_of(pod, container)?;
    let title = format!("container {container} may use memory up to {limit}");
    Some(Draft::spec(view::pod_ref(pod), title, Vec::new()))
}

/// A container beside the one that the pod is named after.
fn is_sidecar(pod: &Pod, container: &str) -> bool {
    let Some(spec) = pod.spec.as_ref() else {
        return false;
    };
    // An init container that is restarted always runs beside the main one.
    let mut init = spec.init_containers.iter().flatten();
    if init.any(|one| one.name == container && one.restart_policy.as_deref() == Some("Always")) {
        return true;
    }
    if spec.containers.len() < 2 {
        return false;
    }
    let main = view::name_of(pod);
    let first = spec.containers.first().map(|first| first.name.as_str());
    let named_like_pod = main.starts_with(container);
    let named_like_sidecar = view::mentions(container, &SIDECARS);
    !named_like_pod && (named_like_sidecar || first != Some(container))
}
