//! What the collector asks for, against what its role grants.

use std::time::Duration;

use axum::response::IntoResponse;
use serde_json::json;

use super::logs::{container, pod_with};
use super::server::{Server, list};
use super::{capture, limits, source};

#[tokio::test]
async fn a_capture_asks_for_nothing_that_the_role_does_not_grant() {
    let server = Server::start(|call| {
        (call.path == "/api/v1/namespaces/shop/pods").then(|| {
            list(
                "PodList",
                "",
                &[pod_with("web-1", &container(&json!({"running": {}}), 2))],
            )
        })
    })
    .await;
    capture(&server).await;
    let role = include_str!("../../../../../deploy-baremetal/rbac.yaml");
    for call in server.calls() {
        let path = call.split('?').next().unwrap();
        if path == "/apis" {
            // Discovery, which every authenticated user has by `system:discovery`.
            continue;
        }
        let (group, rest) = match path.strip_prefix("/apis/") {
            Some(rest) => rest.split_once('/').unwrap(),
            None => ("", path.strip_prefix("/api/").unwrap()),
        };
        let resource = rest.rsplit('/').next().unwrap();
        let resource = if resource == "log" {
            "pods/log"
        } else {
            resource
        };
        assert!(
            grants(role, group, resource),
            "{call}: {group:?} {resource}"
        );
    }
}

/// Whether any role of the file grants `resource` of `group`, and only to read.
fn grants(roles: &str, group: &str, resource: &str) -> bool {
    use serde::Deserialize;
    serde_yaml_ng::Deserializer::from_str(roles)
        .map(|document| serde_json::Value::deserialize(document).unwrap())
        .flat_map(|role| role["rules"].as_array().cloned().unwrap_or_default())
        .filter(|rule| rule["apiGroups"].is_array())
        .any(|rule| {
            for verb in rule["verbs"].as_array().unwrap() {
                assert!(
                    ["get", "list", "watch"].iter().any(|read| verb == read),
                    "{verb}"
                );
            }
            let has = |field: &str, wanted: &str| {
                rule[field]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|value| value == wanted)
            };
            assert!(!has("apiGroups", "*") && !has("resources", "*"));
            has("apiGroups", group) && has("resources", resource)
        })
}

#[test]
fn the_role_grants_every_kind_that_a_snapshot_holds() {
    let role = include_str!("../../../../../deploy-baremetal/rbac.yaml");
    for kind in appliance_core::snapshot::KINDS {
        let group = kind
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        assert!(grants(role, group, kind.plural), "{}", kind.name);
    }
}

#[tokio::test]
async fn the_version_is_the_sign_of_health() {
    let server = Server::start(|call| {
        (call.path == "/version")
            .then(|| axum::Json(json!({"gitVersion": "v1.36.2"})).into_response())
    })
    .await;
    let source = source(&server.url, limits(), false).await;
    assert_eq!(
        source.ping(Duration::from_secs(1)).await.unwrap(),
        "v1.36.2"
    );
}
