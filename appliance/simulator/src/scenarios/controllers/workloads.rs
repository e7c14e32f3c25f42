//! Statuses of what runs pods: counts of their pods and how their rollouts go.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::site::Site;
use super::super::workload::condition;
use super::{count, is_active, is_ready, put_status, text};

/// Seconds a rollout may take before it counts as stuck.
const PROGRESS_DEADLINE: i64 = 600;

fn owned<'a>(pods: &'a [Value], owner: &'a Value) -> Vec<&'a Value> {
    let uid = &owner["metadata"]["uid"];
    pods.iter()
        .filter(|pod| is_active(pod) && pod["metadata"]["ownerReferences"][0]["uid"] == *uid)
        .collect()
}

pub(super) fn settle_replica_sets(site: &mut Site, pods: &[Value]) {
    for set in site.all("ReplicaSet") {
        let mine = owned(pods, &set);
        let ready = mine.iter().filter(|pod| is_ready(pod)).count();
        let mut status = set["status"].clone();
        status["replicas"] = json!(mine.len());
        status["observedGeneration"] = set
            .pointer("/metadata/generation")
            .cloned()
            .unwrap_or(json!(1));
        for (field, value) in [
            ("fullyLabeledReplicas", mine.len()),
            ("readyReplicas", ready),
            ("availableReplicas", ready),
        ] {
            set_or_remove(&mut status, field, value);
        }
        put_status(site, "ReplicaSet", set, status);
    }
}

/// Counters of zero are left out, as the API leaves them out.
fn set_or_remove(status: &mut Value, field: &str, value: usize) {
    if value > 0 {
        status[field] = json!(value);
    } else if let Some(fields) = status.as_object_mut() {
        fields.shift_remove(field);
    }
}

pub(super) fn settle_deployments(site: &mut Site) {
    let sets = site.all("ReplicaSet");
    for deployment in site.all("Deployment") {
        let uid = &deployment["metadata"]["uid"];
        let revision = text(
            &deployment,
            "/metadata/annotations/deployment.kubernetes.io~1revision",
        )
        .to_owned();
        let mine: Vec<&Value> = sets
            .iter()
            .filter(|set| set["metadata"]["ownerReferences"][0]["uid"] == *uid)
            .collect();
        let newest = mine.iter().find(|set| {
            text(
                set,
                "/metadata/annotations/deployment.kubernetes.io~1revision",
            ) == revision
        });
        let sum = |field: &str| {
            mine.iter()
                .map(|set| count(set, &format!("/status/{field}")))
                .sum::<i64>()
        };
        let wanted = count(&deployment, "/spec/replicas");
        let numbers = Numbers {
            wanted,
            replicas: sum("replicas"),
            updated: newest.map_or(0, |set| count(set, "/status/replicas")),
            updated_ready: newest.map_or(0, |set| count(set, "/status/readyReplicas")),
            ready: sum("readyReplicas"),
        };
        let set_name = newest.map_or(String::new(), |set| text(set, "/metadata/name").to_owned());
        let failure = newest.and_then(|set| set["status"]["conditions"][0].as_object().cloned());
        let status = deployment_status(
            site,
            &deployment,
            &numbers,
            &set_name,
            failure.map(Value::Object),
        );
        put_status(site, "Deployment", deployment, status);
    }
}

struct Numbers {
    wanted: i64,
    replicas: i64,
    updated: i64,
    updated_ready: i64,
    ready: i64,
}

fn deployment_status(
    site: &Site,
    deployment: &Value,
    numbers: &Numbers,
    set: &str,
    failure: Option<Value>,
) -> Value {
    let mut status = deployment["status"].clone();
    let fields = [
        ("replicas", numbers.replicas),
        ("updatedReplicas", numbers.updated),
        ("readyReplicas", numbers.ready),
        ("availableReplicas", numbers.ready),
        (
            "unavailableReplicas",
            (numbers.wanted.max(numbers.replicas) - numbers.ready).max(0),
        ),
    ];
    for (field, value) in fields {
        set_or_remove(&mut status, field, usize::try_from(value).unwrap_or(0));
    }
    let unobserved = site.unobserved.contains(text(deployment, "/metadata/name"));
    let generation = count(deployment, "/metadata/generation").max(1);
    status["observedGeneration"] = json!(generation - i64::from(unobserved));
    // 25 % rounded down may be missing, unless the deployment says a number.
    let may_miss = deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"]
        .as_i64()
        .unwrap_or(numbers.wanted / 4);
    let available = numbers.ready >= numbers.wanted - may_miss;
    let old = |kind: &str| {
        let conditions = deployment["status"]["conditions"].as_array();
        conditions
            .into_iter()
            .flatten()
            .find(|one| one["type"] == kind)
            .cloned()
    };
    let mut conditions = vec![available_condition(site, available, old("Available"))];
    conditions.push(progress_condition(
        site,
        deployment,
        numbers,
        set,
        old("Progressing"),
    ));
    if let Some(mut failure) = failure.filter(|one| one["type"] == "ReplicaFailure") {
        failure["lastUpdateTime"] = failure["lastTransitionTime"].clone();
        conditions.push(failure);
    }
    status["conditions"] = json!(conditions);
    status
}

fn available_condition(site: &Site, available: bool, old: Option<Value>) -> Value {
    let wanted = if available { "True" } else { "False" };
    if let Some(old) = old.filter(|old| old["status"] == wanted) {
        return old;
    }
    let at = site.fault_at + SignedDuration::from_secs(35);
    if available {
        condition(
            "Available",
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
            at,
        )
    } else {
        condition(
            "Available",
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
            at,
        )
    }
}

fn progress_condition(
    site: &Site,
    deployment: &Value,
    numbers: &Numbers,
    set: &str,
    old: Option<Value>,
) -> Value {
    let complete = numbers.updated >= numbers.wanted && numbers.updated_ready >= numbers.wanted;
    let was_complete = old
        .as_ref()
        .is_some_and(|old| old["reason"] == "NewReplicaSetAvailable");
    let rolled = site
        .rollouts
        .get(text(deployment, "/metadata/name"))
        .copied();
    let paused = deployment["spec"]["paused"] == json!(true);
    let Some(rolled) = rolled else {
        // No rollout since: a condition once true stays so when pods fail later.
        return match old {
            Some(mut old) if was_complete && text(&old, "/message").is_empty() => {
                old["message"] =
                    json!(format!("ReplicaSet \"{set}\" has successfully progressed."));
                old
            }
            Some(old) => old,
            None => condition(
                "Progressing",
                "True",
                "NewReplicaSetAvailable",
                "",
                site.fault_at,
            ),
        };
    };
    if paused {
        return condition(
            "Progressing",
            "Unknown",
            "DeploymentPaused",
            "Deployment is paused",
            rolled,
        );
    }
    if complete {
        let message = format!("ReplicaSet \"{set}\" has successfully progressed.");
        return condition(
            "Progressing",
            "True",
            "NewReplicaSetAvailable",
            &message,
            rolled + SignedDuration::from_secs(30),
        );
    }
    let deadline = rolled + SignedDuration::from_secs(PROGRESS_DEADLINE);
    if site.now >= deadline {
        let message = format!("ReplicaSet \"{set}\" has timed out progressing.");
        condition(
            "Progressing",
            "False",
            "ProgressDeadlineExceeded",
            &message,
            deadline,
        )
    } else {
        let message = format!("ReplicaSet \"{set}\" is progressing.");
        condition("Progressing", "True", "ReplicaSetUpdated", &message, rolled)
    }
}

pub(super) fn settle_others(site: &mut Site, pods: &[Value]) {
    for set in site.all("StatefulSet") {
        let mine = owned(pods, &set);
        let ready = mine.iter().filter(|pod| is_ready(pod)).count();
        let hash = mine
            .first()
            .map(|pod| pod["metadata"]["labels"]["controller-revision-hash"].clone())
            .unwrap_or_default();
        let mut status = json!({"observedGeneration": set["metadata"]["generation"], "replicas": mine.len(), "collisionCount": 0,
                                "currentRevision": hash, "updateRevision": hash, "currentReplicas": mine.len(), "updatedReplicas": mine.len()});
        set_or_remove(&mut status, "readyReplicas", ready);
        status["availableReplicas"] = json!(ready);
        put_status(site, "StatefulSet", set, status);
    }
    let nodes = site.names.nodes.len();
    for set in site.all("DaemonSet") {
        let mine = owned(pods, &set);
        let ready = mine.iter().filter(|pod| is_ready(pod)).count();
        let mut status = json!({"currentNumberScheduled": mine.len(), "numberMisscheduled": 0, "desiredNumberScheduled": nodes,
                                "numberReady": ready, "observedGeneration": set["metadata"]["generation"], "updatedNumberScheduled": mine.len()});
        set_or_remove(&mut status, "numberAvailable", ready);
        set_or_remove(
            &mut status,
            "numberUnavailable",
            nodes.saturating_sub(ready),
        );
        put_status(site, "DaemonSet", set, status);
    }
}
