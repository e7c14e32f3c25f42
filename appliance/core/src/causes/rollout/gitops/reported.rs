//! What the objects of Argo CD and Flux say of themselves.
//!
//! An Application that is out of sync and whose sync failed, a Kustomization
//! or `HelmRelease` that is not ready for a reason of its own. Waiting for pods
//! is no such reason.

use jiff::Timestamp;

use super::{KINDS, installed_by};
use crate::causes::subject::is_asked;
use crate::causes::{Case, Cause, Finding, Findings, Strength, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;
use crate::snapshot::Custom;

/// Reasons under which an object only waits for what it made.
const WAITS: [&str; 6] = [
    "HealthCheckFailed",
    "Progressing",
    "ProgressingWithRetry",
    "DependencyNotReady",
    "ReconciliationSucceeded",
    "ArtifactUpToDate",
];

/// What an object says against itself.
struct Complaint {
    what: String,
    at: Option<Timestamp>,
    strength: Strength,
}

/// Finds delivery objects that report failure.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for kind in KINDS {
        for item in case.snapshot.objects.customs.of(kind) {
            let complaint = match kind {
                "Application" => of_application(item),
                _ => of_flux(item),
            };
            if let Some(complaint) = complaint {
                state(case, &view::reference(kind, item), complaint, findings);
            }
        }
    }
}

fn of_application(item: &Custom) -> Option<Complaint> {
    let failed = matches!(
        item.text("/status/operationState/phase"),
        "Failed" | "Error"
    );
    let error = item
        .conditions()
        .find(|condition| condition.kind.ends_with("Error"));
    let drifted = item.text("/status/sync/status") == "OutOfSync";
    if !failed && error.is_none() && !drifted {
        return None;
    }
    let said = error.map_or_else(
        || item.text("/status/operationState/message").to_owned(),
        |condition| condition.message.to_owned(),
    );
    let strength = if failed || error.is_some() {
        Strength::Strong
    } else {
        Strength::Likely
    };
    Some(Complaint {
        what: format!("{} {said}", item.text("/status/sync/status"))
            .trim()
            .to_owned(),
        at: item.text("/status/operationState/finishedAt").parse().ok(),
        strength,
    })
}

fn of_flux(item: &Custom) -> Option<Complaint> {
    let ready = item.conditions().find(|condition| {
        condition.kind == "Ready"
            && condition.status == "False"
            && !WAITS.contains(&condition.reason)
    })?;
    Some(Complaint {
        what: format!("{}: {}", ready.reason, ready.message),
        at: ready.at,
        strength: Strength::Strong,
    })
}

fn state(case: &Case<'_>, object: &ObjectRef, complaint: Complaint, findings: &mut Findings) {
    let installed = installed_by(&case.snapshot.objects, &object.name);
    let asked = is_asked(case, object) || installed.iter().any(|one| is_asked(case, one));
    let strength = if asked {
        complaint.strength
    } else {
        Strength::Hint
    };
    let statement = format!(
        "{object} does not bring its repository about: {}.",
        complaint.what
    );
    let draft = Draft::status(
        object.clone(),
        "reports that it is not in step",
        vec![complaint.what],
    );
    findings.add(
        Finding::new(Cause::GitopsDrift, object.clone(), strength, statement)
            .because([draft.at(complaint.at)])
            .since(complaint.at)
            .explains(installed),
    );
}
