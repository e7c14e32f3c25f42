//! Cells of nodes, namespaces, events, leases and storage.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Column, Printer, age, at, items, name, or_none, text};
use crate::world::Resource;

pub(super) fn printer(resource: &Resource) -> Option<Printer> {
    let (columns, cells): (&'static [Column], super::Cells) = match resource.plural {
        "nodes" => (NODE, node),
        "namespaces" => (NAMESPACE, namespace),
        "events" => (EVENT, event),
        "leases" => (LEASE, lease),
        "persistentvolumeclaims" => (CLAIM, claim),
        "persistentvolumes" => (VOLUME, volume),
        "storageclasses" => (STORAGE_CLASS, storage_class),
        _ => return None,
    };
    Some(Printer { columns, cells })
}

const NODE: &[Column] = &[
    Column("Name", "string", 0),
    Column("Status", "string", 0),
    Column("Roles", "string", 0),
    Column("Age", "string", 0),
    Column("Version", "string", 0),
    Column("Internal-IP", "string", 1),
    Column("External-IP", "string", 1),
    Column("OS-Image", "string", 1),
    Column("Kernel-Version", "string", 1),
    Column("Container-Runtime", "string", 1),
];

fn node(object: &Value, now: Timestamp) -> Vec<Value> {
    let ready = items(object, "/status/conditions")
        .find(|condition| text(condition, "/type") == "Ready")
        .map(|condition| text(condition, "/status"));
    let mut status = match ready {
        Some("True") => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    }
    .to_owned();
    if object.pointer("/spec/unschedulable") == Some(&json!(true)) {
        status.push_str(",SchedulingDisabled");
    }
    let address = |kind: &str| {
        let found = items(object, "/status/addresses").find(|one| text(one, "/type") == kind);
        or_none(found.map_or("", |one| text(one, "/address")))
    };
    let info = |field: &str| text(object, &format!("/status/nodeInfo/{field}")).to_owned();
    vec![
        name(object),
        json!(status),
        roles(object),
        super::age(object, now),
        json!(info("kubeletVersion")),
        address("InternalIP"),
        address("ExternalIP"),
        or_unknown(&info("osImage")),
        json!(match info("architecture").as_str() {
            "" => info("kernelVersion"),
            architecture => format!("{} ({architecture})", info("kernelVersion")),
        }),
        or_unknown(&info("containerRuntimeVersion")),
    ]
}

fn roles(object: &Value) -> Value {
    let labels = object
        .pointer("/metadata/labels")
        .and_then(Value::as_object);
    let mut roles: Vec<&str> = labels
        .into_iter()
        .flatten()
        .filter_map(|(label, _)| label.strip_prefix("node-role.kubernetes.io/"))
        .collect();
    roles.sort_unstable();
    or_none(&roles.join(","))
}

fn or_unknown(text: &str) -> Value {
    json!(if text.is_empty() { "<unknown>" } else { text })
}

const NAMESPACE: &[Column] = &[
    Column("Name", "string", 0),
    Column("Status", "string", 0),
    Column("Age", "string", 0),
];

fn namespace(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        at(object, "/status/phase"),
        super::age(object, now),
    ]
}

const EVENT: &[Column] = &[
    Column("Last Seen", "string", 0),
    Column("Type", "string", 0),
    Column("Reason", "string", 0),
    Column("Object", "string", 0),
    Column("Subobject", "string", 1),
    Column("Source", "string", 1),
    Column("Message", "string", 0),
    Column("First Seen", "string", 1),
    Column("Count", "string", 1),
    Column("Name", "string", 1),
];

/// Reads both forms of events.
fn event(object: &Value, now: Timestamp) -> Vec<Value> {
    let either = |core: &str, other: &str| match text(object, core) {
        "" => text(object, other).to_owned(),
        found => found.to_owned(),
    };
    let about = if object.get("regarding").is_some() {
        "/regarding"
    } else {
        "/involvedObject"
    };
    let part = |field: &str| text(object, &format!("{about}/{field}"));
    let event_time = text(object, "/eventTime");
    let or_event_time = |time: String| {
        if time.is_empty() {
            event_time.to_owned()
        } else {
            time
        }
    };
    let first = or_event_time(either("/firstTimestamp", "/deprecatedFirstTimestamp"));
    let series_last = text(object, "/series/lastObservedTime");
    let last = match either("/lastTimestamp", "/deprecatedLastTimestamp") {
        time if !time.is_empty() => time,
        _ if !series_last.is_empty() => series_last.to_owned(),
        _ => first.clone(),
    };
    let count = ["/count", "/deprecatedCount", "/series/count"]
        .into_iter()
        .find_map(|pointer| object.pointer(pointer)?.as_i64())
        .unwrap_or(1);
    vec![
        json!(age::since(&last, now)),
        at(object, "/type"),
        at(object, "/reason"),
        json!(format!("{}/{}", part("kind").to_lowercase(), part("name"))),
        json!(part("fieldPath")),
        json!(source(object)),
        json!(either("/message", "/note").trim()),
        json!(age::since(&first, now)),
        json!(count),
        name(object),
    ]
}

fn source(object: &Value) -> String {
    let first_of = |pointers: &[&str]| {
        let found = pointers.iter().map(|pointer| text(object, pointer));
        found
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    };
    let component = first_of(&[
        "/source/component",
        "/deprecatedSource/component",
        "/reportingComponent",
        "/reportingController",
    ]);
    let host = first_of(&[
        "/source/host",
        "/deprecatedSource/host",
        "/reportingInstance",
    ]);
    if host.is_empty() {
        component.to_owned()
    } else {
        format!("{component}, {host}")
    }
}

const LEASE: &[Column] = &[
    Column("Name", "string", 0),
    Column("Holder", "string", 0),
    Column("Age", "string", 0),
];

fn lease(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        json!(text(object, "/spec/holderIdentity")),
        super::age(object, now),
    ]
}

const CLAIM: &[Column] = &[
    Column("Name", "string", 0),
    Column("Status", "string", 0),
    Column("Volume", "string", 0),
    Column("Capacity", "string", 0),
    Column("Access Modes", "string", 0),
    Column("StorageClass", "string", 0),
    Column("VolumeAttributesClass", "string", 0),
    Column("Age", "string", 0),
    Column("VolumeMode", "string", 1),
];

fn claim(object: &Value, now: Timestamp) -> Vec<Value> {
    let bound = !text(object, "/spec/volumeName").is_empty();
    let modes = if bound {
        access_modes(object, "/status/accessModes")
    } else {
        String::new()
    };
    let capacity = if bound {
        text(object, "/status/capacity/storage")
    } else {
        ""
    };
    vec![
        name(object),
        at(object, "/status/phase"),
        json!(text(object, "/spec/volumeName")),
        json!(capacity),
        json!(modes),
        json!(text(object, "/spec/storageClassName")),
        or_unset(text(object, "/spec/volumeAttributesClassName")),
        super::age(object, now),
        or_unset(text(object, "/spec/volumeMode")),
    ]
}

const VOLUME: &[Column] = &[
    Column("Name", "string", 0),
    Column("Capacity", "string", 0),
    Column("Access Modes", "string", 0),
    Column("Reclaim Policy", "string", 0),
    Column("Status", "string", 0),
    Column("Claim", "string", 0),
    Column("StorageClass", "string", 0),
    Column("VolumeAttributesClass", "string", 0),
    Column("Reason", "string", 0),
    Column("Age", "string", 0),
    Column("VolumeMode", "string", 1),
];

fn volume(object: &Value, now: Timestamp) -> Vec<Value> {
    let claim = match text(object, "/spec/claimRef/name") {
        "" => String::new(),
        claim => format!("{}/{claim}", text(object, "/spec/claimRef/namespace")),
    };
    vec![
        name(object),
        json!(text(object, "/spec/capacity/storage")),
        json!(access_modes(object, "/spec/accessModes")),
        json!(text(object, "/spec/persistentVolumeReclaimPolicy")),
        json!(text(object, "/status/phase")),
        json!(claim),
        json!(text(object, "/spec/storageClassName")),
        or_unset(text(object, "/spec/volumeAttributesClassName")),
        json!(text(object, "/status/reason")),
        super::age(object, now),
        or_unset(text(object, "/spec/volumeMode")),
    ]
}

fn or_unset(text: &str) -> Value {
    json!(if text.is_empty() { "<unset>" } else { text })
}

fn access_modes(object: &Value, pointer: &str) -> String {
    let modes: Vec<&str> = items(object, pointer)
        .filter_map(Value::as_str)
        .map(|mode| match mode {
            "ReadWriteOnce" => "RWO",
            "ReadOnlyMany" => "ROX",
            "ReadWriteMany" => "RWX",
            "ReadWriteOncePod" => "RWOP",
            other => other,
        })
        .collect();
    modes.join(",")
}

const STORAGE_CLASS: &[Column] = &[
    Column("Name", "string", 0),
    Column("Provisioner", "string", 0),
    Column("ReclaimPolicy", "string", 0),
    Column("VolumeBindingMode", "string", 0),
    Column("AllowVolumeExpansion", "string", 0),
    Column("Age", "string", 0),
];

fn storage_class(object: &Value, now: Timestamp) -> Vec<Value> {
    let default = "/metadata/annotations/storageclass.kubernetes.io~1is-default-class";
    let shown = match text(object, default) {
        "true" => format!("{} (default)", text(object, "/metadata/name")),
        _ => text(object, "/metadata/name").to_owned(),
    };
    let or = |pointer, default: &str| match text(object, pointer) {
        "" => json!(default),
        found => json!(found),
    };
    vec![
        json!(shown),
        at(object, "/provisioner"),
        or("/reclaimPolicy", "Delete"),
        or("/volumeBindingMode", "Immediate"),
        json!(object.get("allowVolumeExpansion") == Some(&json!(true))),
        super::age(object, now),
    ]
}
