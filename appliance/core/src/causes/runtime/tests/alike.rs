//! Pairs that look the same and are told apart.

use serde_json::{Value, json};

use super::super::{crash_and_logs, memory, pressure, probes, stuck};
use super::{app, crashing, ended, probed, running, server};
use crate::causes::fixture::{Fixture, ago};

/// A container that ended with 137, and what was said beside it.
fn ended_137(reason: &str) -> Fixture {
    let limits = json!({"resources": {"limits": {"memory": "64Mi"}}});
    app(limits, running(false, 4, ended(reason, 137)))
}

#[test]
fn exit_137_is_read_by_who_killed() {
    ended_137("OOMKilled").check(memory::analyze, &["OomOwnLimit Deployment shop/web"]);
    ended_137("Error").check(memory::analyze, &[]);
    let probe =
        json!({"tcpSocket": {"port": 8080}, "periodSeconds": 10, "initialDelaySeconds": 60});
    let words = "Liveness probe failed: command timed out";
    let killed = probed(probe, true, words);
    killed.check(memory::analyze, &[]);
    killed.check(crash_and_logs, &[]);
    assert_eq!(killed.findings(probes::analyze).found.len(), 1);
}

#[test]
fn a_deleted_pod_that_was_killed_is_no_case() {
    let mut fixture = ended_137("OOMKilled");
    let mut pod = fixture
        .snapshot
        .objects
        .pods
        .get("shop", "web-77f-a")
        .cloned()
        .unwrap();
    pod.metadata.deletion_timestamp = serde_json::from_value(json!(ago(1))).unwrap();
    fixture.snapshot.objects.pods.insert(pod);
    fixture.check(memory::analyze, &[]);
    fixture.check(crash_and_logs, &[]);
    fixture.check(stuck::analyze, &[]);
}

fn evicted(message: &str, minutes: i64) -> Fixture {
    let status: Value = json!({"phase": "Failed", "reason": "Evicted", "message": message, "startTime": ago(minutes)});
    app(json!({}), status).event("Warning", "Pod/web-77f-a", "Evicted", message, minutes)
}

#[test]
fn an_eviction_is_read_by_whose_limit_it_was() {
    let low = "The node was low on resource: memory. Container main was using 3Gi, request is 0.";
    evicted(low, 5).check(pressure::evicted, &["EvictedPressure Deployment shop/web"]);
    let own = "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.";
    evicted(own, 5).check(pressure::evicted, &["EphemeralLimit Deployment shop/web"]);
    evicted(low, 600).check(pressure::evicted, &[]);
}

#[test]
fn a_crash_loop_is_read_by_what_was_said_last() {
    let said = |text: &str, cause: &str| {
        crashing(text).check(crash_and_logs, &[&format!("{cause} Deployment shop/web")]);
    };
    said(
        "FATAL environment variable DATABASE_URL is not set",
        "CrashConfigEnv",
    );
    said(
        "panic: runtime error: index out of range",
        "CrashAppException",
    );
    said(
        "listen tcp :8080: bind: address already in use",
        "PortConflict",
    );
    said(
        "x509: certificate has expired or is not yet valid",
        "AppCertExpired",
    );
    app(json!({}), running(false, 5, ended("Completed", 0)))
        .check(crash_and_logs, &["CrashExit0Loop Deployment shop/web"]);
}

#[test]
fn a_crash_over_a_dependency_moves_to_the_dependency() {
    let line = "dial tcp: connect: connection refused: http://ledger:8080/api";
    server(crashing(line), "ledger", 8080, false).check(
        crash_and_logs,
        &["DependencyRefused Deployment shop/ledger"],
    );
}

#[test]
fn a_startup_probe_that_kills_is_a_slow_start_and_no_hang() {
    let container = json!({"ports": [{"containerPort": 8080}],
        "startupProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 5, "failureThreshold": 6}});
    let words = "Startup probe failed: dial tcp 10.1.1.1:8080: connect: connection refused";
    app(container, running(false, 3, ended("Error", 137)))
        .warning("Pod/web-77f-a", "Unhealthy", words)
        .event(
            "Normal",
            "Pod/web-77f-a",
            "Killing",
            "Container main failed startup probe, will be restarted",
            2,
        )
        .check(probes::analyze, &["SlowStart Deployment shop/web"]);
}
