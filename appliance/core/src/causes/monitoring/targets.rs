//! Targets that Prometheus does not reach, and exporters that are missing.
//!
//! Dead pods behind a target are a cause of their own; healthy ones mean that
//! the scrape is wrong: a port by another name, a label, a credential.

use k8s_openapi::api::core::v1::{Pod, Service};

use crate::causes::fired::{self, Fired};
use crate::causes::{Case, Cause, Finding, Findings, Strength, component, series, view, wiring};
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;
use crate::snapshot::Custom;

/// Exporters on which most alerts about objects and machines live.
const EXPORTERS: [&str; 4] = [
    "kube-state-metrics",
    "node-exporter",
    "prometheus-node-exporter",
    "prometheus-adapter",
];

/// Alerts of exporters about themselves.
const EXPORTER_ALERTS: [&str; 8] = [
    "KubeStateMetricsListErrors",
    "KubeStateMetricsWatchErrors",
    "KubeStateMetricsShardingMismatch",
    "KubeStateMetricsShardsMissing",
    "KubeStateMetricsDown",
    "NodeExporterDown",
    "NodeTextFileCollectorScrapeError",
    "PrometheusTargetMissing",
];

/// Finds targets and exporters without a voice.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for alert in fired::named(case, &["TargetDown"]) {
        let job = alert.label("job");
        if EXPORTERS.iter().any(|name| job.contains(name)) {
            exporter(case, &alert, job, findings);
        } else {
            target(case, &alert, findings);
        }
    }
    for alert in fired::named(case, &EXPORTER_ALERTS) {
        let name = match alert.name {
            name if name.starts_with("KubeState") => "kube-state-metrics",
            name if name.starts_with("Node") => "node-exporter",
            _ => alert.label("job"),
        };
        exporter(case, &alert, name, findings);
    }
    silent_exporters(case, findings);
}

fn exporter(case: &Case<'_>, alert: &Fired<'_>, job: &str, findings: &mut Findings) {
    let name = EXPORTERS.iter().find(|name| job.contains(*name)).copied();
    let mut groups: Vec<(ObjectRef, Vec<&Pod>)> = component::groups(case, &[name.unwrap_or(job)])
        .into_iter()
        .collect();
    // The alert's namespace first; node exporters name their own, too.
    groups.sort_by_key(|(object, _)| object.namespace.as_deref() != Some(alert.label("namespace")));
    let first = groups.into_iter().next();
    let (object, pods) = match (first, service_of(case, alert)) {
        (Some(found), _) => found,
        (None, Some(service)) => (service, Vec::new()),
        (None, None) => return,
    };
    let unwell: Vec<&Pod> = pods
        .iter()
        .copied()
        .filter(|pod| !view::is_well(pod))
        .collect();
    let denied = component::said(
        case,
        &pods,
        &["forbidden", "failed to list", "failed to watch"],
    );
    let statement =
        format!("{object} does not deliver its metrics: alerts that live on them are blind.");
    findings.add(
        missing(object, Strength::Strong, statement)
            .because([alert.draft.clone()])
            .because(unwell.into_iter().map(component::state))
            .because(denied.into_iter().take(2).map(Draft::log))
            .since(alert.since),
    );
}

/// Exporters none of whose pods is ready, whatever Prometheus still remembers.
fn silent_exporters(case: &Case<'_>, findings: &mut Findings) {
    for name in ["kube-state-metrics", "node-exporter"] {
        for (object, pods) in component::groups(case, &[name]) {
            if pods.iter().any(|pod| view::is_well(pod)) {
                continue;
            }
            let statement =
                format!("No pod of {object} is ready: alerts that live on its metrics are blind.");
            findings.add(
                missing(object, Strength::Strong, statement)
                    .because(pods.into_iter().map(component::state)),
            );
        }
    }
}

fn missing(object: ObjectRef, strength: Strength, statement: String) -> Finding {
    let check = format!(
        "kubectl describe {}{}",
        object.kubectl_name(),
        namespace_flag(&object)
    );
    Finding::new(
        Cause::KubeStateMetricsOrExporterMissing,
        object,
        strength,
        statement,
    )
    .check(check, "shows why the exporter is not there")
}

fn service_of(case: &Case<'_>, alert: &Fired<'_>) -> Option<ObjectRef> {
    fired::object(case, alert, "service", "Service")
}

fn target(case: &Case<'_>, alert: &Fired<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let Some(object) = service_of(case, alert) else {
        return;
    };
    let namespace = object.namespace.as_deref().unwrap_or_default();
    let Some(service) = objects.services.get(namespace, &object.name) else {
        return;
    };
    let backends = wiring::backends(objects, service);
    let well = backends
        .pods
        .iter()
        .filter(|pod| view::is_well(pod))
        .count();
    let dead = !backends.pods.is_empty() && well == 0;
    let monitor = if dead {
        None
    } else {
        wrong_monitor(case, service)
    };
    let (fix, draft, what) = match monitor {
        Some((monitor, port)) => {
            let what = format!(
                "asks for port {port}, which Service {} does not have",
                object.name
            );
            let draft = Draft::spec(monitor.clone(), what.clone(), Vec::new());
            (monitor, Some(draft), what)
        }
        None if dead => (
            object.clone(),
            None,
            "has no ready pod to scrape".to_owned(),
        ),
        None => (
            object.clone(),
            None,
            format!("is not scraped although {well} of its pods are ready"),
        ),
    };
    let strength = if draft.is_some() {
        Strength::Strong
    } else {
        Strength::Likely
    };
    let states = backends
        .pods
        .iter()
        .take(3)
        .map(|pod| component::state(pod));
    let downs = case.snapshot.series.iter().filter(|one| {
        one.name == "up"
            && one.labels.get("service") == Some(&object.name)
            && series::last(one) == Some(0.0)
    });
    findings.add(
        Finding::new(
            Cause::ScrapeTargetDown,
            fix.clone(),
            strength,
            format!("{fix} {what}."),
        )
        .because([alert.draft.clone()])
        .because(draft)
        .because(states)
        .because(
            downs
                .take(2)
                .map(|one| series::draft(object.clone(), one, "is not scraped")),
        )
        .since(alert.since)
        .explains([object.clone()])
        .check(
            format!(
                "kubectl get servicemonitors,podmonitors{} -o yaml",
                namespace_flag(&object)
            ),
            "shows which port and path Prometheus asks for",
        ),
    );
}

/// A `ServiceMonitor` that selects the Service and asks for a port it lacks.
fn wrong_monitor(case: &Case<'_>, service: &Service) -> Option<(ObjectRef, String)> {
    let monitors = case.snapshot.objects.customs.of("ServiceMonitor");
    monitors.iter().find_map(|monitor| {
        if !selects(monitor, service) {
            return None;
        }
        let ports = wiring::ports(service);
        let wanted = monitor.items("/spec/endpoints").iter();
        let port = wanted
            .filter_map(|endpoint| endpoint["port"].as_str())
            .find(|name| ports.iter().all(|port| port.name.as_deref() != Some(*name)))?;
        Some((view::reference("ServiceMonitor", monitor), port.to_owned()))
    })
}

fn selects(monitor: &Custom, service: &Service) -> bool {
    let labels = service.metadata.labels.as_ref();
    let wanted = monitor.at("/spec/selector/matchLabels").as_object();
    let all = wanted.is_some_and(|wanted| {
        !wanted.is_empty()
            && wanted.iter().all(|(name, value)| {
                labels
                    .and_then(|labels| labels.get(name))
                    .map(String::as_str)
                    == value.as_str()
            })
    });
    let own = view::namespace_of(service);
    let spaces = monitor.items("/spec/namespaceSelector/matchNames");
    let any = monitor.at("/spec/namespaceSelector/any") == true;
    all && (any
        || spaces.iter().any(|name| name == own)
        || spaces.is_empty() && view::namespace_of(monitor) == own)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::causes::fixture::Fixture;

    fn pod(name: &str, ready: bool) -> Value {
        json!({"kind": "Pod", "metadata": {"name": format!("{name}-1"), "labels": {"app": name}},
            "spec": {"containers": []},
            "status": {"phase": "Running", "containerStatuses": [{"name": name, "ready": ready, "restartCount": 0, "image": "", "imageID": ""}]}})
    }

    fn web(ready: bool) -> Fixture {
        Fixture::new()
            .alert(&[
                ("alertname", "TargetDown"),
                ("job", "web"),
                ("namespace", "shop"),
                ("service", "web"),
            ])
            .with(pod("web", ready))
            .with(
                json!({"kind": "Service", "metadata": {"name": "web", "labels": {"app": "web"}},
                "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}}),
            )
    }

    fn monitor(port: &str) -> Value {
        json!({"kind": "ServiceMonitor", "metadata": {"name": "web"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "endpoints": [{"port": port}]}})
    }

    #[test]
    fn a_monitor_that_asks_for_another_port_is_to_fix() {
        web(true)
            .with(monitor("metrics"))
            .check(analyze, &["ScrapeTargetDown ServiceMonitor shop/web"]);
        web(true)
            .with(monitor("http"))
            .check(analyze, &["ScrapeTargetDown Service shop/web"]);
    }

    #[test]
    fn dead_pods_are_the_target_and_not_the_monitor() {
        web(false)
            .with(monitor("metrics"))
            .check(analyze, &["ScrapeTargetDown Service shop/web"]);
    }

    #[test]
    fn an_exporter_that_is_gone_blinds_alerts() {
        Fixture::new().with(pod("kube-state-metrics", false)).check(
            analyze,
            &["KubeStateMetricsOrExporterMissing Pod shop/kube-state-metrics-1"],
        );
        Fixture::new()
            .with(pod("kube-state-metrics", true))
            .check(analyze, &[]);
        Fixture::new()
            .with(pod("node-exporter", true))
            .alert(&[("alertname", "TargetDown"), ("job", "node-exporter")])
            .check(
                analyze,
                &["KubeStateMetricsOrExporterMissing Pod shop/node-exporter-1"],
            );
    }
}
