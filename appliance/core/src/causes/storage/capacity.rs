//! Volumes that run out of bytes or inodes, and resizes that do not finish.
//!
//! A series of the kubelet decides; an alert on the claim counts as a second
//! fact. What filled the volume is the application's business.

use std::collections::BTreeMap;

use super::owners;
use crate::causes::quantity::bytes;
use crate::causes::view::{in_window, mentions, name_of, namespace_of, reference};
use crate::causes::{Case, Cause, Finding, Findings, Strength};
use crate::evidence::query::describe_query;
use crate::evidence::{Draft, EvidenceKind};
use crate::object::ObjectRef;
use crate::snapshot::Series;

/// Below this share of free space a volume is as good as full.
const ALMOST_NOTHING: f64 = 0.03;

/// Below this share an alert about the volume is believed.
const LITTLE: f64 = 0.15;

struct Meter {
    cause: Cause,
    free: &'static str,
    whole: &'static str,
    alert: &'static str,
    unit: &'static str,
}

const METERS: [Meter; 2] = [
    Meter {
        cause: Cause::VolumeFilling,
        free: "kubelet_volume_stats_available_bytes",
        whole: "kubelet_volume_stats_capacity_bytes",
        alert: "volumefillingup",
        unit: "space",
    },
    Meter {
        cause: Cause::Inodes,
        free: "kubelet_volume_stats_inodes_free",
        whole: "kubelet_volume_stats_inodes",
        alert: "inodesfillingup",
        unit: "inodes",
    },
];

/// Finds claims whose volume has little space or few inodes left.
pub(crate) fn filling(case: &Case<'_>, findings: &mut Findings) {
    for meter in &METERS {
        let whole = last_values(case, meter.whole);
        for (claim, (free, series)) in last_values(case, meter.free) {
            let Some(&(whole, _)) = whole.get(&claim) else {
                continue;
            };
            let share = if whole > 0.0 { free / whole } else { continue };
            let alerted = is_alerted(case, meter.alert, &claim);
            if share < ALMOST_NOTHING || (alerted && share < LITTLE) {
                findings.add(state(case, meter, &claim, free, whole, series, alerted));
            }
        }
    }
}

/// Newest value per claim of a kubelet volume series.
fn last_values<'a>(case: &Case<'a>, name: &str) -> BTreeMap<ObjectRef, (f64, &'a Series)> {
    let mut values = BTreeMap::new();
    for series in case
        .snapshot
        .series
        .iter()
        .filter(|series| series.name == name)
    {
        let namespace = series.labels.get("namespace");
        let claim = series.labels.get("persistentvolumeclaim");
        if let (Some(namespace), Some(claim), Some(last)) =
            (namespace, claim, series.samples.last())
        {
            let object = ObjectRef::namespaced("PersistentVolumeClaim", namespace, claim);
            values.insert(object, (last.value, series));
        }
    }
    values
}

fn is_alerted(case: &Case<'_>, name: &str, claim: &ObjectRef) -> bool {
    case.alerts.iter().any(|alert| {
        mentions(alert.name(), &[name])
            && alert.labels.get("persistentvolumeclaim") == Some(&claim.name)
            && alert.labels.get("namespace") == claim.namespace.as_ref()
    })
}

fn state(
    case: &Case<'_>,
    meter: &Meter,
    claim: &ObjectRef,
    free: f64,
    whole: f64,
    series: &Series,
    alerted: bool,
) -> Finding {
    let namespace = claim.namespace.as_deref().unwrap_or_default();
    let (free, whole) = if meter.unit == "space" {
        (bytes(free), bytes(whole))
    } else {
        (format!("{free:.0}"), format!("{whole:.0}"))
    };
    let title = format!("{free} of {whole} {} free", meter.unit);
    let query = format!(
        "{}{{namespace=\"{namespace}\",persistentvolumeclaim=\"{}\"}}",
        series.name, claim.name
    );
    let draft = Draft {
        kind: EvidenceKind::Metric,
        query,
        ..Draft::status(claim.clone(), title.clone(), Vec::new())
    };
    Finding::new(
        meter.cause,
        claim.clone(),
        if alerted {
            Strength::Strong
        } else {
            Strength::Likely
        },
        format!(
            "the volume of PersistentVolumeClaim {} is almost full: {title}",
            claim.name
        ),
    )
    .because([draft])
    .explains(owners(&case.snapshot.objects, namespace, &claim.name))
    .check(
        describe_query(claim),
        "shows who mounts it and whether it may grow",
    )
}

/// Finds claims whose resize does not finish.
pub(crate) fn resize(case: &Case<'_>, findings: &mut Findings) {
    for claim in &case.snapshot.objects.persistent_volume_claims {
        let object = reference("PersistentVolumeClaim", claim);
        let conditions = claim
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_deref())
            .unwrap_or_default();
        let pending = conditions.iter().filter(|condition| {
            condition.status == "True"
                && matches!(
                    condition.type_.as_str(),
                    "FileSystemResizePending" | "ControllerResizeError" | "NodeResizeError"
                )
        });
        let mut drafts: Vec<Draft> = pending
            .map(|condition| {
                let lines = condition.message.iter().cloned().collect();
                let at = condition.last_transition_time.as_ref().map(|time| time.0);
                Draft::status(
                    object.clone(),
                    format!("condition {}", condition.type_),
                    lines,
                )
                .at(at)
            })
            .collect();
        drafts.extend(
            case.facts
                .events
                .iter()
                .filter(|event| event.object == object && event.reason == "VolumeResizeFailed")
                .filter(|event| in_window(case, event.last))
                .map(Draft::event),
        );
        if drafts.is_empty() {
            continue;
        }
        let (namespace, name) = (namespace_of(claim), name_of(claim));
        let since = drafts.iter().filter_map(|draft| draft.at).min();
        findings.add(
            Finding::new(
                Cause::ResizeStuck,
                object.clone(),
                Strength::Stated,
                format!(
                    "PersistentVolumeClaim {name} was asked to grow and its file system has not"
                ),
            )
            .because(drafts)
            .since(since)
            .explains(owners(&case.snapshot.objects, namespace, name))
            .check(
                describe_query(&object),
                "shows which step of the resize waits",
            )
            .check(
                "kubectl get storageclass",
                "shows whether the class allows expansion",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::fixture::Fixture;

    const CLAIM: &[(&str, &str)] = &[("namespace", "shop"), ("persistentvolumeclaim", "data")];

    #[track_caller]
    fn check(free: f64, alert: &str, expected: &[&str]) {
        Fixture::new()
            .alert(&[
                ("alertname", alert),
                ("namespace", "shop"),
                ("persistentvolumeclaim", "data"),
            ])
            .series("kubelet_volume_stats_available_bytes", CLAIM, &[free])
            .series("kubelet_volume_stats_capacity_bytes", CLAIM, &[100.0])
            .check(filling, expected);
    }

    #[test]
    fn a_volume_with_almost_nothing_left_is_filling() {
        check(
            1.0,
            "Other",
            &["VolumeFilling PersistentVolumeClaim shop/data"],
        );
        check(
            10.0,
            "KubePersistentVolumeFillingUp",
            &["VolumeFilling PersistentVolumeClaim shop/data"],
        );
    }

    #[test]
    fn a_volume_with_room_is_not() {
        check(10.0, "Other", &[]);
        check(60.0, "KubePersistentVolumeFillingUp", &[]);
    }

    #[test]
    fn inodes_are_told_apart_from_space() {
        Fixture::new()
            .series("kubelet_volume_stats_inodes_free", CLAIM, &[0.0])
            .series("kubelet_volume_stats_inodes", CLAIM, &[1000.0])
            .check(filling, &["Inodes PersistentVolumeClaim shop/data"]);
    }

    #[test]
    fn a_resize_that_waits_is_stuck_and_a_finished_one_is_not() {
        let claim = |condition: serde_json::Value| {
            Fixture::new().with(
                json!({"kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
                "status": {"phase": "Bound", "conditions": [condition]}}),
            )
        };
        claim(json!({"type": "FileSystemResizePending", "status": "True"}))
            .check(resize, &["ResizeStuck PersistentVolumeClaim shop/data"]);
        claim(json!({"type": "FileSystemResizePending", "status": "False"})).check(resize, &[]);
    }
}
