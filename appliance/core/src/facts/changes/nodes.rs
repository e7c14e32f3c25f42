//! Changes of nodes: cordons and taints, readiness, pressure, reboots.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;

use super::authors::editor_of;
use crate::facts::workloads::object_ref;
use crate::facts::{Change, ChangeKind, EventFold};
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

const CORDON: &str = "node.kubernetes.io/unschedulable";

pub(super) fn find(snapshot: &Snapshot, events: &[EventFold], changes: &mut Vec<Change>) {
    for node in &snapshot.objects.nodes {
        let object = object_ref("Node", &node.metadata);
        cordon(node, &object, changes);
        taints(node, &object, changes);
        conditions(node, &object, changes);
        changes.extend(node.metadata.creation_timestamp.as_ref().map(|created| {
            change(
                created.0,
                &object,
                ChangeKind::Node,
                "joined the cluster".to_owned(),
            )
        }));
    }
    let reboots = events
        .iter()
        .filter(|fold| fold.object.kind == "Node" && fold.reason == "Rebooted");
    changes.extend(reboots.filter_map(|fold| {
        let what = "rebooted".to_owned();
        Some(change(fold.last?, &fold.object, ChangeKind::Node, what))
    }));
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
        changes.push(change(at.0, object, ChangeKind::Node, what));
    }
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
        let mut change = change(at.0, object, ChangeKind::Node, what);
        change.diff.extend(
            condition
                .message
                .clone()
                .filter(|message| !message.is_empty()),
        );
        changes.push(change);
    }
}
