//! Services that are names rather than addresses: `ExternalName` to a host
//! that cannot be, headless Services asked for a port that nobody translates,
//! and pods whose own resolver does not know the cluster.

use k8s_openapi::api::core::v1::Service;

use crate::causes::signs::{self, Seen, Sign};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::Draft;
use crate::evidence::query::shell_word;
use crate::object::ObjectRef;

/// Finds Services and pods that misuse names.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let seen = signs::seen(case);
    for service in &case.snapshot.objects.services {
        let kind = service.spec.as_ref().and_then(|spec| spec.type_.as_deref());
        if kind == Some("ExternalName") {
            external(case, service, seen, findings);
        } else if wiring::is_headless(service) {
            headless(case, service, seen, findings);
        }
    }
    policies(case, seen, findings);
}

/// Lines of clients that name the Service, of one of `signs`.
fn complaints<'a>(
    seen: &'a [Seen],
    case: &Case<'_>,
    service: &Service,
    wanted: &[Sign],
) -> Vec<&'a Seen> {
    seen.iter()
        .filter(|one| wanted.contains(&one.sign) && !one.is_over())
        .filter(|one| {
            let namespace = one.pod.namespace.as_deref().unwrap_or_default();
            one.address.as_ref().is_some_and(|address| {
                let found = wiring::service_of(&case.snapshot.objects, &address.host, namespace);
                found.is_some_and(|found| {
                    found.metadata.name == service.metadata.name
                        && found.metadata.namespace == service.metadata.namespace
                })
            })
        })
        .collect()
}

fn external(case: &Case<'_>, service: &Service, seen: &[Seen], findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let host = service
        .spec
        .as_ref()
        .and_then(|spec| spec.external_name.as_deref());
    let Some(host) = host else { return };
    let object = view::reference("Service", service);
    let said = complaints(
        seen,
        case,
        service,
        &[
            Sign::NameUnknown,
            Sign::NameServerFails,
            Sign::Refused,
            Sign::TimedOut,
        ],
    );
    let problem = if wiring::is_ip(host) {
        Some("is an address, which no name server returns as a name")
    } else if host.contains(".svc") && is_absent(case, host, view::namespace_of(service)) {
        Some("is no Service of this cluster")
    } else if said.iter().any(|one| one.sign == Sign::NameUnknown) {
        Some("does not resolve, as clients say")
    } else {
        None
    };
    let Some(problem) = problem else { return };
    let statement = format!("{object} stands for {host}, which {problem}.");
    findings.add(
        finding(
            object.clone(),
            if said.is_empty() {
                Strength::Likely
            } else {
                Strength::Strong
            },
            statement,
        )
        .because([Draft::spec(
            object,
            format!("externalName is {host}"),
            Vec::new(),
        )])
        .because(said.iter().take(3).map(|one| one.draft()))
        .since(said.iter().filter_map(|one| one.first).min())
        .explains(said.iter().map(|one| view::root_of(objects, &one.pod))),
    );
}

fn is_absent(case: &Case<'_>, host: &str, namespace: &str) -> bool {
    let objects = &case.snapshot.objects;
    let Some((_, home)) = wiring::split_host(host, namespace) else {
        return false;
    };
    objects.services.captured_in(home) && wiring::service_of(objects, host, namespace).is_none()
}

/// A headless Service translates no port: clients must ask for the container's.
fn headless(case: &Case<'_>, service: &Service, seen: &[Seen], findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let backends = wiring::backends(objects, service);
    let Some(pod) = backends.pods.first().filter(|_| backends.ready > 0) else {
        return;
    };
    let containers = wiring::containers(pod);
    for one in complaints(seen, case, service, &[Sign::Refused]) {
        let asked = one.address.as_ref().and_then(|address| address.port);
        let Some(asked) = asked.map(i32::from) else {
            continue;
        };
        let translated = wiring::ports(service).iter().find(|port| {
            port.port == asked
                && wiring::target_number(port, containers).is_some_and(|target| target != asked)
        });
        let Some(port) = translated else { continue };
        let target = wiring::target_number(port, containers).unwrap_or(asked);
        let object = view::reference("Service", service);
        let statement = format!(
            "{object} is headless: clients that ask for port {asked} reach pods that listen on {target}."
        );
        let title = format!("clusterIP None, port {asked} with target port {target}");
        findings.add(
            finding(object.clone(), Strength::Strong, statement)
                .because([Draft::spec(object, title, Vec::new()), one.draft()])
                .since(one.first)
                .explains([view::root_of(objects, &one.pod)]),
        );
    }
}

fn finding(object: ObjectRef, strength: Strength, statement: String) -> Finding {
    let check = format!(
        "kubectl get service {}{} -o yaml",
        shell_word(&object.name),
        crate::evidence::namespace_flag(&object)
    );
    Finding::new(
        Cause::ExternalnameOrHeadlessMisuse,
        object,
        strength,
        statement,
    )
    .check(check, "shows the Service's type, name and ports")
}

/// Workloads with `dnsPolicy` Default or None that ask for the cluster's names.
fn policies(case: &Case<'_>, seen: &[Seen], findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for one in seen
        .iter()
        .filter(|one| one.sign == Sign::NameUnknown && !one.is_over())
    {
        let Some(address) = &one.address else {
            continue;
        };
        let namespace = one.pod.namespace.as_deref().unwrap_or_default();
        let Some(service) = wiring::service_of(objects, &address.host, namespace) else {
            continue;
        };
        let Some(pod) = objects.pods.get(namespace, &one.pod.name) else {
            continue;
        };
        let spec = pod.spec.as_ref();
        let policy = spec.and_then(|spec| spec.dns_policy.as_deref());
        let host_network = spec.is_some_and(|spec| spec.host_network == Some(true));
        let own = matches!(policy, Some("Default" | "None"))
            || host_network && policy == Some("ClusterFirst");
        if !own {
            continue;
        }
        let workload = view::workload_of(objects, pod);
        let shown = policy.unwrap_or("ClusterFirst");
        let why = if host_network {
            " on the host's network"
        } else {
            ""
        };
        let statement = format!(
            "{workload} has dnsPolicy {shown}{why}: its resolver does not know the cluster's names, such as {}.",
            view::name_of(service)
        );
        findings.add(
            Finding::new(
                Cause::DnsPolicyNdots,
                workload.clone(),
                Strength::Strong,
                statement,
            )
            .because([
                Draft::spec(
                    workload.clone(),
                    format!("dnsPolicy {shown}{why}"),
                    Vec::new(),
                ),
                one.draft(),
            ])
            .since(one.first)
            .explains(view::affected_by(objects, pod))
            .check(
                format!(
                    "kubectl get {}{} -o yaml",
                    workload.kubectl_name(),
                    crate::evidence::namespace_flag(&workload)
                ),
                "shows dnsPolicy and dnsConfig of the pods",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::needless_pass_by_value,
        reason = "JSON snippets read best where they are used"
    )]

    use serde_json::{Value, json};

    use super::*;
    use crate::causes::fixture::Fixture;

    fn client(spec: Value, line: &str) -> Fixture {
        let mut spec = spec;
        spec["containers"] = json!([{"name": "web"}]);
        Fixture::new()
            .deployment("web", 1, 1, spec.clone())
            .pod("web", "a", spec, json!({"phase": "Running"}))
            .log("web-77f-a", "web", false, line)
    }

    fn service(spec: Value) -> Value {
        json!({"kind": "Service", "metadata": {"name": "store"}, "spec": spec})
    }

    fn stands_for(host: &str, line: &str) -> Fixture {
        client(json!({}), line).with(service(
            json!({"type": "ExternalName", "externalName": host}),
        ))
    }

    #[test]
    fn an_external_name_must_be_a_name_that_exists() {
        let wrong = &["ExternalnameOrHeadlessMisuse Service shop/store"];
        stands_for("192.0.2.7", "").check(analyze, wrong);
        stands_for("db.shop.svc.cluster.local", "").check(analyze, wrong);
        stands_for("db.gone.example", "ERROR getaddrinfo ENOTFOUND store").check(analyze, wrong);
        stands_for("db.example.org", "").check(analyze, &[]);
    }

    #[test]
    fn a_headless_service_translates_no_port() {
        let headless = |ip: &str, line: &str| {
            client(json!({}), line)
                .with(service(json!({"clusterIP": ip, "selector": {"app": "store"}, "ports": [{"port": 80, "targetPort": 8080}]})))
                .with(json!({"kind": "Pod", "metadata": {"name": "store-0", "labels": {"app": "store"}},
                    "spec": {"containers": [{"name": "store", "ports": [{"containerPort": 8080}]}]},
                    "status": {"phase": "Running", "containerStatuses": [{"name": "store", "ready": true, "restartCount": 0, "image": "", "imageID": ""}]}}))
        };
        let refused = "ERROR dial tcp store:80: connect: connection refused";
        headless("None", refused).check(
            analyze,
            &["ExternalnameOrHeadlessMisuse Service shop/store"],
        );
        headless("10.96.0.7", refused).check(analyze, &[]);
        headless("None", "INFO all is well").check(analyze, &[]);
    }

    #[test]
    fn a_pods_own_resolver_does_not_know_the_cluster() {
        let line = "ERROR getaddrinfo ENOTFOUND store";
        let asks = |spec: Value| {
            client(spec, line).with(service(
                json!({"selector": {"app": "store"}, "ports": [{"port": 80}]}),
            ))
        };
        asks(json!({"dnsPolicy": "Default"}))
            .check(analyze, &["DnsPolicyNdots Deployment shop/web"]);
        asks(json!({"dnsPolicy": "ClusterFirst", "hostNetwork": true}))
            .check(analyze, &["DnsPolicyNdots Deployment shop/web"]);
        asks(json!({"dnsPolicy": "ClusterFirst"})).check(analyze, &[]);
    }
}
