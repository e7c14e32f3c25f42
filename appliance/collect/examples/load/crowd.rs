//! Many healthy workloads: objects, events, logs and series of each.

use std::error::Error;
use std::fmt::Write as _;

use appliance_core::snapshot::{ContainerLog, Sample, Series, Snapshot};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Pods of one workload.
const REPLICAS: usize = 20;
/// Workloads of one namespace.
const WORKLOADS: usize = 25;
/// Pods of one node.
const PER_NODE: usize = 100;
/// Pods whose logs were fetched.
const LOGGED: usize = 100;
/// Points of a series, a minute apart.
const POINTS: u32 = 60;

/// How many, and when.
pub(crate) struct Crowd {
    pub(crate) pods: usize,
    pub(crate) log_bytes: usize,
    pub(crate) now: Timestamp,
}

impl Crowd {
    /// Adds the crowd to `snapshot`.
    pub(crate) fn join(&self, snapshot: &mut Snapshot) -> Result<(), Box<dyn Error>> {
        let workloads: Vec<usize> = (0..self.pods.div_ceil(REPLICAS)).collect();
        for (place, members) in workloads.chunks(WORKLOADS).enumerate() {
            let namespace = format!("crowd-{place}");
            let list = |one: &dyn Fn(usize) -> Value| json!({"items": members.iter().map(|number| one(*number)).collect::<Vec<_>>()});
            let pods: Vec<Value> = members.iter().flat_map(|one| self.pods_of(*one)).collect();
            let events: Vec<Value> = members.iter().flat_map(|one| self.events(*one)).collect();
            for (kind, list) in [
                ("Deployment", list(&|one| self.deployment(one))),
                ("ReplicaSet", list(&|one| self.replica_set(one))),
                ("Service", list(&|one| service(one))),
                ("EndpointSlice", list(&slice)),
                ("ConfigMap", list(&|one| settings(one))),
                ("Pod", json!({"items": pods})),
                ("Event", json!({"items": events})),
            ] {
                snapshot.insert_list(kind, &namespace, list)?;
            }
        }
        let nodes = (0..self.pods.div_ceil(PER_NODE)).map(|one| self.node(one));
        snapshot.insert_list("Node", "", json!({"items": nodes.collect::<Vec<_>>()}))?;
        for number in 0..self.pods.min(LOGGED) {
            snapshot.insert_log(self.log(number));
        }
        for number in 0..self.pods {
            snapshot.series.extend(self.series(number));
        }
        Ok(())
    }

    /// `minutes` before the capture.
    fn ago(&self, minutes: usize) -> String {
        let minutes = i64::try_from(minutes).unwrap_or_default();
        (self.now - SignedDuration::from_mins(minutes)).to_string()
    }

    fn deployment(&self, number: usize) -> Value {
        json!({
            "metadata": {"name": name(number), "generation": 1, "creationTimestamp": self.ago(90_000),
                "annotations": {"deployment.kubernetes.io/revision": "1"}},
            "spec": {"replicas": REPLICAS, "selector": {"matchLabels": {"app": name(number)}},
                "template": {"metadata": {"labels": {"app": name(number)}}, "spec": spec(number)}},
            "status": {"observedGeneration": 1, "replicas": REPLICAS, "readyReplicas": REPLICAS,
                "updatedReplicas": REPLICAS, "availableReplicas": REPLICAS},
        })
    }

    fn replica_set(&self, number: usize) -> Value {
        json!({
            "metadata": {"name": format!("{}-6f89c99b76", name(number)), "creationTimestamp": self.ago(90_000),
                "ownerReferences": [{"kind": "Deployment", "name": name(number), "controller": true, "apiVersion": "apps/v1", "uid": name(number)}],
                "annotations": {"deployment.kubernetes.io/revision": "1"}},
            "spec": {"replicas": REPLICAS, "selector": {"matchLabels": {"app": name(number)}},
                "template": {"metadata": {"labels": {"app": name(number)}}, "spec": spec(number)}},
            "status": {"replicas": REPLICAS, "readyReplicas": REPLICAS},
        })
    }

    fn pods_of(&self, number: usize) -> impl Iterator<Item = Value> + '_ {
        (0..REPLICAS).map(move |replica| {
            let place = number * REPLICAS + replica;
            let mut spec = spec(number);
            spec["nodeName"] = json!(node_name(place / PER_NODE));
            json!({
                "metadata": {"name": pod_name(place), "uid": pod_name(place), "creationTimestamp": self.ago(90_000),
                    "labels": {"app": name(number), "pod-template-hash": "6f89c99b76"},
                    "ownerReferences": [{"kind": "ReplicaSet", "name": format!("{}-6f89c99b76", name(number)),
                        "controller": true, "apiVersion": "apps/v1", "uid": name(number)}]},
                "spec": spec,
                "status": {"phase": "Running", "podIP": ip(place),
                    "conditions": [{"type": "Ready", "status": "True"}, {"type": "PodScheduled", "status": "True"}],
                    "containerStatuses": [{"name": "main", "ready": true, "restartCount": 0, "image": "registry.example/crowd:1",
                        "imageID": "", "state": {"running": {"startedAt": self.ago(90_000)}}}]},
            })
        })
    }

    /// Of each workload's pods, one failed a probe a while ago and one was pulled anew.
    fn events(&self, number: usize) -> [Value; 2] {
        let event = |replica: usize, reason: &str, kind: &str, message: &str, minutes: usize| {
            let pod = pod_name(number * REPLICAS + replica);
            json!({
                "metadata": {"name": format!("{pod}.{reason}"), "creationTimestamp": self.ago(minutes)},
                "involvedObject": {"kind": "Pod", "namespace": format!("crowd-{}", number / WORKLOADS), "name": pod},
                "reason": reason, "type": kind, "message": message, "count": 1,
                "firstTimestamp": self.ago(minutes), "lastTimestamp": self.ago(minutes),
            })
        };
        let probe = "Readiness probe failed: HTTP probe failed with statuscode: 503";
        [
            event(1, "Unhealthy", "Warning", probe, 40),
            event(
                2,
                "Pulled",
                "Normal",
                "Container image already present on machine",
                30,
            ),
        ]
    }

    fn node(&self, number: usize) -> Value {
        json!({
            "metadata": {"name": node_name(number), "creationTimestamp": self.ago(400_000)},
            "spec": {},
            "status": {"addresses": [{"type": "InternalIP", "address": format!("192.168.{}.{}", number / 200, number % 200)}],
                "capacity": {"cpu": "64", "memory": "256Gi", "pods": "110"},
                "allocatable": {"cpu": "64", "memory": "256Gi", "pods": "110"},
                "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": self.ago(0)}]},
        })
    }

    fn log(&self, number: usize) -> ContainerLog {
        let most = self.log_bytes / self.pods.min(LOGGED);
        let mut text = String::with_capacity(most + 200);
        let mut line = 0;
        while text.len() < most {
            line += 1;
            let at = self.now - SignedDuration::from_millis(600_000 - line % 600_000);
            let level = if line % 50 == 0 { "warn" } else { "info" };
            // Half of the fleet writes JSON.
            let written = if number.is_multiple_of(2) {
                writeln!(
                    text,
                    "{at} level={level} worker={line} handled item {} of queue q{} in {} ms",
                    line * 7919 % 100_003,
                    line % 13,
                    line % 97
                )
            } else {
                writeln!(
                    text,
                    r#"{{"time":"{at}","level":"{level}","msg":"handled item {} of queue q{}","ms":{},"path":"/api/v1/items"}}"#,
                    line * 7919 % 100_003,
                    line % 13,
                    line % 97
                )
            };
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        }
        ContainerLog {
            namespace: format!("crowd-{}", number / REPLICAS / WORKLOADS),
            pod: pod_name(number),
            container: "main".to_owned(),
            previous: false,
            text,
            truncated: String::new(),
        }
    }

    /// Two series of each pod, and two of its Service from its first pod.
    fn series(&self, number: usize) -> Vec<Series> {
        let workload = number / REPLICAS;
        let namespace = format!("crowd-{}", workload / WORKLOADS);
        let one = |metric: &str, label: &str, value: &str, level: f64| Series {
            name: metric.to_owned(),
            labels: [("namespace", namespace.as_str()), (label, value)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            samples: (0..POINTS)
                .map(|point| Sample {
                    at: self.now.as_duration().as_secs_f64() - f64::from(60 * (POINTS - point)),
                    value: level * (1.0 + f64::from(point * 7 % 11) / 100.0),
                })
                .collect(),
        };
        let pod = pod_name(number);
        let mut series = vec![
            one("container_cpu_usage_cores", "pod", &pod, 0.2),
            one("container_memory_working_set_bytes", "pod", &pod, 2e8),
        ];
        if number.is_multiple_of(REPLICAS) {
            let service = name(workload);
            series.push(one("requests_per_second", "service", &service, 40.0));
            series.push(one(
                "request_duration_p95_seconds",
                "service",
                &service,
                0.05,
            ));
        }
        series
    }
}

fn name(number: usize) -> String {
    format!("crowd-app-{number}")
}

fn pod_name(place: usize) -> String {
    format!("{}-6f89c99b76-{:05}", name(place / REPLICAS), place)
}

fn node_name(number: usize) -> String {
    format!("crowd-node-{number}")
}

fn ip(place: usize) -> String {
    format!(
        "10.{}.{}.{}",
        place / 65_536,
        place / 256 % 256,
        place % 256
    )
}

fn spec(number: usize) -> Value {
    let next = format!("http://{}:80/api", name(number + 1));
    json!({"containers": [{"name": "main", "image": "registry.example/crowd:1",
        "env": [{"name": "NEXT_URL", "value": next}],
        "envFrom": [{"configMapRef": {"name": name(number)}}],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}}}]})
}

fn service(number: usize) -> Value {
    json!({
        "metadata": {"name": name(number)},
        "spec": {"selector": {"app": name(number)}, "clusterIP": format!("172.16.{}.{}", number / 200, number % 200),
            "ports": [{"port": 80, "targetPort": 8080}]},
    })
}

fn slice(number: usize) -> Value {
    let endpoint = |place: usize| json!({"addresses": [ip(place)], "conditions": {"ready": true}, "targetRef": {"kind": "Pod", "name": pod_name(place)}});
    let places = number * REPLICAS..(number + 1) * REPLICAS;
    json!({
        "metadata": {"name": format!("{}-x7k2p", name(number)), "labels": {"kubernetes.io/service-name": name(number)}},
        "addressType": "IPv4", "ports": [{"port": 8080}],
        "endpoints": places.map(endpoint).collect::<Vec<_>>(),
    })
}

fn settings(number: usize) -> Value {
    json!({
        "metadata": {"name": name(number)},
        "data": {"LOG_LEVEL": "info", "CACHE_HOST": format!("{}:80", name(number + 2))},
    })
}
