//! Cells of pods. The Status column is derived from everything a pod's status says.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Column, Printer, age, at, items, number, or_none, text};
use crate::world::Resource;

pub(super) fn printer(resource: &Resource) -> Option<Printer> {
    (resource.plural == "pods").then_some(Printer {
        columns: &[
            Column("Name", "string", 0),
            Column("Ready", "string", 0),
            Column("Status", "string", 0),
            Column("Restarts", "string", 0),
            Column("Age", "string", 0),
            Column("IP", "string", 1),
            Column("Node", "string", 1),
            Column("Nominated Node", "string", 1),
            Column("Readiness Gates", "string", 1),
        ],
        cells,
    })
}

fn cells(pod: &Value, now: Timestamp) -> Vec<Value> {
    let total = items(pod, "/spec/containers").count();
    let ready = items(pod, "/status/containerStatuses")
        .filter(|status| {
            status.get("ready") == Some(&json!(true)) && status.pointer("/state/running").is_some()
        })
        .count();
    let ip = items(pod, "/status/podIPs").next();
    let ip = ip.map_or(text(pod, "/status/podIP"), |ip| text(ip, "/ip"));
    vec![
        at(pod, "/metadata/name"),
        json!(format!("{ready}/{total}")),
        json!(status(pod)),
        json!(restarts(pod, now)),
        super::age(pod, now),
        or_none(ip),
        or_none(text(pod, "/spec/nodeName")),
        or_none(text(pod, "/status/nominatedNodeName")),
        readiness_gates(pod),
    ]
}

fn readiness_gates(pod: &Value) -> Value {
    let gates: Vec<&str> = items(pod, "/spec/readinessGates")
        .map(|gate| text(gate, "/conditionType"))
        .collect();
    if gates.is_empty() {
        return json!("<none>");
    }
    let met = gates
        .iter()
        .filter(|gate| condition(pod, gate).is_some_and(|status| status == "True"))
        .count();
    json!(format!("{met}/{}", gates.len()))
}

fn restarts(pod: &Value, now: Timestamp) -> String {
    let pointer = if initializing(pod).is_some() {
        "/status/initContainerStatuses"
    } else {
        "/status/containerStatuses"
    };
    let count: i64 = items(pod, pointer)
        .map(|status| number(status, "/restartCount"))
        .sum();
    let last = items(pod, pointer)
        .map(|status| text(status, "/lastState/terminated/finishedAt"))
        .max()
        .filter(|last| !last.is_empty());
    match last {
        Some(last) if count > 0 => format!("{count} ({} ago)", age::since(last, now)),
        _ => count.to_string(),
    }
}

/// The Status column.
pub(super) fn status(pod: &Value) -> String {
    let mut reason = text(pod, "/status/phase");
    let pod_reason = text(pod, "/status/reason");
    if !pod_reason.is_empty() {
        reason = pod_reason;
    }
    let gated = items(pod, "/status/conditions").any(|condition| {
        text(condition, "/type") == "PodScheduled"
            && text(condition, "/reason") == "SchedulingGated"
    });
    if gated {
        reason = "SchedulingGated";
    }
    let mut reason = reason.to_owned();
    if let Some(initial) = initializing(pod) {
        reason = initial;
    } else {
        if let Some(derived) = from_containers(pod) {
            reason = derived;
        }
        let running = items(pod, "/status/containerStatuses").any(|status| {
            status.get("ready") == Some(&json!(true)) && status.pointer("/state/running").is_some()
        });
        if reason == "Completed" && running {
            let ready = condition(pod, "Ready") == Some("True");
            let word = if ready { "Running" } else { "NotReady" };
            word.clone_into(&mut reason);
        }
    }
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        reason = if pod_reason == "NodeLost" {
            "Unknown".to_owned()
        } else {
            "Terminating".to_owned()
        };
    }
    reason
}

/// What the first unfinished init container says, if there is one.
fn initializing(pod: &Value) -> Option<String> {
    let statuses: Vec<&Value> = items(pod, "/status/initContainerStatuses").collect();
    let total = items(pod, "/spec/initContainers").count();
    for (index, status) in statuses.iter().enumerate() {
        let sidecar = is_sidecar(pod, text(status, "/name"));
        if status.pointer("/state/terminated").is_some()
            && number(status, "/state/terminated/exitCode") == 0
            || sidecar && status.get("started") == Some(&json!(true))
        {
            continue;
        }
        let waiting = text(status, "/state/waiting/reason");
        return Some(if status.pointer("/state/terminated").is_some() {
            format!("Init:{}", terminated(status))
        } else if !waiting.is_empty() && waiting != "PodInitializing" {
            format!("Init:{waiting}")
        } else {
            format!("Init:{index}/{total}")
        });
    }
    None
}

fn is_sidecar(pod: &Value, name: &str) -> bool {
    items(pod, "/spec/initContainers").any(|container| {
        text(container, "/name") == name && text(container, "/restartPolicy") == "Always"
    })
}

/// The reason of the first container that has one: later ones are looked at first.
fn from_containers(pod: &Value) -> Option<String> {
    let statuses: Vec<&Value> = items(pod, "/status/containerStatuses").collect();
    let mut reason = None;
    for status in statuses.iter().rev() {
        let waiting = text(status, "/state/waiting/reason");
        if !waiting.is_empty() {
            reason = Some(waiting.to_owned());
        } else if status.pointer("/state/terminated").is_some() {
            reason = Some(terminated(status));
        }
    }
    reason
}

fn terminated(status: &Value) -> String {
    let reason = text(status, "/state/terminated/reason");
    let signal = number(status, "/state/terminated/signal");
    if !reason.is_empty() {
        reason.to_owned()
    } else if signal != 0 {
        format!("Signal:{signal}")
    } else {
        format!("ExitCode:{}", number(status, "/state/terminated/exitCode"))
    }
}

fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a str> {
    items(pod, "/status/conditions")
        .find(|condition| text(condition, "/type") == kind)
        .map(|condition| text(condition, "/status"))
}
