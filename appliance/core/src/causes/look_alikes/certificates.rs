//! Certificates that are refused: whose it is tells what to renew.

use serde_json::json;

use super::{Fixture, ago, check, node, running, spec, web};

fn refused(message: &str) -> Fixture {
    let spec = spec(json!({}));
    let fixture = Fixture::new()
        .alert(&[("alertname", "KubeDeploymentReplicasMismatch"), ("namespace", "shop"), ("deployment", "web")])
        .deployment("web", 1, 0, spec)
        .with(json!({"kind": "ReplicaSet", "metadata": {"name": "web-88a", "creationTimestamp": ago(15),
            "ownerReferences": [crate::causes::fixture::owner("Deployment", "web")]},
            "spec": {"replicas": 1, "selector": {}}, "status": {"replicas": 0}}))
        .warning("ReplicaSet/web-88a", "FailedCreate", message);
    node(fixture, "n1")
}

/// A collector of metrics cannot talk to the kubelet of `n1`.
fn kubelet() -> Fixture {
    node(Fixture::new(), "n1")
        .alert(&[("alertname", "KubeletDown"), ("node", "n1")])
        .log(
            "scraper",
            "main",
            false,
            "E0301 11:59:00.1 1 scraper.go:149] \"Failed to scrape node\" err=\"Get \\\"https://n1:10250/metrics/resource\\\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid\" node=\"n1\"",
        )
        .with(json!({"kind": "Pod", "metadata": {"name": "scraper"}, "spec": spec(json!({})), "status": running(true)}))
}

fn own() -> Fixture {
    web(spec(json!({})), running(false)).log(
        "web-77f-a",
        "main",
        false,
        "dial ledger:443: tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
    )
}

#[test]
fn an_expired_certificate_is_told_apart_by_whose_it_is() {
    let webhook = "Error creating: Internal error occurred: failed calling webhook \"policy.local\": failed to call webhook: Post \"https://guard.policy.svc:443/validate?timeout=10s\": tls: failed to verify certificate: x509: certificate has expired or is not yet valid";
    check(
        "x509 has expired",
        vec![
            (
                "a webhook's",
                refused(webhook),
                "AdmissionWebhookDown Service policy/guard",
            ),
            ("a kubelet's", kubelet(), "KubeletCert Node n1"),
            ("of what a program calls", own(), "AppCertExpired"),
        ],
    );
}
