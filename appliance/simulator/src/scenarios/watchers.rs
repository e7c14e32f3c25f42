//! The monitoring itself: targets, servers, notifications, exporters, rules.

use serde_json::json;

use super::alert::Alert;
use super::names::Role;
use super::site::Site;
use super::{Expected, Params, ScenarioRun, run};

fn in_monitoring(causes: &'static [&'static str], kind: &'static str, name: &str) -> Expected {
    Expected::Cause(causes, (kind, "monitoring".to_owned(), name.to_owned()))
}

fn touch(site: &mut Site, kind: &str, name: &str) {
    let at = site.after(1).to_string();
    site.edit(kind, "monitoring", name, |object| {
        object["metadata"]["annotations"]["example.com/seen"] = json!(at);
    });
}

pub(super) fn scrape_port(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let namespace = site.namespace();
        let app = site.app(Role::Catalog);
        let label = site.names.label;
        let at = site.fault_at;
        let meta = site.meta(&namespace, &app.name, at);
        site.put(
            "ServiceMonitor",
            json!({"metadata": meta, "spec": {"selector": {"matchLabels": {label: app.name}},
            "endpoints": [{"port": "http-metrics", "path": "/metrics", "interval": "30s"}]}}),
        );
        let alert = Alert::new(
            "TargetDown",
            "warning",
            600,
            "One or more targets are unreachable.",
            format!(
                "100% of the {}/{} targets in {namespace} namespace are down.",
                app.name, app.name
            ),
        )
        .label("job", &app.name)
        .label("namespace", &namespace)
        .label("service", &app.name);
        (
            alert,
            Expected::Cause(
                &["ScrapeTargetDown"],
                ("ServiceMonitor", namespace, app.name),
            ),
        )
    })
}

pub(super) fn prometheus_disk(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        touch(site, "StatefulSet", "prometheus-k8s");
        site.part_says("monitoring", "prometheus-k8s-0", "prometheus",
            "caller=db.go:1003 level=error component=tsdb msg=\"compaction failed\" err=\"compact head: persist head block: write chunks: short write\"", 14);
        let alert = Alert::new("PrometheusTSDBCompactionsFailing", "warning", 14_400, "Prometheus has issues compacting blocks.",
            "Prometheus monitoring/prometheus-k8s-0 has detected 14 compaction failures over the last 3h.")
            .label("namespace", "monitoring")
            .label("pod", "prometheus-k8s-0")
            .label("job", "prometheus-k8s");
        (
            alert,
            in_monitoring(&["PrometheusSick"], "StatefulSet", "prometheus-k8s"),
        )
    })
}

pub(super) fn prometheus_down(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        site.part_crashes("monitoring", "prometheus-k8s-0", "prometheus",
            "caller=main.go:1128 level=error err=\"opening storage failed: lock DB directory: resource temporarily unavailable\"");
        (
            Alert::crash_looping("monitoring", "prometheus-k8s-0", "prometheus"),
            in_monitoring(&["PrometheusSick"], "StatefulSet", "prometheus-k8s"),
        )
    })
}

pub(super) fn delivery_fails(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1800, |site| {
        touch(site, "StatefulSet", "alertmanager-main");
        site.part_says("monitoring", "alertmanager-main-0", "alertmanager",
            "caller=dispatch.go:353 level=error component=dispatcher msg=\"Notify for alerts failed\" num_alerts=3 err=\"mail/email[0]: notify retry canceled after 8 attempts: dial tcp 192.168.20.9:25: i/o timeout\"", 18);
        let alert = Alert::new("AlertmanagerFailedToSendAlerts", "warning", 300, "An Alertmanager instance failed to send notifications.",
            "Alertmanager monitoring/alertmanager-main-0 failed to send 100% of notifications to email.")
            .label("namespace", "monitoring")
            .label("pod", "alertmanager-main-0")
            .label("integration", "email");
        (
            alert,
            in_monitoring(
                &["AlertmanagerDelivery"],
                "StatefulSet",
                "alertmanager-main",
            ),
        )
    })
}

pub(super) fn watchdog_absent(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 900, |site| {
        touch(site, "StatefulSet", "alertmanager-main");
        let alert = Alert::new(
            "WatchdogAbsent",
            "critical",
            0,
            "The alert that always fires no longer arrives.",
            "No Watchdog has arrived for twice its interval.",
        )
        .label("namespace", "monitoring");
        (
            alert,
            in_monitoring(
                &["WatchdogAbsent", "AlertmanagerDelivery"],
                "StatefulSet",
                "alertmanager-main",
            ),
        )
    })
}

pub(super) fn state_metrics(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 1500, |site| {
        let pods = site.pods_named("monitoring", "kube-state-metrics");
        site.part_crashes("monitoring", &pods[0], "kube-state-metrics",
            "main.go:66] \"Failed to run kube-state-metrics\" err=\"failed to list *v1.Pod: pods is forbidden\"");
        let alert = Alert::new("TargetDown", "warning", 600, "One or more targets are unreachable.",
            "100% of the kube-state-metrics/kube-state-metrics targets in monitoring namespace are down.")
            .label("job", "kube-state-metrics")
            .label("namespace", "monitoring")
            .label("service", "kube-state-metrics");
        (
            alert,
            in_monitoring(
                &["KubeStateMetricsOrExporterMissing"],
                "Deployment",
                "kube-state-metrics",
            ),
        )
    })
}

pub(super) fn bad_rule(params: &Params, id: &str) -> ScenarioRun {
    run(params, id, 2400, |site| {
        let at = site.fault_at;
        let meta = site.meta("monitoring", "site-rules", at);
        site.put("PrometheusRule", json!({"metadata": meta, "spec": {"groups": [{"name": "site.capacity", "rules": [
            {"alert": "TooFullForLong", "expr": "node_filesystem_avail_bytes * on (instance) node_uname_info < 1e9", "for": "1h"}]}]}}));
        site.part_says("monitoring", "prometheus-k8s-0", "prometheus",
            "caller=group.go:483 level=warn component=\"rule manager\" file=/etc/prometheus/rules/site-rules.yaml group=site.capacity name=TooFullForLong msg=\"Evaluating rule failed\" err=\"found duplicate series for the match group {instance=\\\"192.168.20.12:9100\\\"} on the left hand-side of the operation\"", 20);
        let alert = Alert::new("PrometheusRuleFailures", "critical", 900, "Prometheus is failing rule evaluations.",
            "Prometheus monitoring/prometheus-k8s-0 has failed to evaluate 30 rules in the last 5m.")
            .label("namespace", "monitoring")
            .label("pod", "prometheus-k8s-0")
            .label("rule_group", "/etc/prometheus/rules/site-rules.yaml;site.capacity");
        (
            alert,
            in_monitoring(&["BadAlertRule"], "PrometheusRule", "site-rules"),
        )
    })
}
