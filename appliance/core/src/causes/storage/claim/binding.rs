//! Compares a claim with volumes on every point the binder looks at.
//!
//! Decides which volume comes closest and on which points it fails; what that
//! means for whom is [`super`]'s.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use super::Trouble;
use crate::causes::labels::matches_selector;
use crate::causes::quantity::{bytes, value};
use crate::causes::view::{name_of, reference};
use crate::causes::{Cause, Strength};
use crate::evidence::Draft;
use crate::snapshot::Objects;

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

/// Compares a claim with every volume and keeps the closest.
pub(super) fn unmatched(
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

pub(super) fn volume_class(volume: &PersistentVolume) -> &str {
    let spec = volume.spec.as_ref();
    spec.and_then(|spec| spec.storage_class_name.as_deref())
        .unwrap_or_default()
}
