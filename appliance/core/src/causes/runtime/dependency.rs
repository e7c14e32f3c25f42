//! Clients that cannot reach what they depend on.
//!
//! Follows the host of a log line to its Service and that Service's pods.
//! Refused by a Service without ready pods: the dependency is to fix.
//! A host that is no Service, or a port the Service does not have: the
//! client's configuration is. Timeouts towards ready pods: the path is.

mod names;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Pod, Service};

use super::{matters, pod_of};
use crate::causes::signs::{Address, Seen, Sign};
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::Draft;
use crate::evidence::query::shell_word;
use crate::object::ObjectRef;
use crate::snapshot::Objects;

/// Well-known server ports, for clients that do not log where they connect to.
const KNOWN_PORTS: &[(&[&str], u16)] = &[
    (&["mysql", "mariadb", "hikari", "jdbc"], 3306),
    (&["postgres", "psycopg", "npgsql", "libpq"], 5432),
    (&["redis"], 6379),
    (&["mongo"], 27017),
    (&["rabbit", "amqp"], 5672),
    (&["kafka"], 9092),
    (&["elasticsearch", "opensearch"], 9200),
];

/// States why clients cannot reach their dependencies.
pub(super) fn analyze(case: &Case<'_>, seen: &[Seen], findings: &mut Findings) {
    let configured = configured_addresses(&case.snapshot.objects);
    for one in seen {
        let Some(pod) = pod_of(case, one) else {
            continue;
        };
        if view::is_terminating(pod) || one.previous && !matters(case, pod, one) {
            continue;
        }
        let client = Client::of(case, pod, one);
        if one
            .address
            .as_ref()
            .is_some_and(|address| client.echoes(address, &configured))
        {
            continue;
        }
        match (one.sign, &one.address) {
            (Sign::Refused | Sign::TimedOut | Sign::ProtocolMismatch, Some(address)) => {
                to_address(&client, address, findings);
            }
            (Sign::Refused, None) => to_unnamed(&client, seen, findings),
            (Sign::NameUnknown, Some(address)) => names::unknown(&client, address, findings),
            _ => {}
        }
    }
    configured_wrongly(case, findings);
    names::resolver(case, seen, findings);
}

/// The addresses that workloads are configured with.
type Configured = BTreeMap<ObjectRef, BTreeSet<(String, Option<u16>)>>;

fn configured_addresses(objects: &Objects) -> Configured {
    let workloads: BTreeSet<ObjectRef> = objects
        .pods
        .iter()
        .map(|pod| view::workload_of(objects, pod))
        .collect();
    let mut configured = Configured::new();
    for workload in workloads {
        let namespace = workload.namespace.clone().unwrap_or_default();
        for setting in wiring::settings_of(objects, &workload) {
            let address = Address {
                host: setting.host,
                port: setting.port,
            };
            let key = address_key(objects, &address, &namespace);
            configured.entry(workload.clone()).or_default().insert(key);
        }
    }
    configured
}

/// One key for all the names of a Service: its namespace and name, with the
/// port when it is none that the Service has.
fn address_key(objects: &Objects, address: &Address, namespace: &str) -> (String, Option<u16>) {
    match wiring::service_of(objects, &address.host, namespace) {
        Some(service) => {
            let port = address.port.filter(|&port| !has_port(service, port));
            (view::reference("Service", service).to_string(), port)
        }
        None => (address.host.clone(), None),
    }
}

/// Who speaks in a log.
struct Client<'a> {
    case: &'a Case<'a>,
    pod: &'a Pod,
    workload: ObjectRef,
    seen: &'a Seen,
}

impl<'a> Client<'a> {
    fn of(case: &'a Case<'a>, pod: &'a Pod, seen: &'a Seen) -> Self {
        Self {
            case,
            pod,
            workload: view::workload_of(&case.snapshot.objects, pod),
            seen,
        }
    }

    fn namespace(&self) -> &str {
        view::namespace_of(self.pod)
    }

    /// The trouble ended and the client goes on.
    fn is_over(&self) -> bool {
        !matters(self.case, self.pod, self.seen)
    }

    /// The line repeats what a callee answered: the client has addresses of its
    /// own, this is none of them, and another workload is configured with it.
    fn echoes(&self, address: &Address, configured: &Configured) -> bool {
        let objects = &self.case.snapshot.objects;
        let Some(own) = configured.get(&self.workload) else {
            return false;
        };
        let key = address_key(objects, address, self.namespace());
        !own.contains(&key)
            && configured
                .iter()
                .any(|(workload, keys)| *workload != self.workload && keys.contains(&key))
    }

    fn finding(
        &self,
        cause: Cause,
        object: ObjectRef,
        strength: Strength,
        statement: String,
    ) -> Finding {
        let objects = &self.case.snapshot.objects;
        Finding::new(cause, object, strength, statement)
            .because([self.seen.draft()])
            .since(self.seen.first)
            .explains(view::affected_by(objects, self.pod))
    }
}

fn to_address(client: &Client<'_>, address: &Address, findings: &mut Findings) {
    if wiring::is_loopback(&address.host) {
        return;
    }
    let objects = &client.case.snapshot.objects;
    let Some(service) = wiring::service_of(objects, &address.host, client.namespace()) else {
        return outside(client, address, findings);
    };
    let backends = wiring::backends(objects, service);
    if let Some(port) = address.port.filter(|&port| !has_port(service, port)) {
        let is_pod_ip = wiring::is_ip(&address.host) && !is_cluster_ip(service, &address.host);
        if !is_pod_ip && !client.is_over() {
            findings.add(wrong_port(client, service, port));
            return;
        }
    }
    if backends.ready == 0 && wiring::selector(service).is_some() {
        let target = wiring::workload_behind(objects, service);
        let statement = format!(
            "{} is refused by {address}: Service {} has no ready pod.",
            client.workload,
            view::name_of(service)
        );
        let title = format!("no ready address, {} not ready", backends.not_ready);
        findings.add(
            client
                .finding(
                    Cause::DependencyRefused,
                    target,
                    Strength::Likely,
                    statement,
                )
                .because([endpoints_draft(service, title)]),
        );
    } else if client.seen.sign == Sign::ProtocolMismatch {
        let statement = format!(
            "{} and Service {} speak different protocols on {address}.",
            client.workload,
            view::name_of(service)
        );
        let object = view::reference("Service", service);
        let cause = Cause::ServiceProtocolMismatch;
        findings.add(client.finding(cause, object, Strength::Likely, statement));
    } else if !client.is_over() {
        answered_badly(client, service, address, findings);
    }
}

/// The Service has ready pods and yet does not answer.
fn answered_badly(
    client: &Client<'_>,
    service: &Service,
    address: &Address,
    findings: &mut Findings,
) {
    let objects = &client.case.snapshot.objects;
    let target = wiring::workload_behind(objects, service);
    if target == client.workload {
        return;
    }
    let (cause, words) = match client.seen.sign {
        Sign::TimedOut => (Cause::DependencyTimeout, "gets no answer in time from"),
        _ => (Cause::DependencyRefused, "is refused by"),
    };
    let statement = format!(
        "{} {words} {address} although Service {} has ready pods.",
        client.workload,
        view::name_of(service)
    );
    findings.add(client.finding(cause, target, Strength::Hint, statement));
}

/// An address that is no Service of the snapshot.
fn outside(client: &Client<'_>, address: &Address, findings: &mut Findings) {
    if client.is_over() || view::is_well(client.pod) {
        return;
    }
    let cause = match client.seen.sign {
        Sign::TimedOut => Cause::DependencyTimeout,
        _ => Cause::DependencyRefused,
    };
    let statement = format!(
        "{} cannot reach {address}, which is no Service that was captured.",
        client.workload
    );
    let object = client.workload.clone();
    findings.add(client.finding(cause, object, Strength::Hint, statement));
}

/// Refused without saying by whom: the Services of the client's protocol tell.
fn to_unnamed(client: &Client<'_>, seen: &[Seen], findings: &mut Findings) {
    if view::is_well(client.pod) || client.is_over() {
        return;
    }
    let log = client.case.snapshot.logs.iter().find(|log| {
        log.pod == client.seen.pod.name
            && log.container == client.seen.container
            && log.previous == client.seen.previous
    });
    let Some(port) = log.and_then(|log| known_port(&log.text)) else {
        return;
    };
    let objects = &client.case.snapshot.objects;
    let servers: Vec<&Service> = objects
        .services
        .in_namespace(client.namespace())
        .filter(|service| has_port(service, port) && wiring::selector(service).is_some())
        .collect();
    if servers.is_empty() {
        return;
    }
    let down = servers
        .iter()
        .find(|service| wiring::backends(objects, service).ready == 0);
    if let Some(service) = down {
        let target = wiring::workload_behind(objects, service);
        let statement = format!(
            "{} is refused on port {port} and Service {} has no ready pod.",
            client.workload,
            view::name_of(*service)
        );
        let finding = client.finding(
            Cause::DependencyRefused,
            target,
            Strength::Likely,
            statement,
        );
        findings.add(finding.because([endpoints_draft(service, "no ready address".to_owned())]));
        return;
    }
    let others = seen.iter().any(|other| {
        other.sign == Sign::Refused && other.address.is_none() && {
            let workload = view::root_of(objects, &other.pod);
            workload != client.workload && !other.is_over()
        }
    });
    let strength = if others {
        Strength::Hint
    } else {
        Strength::Likely
    };
    let statement = format!(
        "{} is refused although every Service for its protocol (port {port}) has ready pods: its own address or port setting is wrong.",
        client.workload
    );
    let drafts = servers
        .iter()
        .take(3)
        .map(|service| endpoints_draft(service, format!("port {port} has ready addresses")));
    findings.add(
        client
            .finding(
                Cause::DependencyWrongPort,
                client.workload.clone(),
                strength,
                statement,
            )
            .because(drafts),
    );
}

/// The server port of the client library that the log names most.
fn known_port(text: &str) -> Option<u16> {
    let tail_from = text.len().saturating_sub(60_000);
    let tail = text.get(tail_from..).unwrap_or(text).to_ascii_lowercase();
    KNOWN_PORTS
        .iter()
        .map(|(words, port)| {
            let hits: usize = words.iter().map(|word| tail.matches(word).count()).sum();
            (hits, *port)
        })
        .filter(|&(hits, _)| hits > 0)
        .max()
        .map(|(_, port)| port)
}

fn wrong_port(client: &Client<'_>, service: &Service, port: u16) -> Finding {
    let ports: Vec<i32> = wiring::ports(service)
        .iter()
        .map(|port| port.port)
        .collect();
    let statement = format!(
        "{} connects to port {port} of Service {}, which has {ports:?}.",
        client.workload,
        view::name_of(service)
    );
    let object = view::reference("Service", service);
    let title = format!("Service ports are {ports:?}, not {port}");
    let objects = &client.case.snapshot.objects;
    let setting = wiring::settings_of(objects, &client.workload)
        .into_iter()
        .find(|setting| setting.port == Some(port));
    client
        .finding(
            Cause::DependencyWrongPort,
            client.workload.clone(),
            Strength::Strong,
            statement,
        )
        .because([Draft::spec(object, title, Vec::new())])
        .because(setting.map(|setting| setting_draft(&setting)))
}

/// Settings that point at a Service's missing port or just beside a Service's
/// name. Without a complaint in the logs this is a hint only.
fn configured_wrongly(case: &Case<'_>, findings: &mut Findings) {
    let objects = &case.snapshot.objects;
    let mut workloads: BTreeMap<ObjectRef, &Pod> = BTreeMap::new();
    for pod in objects.pods.iter().filter(|pod| !view::is_terminating(pod)) {
        workloads
            .entry(view::workload_of(objects, pod))
            .or_insert(pod);
    }
    for (workload, pod) in workloads {
        let namespace = view::namespace_of(pod);
        for setting in wiring::settings_of(objects, &workload) {
            let explains = view::affected_by(objects, pod);
            let unwell = super::is_troubled(case, pod);
            let strength = if unwell {
                Strength::Likely
            } else {
                Strength::Hint
            };
            let service = wiring::service_of(objects, &setting.host, namespace);
            let found = match (service, setting.port) {
                (Some(service), Some(port)) if !has_port(service, port) => Some((
                    Cause::DependencyWrongPort,
                    format!(
                        "{workload} is configured with port {port} of Service {}, which does not have it.",
                        view::name_of(service)
                    ),
                )),
                (None, _) => names::near_service(objects, &setting.host, namespace).map(|near| (
                    Cause::DependencyWrongAddress,
                    format!(
                        "{workload} is configured with host {}, which is no Service; {near} is.",
                        setting.host
                    ),
                )),
                _ => None,
            };
            if let Some((cause, statement)) = found {
                findings.add(
                    Finding::new(cause, workload.clone(), strength, statement)
                        .because([setting_draft(&setting)])
                        .explains(explains),
                );
            }
        }
    }
}

fn has_port(service: &Service, port: u16) -> bool {
    let ports = wiring::ports(service);
    // A headless or selector-less Service passes every port through.
    ports.is_empty()
        || wiring::is_headless(service)
        || ports.iter().any(|known| known.port == i32::from(port))
}

fn is_cluster_ip(service: &Service, ip: &str) -> bool {
    service
        .spec
        .as_ref()
        .and_then(|spec| spec.cluster_ip.as_deref())
        == Some(ip)
}

fn endpoints_draft(service: &Service, title: String) -> Draft {
    let mut draft = Draft::status(view::reference("Service", service), title, Vec::new());
    draft.query = format!(
        "kubectl get endpointslices -n {} -l kubernetes.io/service-name={}",
        shell_word(view::namespace_of(service)),
        shell_word(view::name_of(service))
    );
    draft
}

fn setting_draft(setting: &wiring::Setting) -> Draft {
    let title = format!(
        "container {} is configured with {}={}",
        setting.container, setting.variable, setting.value
    );
    Draft::spec(setting.source.clone(), title, Vec::new())
}
