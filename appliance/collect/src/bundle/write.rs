//! From a snapshot to files.
//!
//! Writes the layout that reading expects. Names become paths only when they
//! are names a cluster can have, so that no object can write outside.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use appliance_core::redaction::{redact_object, redact_text};
use appliance_core::snapshot::{KINDS, Kind, Snapshot, openmetrics};
use serde_json::Value;

use super::BundleError;
use super::meta::{FORMAT, Meta, MetaGap};

/// Writes `snapshot` and the body of the notification that opened the incident
/// as a bundle into `directory`, which is made if it does not exist.
pub fn write(
    directory: &Path,
    snapshot: &Snapshot,
    alert_json: Option<&[u8]>,
) -> Result<(), BundleError> {
    each_file(snapshot, alert_json, &mut |path, bytes| {
        let path = directory.join(path);
        let parent = path.parent().unwrap_or(directory);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, bytes))
            .map_err(|source| BundleError::Write {
                path: path.clone(),
                source,
            })
    })
}

/// Writes the same as a .tar.zst archive into `to`. `name` is the directory
/// inside it. The archive depends on nothing but the arguments.
pub fn write_archive<W: Write>(
    to: W,
    name: &str,
    snapshot: &Snapshot,
    alert_json: Option<&[u8]>,
) -> Result<W, BundleError> {
    let name = checked(name)?;
    let failed = |source| BundleError::Write {
        path: PathBuf::from("archive"),
        source,
    };
    let encoder = zstd::Encoder::new(to, zstd::DEFAULT_COMPRESSION_LEVEL).map_err(failed)?;
    let mut archive = tar::Builder::new(encoder);
    let modified = u64::try_from(snapshot.captured_at.as_second()).unwrap_or(0);
    each_file(snapshot, alert_json, &mut |path, bytes| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(modified);
        archive
            .append_data(&mut header, format!("{name}/{path}"), bytes)
            .map_err(failed)
    })?;
    archive
        .into_inner()
        .and_then(zstd::Encoder::finish)
        .map_err(failed)
}

type Sink<'a> = &'a mut dyn FnMut(&str, &[u8]) -> Result<(), BundleError>;

fn each_file(
    snapshot: &Snapshot,
    alert_json: Option<&[u8]>,
    sink: Sink<'_>,
) -> Result<(), BundleError> {
    sink("bundle.json", &to_json(&meta_of(snapshot)))?;
    if let Some(body) = alert_json {
        sink("alert.json", &redacted_json(body))?;
    }
    for kind in KINDS.iter().filter(|kind| !kind.namespaced) {
        if let Some(list) = worth_writing(snapshot, kind, "") {
            sink(&format!("{}.json", kind.file), &to_json(&list))?;
        }
    }
    for namespace in namespaces(snapshot) {
        let namespace = checked(namespace)?;
        for kind in KINDS.iter().filter(|kind| kind.namespaced) {
            if let Some(list) = worth_writing(snapshot, kind, namespace) {
                sink(&format!("{namespace}/{}.json", kind.file), &to_json(&list))?;
            }
        }
    }
    for (path, text) in logs(snapshot)? {
        sink(&path, text.as_bytes())?;
    }
    if !snapshot.series.is_empty() {
        sink(
            "metrics.om",
            openmetrics::write(&snapshot.series).as_bytes(),
        )?;
    }
    Ok(())
}

/// The list of a kind; custom kinds only where there are objects, since most
/// clusters lack most of them.
fn worth_writing(snapshot: &Snapshot, kind: &Kind, namespace: &str) -> Option<Value> {
    let list = snapshot.objects.list(kind, namespace)?;
    let is_empty = list["items"].as_array().is_none_or(Vec::is_empty);
    (!kind.custom || !is_empty).then_some(list)
}

fn meta_of(snapshot: &Snapshot) -> Meta {
    Meta {
        format: FORMAT.to_owned(),
        captured_at: Some(snapshot.captured_at),
        cluster: snapshot.cluster.clone(),
        source: snapshot.source.clone(),
        gaps: snapshot
            .gaps
            .iter()
            .map(|gap| MetaGap {
                source: gap.source.clone(),
                detail: gap.detail.clone(),
            })
            .collect(),
    }
}

/// Every namespace that something was captured in.
fn namespaces(snapshot: &Snapshot) -> BTreeSet<&str> {
    let of_objects = snapshot
        .objects
        .all()
        .filter(|(kind, _)| kind.namespaced)
        .filter_map(|(_, meta)| meta.namespace.as_deref());
    let listed = snapshot
        .objects
        .namespaces
        .iter()
        .filter_map(|namespace| namespace.metadata.name.as_deref());
    let captured = snapshot.objects.captured_namespaces();
    of_objects
        .chain(listed)
        .chain(captured)
        .filter(|namespace| !namespace.is_empty())
        .collect()
}

fn logs(snapshot: &Snapshot) -> Result<BTreeMap<String, String>, BundleError> {
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for log in &snapshot.logs {
        let (namespace, pod) = (checked(&log.namespace)?, checked(&log.pod)?);
        let file = if log.previous {
            "previous-logs.txt"
        } else {
            "logs.txt"
        };
        let of = format!("container {} of pod {namespace}/{pod}", log.container);
        let text = redact_text(&log.text);
        let end = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        files
            .entry(format!("{namespace}/{pod}/{file}"))
            .or_default()
            .push_str(&format!(
                "==== START logs for {of} ====\n{text}{end}==== END logs for {of} ====\n"
            ));
    }
    Ok(files)
}

/// The name if it can stand in a path: what Kubernetes allows, and no `..`.
fn checked(name: &str) -> Result<&str, BundleError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let fits = !name.is_empty()
        && name.len() <= 253
        && name.chars().all(allowed)
        && name.chars().any(|c| c != '.');
    if fits {
        Ok(name)
    } else {
        Err(BundleError::Name {
            name: name.chars().take(64).collect(),
        })
    }
}

fn redacted_json(body: &[u8]) -> Vec<u8> {
    match serde_json::from_slice::<Value>(body) {
        Ok(mut body) => {
            redact_object(&mut body);
            to_json(&body)
        }
        Err(_) => redact_text(&String::from_utf8_lossy(body))
            .into_owned()
            .into_bytes(),
    }
}

fn to_json<T: serde::Serialize>(value: &T) -> Vec<u8> {
    // Maps with string keys and plain values always have a JSON form.
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}
