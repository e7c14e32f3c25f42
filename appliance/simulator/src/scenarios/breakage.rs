//! What faults do to pods and rollouts, as kubelet, scheduler and controllers
//! show it. Recipes are made of these.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::site::{EventText, Seen, Site};
use super::workload::App;

/// Why a container does not run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exit<'a> {
    pub(crate) code: i64,
    pub(crate) reason: &'a str,
    pub(crate) restarts: i64,
    /// How long an instance lives, seconds.
    pub(crate) lives: i64,
}

/// A rollout under way: the new replica set and its pods.
pub(crate) struct Rollout {
    pub(crate) set: String,
    pub(crate) pods: Vec<String>,
}

impl Site {
    /// Sets when the fault began, that many seconds ago.
    pub(crate) fn fault(&mut self, seconds: i64) {
        self.fault_at = self.ago(seconds);
    }

    /// That many seconds after the fault, but not after now.
    pub(crate) fn after(&self, seconds: i64) -> Timestamp {
        (self.fault_at + SignedDuration::from_secs(seconds)).min(self.now)
    }

    /// Rolls out a changed template: a new replica set, surge pods for as many as the
    /// strategy allows while they are not ready.
    pub(crate) fn rollout(&mut self, app: &App, change: impl FnOnce(&mut Value)) -> Rollout {
        let namespace = self.namespace();
        let mut deployment = self.get("Deployment", &namespace, &app.name);
        let mut template = deployment["spec"]["template"].clone();
        change(&mut template);
        let key = "deployment.kubernetes.io/revision";
        let revision = deployment["metadata"]["annotations"][key]
            .as_str()
            .and_then(|text| text.parse::<i64>().ok())
            .unwrap_or(1)
            + 1;
        deployment["spec"]["template"] = template.clone();
        deployment["metadata"]["annotations"][key] = json!(revision.to_string());
        let generation = deployment["metadata"]["generation"].as_i64().unwrap_or(1) + 1;
        deployment["metadata"]["generation"] = json!(generation);
        deployment["metadata"]["managedFields"] = json!([{"manager": "kubectl-set", "operation": "Update", "apiVersion": "apps/v1",
            "time": self.fault_at.to_string(), "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:template": {}}}}]);
        self.put("Deployment", deployment);
        self.rollouts.insert(app.name.clone(), self.fault_at);
        let set = self.add_replica_set(app, &template, revision, 1, self.fault_at);
        self.scaled(app, &set, 0, 1, self.fault_at);
        let pod = self.create_pod(&set, self.fault_at);
        Rollout {
            set,
            pods: vec![pod],
        }
    }

    /// Records that a deployment scaled a replica set.
    pub(crate) fn scaled(&mut self, app: &App, set: &str, from: i64, to: i64, at: Timestamp) {
        let namespace = self.namespace();
        let direction = if to > from { "up" } else { "down" };
        let message = format!("Scaled {direction} replica set {set} from {from} to {to}");
        let text = EventText {
            kind: "Normal",
            reason: "ScalingReplicaSet",
            message: &message,
            from: "deployment-controller",
        };
        self.event(("Deployment", &namespace, &app.name), &text, Seen::once(at));
    }

    /// A new pod of a replica set, with the events of its creation.
    pub(crate) fn create_pod(&mut self, set: &str, at: Timestamp) -> String {
        let namespace = self.namespace();
        let pod = self.add_pod_of_set(set, at);
        let message = format!("Created pod: {pod}");
        let text = EventText {
            kind: "Normal",
            reason: "SuccessfulCreate",
            message: &message,
            from: "replicaset-controller",
        };
        self.event(("ReplicaSet", &namespace, set), &text, Seen::once(at));
        let node = self.get("Pod", &namespace, &pod)["spec"]["nodeName"].clone();
        let message = format!(
            "Successfully assigned {namespace}/{pod} to {}",
            node.as_str().unwrap_or_default()
        );
        self.scheduler_event(
            (&namespace, &pod),
            "Normal",
            "Scheduled",
            &message,
            Seen::once(at),
        );
        pod
    }

    /// Replaces all running pods of a deployment by new ones of the newest set, as after a
    /// finished rollout or a deletion.
    pub(crate) fn replace_pods(
        &mut self,
        app: &App,
        change: impl FnOnce(&mut Value),
    ) -> Vec<String> {
        let namespace = self.namespace();
        let old = self.pods_of(app);
        let rollout = self.rollout(app, change);
        let mut pods = rollout.pods;
        for pod in old {
            self.delete("Pod", &namespace, &pod);
        }
        for _ in 1..app.replicas {
            let at = self.after(20);
            pods.push(self.create_pod(&rollout.set, at));
        }
        for set in self.all("ReplicaSet") {
            let name = set["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let mine = set["metadata"]["ownerReferences"][0]["name"] == json!(app.name);
            if mine && set["metadata"]["namespace"] == json!(namespace) {
                let wanted = if name == rollout.set { app.replicas } else { 0 };
                self.edit("ReplicaSet", &namespace, &name, |set| {
                    set["spec"]["replicas"] = json!(wanted);
                });
            }
        }
        pods
    }

    /// A kubelet's event about a pod.
    pub(crate) fn kubelet(
        &mut self,
        pod: &str,
        kind: &str,
        reason: &str,
        message: &str,
        seen: Seen,
    ) {
        let namespace = self.namespace();
        let text = EventText {
            kind,
            reason,
            message,
            from: "kubelet",
        };
        self.event(("Pod", &namespace, pod), &text, seen);
    }

    /// Seen again and again from some seconds after the fault until shortly before now.
    pub(crate) fn repeatedly(&self, after: i64, count: i64) -> Seen {
        Seen {
            first: self.after(after),
            last: self.ago(25),
            count,
        }
    }

    /// The container waits and has never run.
    pub(crate) fn waits(&mut self, pod: &str, reason: &str, message: &str) {
        let at = self.after(1);
        self.change_status(pod, |status| {
            status["phase"] = json!("Pending");
            container_off(status, at);
            status["containerStatuses"][0]["state"] =
                json!({"waiting": {"reason": reason, "message": message}});
            status["containerStatuses"][0]["started"] = json!(false);
            status["containerStatuses"][0]["imageID"] = json!("");
            if let Some(fields) = status["containerStatuses"][0].as_object_mut() {
                fields.shift_remove("containerID");
            }
        });
        self.drop_logs(pod);
    }

    /// The kubelet cannot pull the image.
    pub(crate) fn pull_fails(&mut self, pod: &str, image: &str, error: &str) {
        let back_off = format!("Back-off pulling image \"{image}\": ErrImagePull: {error}");
        self.waits(pod, "ImagePullBackOff", &back_off);
        self.edit_pod(pod, |pod| {
            pod["status"]["containerStatuses"][0]["image"] = json!(image);
        });
        let tries = self.repeatedly(2, 5);
        self.kubelet(
            pod,
            "Normal",
            "Pulling",
            &format!("Pulling image \"{image}\""),
            tries,
        );
        self.kubelet(
            pod,
            "Warning",
            "Failed",
            &format!("Failed to pull image \"{image}\": {error}"),
            tries,
        );
        self.kubelet(pod, "Warning", "Failed", "Error: ErrImagePull", tries);
        let waiting = self.repeatedly(18, 31);
        self.kubelet(
            pod,
            "Normal",
            "BackOff",
            &format!("Back-off pulling image \"{image}\""),
            waiting,
        );
        self.kubelet(pod, "Warning", "Failed", "Error: ImagePullBackOff", waiting);
    }

    /// The container is started, ends, and is held back from starting again.
    pub(crate) fn crash_loops(&mut self, pod: &str, exit: Exit<'_>) {
        let finished = self.ago(70);
        let started = finished - SignedDuration::from_secs(exit.lives);
        let name = self.container_of(pod);
        let at = self.after(5);
        let namespace = self.namespace();
        let uid = self.get("Pod", &namespace, pod)["metadata"]["uid"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let message = format!(
            "back-off 5m0s restarting failed container={name} pod={pod}_{namespace}({uid})"
        );
        let ended = json!({"terminated": {"exitCode": exit.code, "reason": exit.reason, "startedAt": started.to_string(),
            "finishedAt": finished.to_string(), "containerID": format!("containerd://{}", self.rng.text("0123456789abcdef", 64))}});
        self.change_status(pod, |status| {
            container_off(status, at);
            let container = &mut status["containerStatuses"][0];
            container["state"] =
                json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}});
            container["lastState"] = ended;
            container["restartCount"] = json!(exit.restarts);
            container["started"] = json!(false);
        });
        self.move_log_to_previous(pod);
        let starts = Seen {
            first: self.after(3),
            last: finished - SignedDuration::from_secs(exit.lives),
            count: exit.restarts + 1,
        };
        self.kubelet(
            pod,
            "Normal",
            "Created",
            &format!("Created container: {name}"),
            starts,
        );
        self.kubelet(
            pod,
            "Normal",
            "Started",
            &format!("Started container {name}"),
            starts,
        );
        let held = self.repeatedly(15 + exit.lives, exit.restarts * 9);
        let text =
            format!("Back-off restarting failed container {name} in pod {pod}_{namespace}({uid})");
        self.kubelet(pod, "Warning", "BackOff", &text, held);
    }

    /// The log of a crashed instance: what it wrote is both the current and the previous log.
    fn move_log_to_previous(&mut self, pod: &str) {
        let namespace = self.namespace();
        self.world
            .retain_logs(|key| key.namespace != namespace || key.pod != pod);
    }

    /// Writes what a crashed instance wrote, for this instance and the one before.
    pub(crate) fn crash_log(&mut self, app: &App, pod: &str, lines: &[String]) {
        let at = self.ago(72);
        for (offset, previous) in [(0, false), (310, true)] {
            for (index, line) in lines.iter().enumerate() {
                let moment = at - SignedDuration::from_secs(offset)
                    + SignedDuration::from_millis(i64::try_from(index).unwrap_or(0) * 7);
                if previous {
                    self.previous_log(pod, &app.name, moment, line);
                } else {
                    self.log(pod, &app.name, moment, line);
                }
            }
        }
    }

    /// The container runs but its readiness probe fails.
    pub(crate) fn unready(&mut self, pod: &str, error: &str, since: Timestamp) {
        self.change_status(pod, |status| {
            status["containerStatuses"][0]["ready"] = json!(false);
            not_ready(status, since);
        });
        let seen = Seen {
            first: since,
            last: self.ago(4),
            count: (self.now.duration_since(since).as_secs() / 10).max(1),
        };
        self.kubelet(
            pod,
            "Warning",
            "Unhealthy",
            &format!("Readiness probe failed: {error}"),
            seen,
        );
    }

    /// The scheduler finds no node.
    pub(crate) fn unschedulable(&mut self, pod: &str, message: &str) {
        let namespace = self.namespace();
        let since = self.after(1);
        self.edit_pod(pod, |pod| {
            if let Some(spec) = pod["spec"].as_object_mut() {
                spec.shift_remove("nodeName");
            }
            pod["status"] = json!({"phase": "Pending", "qosClass": "Burstable",
                "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
                                "lastProbeTime": null, "lastTransitionTime": since.to_string()}]});
        });
        self.drop_logs(pod);
        self.forget_events(pod, "Scheduled");
        let count = (self.now.duration_since(since).as_secs() / 300).max(1);
        let seen = Seen {
            first: since,
            last: self.ago(40),
            count,
        };
        self.scheduler_event(
            (&namespace, pod),
            "Warning",
            "FailedScheduling",
            message,
            seen,
        );
    }

    /// The kubelet prepares the pod and cannot finish.
    pub(crate) fn stuck_creating(&mut self, pod: &str, reason: &str, message: &str, count: i64) {
        self.waits(pod, "ContainerCreating", "");
        self.edit_pod(pod, |pod| {
            pod["status"]["containerStatuses"][0]["state"] =
                json!({"waiting": {"reason": "ContainerCreating"}});
            if let Some(status) = pod["status"].as_object_mut() {
                status.shift_remove("podIP");
                status.shift_remove("podIPs");
            }
        });
        let seen = self.repeatedly(4, count);
        self.kubelet(pod, "Warning", reason, message, seen);
    }

    /// Lets the events of that reason about a pod vanish.
    pub(crate) fn forget_events(&mut self, object: &str, reason: &str) {
        let namespace = self.namespace();
        for event in self.all("Event") {
            if event["involvedObject"]["name"] == json!(object) && event["reason"] == json!(reason)
            {
                let name = event["metadata"]["name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                self.delete("Event", &namespace, &name);
            }
        }
    }

    pub(crate) fn edit_pod(&mut self, pod: &str, edit: impl FnOnce(&mut Value)) {
        let namespace = self.namespace();
        self.edit("Pod", &namespace, pod, edit);
    }

    fn change_status(&mut self, pod: &str, edit: impl FnOnce(&mut Value)) {
        self.edit_pod(pod, |pod| edit(&mut pod["status"]));
    }

    fn container_of(&self, pod: &str) -> String {
        let pod = self.get("Pod", &self.names.namespace, pod);
        pod["spec"]["containers"][0]["name"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    pub(crate) fn drop_logs(&mut self, pod: &str) {
        let namespace = self.namespace();
        self.world
            .retain_logs(|key| key.namespace != namespace || key.pod != pod);
    }

    /// The address of a pod.
    pub(crate) fn address_of(&self, pod: &str) -> String {
        let pod = self.get("Pod", &self.names.namespace, pod);
        pod["status"]["podIP"]
            .as_str()
            .unwrap_or("10.244.1.2")
            .to_owned()
    }

    /// Writes failures into the logs of a workload, from the fault until now.
    pub(crate) fn complain(&mut self, app: &App, message: &str, times: i64) {
        self.complain_at(app, super::log_lines::Level::Error, message, times);
    }

    /// The same at a given level.
    pub(crate) fn complain_at(
        &mut self,
        app: &App,
        level: super::log_lines::Level,
        message: &str,
        times: i64,
    ) {
        let span = self.now.duration_since(self.fault_at).as_secs().max(1);
        for pod in self.pods_of(app) {
            for index in 0..times {
                let jitter = self.rng.range(0, (span / times.max(1)).max(1));
                let at = self.after(index * span / times.max(1) + jitter);
                let line = app.runtime.line(level, at, message);
                self.log(&pod, &app.name, at, &line);
            }
        }
    }
}

fn container_off(status: &mut Value, at: Timestamp) {
    status["containerStatuses"][0]["ready"] = json!(false);
    not_ready(status, at);
}

/// Lets the Ready conditions of a pod's status say no.
pub(crate) fn not_ready(status: &mut Value, since: Timestamp) {
    let name = status["containerStatuses"][0]["name"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    for condition in status["conditions"].as_array_mut().into_iter().flatten() {
        if condition["type"] == "Ready" || condition["type"] == "ContainersReady" {
            condition["status"] = json!("False");
            condition["lastTransitionTime"] = json!(since.to_string());
            condition["reason"] = json!("ContainersNotReady");
            condition["message"] = json!(format!("containers with unready status: [{name}]"));
        }
    }
}
