//! Tells an alert's subject labels from those that only say who was scraped.
//!
//! kube-state-metrics and node-exporter speak of others: unless the scrape
//! honours their labels, `pod`, `namespace` and `service` are the exporter's
//! own and the subject's are renamed `exported_*`. `instance` of
//! kube-state-metrics is always its own.

use super::{Aliases, is_name};
use crate::alert::Alert;

/// An alert's labels, seen as naming a subject.
pub(super) struct View<'a> {
    alert: &'a Alert,
    aliases: &'a Aliases,
    exporter: Exporter,
    has_exported: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Exporter {
    KubeStateMetrics,
    Node,
    None,
}

/// Labels a scrape adds about its target.
const TARGET_LABELS: [&str; 5] = ["namespace", "pod", "service", "endpoint", "container"];

impl<'a> View<'a> {
    pub(super) fn new(alert: &'a Alert, aliases: &'a Aliases) -> Self {
        let scraped = |name: &str| {
            [alert.label("job"), alert.label("container")]
                .iter()
                .any(|v| v.contains(name))
        };
        let exporter = if scraped("kube-state-metrics") {
            Exporter::KubeStateMetrics
        } else if scraped("node-exporter") || scraped("node_exporter") {
            Exporter::Node
        } else {
            Exporter::None
        };
        Self {
            alert,
            aliases,
            exporter,
            has_exported: alert
                .labels
                .keys()
                .any(|name| name.starts_with("exported_")),
        }
    }

    /// The value of `label`, or of an alias, that names the subject.
    pub(super) fn subject_label(&self, label: &'a str) -> Option<&'a str> {
        self.aliases.of(label).find_map(|name| {
            let exported = self.exported(name);
            if !exported.is_empty() {
                return Some(exported);
            }
            let value = self.alert.label(name);
            (!value.is_empty() && !self.is_exporters_own(name, value)).then_some(value)
        })
    }

    /// The value of `exported_<name>`, or an empty string.
    fn exported(&self, name: &str) -> &'a str {
        if !self.has_exported {
            return "";
        }
        let mut labels = self.alert.labels.iter();
        labels
            .find(|(key, _)| key.strip_prefix("exported_") == Some(name))
            .map_or("", |(_, value)| value)
    }

    fn is_exporters_own(&self, name: &str, value: &str) -> bool {
        if !TARGET_LABELS.contains(&name) {
            return false;
        }
        match self.exporter {
            // With honoured labels `pod` is the subject's; then nothing is
            // exported, and it is not called after the exporter.
            Exporter::KubeStateMetrics => {
                let own_pod = self.alert.label("pod").contains("kube-state-metrics");
                self.has_exported || own_pod || value.contains("kube-state-metrics")
            }
            Exporter::Node => true,
            // `endpoint` is the port's name in a ServiceMonitor's labels.
            Exporter::None => name == "endpoint" && !self.alert.label("service").is_empty(),
        }
    }

    pub(super) fn namespace(&self) -> Option<&'a str> {
        self.subject_label("namespace").filter(|name| is_name(name))
    }

    /// A label that names a workload without telling its kind.
    pub(super) fn workload(&self, aliases: &'a Aliases) -> Option<(&'a str, &'a str)> {
        aliases.workload.iter().find_map(|label| {
            let value = self.subject_label(label)?;
            is_name(value).then_some((label.as_str(), value))
        })
    }

    /// The kind beside a `workload` label, as the mixin's recording rules give it.
    pub(super) fn workload_kind(&self) -> Option<&'static str> {
        let word = [
            self.alert.label("workload_type"),
            self.alert.label("owner_kind"),
        ]
        .into_iter()
        .find(|word| !word.is_empty())?;
        match word.to_ascii_lowercase().as_str() {
            "deployment" => Some("Deployment"),
            "statefulset" => Some("StatefulSet"),
            "daemonset" => Some("DaemonSet"),
            "job" => Some("Job"),
            "cronjob" => Some("CronJob"),
            "replicaset" => Some("ReplicaSet"),
            _ => None,
        }
    }

    /// Host part of `instance`, unless it is the exporter's own address.
    pub(super) fn instance_host(&self) -> Option<&'a str> {
        let instance = self.alert.label("instance");
        if instance.is_empty() || self.exporter == Exporter::KubeStateMetrics {
            return None;
        }
        if let Some(rest) = instance.strip_prefix('[') {
            return rest.split(']').next();
        }
        match instance.rsplit_once(':') {
            // More than one colon: an IPv6 address without a port.
            Some((host, _)) if !host.contains(':') => Some(host),
            _ => Some(instance),
        }
    }

    /// Whether `instance` is a machine by the nature of what was scraped.
    pub(super) fn is_about_nodes(&self) -> bool {
        self.exporter == Exporter::Node || self.alert.label("job") == "kubelet"
    }
}
