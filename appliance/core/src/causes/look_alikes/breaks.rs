//! Row "connection error", its end: connections that were made and break off.

use serde_json::{Value, json};

use super::{Fixture, ago, check, crashing, running, spec, web};

const RESET: &str = "Post \"http://ledger:80/\": read tcp 10.1.1.1:41000->10.0.0.9:80: read: connection reset by peer";
const EOF: &str = "Post \"http://ledger:80/\": unexpected EOF";
const PLAIN: &str = "Get \"https://ledger:80/\": http: server gave HTTP response to HTTPS client";
const TERMINATED: &str = "upstream connect error or disconnect/reset before headers. reset reason: connection termination";

/// `web` says `line` of a Service `ledger` whose pod has that status.
fn broken(line: &str, ledger: Value) -> Fixture {
    let server = spec(json!({"ports": [{"containerPort": 8080}],
        "resources": {"limits": {"memory": "64Mi"}}}));
    let ready = ledger["containerStatuses"][0]["ready"] == true;
    web(spec(json!({})), running(false))
        .log("web-77f-a", "main", false, line)
        .deployment("ledger", 1, i32::from(ready), server.clone())
        .pod("ledger", "s", server, ledger)
        .with(
            json!({"kind": "Service", "metadata": {"name": "ledger"}, "spec": {
            "clusterIP": "10.0.0.9", "selector": {"app": "ledger"},
            "ports": [{"port": 80, "targetPort": 8080}]}}),
        )
}

fn strict(fixture: Fixture) -> Fixture {
    fixture.with(
        json!({"kind": "PeerAuthentication", "metadata": {"name": "default", "creationTimestamp": ago(15)},
            "spec": {"mtls": {"mode": "STRICT"}}}),
    )
}

#[test]
fn a_connection_that_breaks_off_is_told_apart_by_what_ended_it() {
    check(
        "reset against EOF",
        vec![
            (
                "reset, and the peer was killed for memory",
                broken(RESET, crashing("OOMKilled", 137, 40)),
                "OomOwnLimit Deployment shop/ledger",
            ),
            (
                "EOF, and the peer was killed for memory",
                broken(EOF, crashing("OOMKilled", 137, 40)),
                "OomOwnLimit Deployment shop/ledger",
            ),
            (
                "the peer speaks another protocol",
                broken(PLAIN, running(true)),
                "ServiceProtocolMismatch Service shop/ledger",
            ),
            (
                "ended by a proxy that asks for mutual TLS",
                strict(broken(TERMINATED, running(true))),
                "MeshAuthzMtls PeerAuthentication shop/default",
            ),
        ],
    );
}
