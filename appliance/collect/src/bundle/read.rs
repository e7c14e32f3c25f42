//! From files to a snapshot.

use std::path::Path;

use appliance_core::alert::webhook;
use appliance_core::redaction::redact_object;
use appliance_core::snapshot::{Gap, KINDS, Kind, Snapshot, openmetrics};
use jiff::Timestamp;
use serde_json::Value;

use super::files::Files;
use super::logs::{self, Part};
use super::meta::{FORMAT, Meta};
use super::{Bundle, BundleError};

/// Reads the incident bundle or cluster-info dump at `path`, a directory or a
/// .tar.zst archive.
///
/// # Errors
/// When `path` cannot be opened, is no archive, holds nothing of a cluster, or
/// was written by a newer version. Whatever else is wrong is a gap of the
/// snapshot.
pub fn read(path: &Path) -> Result<Bundle, BundleError> {
    let mut files = Files::open(path)?;
    let mut bundle = Bundle {
        snapshot: Snapshot::default(),
        alert: None,
        alert_json: None,
    };
    let meta = read_meta(&mut files, &mut bundle.snapshot);
    if !meta.format.is_empty() && meta.format != FORMAT {
        return Err(BundleError::Format {
            path: path.to_owned(),
            format: meta.format,
        });
    }
    let mut seen = !meta.format.is_empty();
    for name in files.paths() {
        seen |= read_file(&mut files, &name, &mut bundle);
    }
    if !seen {
        return Err(BundleError::Empty {
            path: path.to_owned(),
        });
    }
    let snapshot = &mut bundle.snapshot;
    snapshot.captured_at = meta
        .captured_at
        .or_else(|| newest_time(snapshot))
        .unwrap_or(Timestamp::UNIX_EPOCH);
    snapshot.cluster = meta.cluster;
    snapshot.source = if meta.source.is_empty() {
        "kubectl cluster-info dump".to_owned()
    } else {
        meta.source
    };
    snapshot.gaps.extend(meta.gaps.into_iter().map(|gap| Gap {
        source: gap.source,
        detail: gap.detail,
    }));
    // Last, since samples without a time were taken when the capture was.
    read_metrics(&mut files, snapshot);
    snapshot.gaps.append(&mut files.gaps);
    Ok(bundle)
}

fn read_meta(files: &mut Files, snapshot: &mut Snapshot) -> Meta {
    let Some(bytes) = files.take("bundle.json") else {
        return Meta::default();
    };
    serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        snapshot.gap("bundle", format!("bundle.json: {error}"));
        Meta {
            format: FORMAT.to_owned(),
            ..Meta::default()
        }
    })
}

/// Reads one file; returns whether it belongs to a bundle.
fn read_file(files: &mut Files, path: &str, bundle: &mut Bundle) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let snapshot = &mut bundle.snapshot;
    match parts[..] {
        ["alert.json"] => {
            read_alert(files, bundle);
            true
        }
        ["metrics.om"] => true,
        [file] => read_list(files, path, file, "", snapshot),
        [namespace, file] => read_list(files, path, file, namespace, snapshot),
        [namespace, pod, "logs.txt"] => read_logs(files, path, namespace, pod, false, snapshot),
        [namespace, pod, "previous-logs.txt"] => {
            read_logs(files, path, namespace, pod, true, snapshot)
        }
        _ => false,
    }
}

fn read_list(
    files: &mut Files,
    path: &str,
    file: &str,
    namespace: &str,
    snapshot: &mut Snapshot,
) -> bool {
    let kind = file.strip_suffix(".json").and_then(|stem| {
        KINDS
            .iter()
            .find(|kind| kind.file == stem || kind.plural == stem)
    });
    let Some(kind) = kind else { return false };
    let Some(bytes) = files.take(path) else {
        return true;
    };
    match serde_json::from_slice(&bytes) {
        Ok(list) => insert(snapshot, kind, namespace, list),
        Err(error) => snapshot.gap(kind.plural, format!("{path}: {error}")),
    }
    true
}

fn insert(snapshot: &mut Snapshot, kind: &Kind, namespace: &str, list: Value) {
    // The kind is one of the table, so it is known.
    if let Err(error) = snapshot.insert_list(kind.name, namespace, list) {
        snapshot.gap(kind.plural, error.to_string());
    }
}

fn read_logs(
    files: &mut Files,
    path: &str,
    namespace: &str,
    pod: &str,
    previous: bool,
    snapshot: &mut Snapshot,
) -> bool {
    let Some(bytes) = files.take(path) else {
        return true;
    };
    let text = String::from_utf8_lossy(&bytes);
    for part in logs::parse(&text, namespace, pod, previous) {
        match part {
            Part::Log(log) => snapshot.insert_log(log),
            Part::Missing { container, why } => snapshot.gap(
                "logs",
                format!("{namespace}/{pod} container {container}: {why}"),
            ),
        }
    }
    true
}

fn read_alert(files: &mut Files, bundle: &mut Bundle) {
    let Some(bytes) = files.take("alert.json") else {
        return;
    };
    let mut body: Value = match serde_json::from_slice(&bytes) {
        Ok(body) => body,
        Err(error) => return bundle.snapshot.gap("alert", format!("alert.json: {error}")),
    };
    redact_object(&mut body);
    let body = body.to_string().into_bytes();
    match webhook::parse(&body) {
        Ok(notification) => bundle.alert = Some(notification),
        Err(error) => bundle.snapshot.gap("alert", format!("alert.json: {error}")),
    }
    bundle.alert_json = Some(body);
}

fn read_metrics(files: &mut Files, snapshot: &mut Snapshot) {
    let Some(bytes) = files.take("metrics.om") else {
        return;
    };
    let text = String::from_utf8_lossy(&bytes);
    let captured_at = snapshot.captured_at.as_duration().as_secs_f64();
    let (series, gaps) = openmetrics::parse(&text, captured_at);
    snapshot.series = series;
    snapshot.gaps.extend(gaps);
}

/// The newest time the cluster wrote, which is close to when a dump was taken.
fn newest_time(snapshot: &Snapshot) -> Option<Timestamp> {
    let objects = &snapshot.objects;
    let events = objects.events.iter().flat_map(|event| {
        [
            event.last_timestamp.as_ref().map(|time| time.0),
            event.event_time.as_ref().map(|time| time.0),
            event
                .series
                .as_ref()
                .and_then(|series| series.last_observed_time.as_ref().map(|time| time.0)),
        ]
    });
    let heartbeats = objects.nodes.iter().flat_map(|node| {
        let conditions = node.status.iter().flat_map(|status| &status.conditions);
        conditions
            .flatten()
            .map(|condition| condition.last_heartbeat_time.as_ref().map(|time| time.0))
    });
    let written = objects.all().flat_map(|(_, meta)| {
        let managed = meta.managed_fields.iter().flatten();
        managed
            .map(|entry| entry.time.as_ref().map(|time| time.0))
            .chain([meta.creation_timestamp.as_ref().map(|time| time.0)])
    });
    events.chain(heartbeats).chain(written).flatten().max()
}
