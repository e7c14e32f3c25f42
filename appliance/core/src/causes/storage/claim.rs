//! Why a claim is not bound.
//!
//! The binder needs one volume that agrees in class, size, access modes, mode
//! and labels and that nobody holds. Each volume is compared on each point; a
//! volume that fails on exactly one shows what to change.
//!
//! # Source
//! Kubernetes, "Persistent Volumes", section "Binding", and
//! `pkg/controller/volume/persistentvolume/index.go` (`findMatchingVolume`).

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;

use super::owners;
use crate::causes::labels::matches_selector;
use crate::causes::quantity::{bytes, value};
use crate::causes::view::{affected_by, live_events, mentions, name_of, namespace_of, reference};
use crate::causes::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::Draft;
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

/// A point on which a volume does not serve a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mismatch {
    Taken,
    Released,
    Class,
    Capacity,
    AccessMode,
    VolumeMode,
    Selector,
}

impl Mismatch {
    fn cause(self) -> Cause {
        match self {
            Self::Taken => Cause::PvAlreadyBound,
            Self::Released | Self::VolumeMode => Cause::PvNoMatch,
            Self::Class => Cause::PvcStorageClassMismatch,
            Self::Capacity => Cause::PvcCapacityMismatch,
            Self::AccessMode => Cause::PvcAccessModeMismatch,
            Self::Selector => Cause::PvcSelectorMismatch,
        }
    }
}

/// Finds claims that do not bind and says on which point.
pub(crate) fn claims(case: &Case<'_>, findings: &mut Findings) {
    for claim in case.snapshot.objects.persistent_volume_claims.iter() {
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
    let object = reference("PersistentVolumeClaim", claim);
    live_events(case).filter(move |event| event.object == object)
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
    if exists || !(absent || !stated.is_empty()) {
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

fn volume_class(volume: &PersistentVolume) -> &str {
    let spec = volume.spec.as_ref();
    spec.and_then(|spec| spec.storage_class_name.as_deref())
        .unwrap_or_default()
}

/// Compares a claim with every volume and keeps the closest.
fn unmatched(
    objects: &Objects,
    claim: &PersistentVolumeClaim,
    class: Option<&str>,
) -> Option<Trouble> {
    if !objects.persistent_volumes.captured_anywhere() {
        return None;
    }
    let object = reference("PersistentVolumeClaim", claim);
    let wanted_volume = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.volume_name.as_deref())
        .filter(|name| !name.is_empty());
    let candidates: Vec<(&PersistentVolume, Vec<Mismatch>)> = objects
        .persistent_volumes
        .iter()
        .filter(|volume| wanted_volume.is_none_or(|name| name_of(*volume) == name))
        .map(|volume| (volume, mismatches(claim, class.unwrap_or_default(), volume)))
        .collect();
    let Some(closest) = candidates
        .iter()
        .min_by_key(|(volume, points)| rank(claim, volume, points))
    else {
        let what = wanted_volume.map_or_else(
            || "finds no PersistentVolume to bind, there is none".to_owned(),
            |name| format!("asks for PersistentVolume {name}, which does not exist"),
        );
        let draft = Draft::status(object, what.clone(), Vec::new());
        return Some(Trouble {
            cause: Cause::PvNoMatch,
            strength: Strength::Strong,
            what,
            because: vec![draft],
        });
    };
    let (volume, points) = closest;
    let cause = match points.as_slice() {
        // The binder runs every few seconds; a match may just be on its way.
        [] => return None,
        [point] => point.cause(),
        _ => Cause::PvNoMatch,
    };
    let rivals = candidates.iter().any(|(other, other_points)| {
        rank(claim, other, other_points) == rank(claim, volume, points) && other_points != points
    });
    let cause = if rivals { Cause::PvNoMatch } else { cause };
    let lines: Vec<String> = points
        .iter()
        .map(|point| explain(*point, claim, class, volume))
        .collect();
    let what = format!(
        "does not fit PersistentVolume {}: {}",
        name_of(*volume),
        lines.join("; ")
    );
    let because = vec![
        Draft::spec(
            reference("PersistentVolume", *volume),
            format!("cannot serve claim {}", object.name),
            lines,
        ),
        Draft::status(object, "is Pending", Vec::new()),
    ];
    Some(Trouble {
        cause,
        strength: if points.len() == 1 {
            Strength::Strong
        } else {
            Strength::Likely
        },
        what,
        because,
    })
}

/// Closest first: volumes meant for this claim, then fewest points, then
/// free volumes, since a volume that serves another claim well is no candidate.
fn rank(
    claim: &PersistentVolumeClaim,
    volume: &PersistentVolume,
    points: &[Mismatch],
) -> (bool, usize, bool) {
    let meant = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.claim_ref.as_ref())
        .is_some_and(|holder| {
            holder.name.as_deref() == claim.metadata.name.as_deref()
                && holder.namespace.as_deref() == claim.metadata.namespace.as_deref()
        });
    (!meant, points.len(), points.contains(&Mismatch::Taken))
}

fn mismatches(
    claim: &PersistentVolumeClaim,
    class: &str,
    volume: &PersistentVolume,
) -> Vec<Mismatch> {
    let (Some(wanted), Some(offered)) = (claim.spec.as_ref(), volume.spec.as_ref()) else {
        return Vec::new();
    };
    let mut points = Vec::new();
    if let Some(point) = holder(claim, volume) {
        points.push(point);
    }
    if volume_class(volume) != class {
        points.push(Mismatch::Class);
    }
    if asked(claim) > capacity(volume) {
        points.push(Mismatch::Capacity);
    }
    let modes = offered.access_modes.as_deref().unwrap_or_default();
    if !wanted
        .access_modes
        .iter()
        .flatten()
        .all(|mode| modes.contains(mode))
    {
        points.push(Mismatch::AccessMode);
    }
    let filesystem = "Filesystem".to_owned();
    if wanted.volume_mode.as_ref().unwrap_or(&filesystem)
        != offered.volume_mode.as_ref().unwrap_or(&filesystem)
    {
        points.push(Mismatch::VolumeMode);
    }
    let labels = volume.metadata.labels.clone().unwrap_or_default();
    if wanted
        .selector
        .as_ref()
        .is_some_and(|selector| !matches_selector(selector, &labels))
    {
        points.push(Mismatch::Selector);
    }
    points
}

/// Whether somebody else holds the volume, or held it before.
fn holder(claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> Option<Mismatch> {
    let phase = volume
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    if phase == Some("Released") || phase == Some("Failed") {
        return Some(Mismatch::Released);
    }
    let holder = volume.spec.as_ref()?.claim_ref.as_ref();
    let own = holder.is_some_and(|holder| {
        holder.name == claim.metadata.name && holder.namespace == claim.metadata.namespace
    });
    (!own && (holder.is_some() || phase == Some("Bound"))).then_some(Mismatch::Taken)
}

fn asked(claim: &PersistentVolumeClaim) -> f64 {
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    resources
        .and_then(|resources| resources.requests.as_ref()?.get("storage"))
        .map_or(0.0, value)
}

fn capacity(volume: &PersistentVolume) -> f64 {
    let spec = volume.spec.as_ref();
    spec.and_then(|spec| spec.capacity.as_ref()?.get("storage"))
        .map_or(0.0, value)
}

fn explain(
    point: Mismatch,
    claim: &PersistentVolumeClaim,
    class: Option<&str>,
    volume: &PersistentVolume,
) -> String {
    let wanted = claim.spec.clone().unwrap_or_default();
    let offered = volume.spec.clone().unwrap_or_default();
    match point {
        Mismatch::Taken => offered.claim_ref.map_or_else(
            || "it is bound".to_owned(),
            |holder| {
                format!(
                    "it is bound to claim {}/{}",
                    holder.namespace.unwrap_or_default(),
                    holder.name.unwrap_or_default()
                )
            },
        ),
        Mismatch::Released => {
            "it was released by a former claim and has to be reclaimed by hand".to_owned()
        }
        Mismatch::Class => format!(
            "wanted storage class {:?}, the volume has {:?}",
            class.unwrap_or_default(),
            volume_class(volume)
        ),
        Mismatch::Capacity => format!(
            "wanted {}, the volume has {}",
            bytes(asked(claim)),
            bytes(capacity(volume))
        ),
        Mismatch::AccessMode => format!(
            "wanted access modes {}, the volume offers {}",
            wanted.access_modes.unwrap_or_default().join(", "),
            offered.access_modes.unwrap_or_default().join(", ")
        ),
        Mismatch::VolumeMode => format!(
            "wanted volume mode {}, the volume has {}",
            wanted.volume_mode.unwrap_or_default(),
            offered.volume_mode.unwrap_or_default()
        ),
        Mismatch::Selector => format!(
            "wanted labels {:?}, the volume has {:?}",
            wanted
                .selector
                .and_then(|selector| selector.match_labels)
                .unwrap_or_default(),
            volume.metadata.labels.clone().unwrap_or_default()
        ),
    }
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
        .check(
            format!("kubectl describe persistentvolumeclaim {name} -n {namespace}"),
            "shows what the binder says",
        )
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
    let pod = pod.clone();
    live_events(case)
        .filter(move |event| {
            event.object == pod && mentions(&event.message, &["persistentvolumeclaim"])
        })
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
                format!("kubectl get pods -n {namespace}"),
                "shows whether the pod that mounts it exists",
            ),
        );
        return;
    }
    for owner in owners(objects, namespace, name) {
        findings.exclude(Cause::ProvisionerDown, owner, drafts.clone());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::causes::fixture::{Fixture, ago};

    fn claim(spec: Value) -> Fixture {
        let mut whole = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "",
            "resources": {"requests": {"storage": "1Gi"}}});
        for (key, value) in spec.as_object().into_iter().flatten() {
            whole[key] = value.clone();
        }
        let pod = json!({"containers": [{"name": "app"}],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]});
        Fixture::new()
            .with(json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data", "creationTimestamp": ago(20)},
                "spec": whole, "status": {"phase": "Pending"}}))
            .with(json!({"kind": "StorageClass", "metadata": {"name": "local"}, "provisioner": "kubernetes.io/no-provisioner"}))
            .with(json!({"kind": "StorageClass", "metadata": {"name": "fast"}, "provisioner": "csi.local"}))
            .deployment("db", 1, 0, pod.clone())
            .pod("db", "a", pod, json!({"phase": "Pending"}))
    }

    fn volume(name: &str, phase: &str, spec: Value) -> Value {
        let mut whole = json!({"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}});
        for (key, value) in spec.as_object().into_iter().flatten() {
            whole[key] = value.clone();
        }
        json!({"kind": "PersistentVolume", "metadata": {"name": name, "labels": {"disk": "ssd"}},
            "spec": whole, "status": {"phase": phase}})
    }

    #[track_caller]
    fn check(wanted: Value, offered: Value, expected: &[&str]) {
        claim(wanted)
            .with(volume("v1", "Available", offered))
            .check(claims, expected);
    }

    #[test]
    fn the_single_point_that_differs_names_the_cause() {
        check(
            json!({"resources": {"requests": {"storage": "2Gi"}}}),
            json!({}),
            &["PvcCapacityMismatch Deployment shop/db"],
        );
        check(
            json!({"accessModes": ["ReadWriteMany"]}),
            json!({}),
            &["PvcAccessModeMismatch Deployment shop/db"],
        );
        check(
            json!({"selector": {"matchLabels": {"disk": "nvme"}}}),
            json!({}),
            &["PvcSelectorMismatch Deployment shop/db"],
        );
        check(
            json!({"storageClassName": "local"}),
            json!({}),
            &["PvcStorageClassMismatch Deployment shop/db"],
        );
        check(
            json!({}),
            json!({"storageClassName": "local"}),
            &["PvcStorageClassMismatch Deployment shop/db"],
        );
        check(
            json!({"volumeMode": "Block"}),
            json!({}),
            &["PvNoMatch Deployment shop/db"],
        );
        check(json!({}), json!({}), &[]);
    }

    #[test]
    fn several_points_at_once_stay_the_broader_cause() {
        check(
            json!({"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "2Gi"}}}),
            json!({}),
            &["PvNoMatch Deployment shop/db"],
        );
    }

    #[test]
    fn a_volume_bound_to_another_claim_is_occupied() {
        claim(json!({}))
            .with(volume(
                "v1",
                "Bound",
                json!({"claimRef": {"namespace": "shop", "name": "other"}}),
            ))
            .check(claims, &["PvAlreadyBound Deployment shop/db"]);
    }

    #[test]
    fn the_binders_word_about_no_class_does_not_hide_an_occupied_volume() {
        claim(json!({}))
            .with(volume(
                "v1",
                "Bound",
                json!({"claimRef": {"namespace": "shop", "name": "other"}}),
            ))
            .event(
                "Normal",
                "PersistentVolumeClaim/data",
                "FailedBinding",
                "no persistent volumes available for this claim and no storage class is set",
                1,
            )
            .check(claims, &["PvAlreadyBound Deployment shop/db"]);
    }

    #[test]
    fn a_free_volume_is_the_nearer_candidate_than_one_in_use() {
        claim(json!({"resources": {"requests": {"storage": "2Gi"}}}))
            .with(volume("v1", "Bound", json!({"capacity": {"storage": "2Gi"}, "claimRef": {"namespace": "shop", "name": "other"}})))
            .with(volume("v2", "Available", json!({})))
            .check(claims, &["PvcCapacityMismatch Deployment shop/db"]);
    }

    #[test]
    fn a_released_volume_has_to_be_reclaimed() {
        claim(json!({}))
            .with(volume(
                "v1",
                "Released",
                json!({"claimRef": {"namespace": "shop", "name": "data"}}),
            ))
            .check(claims, &["PvNoMatch Deployment shop/db"]);
    }

    #[test]
    fn a_class_that_does_not_exist_is_missing_with_and_without_the_event() {
        let fixture =
            claim(json!({"storageClassName": "fastt"})).with(volume("v1", "Available", json!({})));
        fixture.check(claims, &["StorageClassMissing Deployment shop/db"]);
        let findings = fixture
            .warning(
                "PersistentVolumeClaim/data",
                "ProvisioningFailed",
                "storageclass.storage.k8s.io \"fastt\" not found",
            )
            .check(claims, &["StorageClassMissing Deployment shop/db"]);
        assert_eq!(findings.found[0].strength, Strength::Stated);
    }

    #[test]
    fn a_provisioner_that_stays_silent_is_down() {
        claim(json!({"storageClassName": "fast"}))
            .event(
                "Normal",
                "PersistentVolumeClaim/data",
                "ExternalProvisioning",
                "waiting for a volume to be created by the external provisioner",
                1,
            )
            .check(claims, &["ProvisionerDown Deployment shop/db"]);
    }

    #[test]
    fn waiting_for_the_first_consumer_is_normal() {
        let findings = claim(json!({"storageClassName": "fast"}))
            .event(
                "Normal",
                "PersistentVolumeClaim/data",
                "WaitForFirstConsumer",
                "waiting for first consumer to be created before binding",
                1,
            )
            .check(claims, &[]);
        assert_eq!(findings.excluded[0].cause, Cause::ProvisionerDown);
    }

    #[test]
    fn a_bound_claim_is_no_finding() {
        claim(json!({}))
            .with(
                json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteMany"]}, "status": {"phase": "Bound"}}),
            )
            .with(volume("v1", "Released", json!({})))
            .check(claims, &[]);
    }

    #[test]
    fn volumes_that_were_not_captured_prove_nothing() {
        claim(json!({})).check(claims, &[]);
    }
}
