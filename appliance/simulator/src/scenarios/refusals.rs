//! Pods that controllers may not create, and small changes of pods that many
//! recipes share.

use jiff::Timestamp;
use serde_json::json;

use super::breakage::{Rollout, not_ready};
use super::site::{EventText, Site};
use super::workload::condition;

impl Site {
    /// A replica set may not create its pods: the API server forbids them.
    pub(crate) fn cannot_create(&mut self, set: &str, error: &str) {
        let full = format!(
            "pods \"{set}-{}\" is forbidden: {error}",
            self.rng.suffix(5)
        );
        self.refuse(set, &full);
    }

    /// A replica set's pods are refused in these words.
    pub(crate) fn refuse(&mut self, set: &str, full: &str) {
        let namespace = self.namespace();
        let since = self.after(1);
        let failure = condition("ReplicaFailure", "True", "FailedCreate", full, since);
        self.edit("ReplicaSet", &namespace, set, |set| {
            set["status"]["conditions"] = json!([{"type": failure["type"], "status": "True", "reason": "FailedCreate",
                "message": failure["message"], "lastTransitionTime": failure["lastTransitionTime"]}]);
        });
        let text = format!("Error creating: {full}");
        let text = EventText {
            kind: "Warning",
            reason: "FailedCreate",
            message: &text,
            from: "replicaset-controller",
        };
        let seen = self.repeatedly(1, 14);
        self.event(("ReplicaSet", &namespace, set), &text, seen);
    }

    /// Lets a pod of a rollout vanish that never came to be, with its events.
    pub(crate) fn never_created(&mut self, rollout: &Rollout) {
        let namespace = self.namespace();
        for pod in &rollout.pods {
            self.delete("Pod", &namespace, pod);
            self.forget_events(pod, "Scheduled");
            let needle = format!("Created pod: {pod}");
            for event in self.all("Event") {
                if event["message"] == json!(needle) {
                    let name = event["metadata"]["name"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned();
                    self.delete("Event", &namespace, &name);
                }
            }
        }
    }

    /// The pod's Ready condition no longer holds.
    pub(crate) fn not_ready(&mut self, pod: &str, since: Timestamp) {
        self.edit_pod(pod, |pod| not_ready(&mut pod["status"], since));
    }
}
