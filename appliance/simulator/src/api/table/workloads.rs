//! Cells of workloads and of what scales, guards and schedules them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Column, Printer, age, at, containers, items, name, number, or_none, selector, text};
use crate::world::Resource;

const CONTAINERS: &str = "/spec/template/spec/containers";

pub(super) fn printer(resource: &Resource) -> Option<Printer> {
    let (columns, cells): (&'static [Column], super::Cells) = match resource.plural {
        "deployments" => (DEPLOYMENT, deployment),
        "replicasets" => (REPLICA_SET, replica_set),
        "replicationcontrollers" => (REPLICA_SET, replication_controller),
        "statefulsets" => (STATEFUL_SET, stateful_set),
        "daemonsets" => (DAEMON_SET, daemon_set),
        "jobs" => (JOB, job),
        "cronjobs" => (CRON_JOB, cron_job),
        "horizontalpodautoscalers" => (AUTOSCALER, autoscaler),
        "poddisruptionbudgets" => (BUDGET, budget),
        "controllerrevisions" => (REVISION, revision),
        _ => return None,
    };
    Some(Printer { columns, cells })
}

const DEPLOYMENT: &[Column] = &[
    Column("Name", "string", 0),
    Column("Ready", "string", 0),
    Column("Up-to-date", "string", 0),
    Column("Available", "string", 0),
    Column("Age", "string", 0),
    Column("Containers", "string", 1),
    Column("Images", "string", 1),
    Column("Selector", "string", 1),
];

fn deployment(object: &Value, now: Timestamp) -> Vec<Value> {
    let [names, images] = containers(object, CONTAINERS);
    let ready = number(object, "/status/readyReplicas");
    let wanted = number(object, "/spec/replicas");
    vec![
        name(object),
        json!(format!("{ready}/{wanted}")),
        json!(number(object, "/status/updatedReplicas")),
        json!(number(object, "/status/availableReplicas")),
        super::age(object, now),
        names,
        images,
        selector(object, "/spec/selector"),
    ]
}

const REPLICA_SET: &[Column] = &[
    Column("Name", "string", 0),
    Column("Desired", "integer", 0),
    Column("Current", "integer", 0),
    Column("Ready", "integer", 0),
    Column("Age", "string", 0),
    Column("Containers", "string", 1),
    Column("Images", "string", 1),
    Column("Selector", "string", 1),
];

fn replica_set(object: &Value, now: Timestamp) -> Vec<Value> {
    replicas(object, now, selector(object, "/spec/selector"))
}

fn replication_controller(object: &Value, now: Timestamp) -> Vec<Value> {
    replicas(object, now, super::pairs(object.pointer("/spec/selector")))
}

fn replicas(object: &Value, now: Timestamp, selector: Value) -> Vec<Value> {
    let [names, images] = containers(object, CONTAINERS);
    vec![
        name(object),
        json!(number(object, "/spec/replicas")),
        json!(number(object, "/status/replicas")),
        json!(number(object, "/status/readyReplicas")),
        super::age(object, now),
        names,
        images,
        selector,
    ]
}

const STATEFUL_SET: &[Column] = &[
    Column("Name", "string", 0),
    Column("Ready", "string", 0),
    Column("Age", "string", 0),
    Column("Containers", "string", 1),
    Column("Images", "string", 1),
];

fn stateful_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let [names, images] = containers(object, CONTAINERS);
    let ready = number(object, "/status/readyReplicas");
    let wanted = number(object, "/spec/replicas");
    vec![
        name(object),
        json!(format!("{ready}/{wanted}")),
        super::age(object, now),
        names,
        images,
    ]
}

const DAEMON_SET: &[Column] = &[
    Column("Name", "string", 0),
    Column("Desired", "integer", 0),
    Column("Current", "integer", 0),
    Column("Ready", "integer", 0),
    Column("Up-to-date", "integer", 0),
    Column("Available", "integer", 0),
    Column("Node Selector", "string", 0),
    Column("Age", "string", 0),
    Column("Containers", "string", 1),
    Column("Images", "string", 1),
    Column("Selector", "string", 1),
];

fn daemon_set(object: &Value, now: Timestamp) -> Vec<Value> {
    let [names, images] = containers(object, CONTAINERS);
    vec![
        name(object),
        json!(number(object, "/status/desiredNumberScheduled")),
        json!(number(object, "/status/currentNumberScheduled")),
        json!(number(object, "/status/numberReady")),
        json!(number(object, "/status/updatedNumberScheduled")),
        json!(number(object, "/status/numberAvailable")),
        super::pairs(object.pointer("/spec/template/spec/nodeSelector")),
        super::age(object, now),
        names,
        images,
        selector(object, "/spec/selector"),
    ]
}

const JOB: &[Column] = &[
    Column("Name", "string", 0),
    Column("Status", "string", 0),
    Column("Completions", "string", 0),
    Column("Duration", "string", 0),
    Column("Age", "string", 0),
    Column("Containers", "string", 1),
    Column("Images", "string", 1),
    Column("Selector", "string", 1),
];

fn job(object: &Value, now: Timestamp) -> Vec<Value> {
    let [names, images] = containers(object, CONTAINERS);
    let done = number(object, "/status/succeeded");
    let completions = match object.pointer("/spec/completions").and_then(Value::as_i64) {
        Some(wanted) => format!("{done}/{wanted}"),
        None => format!("{done}/1"),
    };
    vec![
        name(object),
        json!(job_status(object)),
        json!(completions),
        json!(job_duration(object, now)),
        super::age(object, now),
        names,
        images,
        selector(object, "/spec/selector"),
    ]
}

fn job_status(object: &Value) -> &'static str {
    let holds = |kind: &str| {
        items(object, "/status/conditions").any(|condition| {
            text(condition, "/type") == kind && text(condition, "/status") == "True"
        })
    };
    if holds("Complete") {
        "Complete"
    } else if holds("Failed") {
        "Failed"
    } else if object.pointer("/metadata/deletionTimestamp").is_some() {
        "Terminating"
    } else if holds("Suspended") {
        "Suspended"
    } else if holds("FailureTarget") {
        "FailureTarget"
    } else if holds("SuccessCriteriaMet") {
        "SuccessCriteriaMet"
    } else {
        "Running"
    }
}

fn job_duration(object: &Value, now: Timestamp) -> String {
    let start = text(object, "/status/startTime");
    if start.is_empty() {
        return String::new();
    }
    let failed = items(object, "/status/conditions")
        .find(|condition| text(condition, "/type") == "Failed")
        .map(|condition| text(condition, "/lastTransitionTime"));
    let end = match text(object, "/status/completionTime") {
        "" => failed.unwrap_or_default(),
        end => end,
    };
    age::between(start, end).unwrap_or_else(|| age::since(start, now))
}

const CRON_JOB: &[Column] = &[
    Column("Name", "string", 0),
    Column("Schedule", "string", 0),
    Column("Timezone", "string", 0),
    Column("Suspend", "boolean", 0),
    Column("Active", "integer", 0),
    Column("Last Schedule", "string", 0),
    Column("Age", "string", 0),
    Column("Containers", "string", 1),
    Column("Images", "string", 1),
    Column("Selector", "string", 1),
];

fn cron_job(object: &Value, now: Timestamp) -> Vec<Value> {
    let [names, images] = containers(object, "/spec/jobTemplate/spec/template/spec/containers");
    let suspended = object.pointer("/spec/suspend") == Some(&json!(true));
    let last = match text(object, "/status/lastScheduleTime") {
        "" => "<none>".to_owned(),
        last => age::since(last, now),
    };
    vec![
        name(object),
        at(object, "/spec/schedule"),
        or_none(text(object, "/spec/timeZone")),
        // The server sends a capitalised text in spite of the column's type.
        json!(if suspended { "True" } else { "False" }),
        json!(items(object, "/status/active").count()),
        json!(last),
        super::age(object, now),
        names,
        images,
        selector(object, "/spec/jobTemplate/spec/selector"),
    ]
}

const AUTOSCALER: &[Column] = &[
    Column("Name", "string", 0),
    Column("Reference", "string", 0),
    Column("Targets", "string", 0),
    Column("MinPods", "string", 0),
    Column("MaxPods", "string", 0),
    Column("Replicas", "string", 0),
    Column("Age", "string", 0),
];

fn autoscaler(object: &Value, now: Timestamp) -> Vec<Value> {
    let kind = text(object, "/spec/scaleTargetRef/kind");
    let target = text(object, "/spec/scaleTargetRef/name");
    let minimum = object.pointer("/spec/minReplicas").map(Value::to_string);
    vec![
        name(object),
        json!(format!("{kind}/{target}")),
        json!(targets(object)),
        json!(minimum.unwrap_or_else(|| "<unset>".to_owned())),
        json!(number(object, "/spec/maxReplicas")),
        json!(number(object, "/status/currentReplicas")),
        super::age(object, now),
    ]
}

fn targets(object: &Value) -> String {
    let current: Vec<&Value> = items(object, "/status/currentMetrics").collect();
    let texts: Vec<String> = items(object, "/spec/metrics")
        .enumerate()
        .map(|(index, metric)| {
            let name = text(metric, "/resource/name");
            let wanted = metric.pointer("/resource/target/averageUtilization");
            let found = current
                .get(index)
                .and_then(|status| status.pointer("/resource/current/averageUtilization"));
            let found = found.map_or("<unknown>".to_owned(), |value| format!("{value}%"));
            match wanted {
                Some(wanted) => format!("{name}: {found}/{wanted}%"),
                None => format!(
                    "{name}: {found}/{}",
                    text(metric, "/resource/target/averageValue")
                ),
            }
        })
        .collect();
    if texts.is_empty() {
        "<none>".to_owned()
    } else {
        texts.join(", ")
    }
}

const BUDGET: &[Column] = &[
    Column("Name", "string", 0),
    Column("Min Available", "string", 0),
    Column("Max Unavailable", "string", 0),
    Column("Allowed Disruptions", "integer", 0),
    Column("Age", "string", 0),
];

fn budget(object: &Value, now: Timestamp) -> Vec<Value> {
    let limit = |pointer| match object.pointer(pointer) {
        Some(Value::String(text)) => json!(text),
        Some(number) => json!(number.to_string()),
        None => json!("N/A"),
    };
    vec![
        name(object),
        limit("/spec/minAvailable"),
        limit("/spec/maxUnavailable"),
        json!(number(object, "/status/disruptionsAllowed")),
        super::age(object, now),
    ]
}

const REVISION: &[Column] = &[
    Column("Name", "string", 0),
    Column("Controller", "string", 0),
    Column("Revision", "string", 0),
    Column("Age", "string", 0),
];

fn revision(object: &Value, now: Timestamp) -> Vec<Value> {
    let owner = items(object, "/metadata/ownerReferences").next();
    let owner = owner.map(|owner| {
        let kind = text(owner, "/kind").to_lowercase();
        format!("{kind}.apps/{}", text(owner, "/name"))
    });
    vec![
        name(object),
        json!(owner.unwrap_or_else(|| "<none>".to_owned())),
        at(object, "/revision"),
        super::age(object, now),
    ]
}
