//! Context an on-call engineer asks for: whose it is, what it serves, how
//! often it restarted, which series moved, where the runbook is.

use std::collections::BTreeMap;

use super::clean;
use crate::analysis::{Enrichment, TopMetric};
use crate::causes::Case;
use crate::facts::MetricVerdict;
use crate::facts::workloads::{pods_of, restarts, workload_of};
use crate::object::ObjectRef;

const TOP_METRICS: usize = 3;
const OWNER_KEYS: &[&str] = &[
    "owner",
    "team",
    "app.kubernetes.io/owner",
    "app.kubernetes.io/team",
    "contact",
    "squad",
];
const SERVICE_KEYS: &[&str] = &[
    "app.kubernetes.io/name",
    "app",
    "k8s-app",
    "service",
    "app.kubernetes.io/part-of",
];
const SLO_LABELS: &[&str] = &["slo", "sloth_slo", "slo_name", "objective"];
const DASHBOARD_KEYS: &[&str] = &["dashboard_url", "dashboard", "grafana_url", "dashboardURL"];
const RUNBOOK_KEYS: &[&str] = &["runbook_url", "runbook", "runbookURL"];

/// The context of the first subject and the alerts.
pub(super) fn of(case: &Case<'_>) -> Enrichment {
    let workload = case
        .subjects
        .first()
        .map(|subject| workload_of(case.snapshot, subject));
    let pods = workload
        .as_ref()
        .filter(|workload| !matches!(workload.kind.as_str(), "Namespace" | "Node"))
        .map(|workload| pods_of(case.snapshot, workload))
        .unwrap_or_default();
    Enrichment {
        service: service(case, workload.as_ref()),
        owner: said_of(case, workload.as_ref(), OWNER_KEYS),
        slo: alert_label(case, SLO_LABELS),
        restarts: pods.iter().map(|pod| restarts(pod)).sum(),
        top_metrics: top_metrics(case, workload.as_ref()),
        dashboard_url: annotation(case, DASHBOARD_KEYS),
        runbook_url: annotation(case, RUNBOOK_KEYS),
    }
}

/// The Service that selects the workload's pods, else what labels call it.
fn service(case: &Case<'_>, workload: Option<&ObjectRef>) -> String {
    let Some(workload) = workload else {
        return alert_label(case, SERVICE_KEYS);
    };
    if workload.kind == "Service" {
        return workload.name.clone();
    }
    let namespace = workload.namespace.as_deref().unwrap_or_default();
    let pods = pods_of(case.snapshot, workload);
    let labels = pods.iter().find_map(|pod| pod.metadata.labels.as_ref());
    let selecting = case
        .snapshot
        .objects
        .services
        .in_namespace(namespace)
        .find(|service| {
            let selector = service
                .spec
                .as_ref()
                .and_then(|spec| spec.selector.as_ref());
            selector.is_some_and(|selector| {
                !selector.is_empty()
                    && labels.is_some_and(|labels| {
                        selector
                            .iter()
                            .all(|(key, value)| labels.get(key) == Some(value))
                    })
            })
        });
    selecting
        .and_then(|service| service.metadata.name.clone())
        .or_else(|| Some(said_of(case, Some(workload), SERVICE_KEYS)))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| alert_label(case, SERVICE_KEYS))
}

/// The first of `keys` among the labels and annotations of the workload, then
/// its namespace, then the alerts.
fn said_of(case: &Case<'_>, workload: Option<&ObjectRef>, keys: &[&str]) -> String {
    let namespace = workload
        .and_then(|workload| workload.namespace.as_ref())
        .map(|namespace| ObjectRef::cluster("Namespace", namespace));
    for object in workload.into_iter().chain(&namespace) {
        let Some(meta) = case.snapshot.objects.metadata(object) else {
            continue;
        };
        for map in [&meta.labels, &meta.annotations].into_iter().flatten() {
            if let Some(value) = first_of(map, keys) {
                return value;
            }
        }
    }
    alert_label(case, keys)
}

fn alert_label(case: &Case<'_>, keys: &[&str]) -> String {
    case.alerts
        .iter()
        .find_map(|alert| first_of(&alert.labels, keys))
        .unwrap_or_default()
}

fn annotation(case: &Case<'_>, keys: &[&str]) -> String {
    case.alerts
        .iter()
        .find_map(|alert| first_of(&alert.annotations, keys))
        .unwrap_or_default()
}

fn first_of(map: &BTreeMap<String, String>, keys: &[&str]) -> Option<String> {
    keys.iter()
        .find_map(|key| map.get(*key))
        .map(|value| clean::line(value))
        .filter(|value| !value.is_empty())
}

/// The series that moved most, those about the subject before all others.
fn top_metrics(case: &Case<'_>, workload: Option<&ObjectRef>) -> Vec<TopMetric> {
    let is_about = |verdict: &&MetricVerdict| {
        workload.is_some_and(|workload| {
            verdict.labels.values().any(|value| {
                *value == workload.name
                    || case.subjects.iter().any(|subject| *value == subject.name)
            })
        })
    };
    let (about, others): (Vec<_>, Vec<_>) = case.facts.metrics.iter().partition(is_about);
    about
        .into_iter()
        .chain(others)
        .take(TOP_METRICS)
        .map(|verdict| TopMetric {
            query: verdict.query.clone(),
            before: verdict.before,
            after: verdict.after,
            change: verdict.in_words(),
        })
        .collect()
}
