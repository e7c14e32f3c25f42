//! Watches: what they save, and what happens where they are refused.

use std::time::Duration;

use appliance_core::ports::SnapshotSource;
use axum::body::{Body, Bytes};
use axum::http::{Response, StatusCode};
use futures::stream::{self, StreamExt};
use serde_json::json;

use k8s_openapi::api::core::v1::Pod;

use super::super::cache::Cache;
use super::server::{Call, Server, list, pod, status};
use super::{limits, request, source};

/// A watch that says `lines` and then stays open.
fn watch(lines: &[serde_json::Value]) -> Response<Body> {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| Ok::<_, std::io::Error>(Bytes::from(format!("{line}\n"))))
        .collect();
    let open = stream::iter(lines).chain(stream::pending());
    Response::new(Body::from_stream(open))
}

fn is_watch(call: &Call) -> bool {
    call.query("watch").as_deref() == Some("true")
}

async fn eventually(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..100 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it did not come to hold within two seconds");
}

#[tokio::test]
async fn what_a_watch_knows_is_not_listed() {
    let server = Server::start(|call| {
        if call.path != "/api/v1/pods" {
            return is_watch(call).then(|| watch(&[]));
        }
        if !is_watch(call) {
            return Some(list("PodList", "", &[pod("web-1"), pod("gone")]));
        }
        assert_eq!(call.query("resourceVersion").as_deref(), Some("10"));
        let changed = json!({"type": "ADDED", "object": pod("web-2")});
        let deleted = json!({"type": "DELETED", "object": pod("gone")});
        let bookmark = json!({"type": "BOOKMARK", "object": {"kind": "Pod", "metadata": {"resourceVersion": "12"},
            "spec": {"containers": null}, "status": {}}});
        Some(watch(&[changed, deleted, bookmark]))
    })
    .await;
    let source = source(&server.url, limits(), true).await;
    eventually(async || {
        let snapshot = source.capture(&request("shop")).await;
        let names: Vec<_> = snapshot
            .objects
            .pods
            .iter()
            .filter_map(|pod| pod.metadata.name.clone())
            .collect();
        names == ["web-1", "web-2"]
            && snapshot.objects.pods.captured_in("shop")
            && snapshot.gaps.is_empty()
    })
    .await;
    let before = server.calls().len();
    source.capture(&request("shop")).await;
    let calls = server.calls()[before..].to_vec();
    for kind in [
        "/pods?",
        "/nodes?",
        "/deployments?",
        "/replicasets?",
        "/services?",
        "/endpointslices?",
        "/events?",
    ] {
        assert!(
            calls.iter().all(|call| !call.contains(kind)),
            "{kind}: {calls:#?}"
        );
    }
}

#[tokio::test]
async fn where_a_watch_is_refused_captures_list() {
    let server = Server::start(|call| {
        if call.path == "/api/v1/pods" {
            return Some(status(
                StatusCode::FORBIDDEN,
                "Forbidden",
                "not at the cluster scope",
            ));
        }
        (call.path == "/api/v1/namespaces/shop/pods").then(|| list("PodList", "", &[pod("web-1")]))
    })
    .await;
    let source = source(&server.url, limits(), true).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let snapshot = source.capture(&request("shop")).await;
    assert_eq!(snapshot.objects.pods.len(), 1);
    assert_eq!(snapshot.gaps, []);
}

#[tokio::test]
async fn a_watch_that_is_too_old_lists_again() {
    let server = Server::start(|call| {
        if call.path != "/api/v1/pods" {
            return None;
        }
        if is_watch(call) {
            let expired = json!({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired"}});
            return Some(watch(&[expired]));
        }
        let name = if call.earlier == 0 { "old" } else { "new" };
        Some(list("PodList", "", &[pod(name)]))
    })
    .await;
    let source = source(&server.url, limits(), true).await;
    eventually(async || {
        let snapshot = source.capture(&request("shop")).await;
        snapshot.objects.pods.get("shop", "new").is_some() && snapshot.objects.pods.len() == 1
    })
    .await;
}

#[tokio::test]
async fn when_the_server_is_gone_the_last_state_is_shown_with_its_age() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let mut source = source(&format!("http://{address}"), limits(), false).await;
    let mut cache = Cache::with_silence_max(Duration::ZERO);
    let store = cache.add::<Pod>();
    store.replace(vec![serde_json::from_value(pod("web-1")).unwrap()]);
    source.cache = Some(cache);
    let snapshot = source.capture(&request("shop")).await;
    assert_eq!(snapshot.objects.pods.len(), 1);
    assert!(!snapshot.objects.pods.captured_in("shop"));
    let told = snapshot
        .gaps
        .iter()
        .find(|gap| gap.source == "pods in shop")
        .unwrap();
    assert!(
        told.detail.ends_with("what is shown is 0 s old"),
        "{}",
        told.detail
    );
}
