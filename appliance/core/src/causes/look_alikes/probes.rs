//! Readiness against liveness, a probe that is wrong against a container that
//! is, and "readiness failing on many services at once".

use serde_json::{Value, json};

use super::{Fixture, check, crashing, running, server, spec, web};

fn probed(kind: &str, probe: Value, status: Value) -> Fixture {
    let mut container = json!({"ports": [{"containerPort": 8080}]});
    container[kind] = probe;
    web(spec(container), status)
}

fn failed(fixture: Fixture, kind: &str, why: &str) -> Fixture {
    fixture.warning(
        "Pod/web-77f-a",
        "Unhealthy",
        &format!("{kind} probe failed: {why}"),
    )
}

fn killed(fixture: Fixture, kind: &str) -> Fixture {
    let message = format!("Container main failed {kind} probe, will be restarted");
    fixture.event("Normal", "Pod/web-77f-a", "Killing", &message, 2)
}

const REFUSED: &str = "dial tcp 10.1.1.1:9090: connect: connection refused";

#[test]
fn a_failing_probe_is_told_apart_by_what_it_does() {
    let tcp = |port: i32| json!({"tcpSocket": {"port": port}, "periodSeconds": 10});
    check(
        "a probe fails",
        vec![
            (
                "readiness, on a port nobody serves",
                failed(
                    probed("readinessProbe", tcp(9090), running(false)),
                    "Readiness",
                    REFUSED,
                ),
                "ReadinessProbeWrongPort Deployment shop/web",
            ),
            (
                "liveness, on a port nobody serves",
                killed(
                    failed(
                        probed("livenessProbe", tcp(9090), crashing("Error", 137, 40)),
                        "Liveness",
                        REFUSED,
                    ),
                    "liveness",
                ),
                "LivenessProbeWrongPort Deployment shop/web",
            ),
            (
                "startup, before it listens",
                killed(
                    failed(
                        probed(
                            "startupProbe",
                            json!({"tcpSocket": {"port": 8080}, "periodSeconds": 5, "failureThreshold": 6}),
                            crashing("Error", 137, 30),
                        ),
                        "Startup",
                        "dial tcp 10.1.1.1:8080: connect: connection refused",
                    ),
                    "startup",
                ),
                "SlowStart Deployment shop/web",
            ),
        ],
    );
}

#[test]
fn readiness_is_told_apart_from_the_dependency_it_waits_for() {
    let ready = json!({"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 10});
    let words = "HTTP probe failed with statuscode: 503";
    let alone = || {
        failed(
            probed("readinessProbe", ready.clone(), running(false)),
            "Readiness",
            words,
        )
    };
    let line = "dial tcp 10.0.0.9:80: connect: connection refused: http://ledger:80/";
    let behind = server(
        alone().log("web-77f-a", "main", false, line),
        "ledger",
        false,
    );
    check(
        "readiness answers 503",
        vec![
            (
                "nothing else is wrong",
                alone(),
                "ReadinessFailing Deployment shop/web",
            ),
            (
                "what it needs is down",
                behind,
                "DependencyRefused Deployment shop/ledger",
            ),
        ],
    );
}

#[test]
fn many_services_that_are_not_ready_are_told_apart_by_what_they_share() {
    let line = "dial tcp 10.0.0.9:80: connect: connection refused: http://ledger:80/";
    let ready = json!({"httpGet": {"path": "/ready", "port": 8080}});
    let mut shared = server(
        probed("readinessProbe", ready.clone(), running(false)).log(
            "web-77f-a",
            "main",
            false,
            line,
        ),
        "ledger",
        false,
    );
    for name in ["cart", "mail"] {
        let spec = spec(json!({"ports": [{"containerPort": 8080}], "readinessProbe": ready}));
        shared = shared
            .deployment(name, 1, 0, spec.clone())
            .pod(name, "b", spec, running(false))
            .log(&format!("{name}-77f-b"), "main", false, line)
            .warning(
                &format!("Pod/{name}-77f-b"),
                "Unhealthy",
                "Readiness probe failed: HTTP probe failed with statuscode: 503",
            );
    }
    check(
        "readiness failing on many services at once",
        vec![(
            "all of them name one",
            failed(
                shared,
                "Readiness",
                "HTTP probe failed with statuscode: 503",
            ),
            "DependencyRefused Deployment shop/ledger",
        )],
    );
}
