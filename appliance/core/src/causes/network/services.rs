//! Services that lead nowhere: the selector matches no pod, the target port
//! is not served, the protocol differs, or no pod is ready.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::causes::wiring::{self, Backends};
use crate::causes::{Case, Cause, Finding, Findings, Strength, series, view};
use crate::evidence::Draft;
use crate::object::ObjectRef;

/// Finds Services that lead nowhere.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    for service in &objects.services {
        let Some(selector) = wiring::selector(service) else {
            continue;
        };
        let backends = wiring::backends(objects, service);
        if backends.pods.is_empty() {
            selects_nothing(case, service, selector, findings);
        } else {
            let mismatch = wrong_port(case, service, &backends, findings)
                | wrong_protocol(case, service, &backends, findings);
            if !mismatch && backends.ready == 0 {
                none_ready(case, service, &backends, findings);
            }
        }
    }
}

/// A selector that matches no pod although pods nearly fit.
fn selects_nothing(
    case: &Case<'_>,
    service: &Service,
    selector: &BTreeMap<String, String>,
    findings: &mut Findings,
) {
    let objects = &case.snapshot.objects;
    let namespace = view::namespace_of(service);
    if !objects.pods.captured_in(namespace) || has_template(case, service, selector) {
        return;
    }
    let best = objects
        .pods
        .in_namespace(namespace)
        .filter(|pod| !view::is_terminating(pod))
        .filter_map(|pod| Some((nearness(service, selector, pod)?, pod)))
        .max_by(|(a, left), (b, right)| {
            a.cmp(b)
                .then_with(|| view::name_of(*right).cmp(view::name_of(*left)))
        });
    let Some((fit, pod)) = best else { return };
    let object = view::reference("Service", service);
    let workload = view::workload_of(objects, pod);
    let shown = labels_shown(selector);
    let labels = pod.metadata.labels.clone().unwrap_or_default();
    let statement = format!(
        "{object} selects {shown}, which no pod carries; the pods of {workload} carry {}.",
        labels_shown(&labels)
    );
    let strength = if fit >= Fit::Named {
        Strength::Strong
    } else {
        Strength::Likely
    };
    let spec = Draft::spec(object.clone(), format!("selector {shown}"), Vec::new());
    let status = Draft::status(
        view::pod_ref(pod),
        format!("labels {}", labels_shown(&labels)),
        Vec::new(),
    );
    findings.add(
        Finding::new(
            Cause::ServiceSelectorMismatch,
            object.clone(),
            strength,
            statement,
        )
        .because([spec, status])
        .because(failed_probe(case, service))
        .since(changed_at(case, &object))
        .explains([workload]),
    );
}

/// Whether a workload exists whose pods would fit, so that only pods are missing.
fn has_template(case: &Case<'_>, service: &Service, selector: &BTreeMap<String, String>) -> bool {
    let objects = &case.snapshot.objects;
    let namespace = view::namespace_of(service);
    let fits = |labels: Option<&BTreeMap<String, String>>| {
        selector
            .iter()
            .all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value))
    };
    let deployments = objects
        .deployments
        .in_namespace(namespace)
        .map(|found| &found.spec.template);
    let sets = objects
        .stateful_sets
        .in_namespace(namespace)
        .map(|found| &found.spec.template);
    let daemons = objects
        .daemon_sets
        .in_namespace(namespace)
        .map(|found| &found.spec.template);
    deployments.chain(sets).chain(daemons).any(|template| {
        fits(
            template
                .metadata
                .as_ref()
                .and_then(|meta| meta.labels.as_ref()),
        )
    })
}

/// How nearly a pod fits a selector, from weak to strong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    /// Part of the selector matches.
    Partly,
    /// A label's value or key differs by a slip.
    Slip,
    /// The Service bears the pod's own app name.
    Named,
    /// Both: the name and a slip or a part.
    NamedAndNear,
}

fn nearness(service: &Service, selector: &BTreeMap<String, String>, pod: &Pod) -> Option<Fit> {
    let labels = pod.metadata.labels.as_ref()?;
    let name = view::name_of(service);
    let partly = selector
        .iter()
        .any(|(key, value)| labels.get(key) == Some(value) && key.as_str() != "pod-template-hash");
    let slip = selector.iter().any(|(key, value)| {
        labels
            .get(key)
            .is_some_and(|other| wiring::is_near(value, other))
            || labels
                .iter()
                .any(|(other, same)| same == value && other != key)
    });
    let named = [
        "app",
        "app.kubernetes.io/name",
        "k8s-app",
        "name",
        "component",
    ]
    .iter()
    .any(|key| labels.get(*key).is_some_and(|value| value == name))
        || view::name_of(pod).starts_with(&format!("{name}-"));
    match (named, slip || partly) {
        (true, true) => Some(Fit::NamedAndNear),
        (true, false) => Some(Fit::Named),
        (false, true) if slip => Some(Fit::Slip),
        (false, true) => Some(Fit::Partly),
        (false, false) => None,
    }
}

/// A target port that no container serves.
fn wrong_port(
    case: &Case<'_>,
    service: &Service,
    backends: &Backends<'_>,
    findings: &mut Findings,
) -> bool {
    let pods: Vec<&Pod> = backends
        .pods
        .iter()
        .copied()
        .filter(|pod| !host_network(pod))
        .collect();
    let Some(pod) = pods.first() else {
        return false;
    };
    let containers = wiring::containers(pod);
    let declared = wiring::declared_ports(containers);
    let mut found = false;
    for port in wiring::ports(service) {
        let target = wiring::target_number(port, containers);
        let named = matches!(port.target_port, Some(IntOrString::String(_)));
        let unknown = match target {
            None => named,
            Some(number) => !named && !declared.is_empty() && !declared.contains(&number),
        };
        if !unknown {
            continue;
        }
        let probe = failed_probe(case, service);
        let serves_other = view::is_well(pod) && has_probe(pod);
        // Undeclared ports may be served; a failed check or a pod that is ready
        // on other ports says that this one is not.
        let strength = match (named, probe.is_some(), serves_other) {
            (true, _, _) | (_, true, _) => Strength::Strong,
            (_, _, true) => Strength::Likely,
            _ => Strength::Hint,
        };
        found |= strength > Strength::Hint;
        findings.add(port_finding(case, service, port, pod, &declared, strength).because(probe));
    }
    found
}

fn port_finding(
    case: &Case<'_>,
    service: &Service,
    port: &ServicePort,
    pod: &Pod,
    declared: &[i32],
    strength: Strength,
) -> Finding {
    let objects = &case.snapshot.objects;
    let object = view::reference("Service", service);
    let target = match &port.target_port {
        Some(IntOrString::String(name)) => format!("{name:?}"),
        Some(IntOrString::Int(number)) => number.to_string(),
        None => port.port.to_string(),
    };
    let workload = view::workload_of(objects, pod);
    let names: Vec<String> = wiring::containers(pod)
        .iter()
        .flat_map(|container| container.ports.iter().flatten())
        .map(|port| match &port.name {
            Some(name) => format!("{name}={}", port.container_port),
            None => port.container_port.to_string(),
        })
        .collect();
    let statement = format!(
        "{object} sends port {} to target port {target}, which the pods of {workload} do not serve ({}).",
        port.port,
        names.join(", ")
    );
    Finding::new(
        Cause::TargetPortMismatch,
        object.clone(),
        strength,
        statement,
    )
    .because([
        Draft::spec(
            object.clone(),
            format!("port {} has targetPort {target}", port.port),
            Vec::new(),
        ),
        Draft::spec(
            view::pod_ref(pod),
            format!("containers declare ports {declared:?}"),
            names,
        ),
    ])
    .since(changed_at(case, &object))
    .explains([workload])
}

fn wrong_protocol(
    case: &Case<'_>,
    service: &Service,
    backends: &Backends<'_>,
    findings: &mut Findings,
) -> bool {
    let Some(pod) = backends.pods.first() else {
        return false;
    };
    let mut found = false;
    for port in wiring::ports(service) {
        let Some(number) = wiring::target_number(port, wiring::containers(pod)) else {
            continue;
        };
        let wanted = port.protocol.as_deref().unwrap_or("TCP");
        let declared: Vec<&str> = wiring::containers(pod)
            .iter()
            .flat_map(|container| container.ports.iter().flatten())
            .filter(|declared| declared.container_port == number)
            .map(|declared| declared.protocol.as_deref().unwrap_or("TCP"))
            .collect();
        if declared.is_empty() || declared.contains(&wanted) {
            continue;
        }
        found = true;
        let object = view::reference("Service", service);
        let statement = format!(
            "{object} offers port {} as {wanted}; its pods serve {number} as {}.",
            port.port, declared[0]
        );
        let specs = [
            Draft::spec(
                object.clone(),
                format!("port {} is {wanted}", port.port),
                Vec::new(),
            ),
            Draft::spec(
                view::pod_ref(pod),
                format!("container port {number} is {}", declared[0]),
                Vec::new(),
            ),
        ];
        findings.add(
            Finding::new(
                Cause::ServiceProtocolMismatch,
                object.clone(),
                Strength::Strong,
                statement,
            )
            .because(specs)
            .because(failed_probe(case, service))
            .since(changed_at(case, &object))
            .explains([view::workload_of(&case.snapshot.objects, pod)]),
        );
    }
    found
}

/// Pods exist and none takes traffic: a symptom of what ails the pods.
fn none_ready(
    case: &Case<'_>,
    service: &Service,
    backends: &Backends<'_>,
    findings: &mut Findings,
) {
    let objects = &case.snapshot.objects;
    let object = view::reference("Service", service);
    let statement = format!("{object} has no ready pod ({} exist).", backends.pods.len());
    let title = format!("0 ready addresses, {} pods selected", backends.pods.len());
    let workloads = backends
        .pods
        .iter()
        .map(|pod| view::workload_of(objects, pod));
    findings.add(
        Finding::new(
            Cause::NoReadyEndpoints,
            object.clone(),
            Strength::Likely,
            statement,
        )
        .because([Draft::status(object, title, Vec::new())])
        .because(failed_probe(case, service))
        .explains(workloads),
    );
}

fn host_network(pod: &Pod) -> bool {
    pod.spec
        .as_ref()
        .is_some_and(|spec| spec.host_network == Some(true))
}

fn has_probe(pod: &Pod) -> bool {
    wiring::containers(pod).iter().any(|container| {
        container
            .readiness_probe
            .as_ref()
            .is_some_and(|probe| probe.exec.is_none())
    })
}

/// A blackbox check of the Service that fails now.
fn failed_probe(case: &Case<'_>, service: &Service) -> Option<Draft> {
    let name = view::name_of(service);
    let namespace = view::namespace_of(service);
    let failed = series::named(case.snapshot, &["probe_success"]).find(|series| {
        let same_namespace = series
            .labels
            .get("namespace")
            .is_none_or(|other| other == namespace);
        let targets = ["target", "instance"].iter().any(|label| {
            series.labels.get(*label).is_some_and(|target| {
                let host = target.rsplit("://").next().unwrap_or(target);
                host.split([':', '.', '/']).next() == Some(name)
            })
        });
        same_namespace && targets && series::last(series) == Some(0.0)
    })?;
    let object = view::reference("Service", service);
    Some(series::draft(
        object,
        failed,
        "an active check of the Service fails",
    ))
}

/// When the Service was last changed, as far as the time line tells.
fn changed_at(case: &Case<'_>, object: &ObjectRef) -> Option<jiff::Timestamp> {
    let changes = case.facts.changes.iter();
    changes
        .filter(|change| change.object == *object)
        .map(|change| change.at)
        .max()
}

fn labels_shown(labels: &BTreeMap<String, String>) -> String {
    labels
        .iter()
        .filter(|(name, _)| name.as_str() != "pod-template-hash")
        .map(|(name, value)| format!("{name}={value}"))
        .collect::<Vec<_>>()
        .join(",")
}
