//! Prometheus and Alertmanager themselves, by their mixins' alerts, their pods
//! and their logs; and the dead man's switch that no longer arrives.

use k8s_openapi::api::core::v1::Pod;

use crate::causes::fired::{self, Fired};
use crate::causes::{Case, Cause, Finding, Findings, Strength, component, view};
use crate::evidence::{Draft, namespace_flag};
use crate::object::ObjectRef;

/// One of the two servers: the cause, its names, its alerts and its words.
struct Server {
    cause: Cause,
    names: &'static [&'static str],
    alerts: &'static [&'static str],
    words: &'static [&'static str],
    what: &'static str,
}

const SERVERS: [Server; 2] = [
    Server {
        cause: Cause::PrometheusSick,
        names: &["prometheus", "prometheus-server", "prometheus-k8s"],
        alerts: &[
            "PrometheusBadConfig",
            "PrometheusSDRefreshFailure",
            "PrometheusNotificationQueueRunningFull",
            "PrometheusTSDBReloadsFailing",
            "PrometheusTSDBCompactionsFailing",
            "PrometheusNotIngestingSamples",
            "PrometheusOutOfOrderTimestamps",
            "PrometheusDuplicateTimestamps",
            "PrometheusRemoteStorageFailures",
            "PrometheusRemoteWriteBehind",
            "PrometheusMissingRuleEvaluations",
            "PrometheusTargetLimitHit",
            "PrometheusScrapeSampleLimitHit",
            "PrometheusHighQueryLoad",
        ],
        words: &[
            "opening storage failed",
            "compaction failed",
            "wal corruption",
            "write to wal: log samples",
            "error loading config",
            "out of order sample: limit",
            "head gc failed",
        ],
        what: "does not collect or evaluate as it should",
    },
    Server {
        cause: Cause::AlertmanagerDelivery,
        names: &["alertmanager", "alertmanager-main"],
        alerts: &[
            "AlertmanagerFailedReload",
            "AlertmanagerMembersInconsistent",
            "AlertmanagerFailedToSendAlerts",
            "AlertmanagerClusterFailedToSendAlerts",
            "AlertmanagerConfigInconsistent",
            "AlertmanagerClusterDown",
            "AlertmanagerClusterCrashlooping",
            "PrometheusErrorSendingAlertsToAnyAlertmanager",
            "PrometheusErrorSendingAlertsToSomeAlertmanagers",
            "PrometheusNotConnectedToAlertmanagers",
        ],
        words: &[
            "notify for alerts failed",
            "notify retry canceled",
            "loading configuration file failed",
        ],
        what: "does not deliver notifications",
    },
];

/// Names under which sites alert on a missing dead man's switch.
const NO_WATCHDOG: [&str; 4] = [
    "WatchdogAbsent",
    "WatchdogMissing",
    "DeadMansSwitchMissing",
    "AlertingPathDown",
];

/// Finds a monitoring that does not work itself.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for server in &SERVERS {
        judge(case, server, findings);
    }
    watchdog(case, findings);
}

fn judge(case: &Case<'_>, server: &Server, findings: &mut Findings) {
    let alerts = fired::named(case, server.alerts);
    let groups: Vec<(ObjectRef, Vec<&Pod>)> = component::groups(case, server.names)
        .into_iter()
        .map(|(object, pods)| {
            (
                object,
                pods.into_iter()
                    .filter(|pod| is_server(pod, server))
                    .collect(),
            )
        })
        .filter(|(_, pods): &(ObjectRef, Vec<&Pod>)| !pods.is_empty())
        .collect();
    for (object, pods) in &groups {
        let own: Vec<&Fired<'_>> = alerts
            .iter()
            .filter(|alert| groups.len() == 1 || is_about(alert, object, pods))
            .collect();
        state(case, server, object, pods, &own, findings);
    }
    if groups.is_empty()
        && let Some(object) = alerts
            .iter()
            .find_map(|alert| namespace(case, alert.label("namespace")))
    {
        let all: Vec<&Fired<'_>> = alerts.iter().collect();
        state(case, server, &object, &[], &all, findings);
    }
}

/// Whether an alert names one of the pods, or at least their namespace.
fn is_about(alert: &Fired<'_>, object: &ObjectRef, pods: &[&Pod]) -> bool {
    let same = object.namespace.as_deref() == Some(alert.label("namespace"));
    let pod = alert.label("pod");
    same && (pod.is_empty() || pods.iter().any(|one| view::name_of(*one) == pod))
}

fn state(
    case: &Case<'_>,
    server: &Server,
    object: &ObjectRef,
    pods: &[&Pod],
    alerts: &[&Fired<'_>],
    findings: &mut Findings,
) {
    let said = component::said(case, pods, server.words);
    let down = !pods.is_empty() && pods.iter().all(|pod| !view::is_well(pod));
    if alerts.is_empty() && said.is_empty() && !down {
        return;
    }
    let strength = if alerts.is_empty() && !down {
        Strength::Likely
    } else {
        Strength::Strong
    };
    let unwell = pods.iter().filter(|pod| !view::is_well(pod));
    findings.add(
        Finding::new(
            server.cause,
            object.clone(),
            strength,
            format!("{object} {}.", server.what),
        )
        .because(alerts.iter().map(|alert| alert.draft.clone()))
        .because(unwell.map(|pod| component::state(pod)))
        .because(said.into_iter().take(3).map(Draft::log))
        .since(alerts.iter().filter_map(|alert| alert.since).min())
        .check(
            format!(
                "kubectl logs {}{} --tail=50",
                object.kubectl_name(),
                namespace_flag(object)
            ),
            "shows what the server says of itself",
        ),
    );
}

/// The servers' names are words of many other pods: only their own container counts.
fn is_server(pod: &Pod, server: &Server) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers
        .into_iter()
        .any(|container| server.names.contains(&container.name.as_str()))
}

fn namespace(case: &Case<'_>, name: &str) -> Option<ObjectRef> {
    let object = ObjectRef::cluster("Namespace", name);
    case.snapshot.objects.contains(&object).then_some(object)
}

/// The watchdog no longer arrives: the path from Prometheus to us is broken.
fn watchdog(case: &Case<'_>, findings: &mut Findings) {
    for alert in fired::named(case, &NO_WATCHDOG) {
        let sender = SERVERS.iter().rev().find_map(|server| {
            let groups = component::groups(case, server.names);
            let here = groups
                .keys()
                .find(|object| object.namespace.as_deref() == Some(alert.label("namespace")));
            here.or_else(|| groups.keys().next()).cloned()
        });
        let object = sender
            .or_else(|| namespace(case, alert.label("namespace")))
            .unwrap_or_else(component::control_plane);
        let statement =
            "The alert that always fires no longer arrives: other alerts may be missing too.";
        findings.add(
            Finding::new(Cause::WatchdogAbsent, object, Strength::Strong, statement)
                .because([alert.draft])
                .since(alert.since)
                .check(
                    "kubectl get pods -A -l app.kubernetes.io/name=alertmanager -o wide",
                    "shows whether the sender of notifications runs",
                ),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::fixture::Fixture;

    fn server(name: &str, ready: bool) -> Fixture {
        Fixture::new().with(json!({"kind": "Pod", "metadata": {"name": format!("{name}-main-0"), "labels": {"app.kubernetes.io/name": name}},
            "spec": {"containers": [{"name": name}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": name, "ready": ready, "restartCount": 0, "image": "", "imageID": ""}]}}))
    }

    #[test]
    fn alerts_words_and_dead_pods_tell_of_the_servers() {
        server("prometheus", true)
            .alert(&[("alertname", "PrometheusTSDBCompactionsFailing")])
            .check(analyze, &["PrometheusSick Pod shop/prometheus-main-0"]);
        server("prometheus", false).check(analyze, &["PrometheusSick Pod shop/prometheus-main-0"]);
        server("alertmanager", true)
            .log(
                "alertmanager-main-0",
                "alertmanager",
                false,
                "level=error component=dispatcher msg=\"Notify for alerts failed\"",
            )
            .check(
                analyze,
                &["AlertmanagerDelivery Pod shop/alertmanager-main-0"],
            );
    }

    #[test]
    fn healthy_servers_and_exporters_of_like_names_are_not_meant() {
        server("prometheus", true).check(analyze, &[]);
        server("prometheus-adapter", false).check(analyze, &[]);
        server("alertmanager", true)
            .log(
                "alertmanager-main-0",
                "alertmanager",
                false,
                "level=info msg=\"Completed loading of configuration file\"",
            )
            .check(analyze, &[]);
    }

    #[test]
    fn a_watchdog_that_is_missed_means_the_path() {
        server("alertmanager", true)
            .alert(&[("alertname", "WatchdogAbsent")])
            .check(analyze, &["WatchdogAbsent Pod shop/alertmanager-main-0"]);
        server("alertmanager", true)
            .alert(&[("alertname", "Watchdog")])
            .check(analyze, &[]);
    }
}
