//! Changes of nodes: cordons and taints, readiness, pressure, reboots.
//!
//! A reboot is told by the kubelet's event, and by the exporter's boot time
//! where the event is gone.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Node;

use super::authors::editor_of;
use crate::facts::workloads::object_ref;
use crate::facts::{Change, ChangeKind, EventFold};
use crate::object::ObjectRef;
use crate::snapshot::{Series, Snapshot};

const CORDON: &str = "node.kubernetes.io/unschedulable";
const JOINED: &str = "joined the cluster";

pub(super) fn find(snapshot: &Snapshot, events: &[EventFold], changes: &mut Vec<Change>) {
    for node in &snapshot.objects.nodes {
        let object = object_ref("Node", &node.metadata);
        cordon(node, &object, changes);
        taints(node, &object, changes);
        conditions(node, &object, changes);
        changes.extend(
            node.metadata
                .creation_timestamp
                .as_ref()
                .map(|created| change(created.0, &object, ChangeKind::Node, JOINED.to_owned())),
        );
    }
    let spoken = events.iter().filter(|fold| fold.object.kind == "Node");
    changes.extend(spoken.filter_map(|fold| {
        let what = match fold.reason.as_str() {
            "Rebooted" => "rebooted",
            "NodeSchedulable" => "was uncordoned",
            _ => return None,
        };
        let object = ObjectRef::cluster("Node", &fold.object.name);
        Some(change(
            fold.last?,
            &object,
            ChangeKind::Node,
            what.to_owned(),
        ))
    }));
    boots(snapshot, changes);
}

/// An event of the kubelet follows the boot within this time.
const BOOT_SECONDS: i64 = 900;

/// Boots that the node exporter measured and no event tells of.
fn boots(snapshot: &Snapshot, changes: &mut Vec<Change>) {
    let measured = snapshot
        .series
        .iter()
        .filter(|series| series.name == "node_boot_time_seconds");
    for series in measured {
        let newest = series.samples.last().filter(|sample| sample.value > 0.0);
        let at = newest
            .and_then(|sample| SignedDuration::try_from_secs_f64(sample.value).ok())
            .and_then(|since| Timestamp::UNIX_EPOCH.checked_add(since).ok());
        let (Some(at), Some(object)) = (at, node_of(snapshot, series)) else {
            continue;
        };
        let told = changes.iter().any(|known| {
            known.object == object
                && known.what == "rebooted"
                && (known.at.as_second() - at.as_second()).abs() <= BOOT_SECONDS
        });
        let joined = changes
            .iter()
            .any(|known| known.object == object && known.what == JOINED && known.at >= at);
        if !told && !joined {
            changes.push(change(at, &object, ChangeKind::Node, "rebooted".to_owned()));
        }
    }
}

/// The node that an exporter's series names by name or address.
fn node_of(snapshot: &Snapshot, series: &Series) -> Option<ObjectRef> {
    let labels = ["node", "nodename", "instance"];
    let named = labels.iter().filter_map(|label| series.labels.get(*label));
    let hosts: Vec<&str> = named
        .map(|name| {
            name.rsplit_once(':')
                .map_or(name.as_str(), |(host, _)| host)
        })
        .map(|host| host.trim_start_matches('[').trim_end_matches(']'))
        .collect();
    let is_it = |node: &&Node| {
        let name = node.metadata.name.as_deref().unwrap_or_default();
        let status = node.status.as_ref();
        let mut addresses = status
            .into_iter()
            .flat_map(|status| status.addresses.iter().flatten());
        hosts.contains(&name) || addresses.any(|one| hosts.contains(&one.address.as_str()))
    };
    let node = snapshot.objects.nodes.iter().find(is_it)?;
    Some(object_ref("Node", &node.metadata))
}

fn change(at: Timestamp, object: &ObjectRef, kind: ChangeKind, what: String) -> Change {
    Change {
        at,
        kind,
        object: object.clone(),
        what,
        diff: Vec::new(),
        by: String::new(),
    }
}

fn cordon(node: &Node, object: &ObjectRef, changes: &mut Vec<Change>) {
    let Some(spec) = &node.spec else { return };
    if spec.unschedulable != Some(true) {
        return;
    }
    let editor = editor_of(&node.metadata, &["spec", "unschedulable"]);
    let tainted = spec
        .taints
        .iter()
        .flatten()
        .find(|taint| taint.key == CORDON);
    let at = tainted
        .and_then(|taint| taint.time_added.as_ref().map(|time| time.0))
        .or(editor.as_ref().map(|editor| editor.at));
    if let Some(at) = at {
        let mut cordon = change(at, object, ChangeKind::Node, "was cordoned".to_owned());
        cordon.by = editor.map(|editor| editor.manager).unwrap_or_default();
        changes.push(cordon);
    }
}

fn taints(node: &Node, object: &ObjectRef, changes: &mut Vec<Change>) {
    let taints = node
        .spec
        .iter()
        .filter_map(|spec| spec.taints.as_ref())
        .flatten();
    for taint in taints.filter(|taint| taint.key != CORDON) {
        let Some(at) = &taint.time_added else {
            continue;
        };
        let value = taint
            .value
            .as_ref()
            .map_or_else(String::new, |value| format!("={value}"));
        let what = format!("was tainted {}{value}:{}", taint.key, taint.effect);
        let kind = if is_set_by_itself(&taint.key) {
            ChangeKind::Condition
        } else {
            ChangeKind::Node
        };
        changes.push(change(at.0, object, kind, what));
    }
}

/// Whether the control plane sets a taint for a condition of the node. That a
/// node is out of service is said by hand.
fn is_set_by_itself(key: &str) -> bool {
    key.starts_with("node.kubernetes.io/") && key != "node.kubernetes.io/out-of-service"
}

fn conditions(node: &Node, object: &ObjectRef, changes: &mut Vec<Change>) {
    let conditions = node
        .status
        .iter()
        .filter_map(|status| status.conditions.as_ref())
        .flatten();
    for condition in conditions {
        let Some(at) = &condition.last_transition_time else {
            continue;
        };
        let ready = condition.type_ == "Ready";
        let what = match (ready, condition.status.as_str()) {
            (true, "True") => "became ready".to_owned(),
            (true, "False") => "became not ready".to_owned(),
            (true, _) => "stopped reporting".to_owned(),
            (false, "True") => format!("entered {}", condition.type_),
            _ => continue,
        };
        let mut change = change(at.0, object, ChangeKind::Condition, what);
        change.diff.extend(
            condition
                .message
                .clone()
                .filter(|message| !message.is_empty()),
        );
        changes.push(change);
    }
}
