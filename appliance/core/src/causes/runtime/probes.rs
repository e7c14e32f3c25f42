//! Probes that fail: wrong port, wrong protocol, wrong timing, or an app that
//! really is not well.
//!
//! Told apart by comparing the probe's port and scheme with the ports the
//! container declares and its other probes reach, the words of the failure,
//! and how soon the kill came after the start.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Container, Pod, Probe};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::is_troubled;
use crate::causes::{Case, Cause, Finding, Findings, Strength, view, wiring};
use crate::evidence::Draft;
use crate::facts::EventFold;

/// Words of a peer that answered in another protocol than asked.
const OTHER_PROTOCOL: [&str; 11] = [
    "malformed http",
    "server gave http response to https client",
    "first record does not look like a tls handshake",
    "http: server gave",
    "transport connection broken",
    "tls handshake",
    "error reading server preface",
    "client sent an http request to an https server",
    "http2: frame too large",
    "service unimplemented",
    "does not implement the grpc health protocol",
];

/// Words of a port on which nothing answers.
const NO_ANSWER: [&str; 5] = [
    "connection refused",
    "failed to connect",
    "i/o timeout",
    "no route to host",
    "context deadline exceeded",
];

/// A liveness threshold below this, in seconds from start to the kill, leaves
/// hardly any program the time to start.
const PATIENCE_MIN: i64 = 5;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Liveness,
    Readiness,
    Startup,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Self::Liveness => "liveness",
            Self::Readiness => "readiness",
            Self::Startup => "startup",
        }
    }

    fn probe(self, container: &Container) -> Option<&Probe> {
        match self {
            Self::Liveness => container.liveness_probe.as_ref(),
            Self::Readiness => container.readiness_probe.as_ref(),
            Self::Startup => container.startup_probe.as_ref(),
        }
    }

    fn of(event: &EventFold) -> Option<Self> {
        let message = event.message.to_ascii_lowercase();
        [Self::Liveness, Self::Readiness, Self::Startup]
            .into_iter()
            .find(|role| message.contains(&format!("{} probe", role.word())))
    }
}

/// What a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
    Tcp,
    Grpc,
}

/// Finds probes that fail and why.
pub(super) fn analyze(case: &Case<'_>, findings: &mut Findings) {
    for pod in &case.snapshot.objects.pods {
        if view::is_terminating(pod) || !is_troubled(case, pod) {
            continue;
        }
        let object = view::pod_ref(pod);
        let failures = view::events_of(case, &object)
            .filter(|event| event.reason == "Unhealthy" && view::in_window(case, event.last));
        for event in failures {
            let Some(role) = Role::of(event) else {
                continue;
            };
            let Some(container) = container_of(case, pod, role, event) else {
                continue;
            };
            let Some(probe) = role.probe(container) else {
                continue;
            };
            if !still_fails(case, pod, container, role) {
                continue;
            }
            findings.add(judge(case, pod, container, role, probe, event));
        }
    }
}

/// A failure counts while its container is not ready, or is being killed for it.
fn still_fails(case: &Case<'_>, pod: &Pod, container: &Container, role: Role) -> bool {
    let status = view::container_statuses(pod).find(|status| status.name == container.name);
    let ready = status.is_some_and(|status| status.ready);
    let killed = role != Role::Readiness
        && killing(case, pod).is_some_and(|event| view::in_window(case, event.last));
    let started = status.is_some_and(|status| status.started == Some(true));
    let starting = role == Role::Startup && started;
    killed || !(ready || starting)
}

/// The container whose probe of that role failed: the only one that has it,
/// or the one whose port the message names.
fn container_of<'a>(
    case: &Case<'_>,
    pod: &'a Pod,
    role: Role,
    event: &EventFold,
) -> Option<&'a Container> {
    let with_probe: Vec<&Container> = wiring::containers(pod)
        .iter()
        .filter(|container| role.probe(container).is_some())
        .collect();
    if let [only] = with_probe.as_slice() {
        return Some(only).copied();
    }
    let by_port = with_probe.iter().find(|container| {
        role.probe(container)
            .and_then(|probe| port_of(probe, container))
            .is_some_and(|port| event.message.contains(&format!(":{port}")))
    });
    by_port
        .or_else(|| {
            with_probe.iter().find(|container| {
                killing(case, pod).is_some_and(|event| event.message.contains(&container.name))
            })
        })
        .or_else(|| with_probe.first())
        .copied()
}

fn judge(
    case: &Case<'_>,
    pod: &Pod,
    container: &Container,
    role: Role,
    probe: &Probe,
    event: &EventFold,
) -> Finding {
    let objects = &case.snapshot.objects;
    let workload = view::workload_of(objects, pod);
    let kill = killing(case, pod).filter(|_| role != Role::Readiness);
    let (cause, strength, why) = verdict(case, pod, container, role, probe, event, kill);
    let port = port_of(probe, container).map_or_else(String::new, |port| format!(" (port {port})"));
    let statement = format!(
        "The {} probe{port} of container {} in {workload} {why}.",
        role.word(),
        container.name
    );
    let title = format!(
        "{} probe of container {}: {}; declared ports {:?}",
        role.word(),
        container.name,
        describe(probe, container),
        wiring::declared_ports(std::slice::from_ref(container)),
    );
    Finding::new(cause, workload.clone(), strength, statement)
        .because([Draft::event(event)])
        .because(kill.map(Draft::event))
        .because([Draft::spec(workload, title, Vec::new())])
        .since(event.first)
        .explains(view::affected_by(objects, pod))
}

fn verdict(
    case: &Case<'_>,
    pod: &Pod,
    container: &Container,
    role: Role,
    probe: &Probe,
    event: &EventFold,
    kill: Option<&EventFold>,
) -> (Cause, Strength, &'static str) {
    if speaks_otherwise(event, probe, container) {
        return (
            by_role(role, Kind::Protocol),
            Strength::Strong,
            "speaks another protocol than the port it asks",
        );
    }
    let no_answer = view::mentions(&event.message, &NO_ANSWER);
    if no_answer
        && asks_foreign_port(probe, container, role)
        && !answers_elsewhere(case, pod, container, role, probe)
    {
        return (
            by_role(role, Kind::Port),
            Strength::Strong,
            "asks a port that the container does not serve",
        );
    }
    if role == Role::Startup && kill.is_some() {
        return (
            Cause::SlowStart,
            Strength::Strong,
            "gives up before the program has started",
        );
    }
    if role != Role::Readiness && kill.is_some() {
        if patience(probe) < PATIENCE_MIN {
            return (
                Cause::LivenessProbeWrongTiming,
                Strength::Strong,
                "gives up sooner than the program can start or answer",
            );
        }
        if comes_before_ready(pod, container, probe) {
            return (
                Cause::SlowStart,
                Strength::Likely,
                "gives up before the program has started",
            );
        }
        return (
            Cause::LivenessKill,
            Strength::Likely,
            "fails, and the kubelet restarts the container",
        );
    }
    match role {
        Role::Startup => (Cause::SlowStart, Strength::Likely, "does not succeed yet"),
        Role::Liveness => (Cause::LivenessKill, Strength::Hint, "fails at times"),
        Role::Readiness => (
            Cause::ReadinessFailing,
            Strength::Likely,
            "fails, so the pod takes no traffic",
        ),
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Port,
    Protocol,
}

/// A startup probe restarts the container like a liveness probe.
fn by_role(role: Role, kind: Kind) -> Cause {
    match (role, kind) {
        (Role::Readiness, Kind::Port) => Cause::ReadinessProbeWrongPort,
        (Role::Readiness, Kind::Protocol) => Cause::ReadinessProbeWrongProtocol,
        (_, Kind::Port) => Cause::LivenessProbeWrongPort,
        (_, Kind::Protocol) => Cause::LivenessProbeWrongProtocol,
    }
}

/// The answer came in another protocol, or the port's other probe speaks another one.
fn speaks_otherwise(event: &EventFold, probe: &Probe, container: &Container) -> bool {
    if view::mentions(&event.message, &OTHER_PROTOCOL) {
        return true;
    }
    let Some(scheme) = scheme_of(probe) else {
        return false;
    };
    let gone_wrong = view::mentions(
        &event.message,
        &["eof", "connection reset", "unimplemented"],
    );
    let port = port_of(probe, container);
    let other = [&container.liveness_probe, &container.readiness_probe]
        .into_iter()
        .flatten()
        .filter(|other| *other != probe && port_of(other, container) == port)
        .filter_map(scheme_of)
        .any(|other| other != scheme && other != Scheme::Tcp && scheme != Scheme::Tcp);
    gone_wrong && other
}

/// The probe's port is not among the declared ones, or nobody declares a
/// named one, or the container's other probe reaches another port.
fn asks_foreign_port(probe: &Probe, container: &Container, role: Role) -> bool {
    let Some(port) = port_of(probe, container) else {
        return scheme_of(probe).is_some();
    };
    let declared = wiring::declared_ports(std::slice::from_ref(container));
    if !declared.is_empty() {
        return !declared.contains(&port);
    }
    let others = [
        (Role::Liveness, &container.liveness_probe),
        (Role::Readiness, &container.readiness_probe),
    ];
    others
        .into_iter()
        .filter(|(other, _)| *other != role)
        .filter_map(|(_, other)| port_of(other.as_ref()?, container))
        .any(|other| other != port)
}

/// Whether the same program answers the same probe in another workload, as
/// injected sidecars do on ports they do not declare: then the port is right.
fn answers_elsewhere(
    case: &Case<'_>,
    pod: &Pod,
    container: &Container,
    role: Role,
    probe: &Probe,
) -> bool {
    let objects = &case.snapshot.objects;
    let port = port_of(probe, container);
    let is_same = |other: &Container| {
        other.image.is_some()
            && other.image == container.image
            && role
                .probe(other)
                .is_some_and(|probe| port_of(probe, other) == port)
    };
    let answers = |other: &Pod| {
        wiring::containers(other).iter().any(|container| {
            is_same(container)
                && view::container_statuses(other)
                    .any(|status| status.name == container.name && status.ready)
        })
    };
    let own = view::workload_of(objects, pod);
    objects
        .pods
        .iter()
        .any(|other| answers(other) && view::workload_of(objects, other) != own)
}

/// Seconds from the first check to the kill at the earliest.
fn patience(probe: &Probe) -> i64 {
    let period = i64::from(probe.period_seconds.unwrap_or(10).max(1));
    let failures = i64::from(probe.failure_threshold.unwrap_or(3).max(1));
    let delay = i64::from(probe.initial_delay_seconds.unwrap_or(0));
    delay + period * (failures - 1) + i64::from(probe.timeout_seconds.unwrap_or(1))
}

/// Killed every time within the probe's patience of its start, and never ready.
fn comes_before_ready(pod: &Pod, container: &Container, probe: &Probe) -> bool {
    let status = view::container_statuses(pod).find(|status| status.name == container.name);
    let end = status.and_then(super::last_end);
    let seconds = |time: Option<Timestamp>| time.map(Timestamp::as_second);
    let lived = end.and_then(|end| {
        let from = seconds(end.started_at.as_ref().map(|time| time.0))?;
        let to = seconds(end.finished_at.as_ref().map(|time| time.0))?;
        Some(to - from)
    });
    let grace = i64::from(probe.period_seconds.unwrap_or(10)) + 35;
    lived.is_some_and(|lived| lived <= patience(probe) + grace) && container.startup_probe.is_none()
}

fn killing<'a>(case: &Case<'a>, pod: &Pod) -> Option<&'a EventFold> {
    let object = view::pod_ref(pod);
    view::events_of(case, &object).find(|event| {
        event.reason == "Killing"
            && view::mentions(
                &event.message,
                &["failed liveness probe", "failed startup probe", "unhealthy"],
            )
    })
}

fn port_of(probe: &Probe, container: &Container) -> Option<i32> {
    if let Some(grpc) = &probe.grpc {
        return Some(grpc.port);
    }
    let http = probe.http_get.as_ref().map(|get| &get.port);
    let tcp = probe.tcp_socket.as_ref().map(|socket| &socket.port);
    match http.or(tcp)? {
        IntOrString::Int(port) => Some(*port),
        IntOrString::String(name) => wiring::named_port(name, std::slice::from_ref(container)),
    }
}

fn scheme_of(probe: &Probe) -> Option<Scheme> {
    if probe.grpc.is_some() {
        return Some(Scheme::Grpc);
    }
    if probe.tcp_socket.is_some() {
        return Some(Scheme::Tcp);
    }
    let get = probe.http_get.as_ref()?;
    Some(if get.scheme.as_deref() == Some("HTTPS") {
        Scheme::Https
    } else {
        Scheme::Http
    })
}

fn describe(probe: &Probe, container: &Container) -> String {
    let port = port_of(probe, container).map_or_else(|| "?".to_owned(), |port| port.to_string());
    let what = match scheme_of(probe) {
        Some(Scheme::Http) => format!("http :{port}"),
        Some(Scheme::Https) => format!("https :{port}"),
        Some(Scheme::Tcp) => format!("tcp :{port}"),
        Some(Scheme::Grpc) => format!("grpc :{port}"),
        None => "exec".to_owned(),
    };
    format!(
        "{what} delay={}s timeout={}s period={}s failures={}",
        probe.initial_delay_seconds.unwrap_or(0),
        probe.timeout_seconds.unwrap_or(1),
        probe.period_seconds.unwrap_or(10),
        probe.failure_threshold.unwrap_or(3),
    )
}
