//! Facts about failed pulls, one registry answer each.

#![allow(
    clippy::needless_pass_by_value,
    reason = "JSON snippets read best when written where they are used"
)]

use serde_json::{Value, json};

use super::super::fixture::{Fixture, ago};
use super::super::{Cause, Strength};
use super::message::{Answer, classify, registry_of, repository_of};
use super::{platform, pulls};

fn spec(image: &str) -> Value {
    json!({"nodeName": "n1", "containers": [{"name": "app", "image": image}]})
}

fn waits(reason: &str, message: &str) -> Value {
    json!({"phase": "Pending", "containerStatuses": [{
        "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 0,
        "state": {"waiting": {"reason": reason, "message": message}}}]})
}

fn runs() -> Value {
    json!({"phase": "Running", "containerStatuses": [{
        "name": "app", "image": "", "imageID": "", "ready": true, "restartCount": 0,
        "state": {"running": {}}}]})
}

fn web(image: &str) -> Fixture {
    Fixture::new().deployment("web", 1, 0, spec(image)).pod(
        "web",
        "a",
        spec(image),
        waits("ImagePullBackOff", ""),
    )
}

#[track_caller]
fn check(message: &str, expected: &str) {
    let text = format!("Failed to pull image \"reg.local/team/web:2\": {message}");
    web("reg.local/team/web:2")
        .warning("Pod/web-77f-a", "Failed", &text)
        .check(pulls, &[&format!("{expected} Deployment shop/web")]);
}

#[test]
fn the_registrys_answer_names_the_cause() {
    check(
        "rpc error: code = NotFound desc = reg.local/team/web:2: not found",
        "ImageNotFound",
    );
    check("manifest unknown: manifest unknown", "ImageNotFound");
    check(
        "unexpected status from HEAD request to https://reg.local/v2/team/web/manifests/2: 401 Unauthorized",
        "ImagePullAuth",
    );
    check(
        "failed to authorize: failed to fetch anonymous token: unexpected status: 403 Forbidden",
        "ImagePullAuth",
    );
    check(
        "dial tcp: lookup reg.local on 10.0.0.10:53: no such host",
        "RegistryUnreachable",
    );
    check("dial tcp 10.1.2.3:443: i/o timeout", "RegistryUnreachable");
    check(
        "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "RegistryUnreachable",
    );
    check("429 Too Many Requests", "RegistryRateLimited");
    check(
        "no match for platform in manifest: not found",
        "ImagePlatformMismatch",
    );
}

#[test]
fn a_message_in_the_waiting_state_is_enough() {
    Fixture::new()
        .deployment("web", 1, 0, spec("reg.local/web:2"))
        .pod(
            "web",
            "a",
            spec("reg.local/web:2"),
            waits("ErrImagePull", "reg.local/web:2: not found"),
        )
        .check(pulls, &["ImageNotFound Deployment shop/web"]);
}

#[test]
fn events_are_enough_when_statuses_are_missing() {
    Fixture::new()
        .deployment("web", 1, 0, spec("reg.local/web:2"))
        .pod(
            "web",
            "a",
            spec("reg.local/web:2"),
            json!({"phase": "Pending"}),
        )
        .warning(
            "Pod/web-77f-a",
            "Failed",
            "Failed to pull image \"reg.local/web:2\": reg.local/web:2: not found",
        )
        .check(pulls, &["ImageNotFound Deployment shop/web"]);
}

#[test]
fn a_running_pods_old_pull_error_is_no_finding() {
    Fixture::new()
        .deployment("web", 1, 1, spec("reg.local/web:2"))
        .pod("web", "a", spec("reg.local/web:2"), runs())
        .warning(
            "Pod/web-77f-a",
            "Failed",
            "Failed to pull image \"reg.local/web:2\": not found",
        )
        .check(pulls, &[]);
}

#[test]
fn events_of_a_pod_that_is_gone_are_no_finding() {
    Fixture::new()
        .deployment("web", 1, 1, spec("reg.local/web:2"))
        .pod("web", "b", spec("reg.local/web:2"), runs())
        .warning(
            "Pod/web-77f-a",
            "Failed",
            "Failed to pull image \"reg.local/web:2\": not found",
        )
        .check(pulls, &[]);
}

#[test]
fn the_images_own_name_decides_nothing() {
    let image = "reg.local/not-found/x509:connection-refused";
    let text = format!(
        "Failed to pull image {image:?}: https://reg.local/v2/not-found/x509/manifests/1: 401 Unauthorized"
    );
    web(image)
        .warning("Pod/web-77f-a", "Failed", &text)
        .check(pulls, &["ImagePullAuth Deployment shop/web"]);
}

#[test]
fn a_pull_secret_that_is_missing_turns_dockers_either_or_into_credentials() {
    let message = "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope";
    let mut with_secret = spec("team/web:2");
    with_secret["imagePullSecrets"] = json!([{"name": "regcred"}]);
    let findings = Fixture::new()
        .with(json!({"kind": "Secret", "metadata": {"name": "other"}}))
        .deployment("web", 1, 0, with_secret.clone())
        .pod("web", "a", with_secret, waits("ErrImagePull", message))
        .check(pulls, &["ImagePullAuth Deployment shop/web"]);
    assert!(findings.found[0].statement.contains("regcred"));
}

#[test]
fn a_new_repository_turns_dockers_either_or_into_not_found() {
    let message = "pull access denied, repository does not exist or may require authorization";
    let older = json!({
        "kind": "ReplicaSet",
        "metadata": {"name": "web-55a", "ownerReferences": [super::super::fixture::owner("Deployment", "web")]},
        "spec": {"replicas": 0, "selector": {}, "template": {"spec": spec("team/web:1")}},
        "status": {"replicas": 0}});
    Fixture::new()
        .deployment("web", 1, 0, spec("team/wbe:2"))
        .with(older)
        .pod(
            "web",
            "a",
            spec("team/wbe:2"),
            waits("ErrImagePull", message),
        )
        .check(pulls, &["ImageNotFound Deployment shop/web"]);
}

#[test]
fn a_refused_manifest_of_a_misspelt_image_is_not_found() {
    let refused = "unexpected status from HEAD request to https://mirror.local/v2/library/ngnix/manifests/1: 403 Forbidden";
    let pods = |image: &str| {
        let pod = json!({"nodeName": "n1", "containers": [{"name": "nginx", "image": image}]});
        let status = json!({"phase": "Pending", "containerStatuses": [{
            "name": "nginx", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": {"reason": "ErrImagePull", "message": refused}}}]});
        Fixture::new()
            .deployment("web", 1, 0, pod.clone())
            .pod("web", "a", pod, status)
    };
    pods("ngnix:1").check(pulls, &["ImageNotFound Deployment shop/web"]);
    pods("nginx:1").check(pulls, &["ImagePullAuth Deployment shop/web"]);
    pods("private/thing:1").check(pulls, &["ImagePullAuth Deployment shop/web"]);
}

#[test]
fn without_a_message_a_slip_in_the_reference_tells() {
    let sibling = |fixture: Fixture| {
        fixture
            .deployment("api", 1, 1, spec("reg.local/team/api:v1.4.2"))
            .pod("api", "a", spec("reg.local/team/api:v1.4.2"), runs())
    };
    sibling(web("reg.local/team/web:v1.4_2")).check(pulls, &["ImageNotFound Deployment shop/web"]);
    let findings = sibling(web("reg.locale/team/web:v1.4.2"))
        .check(pulls, &["RegistryUnreachable Deployment shop/web"]);
    assert_eq!(findings.found[0].strength, Strength::Likely);
}

#[test]
fn a_pull_without_any_message_is_told_and_not_sure() {
    let findings = web("reg.local/web:2").check(pulls, &["ImageNotFound Deployment shop/web"]);
    assert_eq!(findings.found[0].strength, Strength::Likely);
    assert!(findings.found[0].against[0].title.contains("not captured"));
}

#[test]
fn names_and_policies_that_forbid_pulling_are_told_apart() {
    for reason in ["InvalidImageName", "ErrImageNeverPull"] {
        Fixture::new()
            .deployment("web", 1, 0, spec("Web:2"))
            .pod("web", "a", spec("Web:2"), waits(reason, ""))
            .check(pulls, &["ImageNameInvalid Deployment shop/web"]);
    }
}

#[test]
fn a_registry_that_only_one_node_cannot_reach_is_the_nodes_trouble() {
    let message = "dial tcp 10.1.2.3:443: i/o timeout";
    let mut elsewhere = spec("reg.local/web:2");
    elsewhere["nodeName"] = json!("n2");
    let fixture = Fixture::new()
        .deployment("web", 2, 1, spec("reg.local/web:2"))
        .deployment("api", 1, 0, spec("reg.local/api:2"))
        .pod(
            "web",
            "a",
            spec("reg.local/web:2"),
            waits("ErrImagePull", message),
        )
        .pod(
            "api",
            "a",
            spec("reg.local/api:2"),
            waits("ErrImagePull", message),
        );
    fixture.check(
        pulls,
        &[
            "RegistryUnreachable Deployment shop/api",
            "RegistryUnreachable Deployment shop/web",
        ],
    );
    let old = json!({"kind": "Pod", "metadata": {"name": "web-66d-c", "creationTimestamp": ago(900)},
        "spec": elsewhere, "status": runs()});
    let fixture = fixture.with(old);
    fixture.check(
        pulls,
        &[
            "RegistryUnreachable Deployment shop/api",
            "RegistryUnreachable Deployment shop/web",
        ],
    );
    fixture
        .pod("web", "b", elsewhere, runs())
        .check(pulls, &["RegistryUnreachable Node n1"]);
}

#[test]
fn what_the_registry_said_excludes_the_look_alikes() {
    let findings = web("reg.local/web:2")
        .warning(
            "Pod/web-77f-a",
            "Failed",
            "Failed to pull image \"reg.local/web:2\": not found",
        )
        .check(pulls, &["ImageNotFound Deployment shop/web"]);
    let excluded: Vec<Cause> = findings
        .excluded
        .iter()
        .map(|exclusion| exclusion.cause)
        .collect();
    assert_eq!(excluded, [Cause::RegistryUnreachable, Cause::ImagePullAuth]);
}

#[test]
fn a_foreign_program_is_a_platform_mismatch() {
    let crashed = json!({"phase": "Running", "containerStatuses": [{
        "name": "app", "image": "", "imageID": "", "ready": false, "restartCount": 3,
        "state": {"waiting": {"reason": "CrashLoopBackOff"}},
        "lastState": {"terminated": {"exitCode": 1, "reason": "StartError", "message": "exec /bin/web: exec format error"}}}]});
    Fixture::new()
        .deployment("web", 1, 0, spec("reg.local/web:2"))
        .pod("web", "a", spec("reg.local/web:2"), crashed)
        .check(platform, &["ImagePlatformMismatch Deployment shop/web"]);
}

#[test]
fn references_are_taken_apart() {
    assert_eq!(repository_of("reg:5000/a/b:1@sha256:00"), "reg:5000/a/b");
    assert_eq!(registry_of("reg:5000/a/b"), "reg:5000");
    assert_eq!(registry_of("library/redis"), "docker.io");
    assert_eq!(classify("BackOff", "Back-off pulling image", "x"), None);
    assert_eq!(
        classify(
            "Failed",
            "failed to authorize: failed to fetch oauth token: dial tcp: i/o timeout",
            "x"
        ),
        Some(Answer::Silent)
    );
}
