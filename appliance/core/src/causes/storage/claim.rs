//! Why a claim is not bound.
//!
//! The binder needs one volume that agrees in class, size, access modes, mode
//! and labels and that nobody holds. Each volume is compared on each point; a
//! volume that fails on exactly one shows what to change.
//!
//! # Source
//! Kubernetes, "Persistent Volumes", section "Binding", and
//! `pkg/controller/volume/persistentvolume/index.go` (`findMatchingVolume`).

mod binding;
#[cfg(test)]
mod tests;

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::StorageClass;

use self::binding::{unmatched, volume_class};
use super::owners;
use crate::causes::view::{
    affected_by, live_events_of, mentions, name_of, namespace_of, reference,
};
use crate::causes::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::Draft;
use crate::evidence::query::{describe_query, shell_word};
use crate::facts::EventFold;
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// How long a provisioner may take before silence means trouble.
const PROVISION_PATIENCE: SignedDuration = SignedDuration::from_mins(5);

/// Class annotation that makes a class the default.
const DEFAULT_CLASS: &str = "storageclass.kubernetes.io/is-default-class";

/// Why a claim waits.
struct Trouble {
    cause: Cause,
    strength: Strength,
    what: String,
    because: Vec<Draft>,
}

/// Finds claims that do not bind and says on which point.
pub(crate) fn claims(case: &Case<'_>, findings: &mut Findings) {
    for claim in &case.snapshot.objects.persistent_volume_claims {
        if is_pending(claim) {
            match trouble(case, claim) {
                Some(trouble) => state(case, claim, &trouble, findings),
                None => rule_out(case, claim, findings),
            }
        }
    }
}

/// Whether [`claims`] states why this claim is not bound.
pub(crate) fn is_explained(case: &Case<'_>, namespace: &str, name: &str) -> bool {
    let claims = &case.snapshot.objects.persistent_volume_claims;
    claims
        .get(namespace, name)
        .is_some_and(|claim| is_pending(claim) && trouble(case, claim).is_some())
}

/// Whether a claim exists and is not bound.
pub(crate) fn is_unbound(objects: &Objects, namespace: &str, name: &str) -> bool {
    objects
        .persistent_volume_claims
        .get(namespace, name)
        .is_some_and(is_pending)
}

fn is_pending(claim: &PersistentVolumeClaim) -> bool {
    let status = claim.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref());
    claim.metadata.deletion_timestamp.is_none() && matches!(phase, None | Some("Pending" | "Lost"))
}

fn trouble(case: &Case<'_>, claim: &PersistentVolumeClaim) -> Option<Trouble> {
    let objects = &case.snapshot.objects;
    let class = class_of(objects, claim);
    if let Some(trouble) = class_missing(case, claim, class.as_deref()) {
        return Some(trouble);
    }
    let provisioner = class
        .as_deref()
        .and_then(|name| objects.storage_classes.get("", name))
        .filter(|class| class.provisioner != "kubernetes.io/no-provisioner");
    match provisioner {
        Some(class) => not_provisioned(case, claim, class),
        None if class.is_some() && !objects.storage_classes.captured_anywhere() => {
            provisioning_failed(case, claim)
        }
        None => unmatched(objects, claim, class.as_deref()),
    }
}

/// The class a claim asks for: `""` is static binding, none is the default class.
fn class_of(objects: &Objects, claim: &PersistentVolumeClaim) -> Option<String> {
    let named = claim.spec.as_ref()?.storage_class_name.clone();
    match named.as_deref() {
        Some("") => None,
        Some(_) => named,
        None => default_class(objects).map(|class| name_of(class).to_owned()),
    }
}

fn default_class(objects: &Objects) -> Option<&StorageClass> {
    objects.storage_classes.iter().find(|class| {
        let annotations = class.metadata.annotations.as_ref();
        annotations.is_some_and(|all| all.get(DEFAULT_CLASS).is_some_and(|value| value == "true"))
    })
}

fn events<'a>(
    case: &Case<'a>,
    claim: &PersistentVolumeClaim,
) -> impl Iterator<Item = &'a EventFold> + use<'a> {
    live_events_of(case, &reference("PersistentVolumeClaim", claim))
}

fn class_missing(
    case: &Case<'_>,
    claim: &PersistentVolumeClaim,
    class: Option<&str>,
) -> Option<Trouble> {
    let objects = &case.snapshot.objects;
    let exists = class.is_some_and(|name| objects.storage_classes.get("", name).is_some());
    let stated: Vec<Draft> = events(case, claim)
        .filter(|event| {
            mentions(&event.message, &["storageclass"]) && mentions(&event.message, &["not found"])
                || mentions(&event.message, &["no storage class is set"])
        })
        .map(Draft::event)
        .collect();
    let absent = class.is_some() && objects.storage_classes.captured_anywhere() && !exists;
    if exists || (!absent && stated.is_empty()) {
        return None;
    }
    // `""` asks for a volume without a class, and a class may be a mere label
    // that static volumes carry: then the volumes tell more.
    let wanted = class.unwrap_or_default();
    let asks_static = claim.spec.as_ref()?.storage_class_name.as_deref() == Some("");
    let carried = objects
        .persistent_volumes
        .iter()
        .any(|volume| volume_class(volume) == wanted);
    if asks_static || carried {
        return unmatched(objects, claim, class);
    }
    let what = class.map_or_else(
        || "names no storage class and the cluster has no default".to_owned(),
        |name| format!("asks for storage class {name}, which does not exist"),
    );
    let asks = Draft::spec(
        reference("PersistentVolumeClaim", claim),
        what.clone(),
        Vec::new(),
    );
    Some(Trouble {
        cause: Cause::StorageClassMissing,
        strength: if stated.is_empty() {
            Strength::Strong
        } else {
            Strength::Stated
        },
        what,
        because: stated.into_iter().chain([asks]).collect(),
    })
}

/// A claim of a class with a provisioner: it failed, it is silent, or it waits for a pod.
fn not_provisioned(
    case: &Case<'_>,
    claim: &PersistentVolumeClaim,
    class: &StorageClass,
) -> Option<Trouble> {
    if let Some(trouble) = provisioning_failed(case, claim) {
        return Some(trouble);
    }
    let created = claim.metadata.creation_timestamp.as_ref()?.0;
    let waiting: Vec<Draft> = events(case, claim)
        .filter(|event| {
            event.reason == "ExternalProvisioning"
                || mentions(&event.message, &["waiting for a volume to be created"])
        })
        .map(Draft::event)
        .collect();
    let patient = case.snapshot.captured_at.duration_since(created) < PROVISION_PATIENCE;
    if waiting.is_empty() || patient {
        return None;
    }
    Some(Trouble {
        cause: Cause::ProvisionerDown,
        strength: Strength::Strong,
        what: format!(
            "waits for provisioner {} of class {}, which creates no volume",
            class.provisioner,
            name_of(class)
        ),
        because: waiting,
    })
}

fn provisioning_failed(case: &Case<'_>, claim: &PersistentVolumeClaim) -> Option<Trouble> {
    let failed = events(case, claim).find(|event| event.reason == "ProvisioningFailed")?;
    Some(Trouble {
        cause: Cause::ProvisionerDown,
        strength: Strength::Strong,
        what: "gets no volume from its provisioner, which reports a failure".to_owned(),
        because: vec![Draft::event(failed)],
    })
}

fn state(
    case: &Case<'_>,
    claim: &PersistentVolumeClaim,
    trouble: &Trouble,
    findings: &mut Findings,
) {
    let objects = &case.snapshot.objects;
    let (namespace, name) = (namespace_of(claim), name_of(claim));
    let object = reference("PersistentVolumeClaim", claim);
    let created = claim
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    for owner in owners(objects, namespace, name) {
        let mut finding = Finding::new(
            trouble.cause,
            owner,
            trouble.strength,
            format!("PersistentVolumeClaim {name} {}", trouble.what),
        )
        .because(trouble.because.iter().cloned())
        .since(created)
        .explains([object.clone()])
        .check(describe_query(&object), "shows what the binder says")
        .check(
            "kubectl get persistentvolume,storageclass",
            "shows what could serve the claim",
        );
        for pod in super::users(objects, namespace, name) {
            finding = finding.explains(affected_by(objects, pod));
            finding = finding.because(waits(case, &reference("Pod", pod)));
        }
        findings.add(finding);
    }
}

fn waits<'a>(case: &Case<'a>, pod: &ObjectRef) -> impl Iterator<Item = Draft> + use<'a> {
    live_events_of(case, pod)
        .filter(|event| mentions(&event.message, &["persistentvolumeclaim"]))
        .map(Draft::event)
}

/// A claim that waits for its first pod is as it should be.
fn rule_out(case: &Case<'_>, claim: &PersistentVolumeClaim, findings: &mut Findings) {
    let (namespace, name) = (namespace_of(claim), name_of(claim));
    let objects = &case.snapshot.objects;
    let drafts: Vec<Draft> = events(case, claim)
        .filter(|event| {
            event.reason == "WaitForFirstConsumer"
                || mentions(&event.message, &["waiting for first consumer"])
        })
        .map(Draft::event)
        .collect();
    if drafts.is_empty() {
        return;
    }
    let object = reference("PersistentVolumeClaim", claim);
    if super::users(objects, namespace, name).is_empty() && case.subjects.contains(&object) {
        findings.add(
            Finding::new(
                Cause::WaitingFirstConsumer,
                object,
                Strength::Likely,
                format!(
                    "PersistentVolumeClaim {name} waits for a pod that mounts it, and none does"
                ),
            )
            .because(drafts)
            .check(
                format!("kubectl get pods -n {}", shell_word(namespace)),
                "shows whether the pod that mounts it exists",
            ),
        );
        return;
    }
    for owner in owners(objects, namespace, name) {
        findings.exclude(Cause::ProvisionerDown, owner, drafts.clone());
    }
}
