//! Objects whose deletion does not end.
//!
//! Told apart by what holds them: a finalizer nobody removes, a node that does
//! not answer, a claim still in use, or a namespace whose content stays. A pod
//! within its grace period is none of them.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};

use crate::causes::subject::is_asked;
use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;
use crate::evidence::query::shell_word;
use crate::object::ObjectRef;

/// How long after its grace period a pod may take to go.
const PATIENCE: SignedDuration = SignedDuration::from_mins(2);
/// How long the content of a namespace, or a claim, may take to go.
const CONTENT_PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// The finalizer that holds a claim while a pod mounts it: no fault.
const IN_USE: &str = "kubernetes.io/pvc-protection";

/// Finds pods, claims and namespaces that will not go.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    pods(case, findings);
    claims(case, findings);
    for namespace in &case.snapshot.objects.namespaces {
        content(case, namespace, findings);
    }
}

/// Finds claims that a finalizer of a storage driver holds.
fn claims(case: &Case<'_>, findings: &mut Findings) {
    for claim in &case.snapshot.objects.persistent_volume_claims {
        let Some(asked) = claim.metadata.deletion_timestamp.as_ref() else {
            continue;
        };
        let finalizers = claim.metadata.finalizers.clone().unwrap_or_default();
        let foreign = finalizers.iter().any(|name| name != IN_USE);
        let long = case.snapshot.captured_at - CONTENT_PATIENCE > asked.0;
        let object = view::reference("PersistentVolumeClaim", claim);
        if !foreign || !long || !is_asked(case, &object) {
            continue;
        }
        let held = finalizers.join(", ");
        let statement = format!("{object} does not go: finalizers {held} are not removed.");
        let draft = Draft::status(object.clone(), format!("terminating: {held}"), finalizers);
        findings.add(
            Finding::new(Cause::StuckTerminating, object, Strength::Likely, statement)
                .because([draft.at(Some(asked.0))])
                .since(Some(asked.0)),
        );
    }
}

/// Finds a namespace that stays because something in it does.
fn content(case: &Case<'_>, namespace: &Namespace, findings: &mut Findings) {
    let Some(asked) = namespace.metadata.deletion_timestamp.as_ref() else {
        return;
    };
    if case.snapshot.captured_at - CONTENT_PATIENCE < asked.0 {
        return;
    }
    let object = ObjectRef::cluster("Namespace", view::name_of(namespace));
    let conditions = namespace
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref())
        .unwrap_or_default();
    let holding: Vec<String> = conditions
        .iter()
        .filter(|condition| condition.status == "True")
        .map(|condition| {
            let message = condition.message.as_deref().unwrap_or_default();
            format!("{}: {message}", condition.type_)
        })
        .collect();
    if holding.is_empty() {
        return;
    }
    let statement = format!(
        "{object} has been going for long: {}.",
        holding.first().map_or("its content stays", String::as_str)
    );
    let name = shell_word(&object.name).into_owned();
    findings.add(
        Finding::new(
            Cause::StuckTerminating,
            object.clone(),
            Strength::Strong,
            statement,
        )
        .because([Draft::status(object, "the namespace is terminating", holding).at(Some(asked.0))])
        .since(Some(asked.0))
        .check(
            format!("kubectl get namespace {name} -o yaml"),
            "shows which resources and finalizers remain",
        ),
    );
}

/// Finds pods whose deletion does not end.
fn pods(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for pod in objects.pods.iter().filter(|pod| view::is_terminating(pod)) {
        let Some(asked) = pod.metadata.deletion_timestamp.as_ref() else {
            continue;
        };
        // The timestamp already lies the grace period after the request.
        if case.snapshot.captured_at - PATIENCE < asked.0 {
            continue;
        }
        let finalizers = pod.metadata.finalizers.clone().unwrap_or_default();
        let node = pod
            .spec
            .as_ref()
            .and_then(|spec| spec.node_name.as_deref())
            .and_then(|name| objects.nodes.get("", name));
        let lost = node.is_some_and(|node| !node_is_ready(node));
        let why = if !finalizers.is_empty() {
            format!("finalizers {} are not removed", finalizers.join(", "))
        } else if lost {
            "its node does not answer".to_owned()
        } else {
            "the kubelet does not finish it".to_owned()
        };
        let statement = format!("Pod {} does not terminate: {why}.", view::name_of(pod));
        let draft = Draft::status(
            view::pod_ref(pod),
            format!("terminating: {why}"),
            finalizers,
        )
        .at(Some(asked.0));
        findings.add(
            Finding::new(
                Cause::StuckTerminating,
                view::pod_ref(pod),
                Strength::Likely,
                statement,
            )
            .because([draft])
            .since(Some(asked.0))
            .explains(owners(case, pod)),
        );
    }
}

fn owners(case: &Case<'_>, pod: &Pod) -> [ObjectRef; 1] {
    [view::workload_of(&case.snapshot.objects, pod)]
}

fn node_is_ready(node: &Node) -> bool {
    let conditions = node
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
