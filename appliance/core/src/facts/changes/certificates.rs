//! Certificates: when they were issued, fell due and ended.
//!
//! Two witnesses: the dates that redaction keeps of TLS Secrets, and
//! cert-manager's own objects. A date in the future is no change; it stands
//! in the words of the one that set it.

use jiff::{SignedDuration, Timestamp};

use crate::facts::workloads::object_ref;
use crate::facts::{Change, ChangeKind};
use crate::object::ObjectRef;
use crate::redaction::{NOT_AFTER, NOT_BEFORE};
use crate::snapshot::{Custom, Snapshot};

/// What is left of a certificate when its owner should hear of it.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

pub(super) fn find(snapshot: &Snapshot, now: Timestamp, changes: &mut Vec<Change>) {
    for secret in &snapshot.objects.secrets {
        let date = |key: &str| -> Option<Timestamp> {
            let annotations = secret.metadata.annotations.as_ref()?;
            annotations.get(key)?.parse().ok()
        };
        if let (Some(from), Some(until)) = (date(NOT_BEFORE), date(NOT_AFTER)) {
            let object = object_ref("Secret", &secret.metadata);
            changes.extend(validity(&object, from, until, now));
        }
    }
    for certificate in snapshot.objects.customs.of("Certificate") {
        let meta = k8s_openapi::Metadata::metadata(certificate);
        managed(&object_ref("Certificate", meta), certificate, now, changes);
    }
}

fn change(at: Timestamp, kind: ChangeKind, object: &ObjectRef, what: String) -> Change {
    Change {
        at,
        kind,
        object: object.clone(),
        what,
        diff: Vec::new(),
        by: String::new(),
    }
}

/// When it began to be valid, and its end if that is past.
fn validity(object: &ObjectRef, from: Timestamp, until: Timestamp, now: Timestamp) -> Vec<Change> {
    let issued = format!("got a certificate valid until {until}{}", left(until, now));
    let mut found = vec![change(from, ChangeKind::Edited, object, issued)];
    if until <= now {
        let ended = "its certificate ended".to_owned();
        found.push(change(until, ChangeKind::Condition, object, ended));
    }
    found
}

/// How long it still holds, where that is not long.
fn left(until: Timestamp, now: Timestamp) -> String {
    let left = until.duration_since(now);
    if left <= SignedDuration::ZERO || left > SOON {
        return String::new();
    }
    format!(", {} days left", left.as_hours() / 24)
}

/// What cert-manager says of a certificate.
fn managed(object: &ObjectRef, item: &Custom, now: Timestamp, changes: &mut Vec<Change>) {
    let date = |pointer: &str| -> Option<Timestamp> { item.text(pointer).parse().ok() };
    if let (Some(from), Some(until)) = (date("/status/notBefore"), date("/status/notAfter")) {
        changes.extend(validity(object, from, until, now));
        let due = date("/status/renewalTime").filter(|due| from < *due && *due <= now);
        changes.extend(due.map(|due| {
            let what = "was due for renewal and was not renewed".to_owned();
            change(due, ChangeKind::Condition, object, what)
        }));
    }
    let not_ready = item
        .conditions()
        .filter(|condition| condition.kind == "Ready" && condition.status == "False");
    changes.extend(not_ready.filter_map(|condition| {
        let what = format!("became not ready: {}", condition.reason);
        let mut found = change(condition.at?, ChangeKind::Condition, object, what);
        found.diff.push(condition.message.to_owned());
        Some(found)
    }));
}
