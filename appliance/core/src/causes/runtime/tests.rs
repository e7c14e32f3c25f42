//! Each cause of the family with a near miss, and the pairs that look alike.

#![allow(
    clippy::needless_pass_by_value,
    reason = "fixtures are written in place"
)]

mod alike;
mod data;
mod going;
mod load;
mod probe_words;

use serde_json::{Value, json};

use super::{crash_and_logs, jobs, memory, pressure, probes, stuck};
use crate::causes::fixture::{Fixture, ago};

fn running(ready: bool, restarts: i32, last: Value) -> Value {
    json!({"phase": "Running", "containerStatuses": [{
        "name": "main", "image": "i", "imageID": "", "ready": ready, "restartCount": restarts,
        "state": if ready { json!({"running": {}}) } else { json!({"waiting": {"reason": "CrashLoopBackOff"}}) },
        "lastState": {"terminated": last},
    }]})
}

fn ended(reason: &str, code: i32) -> Value {
    json!({"reason": reason, "exitCode": code, "startedAt": ago(3), "finishedAt": ago(2)})
}

fn spec(container: Value) -> Value {
    let mut container = container;
    container["name"] = json!("main");
    json!({"nodeName": "n1", "containers": [container]})
}

fn app(container: Value, status: Value) -> Fixture {
    let spec = spec(container);
    Fixture::new()
        .deployment("web", 1, 0, spec.clone())
        .pod("web", "a", spec, status)
}

fn service(fixture: Fixture, name: &str, port: i32) -> Fixture {
    fixture.with(json!({"kind": "Service", "metadata": {"name": name},
        "spec": {"clusterIP": "10.0.0.9", "selector": {"app": name},
                 "ports": [{"port": port, "targetPort": port}]}}))
}

/// A Deployment of one pod behind a Service of its name.
fn server(fixture: Fixture, name: &str, port: i32, ready: bool) -> Fixture {
    let spec = json!({"containers": [{"name": "main", "ports": [{"containerPort": port}]}]});
    let status = json!({"phase": "Running", "containerStatuses": [{"name": "main", "image": "i",
        "imageID": "", "ready": ready, "restartCount": 0, "state": {"running": {}}}]});
    service(fixture, name, port)
        .deployment(name, 1, i32::from(ready), spec.clone())
        .pod(name, "s", spec, status)
}

fn crashing(text: &str) -> Fixture {
    app(json!({}), running(false, 5, ended("Error", 1))).log("web-77f-a", "main", true, text)
}

#[test]
fn killed_at_its_own_limit() {
    let limits = json!({"resources": {"limits": {"memory": "64Mi"}}});
    app(limits, running(false, 4, ended("OOMKilled", 137)))
        .check(memory::analyze, &["OomOwnLimit Deployment shop/web"]);
}

#[test]
fn exit_137_without_the_word_is_no_memory_kill() {
    app(json!({}), running(false, 4, ended("Error", 137))).check(memory::analyze, &[]);
}

#[test]
fn node_out_of_memory_makes_victims() {
    app(json!({}), running(false, 1, ended("Error", 137)))
        .node("n1", json!({}), json!({}))
        .event(
            "Warning",
            "Node/n1",
            "SystemOOM",
            "System OOM encountered, victim process: main",
            2,
        )
        .check(memory::analyze, &["NodeOomVictim Node n1"]);
}

#[test]
fn an_old_kill_of_a_container_that_runs_is_history() {
    let old = json!({"reason": "OOMKilled", "exitCode": 137, "finishedAt": ago(600)});
    app(json!({}), running(true, 1, old)).check(memory::analyze, &[]);
}

fn probed(probe: Value, killed: bool, message: &str) -> Fixture {
    let role = if killed {
        "livenessProbe"
    } else {
        "readinessProbe"
    };
    let container = json!({"ports": [{"containerPort": 8080}], role: probe});
    let status = running(false, i32::from(killed) * 3, ended("Error", 137));
    let fixture = app(container, status).warning("Pod/web-77f-a", "Unhealthy", message);
    if killed {
        let words = "Container main failed liveness probe, will be restarted";
        fixture.event("Normal", "Pod/web-77f-a", "Killing", words, 2)
    } else {
        fixture
    }
}

#[test]
fn a_probe_of_a_port_nobody_serves() {
    let probe = json!({"tcpSocket": {"port": 8081}, "periodSeconds": 10});
    let words = "Liveness probe failed: dial tcp 10.1.1.1:8081: connect: connection refused";
    probed(probe, true, words).check(
        probes::analyze,
        &["LivenessProbeWrongPort Deployment shop/web"],
    );
}

#[test]
fn a_probe_that_speaks_the_wrong_protocol() {
    let probe = json!({"httpGet": {"port": 8080, "path": "/", "scheme": "HTTPS"}});
    let words = "Readiness probe failed: Get \"https://10.1.1.1:8080/\": http: server gave HTTP response to HTTPS client";
    probed(probe, false, words).check(
        probes::analyze,
        &["ReadinessProbeWrongProtocol Deployment shop/web"],
    );
}

#[test]
fn a_probe_without_patience() {
    let probe = json!({"tcpSocket": {"port": 8080}, "initialDelaySeconds": 1,
                       "periodSeconds": 1, "failureThreshold": 1});
    let words = "Liveness probe failed: dial tcp 10.1.1.1:8080: connect: connection refused";
    probed(probe, true, words).check(
        probes::analyze,
        &["LivenessProbeWrongTiming Deployment shop/web"],
    );
}

#[test]
fn an_app_that_answers_500_fails_its_readiness() {
    let probe = json!({"httpGet": {"port": 8080, "path": "/"}});
    let words = "Readiness probe failed: HTTP probe failed with statuscode: 500";
    probed(probe, false, words).check(probes::analyze, &["ReadinessFailing Deployment shop/web"]);
}

#[test]
fn a_startup_probe_that_succeeded_at_last_is_no_trouble() {
    let container = json!({"startupProbe": {"tcpSocket": {"port": 9}}});
    app(container, running(true, 0, Value::Null))
        .warning(
            "Pod/web-77f-a",
            "Unhealthy",
            "Startup probe failed: connection refused",
        )
        .check(probes::analyze, &[]);
}

#[test]
fn exit_0_in_a_loop() {
    app(json!({}), running(false, 6, ended("Completed", 0)))
        .check(crash_and_logs, &["CrashExit0Loop Deployment shop/web"]);
}

#[test]
fn a_port_that_the_same_program_serves_elsewhere_is_the_right_one() {
    let probe = json!({"tcpSocket": {"port": 8081}, "periodSeconds": 10});
    let words = "Readiness probe failed: dial tcp 10.1.1.1:8081: connect: connection refused";
    let container = |image: &str| json!({"image": image, "ports": [{"containerPort": 8080}], "readinessProbe": probe});
    let beside = |image: &str| {
        let other = spec(container(image));
        app(container("proxy:1"), running(false, 0, Value::Null))
            .warning("Pod/web-77f-a", "Unhealthy", words)
            .deployment("api", 1, 1, other.clone())
            .pod("api", "a", other, running(true, 0, Value::Null))
    };
    beside("proxy:1").check(probes::analyze, &["ReadinessFailing Deployment shop/web"]);
    beside("another:1").check(
        probes::analyze,
        &["ReadinessProbeWrongPort Deployment shop/web"],
    );
}

#[test]
fn a_missing_setting_ends_the_program_at_once() {
    crashing("panic: environment variable ORDERS_URL is not set\n")
        .check(crash_and_logs, &["CrashConfigEnv Deployment shop/web"]);
}

#[test]
fn a_stack_trace_is_the_programs_own_fault() {
    crashing("Traceback (most recent call last):\nValueError: 7\n")
        .check(crash_and_logs, &["CrashAppException Deployment shop/web"]);
}

#[test]
fn refused_by_a_service_without_ready_pods_points_at_it() {
    let log = "dial tcp: connect to db:5432: connection refused\n";
    server(crashing(log), "db", 5432, false)
        .check(crash_and_logs, &["DependencyRefused Deployment shop/db"]);
}

#[test]
fn refused_on_a_port_the_service_lacks_is_the_clients_setting() {
    let log = "Error: connect ECONNREFUSED 10.0.0.9:5433\n";
    server(crashing(log), "db", 5432, true)
        .check(crash_and_logs, &["DependencyWrongPort Deployment shop/web"]);
}

#[test]
fn a_name_beside_a_services_name_is_a_slip() {
    let log = "Error: getaddrinfo ENOTFOUND orders-bd\n";
    server(crashing(log), "orders-db", 5432, true).check(
        crash_and_logs,
        &["DependencyWrongAddress Deployment shop/web"],
    );
}

#[test]
fn an_unknown_name_far_from_all_services_is_a_wrong_name() {
    let log = "java.net.UnknownHostException: legacy-mainframe\n";
    server(crashing(log), "orders-db", 5432, true)
        .check(crash_and_logs, &["DnsNameWrong Deployment shop/web"]);
}

#[test]
fn one_workload_whose_resolver_fails() {
    let log = "could not connect: orders-db: Temporary failure in name resolution\n";
    server(crashing(log), "orders-db", 5432, true)
        .check(crash_and_logs, &["ServiceDnsFailure Deployment shop/web"]);
}

/// Three workloads of one namespace whose resolver does not answer.
fn silent_resolver() -> Fixture {
    let words =
        "lookup orders-db on 10.96.0.10:53: read udp 10.1.1.1:4->10.96.0.10:53: i/o timeout\n";
    let mut fixture = server(crashing(words), "orders-db", 5432, true);
    for name in ["cart", "mail"] {
        fixture = fixture
            .deployment(name, 1, 0, spec(json!({})))
            .pod(
                name,
                "a",
                spec(json!({})),
                running(false, 5, ended("Error", 1)),
            )
            .log(&format!("{name}-77f-a"), "main", true, words);
    }
    fixture
}

#[test]
fn resolvers_that_fail_everywhere_are_the_clusters_dns() {
    silent_resolver().check(
        crash_and_logs,
        &["CorednsDownOrOverloaded Namespace kube-system"],
    );
}

#[test]
fn an_egress_policy_that_only_admits_its_own_namespace_cuts_off_dns() {
    let policy = |to: &serde_json::Value| {
        json!({"kind": "NetworkPolicy", "metadata": {"name": "lockdown"}, "spec": {
            "podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [to]}]}})
    };
    silent_resolver()
        .with(policy(&json!({"podSelector": {}})))
        .check(
            crash_and_logs,
            &["NetworkPolicyEgressDns NetworkPolicy shop/lockdown"],
        );
    silent_resolver()
        .with(policy(&json!({"namespaceSelector": {}})))
        .check(
            crash_and_logs,
            &["CorednsDownOrOverloaded Namespace kube-system"],
        );
}

#[test]
fn a_read_only_database_is_to_fix_at_the_database() {
    let log = "ERROR: cannot execute INSERT in a read-only transaction\n";
    server(crashing(log), "db", 5432, true)
        .check(crash_and_logs, &["DatabaseReadOnly Deployment shop/db"]);
}

#[test]
fn a_database_without_free_connections() {
    let log = "FATAL: sorry, too many clients already\n";
    server(crashing(log), "db", 5432, true).check(
        crash_and_logs,
        &["ConnectionPoolExhausted Deployment shop/db"],
    );
}

#[test]
fn wrong_credentials_are_the_clients() {
    let log = "FATAL: password authentication failed for user \"shop\"\n";
    server(crashing(log), "db", 5432, true)
        .check(crash_and_logs, &["BadCredentials Deployment shop/web"]);
}

#[test]
fn a_full_volume_a_taken_port_and_a_forbidden_verb() {
    for (line, cause) in [
        ("write /data/x: no space left on device", "DiskFullVolume"),
        (
            "listen tcp :8080: bind: address already in use",
            "PortConflict",
        ),
        ("accept: too many open files", "UlimitFdInotify"),
        (
            "x509: certificate has expired or is not yet valid",
            "AppCertExpired",
        ),
        (
            "pods is forbidden: User \"system:serviceaccount:shop:web\" cannot list resource",
            "AppRbac403",
        ),
        ("open /data/x: permission denied", "VolumePermissionDenied"),
    ] {
        let expected = format!("{cause} Deployment shop/web");
        crashing(line).check(crash_and_logs, &[&expected]);
    }
}

#[test]
fn what_a_well_pod_stopped_saying_is_over() {
    let mut text =
        "2026-03-01T11:50:00Z dial tcp: connect to db:5432: connection refused\n".to_owned();
    for minute in 51..59 {
        for second in 10..20 {
            text.push_str(&format!("2026-03-01T11:{minute}:{second}Z served\n"));
        }
    }
    let fixture =
        app(json!({}), running(true, 0, Value::Null)).log("web-77f-a", "main", false, &text);
    server(fixture, "db", 5432, true).check(crash_and_logs, &[]);
}

#[test]
fn evicted_by_its_own_limit_or_by_the_node() {
    for (message, cause) in [
        (
            "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.",
            "EphemeralLimit",
        ),
        ("The node was low on resource: memory.", "EvictedPressure"),
    ] {
        let status = json!({"phase": "Failed", "reason": "Evicted", "message": message, "startTime": ago(20)});
        let expected = format!("{cause} Deployment shop/web");
        app(json!({}), status).check(pressure::evicted, &[&expected]);
    }
}

#[test]
fn a_pod_that_stays_after_its_grace() {
    let pod = |minutes: i64| {
        Fixture::new().with(json!({"kind": "Pod", "metadata": {"name": "old", "deletionTimestamp": ago(minutes),
            "finalizers": ["example.com/hold"]}, "spec": {"containers": []}, "status": {"phase": "Running"}}))
    };
    pod(30).check(stuck::analyze, &["StuckTerminating Pod shop/old"]);
    pod(0).check(stuck::analyze, &[]);
}

fn job(reason: &str) -> Value {
    json!({"kind": "Job", "metadata": {"name": "nightly", "creationTimestamp": ago(30)},
        "status": {"failed": 3, "conditions": [{"type": "Failed", "status": "True", "reason": reason,
                   "lastTransitionTime": ago(5)}]}})
}

#[test]
fn jobs_fail_by_count_or_by_deadline() {
    Fixture::new()
        .with(job("BackoffLimitExceeded"))
        .check(jobs::analyze, &["JobFailedBackoff Job shop/nightly"]);
    Fixture::new()
        .with(job("DeadlineExceeded"))
        .check(jobs::analyze, &["JobDeadlineOrHung Job shop/nightly"]);
}
