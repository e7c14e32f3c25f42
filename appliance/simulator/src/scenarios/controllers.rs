//! What controllers write: statuses, conditions, endpoints, quota usage.
//!
//! Run after a change, it makes every derived field follow from specs and pods,
//! so that recipes cannot leave a cluster that contradicts itself.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::site::Site;
use super::workload::condition;

/// Seconds a rollout may take before it counts as stuck.
const PROGRESS_DEADLINE: i64 = 600;

/// Brings every derived field up to date.
pub(crate) fn settle(site: &mut Site) {
    let pods = site.all("Pod");
    settle_replica_sets(site, &pods);
    settle_deployments(site);
    settle_others(site, &pods);
    settle_endpoints(site, &pods);
    settle_quotas(site, &pods);
    settle_budgets(site, &pods);
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn count(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// Whether the pod's Ready condition holds.
pub(crate) fn is_ready(pod: &Value) -> bool {
    let conditions = pod["status"]["conditions"].as_array();
    conditions
        .into_iter()
        .flatten()
        .any(|one| one["type"] == "Ready" && one["status"] == "True")
}

fn is_active(pod: &Value) -> bool {
    !matches!(text(pod, "/status/phase"), "Failed" | "Succeeded")
}

fn owned<'a>(pods: &'a [Value], owner: &'a Value) -> Vec<&'a Value> {
    let uid = &owner["metadata"]["uid"];
    pods.iter()
        .filter(|pod| is_active(pod) && pod["metadata"]["ownerReferences"][0]["uid"] == *uid)
        .collect()
}

fn settle_replica_sets(site: &mut Site, pods: &[Value]) {
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

fn put_status(site: &mut Site, kind: &str, mut object: Value, status: Value) {
    object["status"] = status;
    site.put(kind, object);
}

fn settle_deployments(site: &mut Site) {
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
    status["observedGeneration"] = deployment
        .pointer("/metadata/generation")
        .cloned()
        .unwrap_or(json!(1));
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

fn settle_others(site: &mut Site, pods: &[Value]) {
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

/// Endpoints and slices of every service that has a selector.
fn settle_endpoints(site: &mut Site, pods: &[Value]) {
    for service in site.all("Service") {
        let namespace = text(&service, "/metadata/namespace").to_owned();
        let name = text(&service, "/metadata/name").to_owned();
        let Some(selector) = service["spec"]["selector"].as_object() else {
            continue;
        };
        let chosen: Vec<&Value> = pods
            .iter()
            .filter(|pod| {
                pod["metadata"]["namespace"] == json!(namespace)
                    && is_active(pod)
                    && !text(pod, "/status/podIP").is_empty()
                    && selector
                        .iter()
                        .all(|(key, value)| pod["metadata"]["labels"][key] == *value)
            })
            .collect();
        put_endpoints(site, &service, &namespace, &name, &chosen);
    }
}

fn put_endpoints(site: &mut Site, service: &Value, namespace: &str, name: &str, chosen: &[&Value]) {
    let created = service["metadata"]["creationTimestamp"]
        .as_str()
        .and_then(|text| text.parse().ok())
        .unwrap_or(site.now);
    let ports: Vec<Value> = service["spec"]["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|port| json!({"name": port["name"], "port": port["targetPort"], "protocol": port["protocol"]}))
        .collect();
    let address = |pod: &Value| {
        json!({"ip": pod["status"]["podIP"], "nodeName": pod["spec"]["nodeName"],
        "targetRef": {"kind": "Pod", "namespace": namespace, "name": pod["metadata"]["name"], "uid": pod["metadata"]["uid"]}})
    };
    let part = |wanted: bool| -> Vec<Value> {
        chosen
            .iter()
            .filter(|pod| is_ready(pod) == wanted)
            .map(|pod| address(pod))
            .collect()
    };
    let (ready, unready) = (part(true), part(false));
    let mut subset = json!({"ports": ports});
    if !ready.is_empty() {
        subset["addresses"] = json!(ready);
    }
    if !unready.is_empty() {
        subset["notReadyAddresses"] = json!(unready);
    }
    let mut endpoints = site.get("Endpoints", namespace, name);
    if endpoints.is_null() {
        endpoints = json!({"metadata": site.meta(namespace, name, created)});
    }
    match (endpoints.as_object_mut(), chosen.is_empty()) {
        (Some(fields), true) => drop(fields.shift_remove("subsets")),
        (Some(fields), false) => drop(fields.insert("subsets".to_owned(), json!([subset]))),
        (None, _) => {}
    }
    site.put("Endpoints", endpoints);
    let old = site.all("EndpointSlice").into_iter().find(|slice| {
        slice["metadata"]["namespace"] == json!(namespace)
            && slice["metadata"]["labels"]["kubernetes.io/service-name"] == json!(name)
    });
    let meta = if let Some(old) = old {
        old["metadata"].clone()
    } else {
        let slice_name = format!("{name}-{}", site.rng.suffix(5));
        let mut meta = site.meta(namespace, &slice_name, created);
        meta["labels"] = json!({"kubernetes.io/service-name": name, "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io"});
        meta["ownerReferences"] = site.owner("Service", namespace, name);
        meta
    };
    let endpoints: Vec<Value> = chosen
        .iter()
        .map(|pod| {
            let ready = is_ready(pod);
            json!({"addresses": [pod["status"]["podIP"]], "conditions": {"ready": ready, "serving": ready, "terminating": false},
                   "nodeName": pod["spec"]["nodeName"], "targetRef": address(pod)["targetRef"]})
        })
        .collect();
    let ports = if chosen.is_empty() {
        json!([])
    } else {
        json!(ports)
    };
    site.put(
        "EndpointSlice",
        json!({"metadata": meta, "addressType": "IPv4", "endpoints": endpoints, "ports": ports}),
    );
}

/// Millicores or bytes of a quantity.
pub(crate) fn quantity(text: &str) -> i64 {
    let units: [(&str, i64); 7] = [
        ("Ki", 1 << 10),
        ("Mi", 1 << 20),
        ("Gi", 1 << 30),
        ("Ti", 1 << 40),
        ("m", 1),
        ("k", 1000),
        ("M", 1_000_000),
    ];
    for (unit, factor) in units {
        if let Some(number) = text.strip_suffix(unit) {
            return number.parse::<i64>().unwrap_or(0) * factor;
        }
    }
    text.parse::<i64>().unwrap_or(0)
}

fn settle_quotas(site: &mut Site, pods: &[Value]) {
    for quota in site.all("ResourceQuota") {
        let namespace = quota["metadata"]["namespace"].clone();
        let mine: Vec<&Value> = pods
            .iter()
            .filter(|pod| pod["metadata"]["namespace"] == namespace && is_active(pod))
            .collect();
        let hard = quota["spec"]["hard"].clone();
        let mut used = serde_json::Map::new();
        for (resource, _) in hard.as_object().into_iter().flatten() {
            used.insert(resource.clone(), json!(usage(resource, &mine)));
        }
        put_status(
            site,
            "ResourceQuota",
            quota,
            json!({"hard": hard, "used": used}),
        );
    }
}

/// How much of a quota's resource pods use, as a quantity.
fn usage(resource: &str, pods: &[&Value]) -> String {
    if resource == "pods" {
        return pods.len().to_string();
    }
    let Some((part, name)) = resource.split_once('.') else {
        return "0".to_owned();
    };
    let total: i64 = pods
        .iter()
        .flat_map(|pod| pod["spec"]["containers"].as_array().into_iter().flatten())
        .map(|container| container["resources"][part][name].as_str().unwrap_or("0"))
        .map(|text| {
            if name == "cpu" && !text.ends_with('m') {
                quantity(text) * 1000
            } else {
                quantity(text)
            }
        })
        .sum();
    if name == "cpu" {
        format!("{total}m")
    } else {
        format!("{}Mi", total >> 20)
    }
}

fn settle_budgets(site: &mut Site, pods: &[Value]) {
    for budget in site.all("PodDisruptionBudget") {
        let labels = budget["spec"]["selector"]["matchLabels"].clone();
        let mine: Vec<&Value> = pods
            .iter()
            .filter(|pod| {
                pod["metadata"]["namespace"] == budget["metadata"]["namespace"]
                    && labels
                        .as_object()
                        .into_iter()
                        .flatten()
                        .all(|(key, value)| pod["metadata"]["labels"][key] == *value)
            })
            .collect();
        let healthy = i64::try_from(mine.iter().filter(|pod| is_ready(pod)).count()).unwrap_or(0);
        let wanted = count(&budget, "/spec/minAvailable");
        let status = json!({"observedGeneration": 1, "currentHealthy": healthy, "desiredHealthy": wanted, "expectedPods": mine.len(),
                            "disruptionsAllowed": (healthy - wanted).max(0)});
        put_status(site, "PodDisruptionBudget", budget, status);
    }
}
