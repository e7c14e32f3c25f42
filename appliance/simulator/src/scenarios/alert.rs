//! Alerts as Alertmanager sends them, named as kube-prometheus names them.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::site::Site;

/// An alert a scenario fires.
pub(crate) struct Alert {
    name: &'static str,
    severity: &'static str,
    labels: Vec<(&'static str, String)>,
    summary: String,
    description: String,
    /// How long the rule's expression holds before it fires, seconds.
    pending: i64,
}

impl Alert {
    /// An alert of any rule; `pending` is the rule's `for` in seconds.
    pub(crate) fn new(
        name: &'static str,
        severity: &'static str,
        pending: i64,
        summary: &str,
        description: impl Into<String>,
    ) -> Self {
        Self {
            name,
            severity,
            labels: Vec::new(),
            summary: summary.to_owned(),
            description: description.into(),
            pending,
        }
    }

    /// The same with one more label.
    pub(crate) fn label(mut self, name: &'static str, value: &str) -> Self {
        self.labels.push((name, value.to_owned()));
        self
    }

    fn by_kube_state_metrics(self, namespace: &str) -> Self {
        self.label("namespace", namespace)
            .label("job", "kube-state-metrics")
            .label("container", "kube-rbac-proxy-main")
            .label("instance", "10.244.1.4:8443")
    }

    pub(crate) fn crash_looping(namespace: &str, pod: &str, container: &str) -> Self {
        let description = format!(
            "Pod {namespace}/{pod} ({container}) is in waiting state (reason: \"CrashLoopBackOff\") on cluster ."
        );
        Self::new(
            "KubePodCrashLooping",
            "warning",
            900,
            "Pod is crash looping.",
            description,
        )
        .label("namespace", namespace)
        .label("pod", pod)
        .label("container", container)
        .label("reason", "CrashLoopBackOff")
        .label("job", "kube-state-metrics")
    }

    pub(crate) fn pod_not_ready(namespace: &str, pod: &str) -> Self {
        let description = format!(
            "Pod {namespace}/{pod} has been in a non-ready state for longer than 15 minutes on cluster ."
        );
        Self::new(
            "KubePodNotReady",
            "warning",
            900,
            "Pod has been in a non-ready state for more than 15 minutes.",
            description,
        )
        .label("namespace", namespace)
        .label("pod", pod)
    }

    /// A rule about one object, which `label` names.
    pub(crate) fn about(
        name: &'static str,
        summary: &str,
        namespace: &str,
        label: &'static str,
        object: &str,
    ) -> Self {
        let description = format!("{label} {object} in namespace {namespace}: {summary}");
        Self::new(name, "warning", 900, summary, description)
            .label("namespace", namespace)
            .label(label, object)
    }

    /// The alert that always fires.
    pub(crate) fn watchdog() -> Self {
        let description =
            "This is an alert meant to ensure that the entire alerting pipeline is functional.";
        let summary = "An alert that should always be firing.";
        Self::new("Watchdog", "none", 0, summary, description.to_owned())
    }

    pub(crate) fn replicas_mismatch(namespace: &str, deployment: &str) -> Self {
        let description = format!(
            "Deployment {namespace}/{deployment} has not matched the expected number of replicas for longer than 15 minutes on cluster ."
        );
        Self::new(
            "KubeDeploymentReplicasMismatch",
            "warning",
            900,
            "Deployment has not matched the expected number of replicas.",
            description,
        )
        .by_kube_state_metrics(namespace)
        .label("deployment", deployment)
    }

    pub(crate) fn rollout_stuck(namespace: &str, deployment: &str) -> Self {
        let description = format!(
            "Rollout of deployment {namespace}/{deployment} is not progressing for longer than 15 minutes on cluster ."
        );
        Self::new(
            "KubeDeploymentRolloutStuck",
            "warning",
            900,
            "Deployment rollout is not progressing.",
            description,
        )
        .by_kube_state_metrics(namespace)
        .label("deployment", deployment)
    }

    pub(crate) fn stateful_set_mismatch(namespace: &str, set: &str) -> Self {
        let description = format!(
            "StatefulSet {namespace}/{set} has not matched the expected number of replicas for longer than 15 minutes on cluster ."
        );
        Self::new(
            "KubeStatefulSetReplicasMismatch",
            "warning",
            900,
            "StatefulSet has not matched the expected number of replicas.",
            description,
        )
        .by_kube_state_metrics(namespace)
        .label("statefulset", set)
    }

    pub(crate) fn node(name: &'static str, node: &str, summary: &str) -> Self {
        let description = format!("{node} has been unready for more than 15 minutes on cluster .");
        Self::new(name, "warning", 900, summary, description)
            .label("node", node)
            .label("job", "kube-state-metrics")
    }

    /// A rule of the node exporter's mixin; `instance` names the machine by its address.
    pub(crate) fn machine(name: &'static str, address: &str, summary: &str) -> Self {
        let description = format!("{summary} Instance {address}:9100.");
        Self::new(name, "warning", 300, summary, description)
            .label("instance", &format!("{address}:9100"))
            .label("job", "node-exporter")
            .label("namespace", "monitoring")
            .label("container", "node-exporter")
    }

    pub(crate) fn throttling(namespace: &str, pod: &str, container: &str, percent: i64) -> Self {
        let description = format!(
            "{percent}% throttling of CPU in namespace {namespace} for container {container} in pod {pod} on cluster ."
        );
        Self::new(
            "CPUThrottlingHigh",
            "info",
            900,
            "Processes experience elevated CPU throttling.",
            description,
        )
        .label("namespace", namespace)
        .label("pod", pod)
        .label("container", container)
    }

    pub(crate) fn volume_filling(namespace: &str, claim: &str) -> Self {
        let description = format!(
            "The PersistentVolume claimed by {claim} in Namespace {namespace} is only 0.4% free."
        );
        Self::new(
            "KubePersistentVolumeFillingUp",
            "critical",
            60,
            "PersistentVolume is filling up.",
            description,
        )
        .label("namespace", namespace)
        .label("persistentvolumeclaim", claim)
        .label("job", "kubelet")
    }

    /// A site's own rule on the share of failing requests of a service.
    pub(crate) fn errors(namespace: &str, service: &str) -> Self {
        let description = format!("More than 5% of requests to {service} fail.");
        Self::new(
            "HighErrorRate",
            "critical",
            300,
            "A service answers with errors.",
            description,
        )
        .label("namespace", namespace)
        .label("service", service)
    }

    /// A site's own rule on the 95th percentile of request durations.
    pub(crate) fn slow(namespace: &str, service: &str) -> Self {
        let description =
            format!("The 95th percentile of request durations of {service} is above 1 s.");
        Self::new(
            "HighRequestLatency",
            "warning",
            300,
            "A service is slow.",
            description,
        )
        .label("namespace", namespace)
        .label("service", service)
    }

    /// A black-box probe of an address from outside.
    pub(crate) fn probe_failed(namespace: &str, ingress: &str, target: &str) -> Self {
        let description = format!("The probe of https://{target}/ has failed for 5 minutes.");
        Self::new(
            "ProbeFailed",
            "critical",
            300,
            "An address does not answer as expected.",
            description,
        )
        .label("namespace", namespace)
        .label("ingress", ingress)
        .label("target", target)
        .label("job", "blackbox")
    }

    /// The webhook body, version 4, with this alert alone.
    pub(crate) fn webhook(self, site: &Site) -> Value {
        let mut labels: Vec<(String, String)> = self
            .labels
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect();
        labels.push(("alertname".to_owned(), self.name.to_owned()));
        labels.push(("severity".to_owned(), self.severity.to_owned()));
        labels.push(("prometheus".to_owned(), "monitoring/k8s".to_owned()));
        labels.sort();
        let fingerprint = fingerprint(&labels);
        let object = |labels: &[(String, String)]| {
            Value::Object(
                labels
                    .iter()
                    .map(|(name, value)| (name.clone(), json!(value)))
                    .collect::<Map<_, _>>(),
            )
        };
        let group: Vec<(String, String)> = labels
            .iter()
            .filter(|(name, _)| name == "alertname" || name == "namespace")
            .cloned()
            .collect();
        let key: Vec<String> = group
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        let starts = (site.fault_at + SignedDuration::from_secs(self.pending + 30)).min(site.now);
        let annotations = json!({"description": self.description, "summary": self.summary,
            "runbook_url": format!("https://runbooks.{}/{}", site.names.domain, self.name.to_lowercase())});
        json!({
            "version": "4", "groupKey": format!("{{}}:{{{}}}", key.join(", ")), "truncatedAlerts": 0, "status": "firing",
            "receiver": "anchorite", "groupLabels": object(&group), "commonLabels": object(&labels),
            "commonAnnotations": annotations, "externalURL": format!("http://alertmanager.{}:9093", site.names.domain),
            "alerts": [{"status": "firing", "labels": object(&labels), "annotations": annotations, "startsAt": starts.to_string(),
                        "endsAt": "0001-01-01T00:00:00Z",
                        "generatorURL": format!("http://prometheus.{}:9090/graph?g0.expr=ALERTS", site.names.domain),
                        "fingerprint": fingerprint}],
        })
    }
}

/// Prometheus' fingerprint of sorted labels: FNV-1a of names and values, each
/// followed by the byte 255.
fn fingerprint(labels: &[(String, String)]) -> String {
    let mut hash: u64 = 14_695_981_039_346_656_037;
    let mut add = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211);
    for (name, value) in labels {
        name.bytes().for_each(&mut add);
        add(255);
        value.bytes().for_each(&mut add);
        add(255);
    }
    format!("{hash:016x}")
}
