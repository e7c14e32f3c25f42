//! Which logs are read, and how much of each.

use std::time::Duration;

use appliance_core::ports::SnapshotSource;
use axum::http::StatusCode;
use serde_json::json;

use super::super::KubeLimits;
use super::server::{Server, list, never, pod, status, text};
use super::{capture, gap, limits, request, source};

pub(super) fn container(state: &serde_json::Value, restarts: i32) -> serde_json::Value {
    let ended = json!({"terminated": {"exitCode": 1}});
    let last = if restarts > 0 { ended } else { json!({}) };
    json!({"name": "web", "image": "i", "imageID": "i", "ready": restarts == 0,
           "restartCount": restarts, "state": state, "lastState": last})
}

pub(super) fn pod_with(name: &str, status: &serde_json::Value) -> serde_json::Value {
    let mut pod = pod(name);
    pod["status"] = json!({"phase": "Running", "containerStatuses": [status],
        "conditions": [{"type": "Ready", "status": if status["ready"] == json!(true) {"True"} else {"False"}}]});
    pod
}

#[tokio::test]
async fn logs_are_read_where_trouble_is_and_secrets_in_them_are_not_kept() {
    let pods = [
        pod_with("calm", &container(&json!({"running": {}}), 0)),
        pod_with(
            "restarting",
            &container(&json!({"waiting": {"reason": "CrashLoopBackOff"}}), 4),
        ),
        pod_with(
            "waiting",
            &container(&json!({"waiting": {"reason": "ImagePullBackOff"}}), 0),
        ),
    ];
    let server = Server::start(move |call| {
        if call.path == "/api/v1/namespaces/shop/pods" {
            return Some(list("PodList", "", &pods));
        }
        call.path.ends_with("/log").then(|| {
            assert_eq!(call.query("timestamps").as_deref(), Some("true"));
            text(
                StatusCode::OK,
                "2026-01-01T00:00:00Z password=hunter2000 refused\n",
            )
        })
    })
    .await;
    let snapshot = capture(&server).await;
    let read: Vec<(&str, bool)> = snapshot
        .logs
        .iter()
        .map(|log| (log.pod.as_str(), log.previous))
        .collect();
    assert_eq!(
        read,
        [("restarting", false), ("restarting", true), ("calm", false)]
    );
    assert!(
        snapshot
            .logs
            .iter()
            .all(|log| !log.text.contains("hunter2000"))
    );
    assert!(snapshot.logs[0].text.contains("refused"));
}

#[tokio::test]
async fn a_log_longer_than_its_limit_keeps_the_newest_lines() {
    let lines: Vec<String> = (0..400)
        .map(|line| format!("line {line} {}", "x".repeat(90)))
        .collect();
    let server = Server::start(move |call| {
        if call.path == "/api/v1/namespaces/shop/pods" {
            let pod = pod_with("web-1", &container(&json!({"running": {}}), 0));
            return Some(list("PodList", "", &[pod]));
        }
        call.path.ends_with("/log").then(|| {
            let tail: usize = call.query("tailLines").unwrap().parse().unwrap();
            let bytes: usize = call.query("limitBytes").unwrap().parse().unwrap();
            let mut whole = lines[lines.len() - tail.min(lines.len())..].join("\n") + "\n";
            whole.truncate(bytes);
            text(StatusCode::OK, &whole)
        })
    })
    .await;
    let small = KubeLimits {
        log_bytes_max: 10_000,
        ..limits()
    };
    let snapshot = source(&server.url, small, false)
        .await
        .capture(&request("shop"))
        .await;
    assert!(
        snapshot.logs[0].text.contains("line 399 "),
        "{}",
        snapshot.logs[0].text
    );
    assert!(snapshot.logs[0].truncated.starts_with("only the last"));
}

#[tokio::test]
async fn a_log_that_cannot_be_had_is_a_gap() {
    let server = Server::start(|call| {
        if call.path == "/api/v1/namespaces/shop/pods" {
            let pod = pod_with("web-1", &container(&json!({"running": {}}), 0));
            return Some(list("PodList", "", &[pod]));
        }
        call.path.ends_with("/log").then(|| {
            status(
                StatusCode::INTERNAL_SERVER_ERROR,
                "",
                "dial tcp 192.0.2.12:10250: connect: connection refused",
            )
        })
    })
    .await;
    let snapshot = capture(&server).await;
    assert!(gap(&snapshot, "log of shop/web-1 container web").contains("connection refused"));
}

#[tokio::test]
async fn logs_do_not_wait_for_settings_and_add_ons() {
    let pods = [pod_with("web-1", &container(&json!({"running": {}}), 1))];
    let server = Server::start(move |call| match call.path.as_str() {
        "/api/v1/namespaces/shop/pods" => Some(list("PodList", "", &pods)),
        "/apis" | "/api/v1/namespaces/shop/configmaps" => Some(never(&call.path)),
        path => path
            .ends_with("/log")
            .then(|| text(StatusCode::OK, "refused\n")),
    })
    .await;
    // No call ends before the whole capture does.
    let limits = KubeLimits {
        request: Duration::from_mins(1),
        ..limits()
    };
    let source = source(&server.url, limits, false).await;
    let snapshot = source.capture(&request("shop")).await;
    assert_eq!(snapshot.logs.len(), 2);
    assert!(gap(&snapshot, "configmaps in shop").starts_with("timed out"));
}

#[tokio::test]
async fn logs_of_pods_that_turn_up_late_are_read_too() {
    let mut crashing = pod_with("controller", &container(&json!({"running": {}}), 3));
    crashing["metadata"]["namespace"] = json!("ingress-nginx");
    let namespace = json!({"metadata": {"name": "ingress-nginx"}});
    let server = Server::start(move |call| match call.path.as_str() {
        "/api/v1/namespaces" => Some(list("NamespaceList", "", std::slice::from_ref(&namespace))),
        "/api/v1/namespaces/ingress-nginx/pods" => {
            Some(list("PodList", "", std::slice::from_ref(&crashing)))
        }
        path => path
            .ends_with("/log")
            .then(|| text(StatusCode::OK, "panic\n")),
    })
    .await;
    let snapshot = capture(&server).await;
    let read: Vec<bool> = snapshot.logs.iter().map(|log| log.previous).collect();
    assert_eq!(read, [false, true]);
}
