//! Row "image pull fails", and 403 of a registry against 403 of the API.

use serde_json::{Value, json};

use super::{Fixture, check, node, running, spec, waiting, web};

fn pull(message: &str) -> Fixture {
    let text = format!("Failed to pull image \"reg.local/team/web:2\": {message}");
    web(spec(json!({})), waiting("ImagePullBackOff", "")).warning("Pod/web-77f-a", "Failed", &text)
}

/// Another workload whose image is pulled from the same registry, on `place`.
fn beside(fixture: Fixture, place: &str, status: Value) -> Fixture {
    let mut spec = spec(json!({"image": "reg.local/team/cart:2"}));
    spec["nodeName"] = json!(place);
    let ready = i32::from(status["phase"] == "Running");
    node(fixture, place)
        .deployment("cart", 1, ready, spec.clone())
        .pod("cart", "b", spec, status)
}

#[test]
fn a_failed_pull_is_told_apart_by_the_registrys_answer() {
    check(
        "image pull fails",
        vec![
            (
                "no such tag",
                pull("rpc error: code = NotFound desc = reg.local/team/web:2: not found"),
                "ImageNotFound Deployment shop/web",
            ),
            (
                "no credentials",
                pull(
                    "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized",
                ),
                "ImagePullAuth Deployment shop/web",
            ),
            (
                "no route",
                pull("dial tcp 10.1.2.3:443: i/o timeout"),
                "RegistryUnreachable",
            ),
            (
                "another certificate authority",
                pull(
                    "tls: failed to verify certificate: x509: certificate signed by unknown authority",
                ),
                "RegistryUnreachable",
            ),
            (
                "too many pulls",
                pull(
                    "toomanyrequests: you have reached your pull rate limit: 429 Too Many Requests",
                ),
                "RegistryRateLimited",
            ),
            (
                "another architecture",
                pull("no match for platform in manifest: not found"),
                "ImagePlatformMismatch Deployment shop/web",
            ),
            (
                "no reference at all",
                web(
                    spec(json!({"image": "reg.local/Team/web:2"})),
                    waiting(
                        "InvalidImageName",
                        "couldn't parse image reference \"reg.local/Team/web:2\": invalid reference format",
                    ),
                ),
                "ImageNameInvalid Deployment shop/web",
            ),
        ],
    );
}

#[test]
fn forbidden_is_told_apart_by_who_forbids() {
    let api = "pods is forbidden: User \"system:serviceaccount:shop:default\" cannot list resource \"pods\" in API group \"\" in the namespace \"shop\"";
    check(
        "403",
        vec![
            (
                "the registry",
                pull("failed to fetch anonymous token: unexpected status: 403 Forbidden"),
                "ImagePullAuth Deployment shop/web",
            ),
            (
                "the API server",
                web(spec(json!({})), running(false)).log("web-77f-a", "main", false, api),
                "AppRbac403",
            ),
        ],
    );
}

#[test]
fn an_image_that_is_gone_is_told_apart_from_a_registry_that_is() {
    let refused = "dial tcp 10.1.2.3:443: connect: connection refused";
    let text = format!("Failed to pull image \"reg.local/team/cart:2\": {refused}");
    let both = beside(pull(refused), "n2", waiting("ErrImagePull", &text)).warning(
        "Pod/cart-77f-b",
        "Failed",
        &text,
    );
    check(
        "image pull fails on one node or on all",
        vec![
            ("all images of the registry", both, "RegistryUnreachable"),
            (
                "only one image",
                beside(pull("manifest unknown"), "n2", running(true)),
                "ImageNotFound Deployment shop/web",
            ),
        ],
    );
}
