//! Revisions that delivery tools brought about: Argo CD's and Flux' own objects.
//!
//! The tools keep a short history of what they applied and when; what a
//! revision changed is told by the workloads' own rollouts. Helm's revisions
//! are Secrets and are told by [`super::objects`].

use jiff::Timestamp;
use serde_json::Value;

use crate::facts::workloads::object_ref;
use crate::facts::{Change, ChangeKind};
use crate::object::ObjectRef;
use crate::snapshot::{Custom, Snapshot};

/// Revisions told of one object; the tools keep ten and more.
const REVISIONS_MAX: usize = 3;
/// Characters of a commit that people use to name it.
const COMMIT_CHARS: usize = 10;

pub(super) fn find(snapshot: &Snapshot, changes: &mut Vec<Change>) {
    let customs = &snapshot.objects.customs;
    for application in customs.of("Application") {
        let object = reference("Application", application);
        changes.extend(synced(&object, application));
        changes.extend(failed_sync(&object, application));
    }
    for item in customs.of("Kustomization") {
        changes.extend(applied(&reference("Kustomization", item), item));
    }
    for release in customs.of("HelmRelease") {
        changes.extend(released(&reference("HelmRelease", release), release));
    }
}

fn reference(kind: &str, item: &Custom) -> ObjectRef {
    object_ref(kind, k8s_openapi::Metadata::metadata(item))
}

fn change(object: &ObjectRef, at: Timestamp, what: String, by: String) -> Change {
    Change {
        at,
        kind: ChangeKind::Rollout,
        object: object.clone(),
        what,
        diff: Vec::new(),
        by,
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn time(value: &Value, pointer: &str) -> Option<Timestamp> {
    text(value, pointer).parse().ok()
}

/// `main@sha1:0123…` and bare commits in the form people use.
fn short(revision: &str) -> String {
    let (branch, commit) = match revision.rsplit_once(':') {
        Some((branch, commit)) => (branch.split('@').next().unwrap_or_default(), commit),
        None => ("", revision),
    };
    let is_commit = commit.len() >= 32 && commit.bytes().all(|b| b.is_ascii_hexdigit());
    match (is_commit, branch) {
        (false, _) => revision.to_owned(),
        (true, "") => commit[..COMMIT_CHARS].to_owned(),
        (true, branch) => format!("{branch} {}", &commit[..COMMIT_CHARS]),
    }
}

/// The newest entries of an application's history, oldest first in the API.
fn synced(object: &ObjectRef, application: &Custom) -> Vec<Change> {
    let history = application.items("/status/history");
    let newest = history.iter().rev().take(REVISIONS_MAX);
    newest
        .filter_map(|entry| {
            let at = time(entry, "/deployedAt")?;
            let revision = match text(entry, "/revision") {
                "" => entry.pointer("/revisions/0")?.as_str()?,
                revision => revision,
            };
            let source = match text(entry, "/source/repoURL") {
                "" => String::new(),
                source => format!(" of {source}"),
            };
            let what = format!("synced revision {}{source}", short(revision));
            Some(change(object, at, what, initiator(entry)))
        })
        .collect()
}

fn initiator(entry: &Value) -> String {
    match text(entry, "/initiatedBy/username") {
        "" if entry.pointer("/initiatedBy/automated") == Some(&Value::Bool(true)) => {
            "automated sync".to_owned()
        }
        user => user.to_owned(),
    }
}

/// A sync that ended without success: part of its objects may be applied.
fn failed_sync(object: &ObjectRef, application: &Custom) -> Option<Change> {
    let operation = application.at("/status/operationState");
    if !matches!(text(operation, "/phase"), "Failed" | "Error") {
        return None;
    }
    let at = time(operation, "/finishedAt").or_else(|| time(operation, "/startedAt"))?;
    let revision = short(text(operation, "/syncResult/revision"));
    let what = format!("failed to sync revision {revision}");
    let by = initiator(operation.pointer("/operation").unwrap_or(&Value::Null));
    Some(change(object, at, what, by))
}

/// What a Flux kustomization applied: its history, or the last revision with
/// the time of its condition where there is none.
fn applied(object: &ObjectRef, item: &Custom) -> Vec<Change> {
    let history = item.items("/status/history");
    if history.is_empty() {
        let ready = item
            .conditions()
            .find(|condition| condition.kind == "Ready");
        let revision = item.text("/status/lastAppliedRevision");
        let at = ready
            .and_then(|ready| ready.at)
            .filter(|_| !revision.is_empty());
        let what = format!("applied revision {}", short(revision));
        return at
            .map(|at| change(object, at, what, String::new()))
            .into_iter()
            .collect();
    }
    let newest = history.iter().take(REVISIONS_MAX);
    newest
        .filter_map(|entry| {
            let at = time(entry, "/firstReconciled")?;
            let revision = match text(entry, "/metadata/revision") {
                "" => text(entry, "/digest"),
                revision => revision,
            };
            let outcome = match text(entry, "/lastReconciledStatus") {
                "" | "ReconciliationSucceeded" => String::new(),
                status => format!(" ({status})"),
            };
            let what = format!("applied revision {}{outcome}", short(revision));
            Some(change(object, at, what, String::new()))
        })
        .collect()
}

/// The releases a Flux `HelmRelease` made, newest first in the API.
fn released(object: &ObjectRef, release: &Custom) -> Vec<Change> {
    let newest = release.items("/status/history").iter().take(REVISIONS_MAX);
    newest
        .filter_map(|entry| {
            let at = time(entry, "/lastDeployed")?;
            let what = format!(
                "released chart {} {} as revision {} ({})",
                text(entry, "/chartName"),
                text(entry, "/chartVersion"),
                entry.pointer("/version").and_then(Value::as_u64)?,
                text(entry, "/status"),
            );
            Some(change(object, at, what, String::new()))
        })
        .collect()
}
