//! The cluster's DNS itself: its pods, its rules' alerts, what it logs.
//!
//! Clients that cannot resolve are read in [`crate::causes::runtime`]; both
//! state the same cause of the same object, which then has the evidence of both.

use k8s_openapi::api::core::v1::Pod;

use crate::causes::{Case, Cause, Finding, Findings, Strength, component, fired, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// Names of the cluster DNS in the field.
const NAMES: [&str; 4] = [
    "coredns",
    "kube-dns",
    "node-local-dns",
    "rke2-coredns-rke2-coredns",
];

/// Alerts of the `CoreDNS` mixin.
const ALERTS: [&str; 7] = [
    "CoreDNSDown",
    "CoreDNSLatencyHigh",
    "CoreDNSErrorsHigh",
    "CoreDNSForwardLatencyHigh",
    "CoreDNSForwardErrorsHigh",
    "CoreDNSForwardHealthcheckFailureCount",
    "CoreDNSForwardHealthcheckBrokenCount",
];

/// What `CoreDNS` logs when it cannot answer (lower case).
const WORDS: [&str; 6] = [
    "plugin/loop: loop",
    "error during parsing",
    "plugin/forward: no nameservers",
    "no upstream host",
    "kubernetes: failed to list",
    "concurrent queries exceeded maximum",
];

/// Words of a forward that gets no answer from the site's resolvers.
const FORWARD: [&str; 2] = ["plugin/errors", "i/o timeout"];

/// Unanswered forwards of one shape that are more than a hiccup.
const FORWARD_MIN: usize = 5;

/// Finds a cluster DNS that is down or does not answer.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for (object, pods) in component::groups(case, &NAMES) {
        judge(case, &object, &pods, findings);
    }
}

fn judge(case: &Case<'_>, object: &ObjectRef, pods: &[&Pod], findings: &mut Findings) {
    let unwell: Vec<&Pod> = pods
        .iter()
        .copied()
        .filter(|pod| !view::is_well(pod))
        .collect();
    let all_down = unwell.len() == pods.len();
    // The mixin's alerts are about the servers, not about the caches on nodes.
    let is_cache = object.name.starts_with("node-local-dns");
    let alerts = if is_cache {
        Vec::new()
    } else {
        fired::named(case, &ALERTS)
    };
    let mut said = component::said(case, pods, &WORDS);
    said.extend(
        component::said(case, pods, &[FORWARD[0]])
            .into_iter()
            .filter(|log| view::mentions(&log.exemplar, &[FORWARD[1]]))
            .filter(|log| log.count >= FORWARD_MIN),
    );
    if !all_down && alerts.is_empty() && said.is_empty() {
        return;
    }
    let strength = match (all_down, alerts.is_empty()) {
        (true, _) | (_, false) => Strength::Strong,
        (false, true) => Strength::Likely,
    };
    let statement = if all_down {
        format!("No pod of the cluster's DNS, {object}, is ready.")
    } else {
        format!("The cluster's DNS, {object}, does not answer as it should.")
    };
    let since = alerts.iter().filter_map(|alert| alert.since).min();
    findings.add(
        Finding::new(
            Cause::CorednsDownOrOverloaded,
            object.clone(),
            strength,
            statement,
        )
        .because(unwell.iter().map(|pod| component::state(pod)))
        .because(alerts.into_iter().map(|alert| alert.draft))
        .because(said.into_iter().take(3).map(Draft::log))
        .since(since)
        .check(
            format!(
                "kubectl logs {}{} --tail=50",
                object.kubectl_name(),
                crate::evidence::namespace_flag(object)
            ),
            "shows why the DNS server does not start or answer",
        ),
    );
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::causes::fixture::Fixture;

    fn dns(ready: bool) -> Fixture {
        let state = if ready {
            json!({"running": {}})
        } else {
            json!({"waiting": {"reason": "CrashLoopBackOff"}})
        };
        Fixture::new().with(pod(&state, ready))
    }

    fn pod(state: &Value, ready: bool) -> Value {
        json!({"kind": "Pod", "metadata": {"name": "dns-1", "labels": {"k8s-app": "kube-dns"}},
            "spec": {"containers": [{"name": "coredns"}]},
            "status": {"phase": "Running",
                "containerStatuses": [{"name": "coredns", "ready": ready, "restartCount": 0, "image": "", "imageID": "", "state": state}]}})
    }

    #[test]
    fn dns_without_a_ready_pod_is_down() {
        dns(false).check(analyze, &["CorednsDownOrOverloaded Pod shop/dns-1"]);
    }

    #[test]
    fn dns_that_loops_or_gets_no_answer_upstream_says_so() {
        let unanswered = "[ERROR] plugin/errors: 2 example.org. A: read udp 10.0.0.1:1->10.0.0.2:53: i/o timeout\n";
        dns(true)
            .log(
                "dns-1",
                "coredns",
                false,
                "[FATAL] plugin/loop: Loop (127.0.0.1 -> :53) detected",
            )
            .check(analyze, &["CorednsDownOrOverloaded Pod shop/dns-1"]);
        dns(true)
            .log("dns-1", "coredns", false, &unanswered.repeat(8))
            .check(analyze, &["CorednsDownOrOverloaded Pod shop/dns-1"]);
        dns(true)
            .log("dns-1", "coredns", false, unanswered)
            .check(analyze, &[]);
    }

    #[test]
    fn a_healthy_dns_and_another_unwell_pod_are_not_meant() {
        dns(true).check(analyze, &[]);
        dns(true)
            .log(
                "dns-1",
                "coredns",
                false,
                "[INFO] plugin/reload: Running configuration",
            )
            .check(analyze, &[]);
        let mut other = pod(&json!({"waiting": {"reason": "CrashLoopBackOff"}}), false);
        other["metadata"] = json!({"name": "web-1", "labels": {"app": "web"}});
        Fixture::new().with(other).check(analyze, &[]);
    }
}
