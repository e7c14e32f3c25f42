//! Sockets: local ports that are used up, and pods that cannot call themselves.

use crate::causes::signs::{self, Sign};
use crate::causes::{Case, Cause, Finding, Findings, Strength, component, view, wiring};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// Words of an outgoing connection without a local port (lower case).
const NO_PORT: [&str; 3] = [
    "cannot assign requested address",
    "eaddrnotavail",
    "no ephemeral ports",
];

/// Words of a server that asks for an address the machine does not have.
const BINDING: [&str; 3] = ["bind", "listen", "could not bind"];

/// Network plugins, whose configuration lets a pod reach itself.
const PLUGINS: [&str; 7] = [
    "calico-node",
    "cilium",
    "kube-flannel",
    "kube-flannel-ds",
    "weave-net",
    "canal",
    "kube-router",
];

/// Finds workloads without local ports, and those that cannot reach themselves.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    ports(case, findings);
    hairpin(case, findings);
}

fn ports(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for log in &case.facts.logs {
        let outgoing =
            view::mentions(&log.exemplar, &NO_PORT) && !view::mentions(&log.exemplar, &BINDING);
        if !outgoing || log.count < 2 || !view::in_window(case, log.last) {
            continue;
        }
        let workload = view::root_of(objects, &log.pod);
        let statement = format!("{workload} has no local port left for new connections.");
        findings.add(
            Finding::new(
                Cause::EphemeralPorts,
                workload.clone(),
                Strength::Strong,
                statement,
            )
            .because([Draft::log(log)])
            .since(log.first)
            .check(
                format!(
                    "kubectl logs {}{} --tail=50",
                    workload.kubectl_name(),
                    crate::evidence::namespace_flag(&workload)
                ),
                "shows to whom it opens so many connections",
            ),
        );
    }
}

/// A Service whose own pods wait for it in vain while other clients reach it.
fn hairpin(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let seen = signs::seen(case);
    let late = seen
        .iter()
        .filter(|one| one.sign == Sign::TimedOut && !one.is_over());
    for one in late.clone() {
        let namespace = one.pod.namespace.as_deref().unwrap_or_default();
        let host = one.address.as_ref().map(|address| address.host.as_str());
        let service = host.and_then(|host| wiring::service_of(objects, host, namespace));
        let Some(service) = service else { continue };
        let own = wiring::workload_behind(objects, service);
        let caller = view::root_of(objects, &one.pod);
        let others = late.clone().any(|other| {
            let client = view::root_of(objects, &other.pod);
            let home = other.pod.namespace.as_deref().unwrap_or_default();
            let target = other
                .address
                .as_ref()
                .and_then(|address| wiring::service_of(objects, &address.host, home));
            client != own
                && target.is_some_and(|target| target.metadata.name == service.metadata.name)
        });
        if caller != own || others || wiring::backends(objects, service).ready == 0 {
            continue;
        }
        let plugin: Option<ObjectRef> = component::workload(case, &component::pods(case, &PLUGINS));
        let statement = format!(
            "Pods of {own} cannot reach themselves through Service {}, while nobody else complains.",
            view::name_of(service)
        );
        findings.add(
            Finding::new(
                Cause::HairpinOrSameNodeOnly,
                plugin.unwrap_or_else(|| own.clone()),
                Strength::Likely,
                statement,
            )
            .because([one.draft()])
            .since(one.first)
            .explains([own, view::reference("Service", service)])
            .check(
                "kubectl get configmaps -n kube-system",
                "shows the network plugin's configuration, with its hairpin mode",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::causes::fixture::Fixture;

    fn web(lines: &str) -> Fixture {
        let spec = json!({"containers": [{"name": "web"}]});
        let status = json!({"phase": "Running", "containerStatuses": [{"name": "web", "ready": true, "restartCount": 0, "image": "", "imageID": ""}]});
        Fixture::new()
            .deployment("web", 1, 1, spec.clone())
            .pod("web", "a", spec.clone(), status.clone())
            .deployment("other", 1, 1, spec.clone())
            .pod("other", "a", spec, status)
            .with(json!({"kind": "Service", "metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]}}))
            .log("web-77f-a", "web", false, lines)
    }

    #[test]
    fn connections_without_a_local_port_are_told_from_a_wrong_bind_address() {
        let dial = "ERROR dial tcp 10.96.0.5:80: connect: cannot assign requested address\n";
        web(&dial.repeat(3)).check(analyze, &["EphemeralPorts Deployment shop/web"]);
        web(dial).check(analyze, &[]);
        let bind = "ERROR listen tcp 10.0.0.9:80: bind: cannot assign requested address\n";
        web(&bind.repeat(3)).check(analyze, &[]);
    }

    #[test]
    fn a_pod_that_cannot_reach_itself_alone_means_the_bridge() {
        let late = "ERROR Get \"http://web:80/self\": dial tcp: i/o timeout";
        web(late).check(analyze, &["HairpinOrSameNodeOnly Deployment shop/web"]);
        web(late)
            .log("other-77f-a", "web", false, late)
            .check(analyze, &[]);
    }
}
