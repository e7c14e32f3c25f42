//! Monitors that select nothing, or ask pods for a port they do not have.
//!
//! Prometheus names the job of a `PodMonitor` after the monitor; a monitor
//! without targets makes no series at all, so the alert is about absence. Only
//! monitors that an alert is about are judged: an empty one may be on purpose.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::alert::Alert;
use crate::causes::{Case, Cause, Finding, Findings, Strength, labels, view, wiring};
use crate::evidence::query::shell_word;
use crate::evidence::{Draft, get_query, namespace_flag};
use crate::object::ObjectRef;
use crate::snapshot::Custom;

/// Finds monitors whose targets are not there.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for kind in ["PodMonitor", "ServiceMonitor"] {
        for monitor in case.snapshot.objects.customs.of(kind) {
            let object = view::reference(kind, monitor);
            let alert = case.alerts.iter().find(|alert| is_about(alert, &object));
            let asked = case.subjects.contains(&object);
            if alert.is_none() && !asked {
                continue;
            }
            if let Some(problem) = problem(case, kind, monitor) {
                findings.add(blind(case, &object, &problem, alert));
            }
        }
    }
}

/// Whether the alert's job is the monitor's: `namespace/name`, optionally with
/// the kind before it, or the monitor named by a label of its own.
fn is_about(alert: &Alert, monitor: &ObjectRef) -> bool {
    let label = |name: &str| alert.labels.get(name).map(String::as_str);
    let namespace = monitor.namespace.as_deref().unwrap_or_default();
    let job = format!("{namespace}/{}", monitor.name);
    let scraped = label("job").is_some_and(|own| {
        own == job
            || own
                .strip_suffix(&job)
                .is_some_and(|rest| rest.ends_with('/'))
    });
    let key = monitor.kind.to_ascii_lowercase();
    let named = label(&key) == Some(&monitor.name) && label("namespace") == Some(namespace);
    scraped || named
}

/// What a monitor asks for and nobody has, as a predicate.
fn problem(case: &Case<'_>, kind: &str, monitor: &Custom) -> Option<String> {
    let selector: LabelSelector =
        serde_json::from_value(monitor.at("/spec/selector").clone()).ok()?;
    let namespaces = namespaces(monitor);
    let inside = |namespace: &str| {
        namespaces
            .as_ref()
            .is_none_or(|all| all.contains(&namespace))
    };
    let none = BTreeMap::new();
    let objects = &case.snapshot.objects;
    if kind == "ServiceMonitor" {
        let captured = namespaces
            .iter()
            .flatten()
            .all(|one| objects.services.captured_in(one));
        let found = objects.services.iter().any(|service| {
            let own = service.metadata.labels.as_ref().unwrap_or(&none);
            inside(view::namespace_of(service)) && labels::matches_selector(&selector, own)
        });
        return (captured && !found).then(|| "selects no Service".to_owned());
    }
    if !namespaces
        .iter()
        .flatten()
        .all(|one| objects.pods.captured_in(one))
    {
        return None;
    }
    let pods: Vec<&Pod> = objects
        .pods
        .iter()
        .filter(|pod| inside(view::namespace_of(*pod)))
        .filter(|pod| {
            labels::matches_selector(&selector, pod.metadata.labels.as_ref().unwrap_or(&none))
        })
        .collect();
    if pods.is_empty() {
        return Some("selects no pod".to_owned());
    }
    let wanted = monitor.items("/spec/podMetricsEndpoints").iter();
    let missing = wanted
        .filter_map(|endpoint| endpoint["port"].as_str())
        .find(|port| {
            pods.iter()
                .all(|pod| wiring::named_port(port, wiring::containers(pod)).is_none())
        })?;
    Some(format!(
        "asks for port {missing}, which none of its {} pods has",
        pods.len()
    ))
}

/// The namespaces a monitor looks into; none where it looks into all.
fn namespaces(monitor: &Custom) -> Option<Vec<&str>> {
    if monitor.at("/spec/namespaceSelector/any") == true {
        return None;
    }
    let named: Vec<&str> = monitor
        .items("/spec/namespaceSelector/matchNames")
        .iter()
        .filter_map(|name| name.as_str())
        .collect();
    Some(if named.is_empty() {
        vec![view::namespace_of(monitor)]
    } else {
        named
    })
}

fn blind(case: &Case<'_>, object: &ObjectRef, problem: &str, alert: Option<&Alert>) -> Finding {
    let since = alert.map_or(case.started_at, |alert| alert.starts_at);
    Finding::new(
        Cause::ScrapeTargetDown,
        object.clone(),
        Strength::Strong,
        format!("{object} {problem}: Prometheus scrapes nothing for it."),
    )
    .because(alert.map(Draft::alert))
    .because([Draft::spec(object.clone(), problem.to_owned(), Vec::new())])
    .since(Some(since))
    .check(get_query(object), "shows which labels and port it asks for")
    .check(
        format!(
            "kubectl get pods,services{} --show-labels",
            namespace_flag(object)
        ),
        format!("shows what {} could mean", shell_word(&object.name)),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::causes::fixture::Fixture;

    fn monitor(app: &str, port: &str) -> Value {
        json!({"kind": "PodMonitor", "metadata": {"name": "web"}, "spec": {
            "selector": {"matchLabels": {"app": app}}, "podMetricsEndpoints": [{"port": port}]}})
    }

    fn cluster(job: &str) -> Fixture {
        Fixture::new()
            .alert(&[("alertname", "TargetDown"), ("job", job)])
            .with(json!({"kind": "Pod", "metadata": {"name": "web-1", "labels": {"app": "web"}},
                "spec": {"containers": [{"name": "web", "ports": [{"name": "http-metrics", "containerPort": 9090}]}]}}))
    }

    const FOUND: &[&str] = &["ScrapeTargetDown PodMonitor shop/web"];

    #[test]
    fn a_monitor_that_selects_nothing_is_to_fix() {
        let found = cluster("shop/web")
            .with(monitor("wep", "http-metrics"))
            .check(analyze, FOUND);
        assert!(found.found[0].statement.contains("selects no pod"));
        cluster("podMonitor/shop/web")
            .with(monitor("wep", "http-metrics"))
            .check(analyze, FOUND);
        cluster("shop/web")
            .with(monitor("web", "http-metrics"))
            .check(analyze, &[]);
    }

    #[test]
    fn a_port_that_no_pod_has_is_to_fix() {
        let found = cluster("shop/web")
            .with(monitor("web", "metrics"))
            .check(analyze, FOUND);
        assert!(found.found[0].statement.contains("port metrics"));
    }

    #[test]
    fn monitors_that_no_alert_is_about_are_not_judged() {
        cluster("shop/webshop")
            .with(monitor("wep", "http-metrics"))
            .check(analyze, &[]);
        cluster("myshop/web")
            .with(monitor("wep", "http-metrics"))
            .check(analyze, &[]);
    }

    #[test]
    fn a_service_monitor_must_select_a_service() {
        let monitor = |app: &str| {
            json!({"kind": "ServiceMonitor", "metadata": {"name": "web"},
                "spec": {"selector": {"matchLabels": {"app": app}}}})
        };
        let cluster = || {
            Fixture::new()
                .alert(&[("alertname", "TargetMissing"), ("namespace", "shop"), ("servicemonitor", "web")])
                .with(json!({"kind": "Service", "metadata": {"name": "web", "labels": {"app": "web"}}}))
        };
        cluster()
            .with(monitor("wep"))
            .check(analyze, &["ScrapeTargetDown ServiceMonitor shop/web"]);
        cluster().with(monitor("web")).check(analyze, &[]);
    }
}
