//! How kubelets word a probe that fails, of each kind of probe.

use serde_json::{Value, json};

use super::{app, probes, running};

/// A container that serves 8080, is not ready, and of whose readiness probe
/// the kubelet says each message: it leads to `cause`.
#[track_caller]
fn check(probe: Value, cause: &str, messages: &[&str]) {
    let container =
        json!({"image": "i", "ports": [{"containerPort": 8080}], "readinessProbe": probe});
    let wrong: Vec<String> = messages
        .iter()
        .filter_map(|message| {
            let found = app(container.clone(), running(false, 0, Value::Null))
                .warning("Pod/web-77f-a", "Unhealthy", message)
                .findings(probes::analyze);
            let causes: Vec<String> = found
                .found
                .iter()
                .map(|one| one.cause.to_string())
                .collect();
            (causes != [cause]).then(|| format!("{message}\n    {causes:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{probe} {cause}:\n{}", wrong.join("\n"));
}

#[test]
fn a_program_that_says_it_is_not_ready_is_read_from_every_kind_of_probe() {
    check(
        json!({"httpGet": {"port": 8080, "path": "/ready"}}),
        "ReadinessFailing",
        &[
            "Readiness probe failed: HTTP probe failed with statuscode: 503",
            "Readiness probe failed: HTTP probe failed with statuscode: 404",
            "Readiness probe failed: Get \"http://10.1.1.1:8080/ready\": dial tcp 10.1.1.1:8080: connect: connection refused",
            "Readiness probe failed: Get \"http://10.1.1.1:8080/ready\": context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
            "Readiness probe failed: Get http://10.1.1.1:8080/ready: net/http: request canceled (Client.Timeout exceeded while awaiting headers)",
            "Readiness probe failed: Get \"http://10.1.1.1:8080/ready\": read tcp 10.1.1.2:41000->10.1.1.1:8080: read: connection reset by peer",
            "Readiness probe failed: Get \"http://10.1.1.1:8080/ready\": EOF",
        ],
    );
    check(
        json!({"tcpSocket": {"port": 8080}}),
        "ReadinessFailing",
        &[
            "Readiness probe failed: dial tcp 10.1.1.1:8080: connect: connection refused",
            "Readiness probe failed: dial tcp 10.1.1.1:8080: i/o timeout",
        ],
    );
    check(
        json!({"grpc": {"port": 8080}}),
        "ReadinessFailing",
        &[
            "Readiness probe failed: service unhealthy (responded with \"NOT_SERVING\")",
            "Readiness probe failed: timeout: failed to connect service \"10.1.1.1:8080\" within 1s: context deadline exceeded",
            "Readiness probe failed: timeout: health rpc did not complete within 1s",
        ],
    );
    check(
        json!({"exec": {"command": ["pg_isready"]}}),
        "ReadinessFailing",
        &[
            "Readiness probe failed: 127.0.0.1:5432 - no response",
            "Readiness probe failed: cat: can't open '/tmp/ready': No such file or directory",
            "Readiness probe failed: command \"pg_isready\" timed out",
            "Readiness probe failed: command timed out: \"pg_isready\" timed out after 1s",
            "Readiness probe errored: rpc error: code = DeadlineExceeded desc = failed to exec in container: timeout 1s exceeded: context deadline exceeded",
            "Readiness probe errored and resulted in unknown state: rpc error: code = Unknown desc = failed to exec in container: failed to start exec \"5f\": OCI runtime exec failed: exec failed: unable to start container process: exec: \"pg_isready\": executable file not found in $PATH: unknown",
        ],
    );
}

#[test]
fn a_probe_of_another_port_is_read_from_every_kind_of_probe() {
    check(
        json!({"httpGet": {"port": 8081, "path": "/ready"}}),
        "ReadinessProbeWrongPort",
        &[
            "Readiness probe failed: Get \"http://10.1.1.1:8081/ready\": dial tcp 10.1.1.1:8081: connect: connection refused",
            "Readiness probe failed: Get http://10.1.1.1:8081/ready: dial tcp 10.1.1.1:8081: connect: connection refused",
        ],
    );
    check(
        json!({"tcpSocket": {"port": 8081}}),
        "ReadinessProbeWrongPort",
        &["Readiness probe failed: dial tcp 10.1.1.1:8081: connect: connection refused"],
    );
    check(
        json!({"grpc": {"port": 8081}}),
        "ReadinessProbeWrongPort",
        &[
            "Readiness probe failed: timeout: failed to connect service \"10.1.1.1:8081\" within 1s: context deadline exceeded",
            "Readiness probe failed: error: connect: connection refused",
        ],
    );
}

#[test]
fn a_probe_of_another_protocol_is_read_from_every_kind_of_probe() {
    check(
        json!({"httpGet": {"port": 8080, "scheme": "HTTPS"}}),
        "ReadinessProbeWrongProtocol",
        &[
            "Readiness probe failed: Get \"https://10.1.1.1:8080/\": http: server gave HTTP response to HTTPS client",
            "Readiness probe failed: Get \"https://10.1.1.1:8080/\": tls: first record does not look like a TLS handshake",
        ],
    );
    check(
        json!({"httpGet": {"port": 8080}}),
        "ReadinessProbeWrongProtocol",
        &[
            "Readiness probe failed: Get \"http://10.1.1.1:8080/\": net/http: HTTP/1.x transport connection broken: malformed HTTP response \"\\x00\\x00\\x06\\x04\"",
            "Readiness probe failed: Get \"http://10.1.1.1:8080/\": malformed HTTP version \"SSH-2.0\"",
        ],
    );
    check(
        json!({"grpc": {"port": 8080}}),
        "ReadinessProbeWrongProtocol",
        &[
            "Readiness probe failed: error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service grpc.health.v1.Health",
            "Readiness probe failed: timeout: failed to connect service \"10.1.1.1:8080\" within 1s: connection error: desc = \"error reading server preface: http2: frame too large\"",
        ],
    );
}
