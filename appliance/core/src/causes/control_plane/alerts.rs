//! What the mixins' alerts say about the control plane.
//!
//! The object is the component's own workload or node where it was captured,
//! else the namespace that holds the control plane.

use crate::causes::fired::{self, Fired};
use crate::causes::{Case, Cause, Finding, Findings, Strength, component, machine, view};
use crate::object::ObjectRef;

/// Rules, the cause they speak for, the component's names, and what they measured.
struct Rule {
    alerts: &'static [&'static str],
    cause: Cause,
    component: &'static [&'static str],
    what: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        alerts: &["KubeAPIErrorBudgetBurn"],
        cause: Cause::ApiServerSloBurn,
        component: &["kube-apiserver"],
        what: "The API server answers too slowly or with too many errors",
    },
    Rule {
        alerts: &["KubeAPITerminatedRequests", "KubeClientErrors"],
        cause: Cause::ApiServerThrottling,
        component: &["kube-apiserver"],
        what: "The API server turns requests away",
    },
    Rule {
        alerts: &[
            "etcdHighFsyncDurations",
            "etcdHighCommitDurations",
            "etcdGRPCRequestsSlow",
        ],
        cause: Cause::EtcdSlowDisk,
        component: &["etcd"],
        what: "etcd waits long for its disk",
    },
    Rule {
        alerts: &["etcdNoLeader", "etcdInsufficientMembers", "etcdMembersDown"],
        cause: Cause::EtcdNoQuorumLeader,
        component: &["etcd"],
        what: "etcd lacks members or a leader",
    },
    Rule {
        alerts: &[
            "etcdBackendQuotaLowSpace",
            "etcdDatabaseQuotaLowSpace",
            "etcdExcessiveDatabaseGrowth",
        ],
        cause: Cause::EtcdNoSpace,
        component: &["etcd"],
        what: "etcd's database reaches its quota",
    },
    Rule {
        alerts: &["KubeClientCertificateExpiration"],
        cause: Cause::CertExpiring,
        component: &["kube-apiserver"],
        what: "A certificate by which clients log in to the API server ends soon",
    },
    Rule {
        alerts: &["KubeControllerManagerDown"],
        cause: Cause::ControllerManagerDown,
        component: &["kube-controller-manager"],
        what: "Prometheus sees no controller manager",
    },
    Rule {
        alerts: &["KubeSchedulerDown"],
        cause: Cause::SchedulerDown,
        component: &["kube-scheduler"],
        what: "Prometheus sees no scheduler",
    },
];

/// States what alerts about the control plane measured.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for alert in fired::all(case) {
        let Some(rule) = RULES.iter().find(|rule| rule.alerts.contains(&alert.name)) else {
            continue;
        };
        let pods = component::pods(case, rule.component);
        if is_contradicted(rule.cause, &pods) {
            let object = object_of(case, rule, &alert);
            let drafts = pods.iter().map(|pod| component::state(pod)).collect();
            findings.exclude(rule.cause, object, drafts);
            continue;
        }
        findings.add(finding(case, rule, alert));
    }
}

/// A component whose pods are all ready is not down: Prometheus does not reach it.
fn is_contradicted(cause: Cause, pods: &[&k8s_openapi::api::core::v1::Pod]) -> bool {
    matches!(cause, Cause::ControllerManagerDown | Cause::SchedulerDown)
        && !pods.is_empty()
        && pods.iter().all(|pod| view::is_well(pod))
}

fn finding(case: &Case<'_>, rule: &Rule, alert: Fired<'_>) -> Finding {
    let object = object_of(case, rule, &alert);
    let detail = ["resource", "verb", "instance", "pod"]
        .iter()
        .filter(|label| !alert.label(label).is_empty())
        .map(|label| format!("{label} {}", alert.label(label)))
        .collect::<Vec<_>>()
        .join(", ");
    let detail = if detail.is_empty() {
        String::new()
    } else {
        format!(" ({detail})")
    };
    Finding::new(
        rule.cause,
        object,
        Strength::Strong,
        format!("{}{detail}.", rule.what),
    )
    .because([alert.draft])
    .since(alert.since)
    .check(
        "kubectl get pods -n kube-system -o wide",
        "shows how the control plane's pods are and where they run",
    )
}

/// The pod the alert names, the machine it names, the component's pods.
fn object_of(case: &Case<'_>, rule: &Rule, alert: &Fired<'_>) -> ObjectRef {
    let pods = component::pods(case, rule.component);
    if let [name] = rule.component
        && matches!(
            rule.cause,
            Cause::ControllerManagerDown | Cause::SchedulerDown
        )
    {
        return super::component_object(case, name, &pods);
    }
    let is_own = |object: &ObjectRef| pods.iter().any(|pod| view::pod_ref(pod) == *object);
    fired::object(case, alert, "pod", "Pod")
        .filter(is_own)
        .or_else(|| {
            let node = machine::of_labels(case, alert.labels)?;
            let on = pods.iter().find(|pod| {
                pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(&node.name)
            });
            on.map(|pod| view::pod_ref(pod))
        })
        .or_else(|| {
            let unwell = pods.iter().find(|pod| !view::is_well(pod));
            unwell.or(pods.first()).map(|pod| view::pod_ref(pod))
        })
        .unwrap_or_else(component::control_plane)
}

#[cfg(test)]
mod tests;
