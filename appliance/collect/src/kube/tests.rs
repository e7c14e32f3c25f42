//! Captures from a small API server on loopback that is refused, slow, huge or wrong.

mod access;
mod logs;
mod rights;
mod server;
mod watches;

use std::time::{Duration, Instant};

use appliance_core::object::ObjectRef;
use appliance_core::ports::{CaptureRequest, SnapshotSource};
use appliance_core::snapshot::Snapshot;
use appliance_egress::{AllowList, Egress};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use serde_json::json;

use super::{KubeAccess, KubeLimits, KubeOptions, KubeSource};
use server::{Server, list, pod, status, text};

fn limits() -> KubeLimits {
    KubeLimits {
        request: Duration::from_millis(400),
        capture: Duration::from_secs(3),
        ..KubeLimits::default()
    }
}

async fn source(url: &str, limits: KubeLimits, watch: bool) -> KubeSource {
    let options = KubeOptions {
        access: KubeAccess::Server {
            url: url.to_owned(),
            token_file: None,
            ca_file: None,
        },
        cluster: "test".to_owned(),
        limits,
        watch,
    };
    let allowed: AllowList = [options.access.destination().await.unwrap()]
        .into_iter()
        .collect();
    let egress = Egress::new(allowed, &mut Registry::default());
    KubeSource::try_new(&options, &egress).await.unwrap()
}

fn request(namespace: &str) -> CaptureRequest {
    CaptureRequest {
        subjects: vec![ObjectRef::namespaced("Pod", namespace, "web-1")],
        namespaces: vec![namespace.to_owned()],
        alerts: Vec::new(),
        from: Timestamp::UNIX_EPOCH,
        until: Timestamp::now(),
    }
}

async fn capture(server: &Server) -> Snapshot {
    let source = source(&server.url, limits(), false).await;
    source.capture(&request("shop")).await
}

/// The detail of the gap whose source is `source`.
#[track_caller]
fn gap<'a>(snapshot: &'a Snapshot, source: &str) -> &'a str {
    let found = snapshot.gaps.iter().find(|gap| gap.source == source);
    let found = found.unwrap_or_else(|| panic!("no gap for {source} in {:#?}", snapshot.gaps));
    &found.detail
}

#[tokio::test]
async fn an_empty_cluster_is_captured_without_gaps() {
    let server = Server::start(|_| None).await;
    let snapshot = capture(&server).await;
    assert_eq!(snapshot.gaps, []);
    assert!(snapshot.objects.pods.captured_in("shop"));
    assert!(snapshot.objects.secrets.captured_in("shop"));
    assert!(snapshot.objects.leases.captured_in("kube-node-lease"));
    assert!(snapshot.objects.events.captured_in("default"));
    assert!(snapshot.objects.nodes.captured_in(""));
    assert!(!snapshot.objects.pods.captured_in("other"));
    assert_eq!(snapshot.cluster, "test");
}

#[tokio::test]
async fn pages_are_read_to_the_end() {
    let server = Server::start(|call| {
        (call.path == "/api/v1/namespaces/shop/pods").then(|| {
            match call.query("continue").as_deref() {
                None => list("PodList", "a b/=", &[pod("web-1")]),
                Some("a b/=") => list("PodList", "", &[pod("web-2")]),
                Some(other) => status(StatusCode::BAD_REQUEST, "BadRequest", other),
            }
        })
    })
    .await;
    let snapshot = capture(&server).await;
    assert_eq!(snapshot.gaps, []);
    assert_eq!(snapshot.objects.pods.len(), 2);
}

#[tokio::test]
async fn an_expired_continue_token_starts_the_list_again() {
    let server = Server::start(|call| {
        let of_pods = call.path == "/api/v1/namespaces/shop/pods";
        of_pods.then(|| match call.query("continue") {
            None if call.earlier == 0 => list("PodList", "old", &[pod("web-1")]),
            None => list("PodList", "", &[pod("web-1"), pod("web-2")]),
            Some(_) => status(StatusCode::GONE, "Expired", "too old"),
        })
    })
    .await;
    let snapshot = capture(&server).await;
    assert_eq!(snapshot.gaps, []);
    assert_eq!(snapshot.objects.pods.len(), 2);
}

#[tokio::test]
async fn a_list_cut_short_is_not_marked_as_captured() {
    let server = Server::start(|call| {
        (call.path == "/api/v1/namespaces/shop/pods").then(|| match call.query("continue") {
            None => list("PodList", "next", &[pod("web-1")]),
            Some(_) => status(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                "etcd is gone",
            ),
        })
    })
    .await;
    let snapshot = capture(&server).await;
    assert_eq!(snapshot.objects.pods.len(), 1);
    assert!(!snapshot.objects.pods.captured_in("shop"));
    assert!(gap(&snapshot, "pods in shop").contains("etcd is gone"));
}

#[tokio::test]
async fn a_refused_kind_names_the_missing_right() {
    let server = Server::start(|call| {
        call.path.ends_with("/deployments").then(|| {
            status(
                StatusCode::FORBIDDEN,
                "Forbidden",
                "deployments.apps is forbidden: User \"x\" cannot list",
            )
        })
    })
    .await;
    let snapshot = capture(&server).await;
    let detail = gap(&snapshot, "deployments in shop");
    assert!(
        detail.starts_with("403 Forbidden: deployments.apps is forbidden"),
        "{detail}"
    );
    assert!(
        detail.ends_with("the right to list deployments.apps is missing"),
        "{detail}"
    );
    assert_eq!(snapshot.gaps.len(), 1);
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_asked_again() {
    let server = Server::start(|call| {
        (call.path.ends_with("/services") && call.earlier == 0).then(|| {
            let mut busy = text(
                StatusCode::TOO_MANY_REQUESTS,
                "Too many requests, please try again later.\n",
            );
            busy.headers_mut()
                .insert("retry-after", "1".parse().unwrap());
            busy
        })
    })
    .await;
    let snapshot = capture(&server).await;
    assert_eq!(snapshot.gaps, []);
    assert!(snapshot.objects.services.captured_in("shop"));
}

#[tokio::test]
async fn a_wait_past_the_deadline_is_a_gap_at_once() {
    let server = Server::start(|call| {
        call.path.ends_with("/services").then(|| {
            let mut busy = text(StatusCode::TOO_MANY_REQUESTS, "Too many requests");
            busy.headers_mut()
                .insert("retry-after", "60".parse().unwrap());
            busy
        })
    })
    .await;
    let started = Instant::now();
    let snapshot = capture(&server).await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(
        gap(&snapshot, "services in shop"),
        "429 Too Many Requests: Too many requests"
    );
}

#[tokio::test]
async fn plain_text_errors_are_quoted_and_shortened() {
    let server = Server::start(|call| {
        call.path.ends_with("/ingresses").then(|| {
            text(
                StatusCode::NOT_FOUND,
                &format!("404 page not found\u{1b}[31m {}", "x".repeat(5000)),
            )
        })
    })
    .await;
    let snapshot = capture(&server).await;
    let detail = gap(&snapshot, "ingresses in shop");
    assert!(
        detail.starts_with("404 Not Found: 404 page not found[31m xxx"),
        "{detail}"
    );
    assert!(detail.chars().count() < 400, "{detail}");
}

#[tokio::test]
async fn a_success_that_is_no_list_is_a_gap() {
    let server = Server::start(|call| {
        if call.path.ends_with("/jobs") {
            return Some(text(StatusCode::OK, "<html>log in</html>"));
        }
        call.path
            .ends_with("/cronjobs")
            .then(|| axum::Json(json!({"kind": "Pod", "items": []})).into_response())
    })
    .await;
    let snapshot = capture(&server).await;
    assert!(gap(&snapshot, "jobs in shop").starts_with("the answer cannot be read"));
    assert!(gap(&snapshot, "cronjobs in shop").contains("not a list"));
    assert!(!snapshot.objects.jobs.captured_in("shop"));
}

#[tokio::test]
async fn one_unreadable_object_does_not_hide_the_others() {
    let server = Server::start(|call| {
        let broken = json!({"metadata": {"name": "web-2", "namespace": "shop"}, "spec": {"containers": "?"}});
        (call.path == "/api/v1/namespaces/shop/pods").then(|| list("PodList", "", &[pod("web-1"), broken]))
    })
    .await;
    let snapshot = capture(&server).await;
    assert_eq!(snapshot.objects.pods.len(), 1);
    assert!(gap(&snapshot, "pods in shop").contains("1 of 2 objects"));
}

#[tokio::test]
async fn a_slow_kind_delays_nothing_else() {
    let server = Server::start(|call| {
        call.path
            .ends_with("/endpoints")
            .then(|| server::never(&call.path))
    })
    .await;
    let started = Instant::now();
    let snapshot = capture(&server).await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert_eq!(gap(&snapshot, "endpoints in shop"), "timed out after 0.4 s");
    assert_eq!(snapshot.gaps.len(), 1);
}

#[tokio::test]
async fn a_silent_server_costs_no_more_than_the_deadline() {
    let server = Server::start(|call| Some(server::never(&call.path))).await;
    let source = source(
        &server.url,
        KubeLimits {
            capture: Duration::from_secs(1),
            ..limits()
        },
        false,
    )
    .await;
    let started = Instant::now();
    let snapshot = source.capture(&request("shop")).await;
    assert!(
        started.elapsed() < Duration::from_millis(1500),
        "{:?}",
        started.elapsed()
    );
    assert!(
        !snapshot.gaps.is_empty() && snapshot.gaps.len() < 8,
        "{:#?}",
        snapshot.gaps
    );
}

#[tokio::test]
async fn an_absent_server_is_one_gap() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let source = source(&format!("http://{address}"), limits(), false).await;
    let snapshot = source.capture(&request("shop")).await;
    assert!(snapshot.gaps.len() <= 2, "{:#?}", snapshot.gaps);
    assert!(
        snapshot.gaps[0].detail.contains("cannot be reached"),
        "{:#?}",
        snapshot.gaps
    );
    assert!(source.ping(Duration::from_secs(1)).await.is_err());
}

#[tokio::test]
async fn a_huge_list_is_given_up_on() {
    let server = Server::start(|call| {
        call.path
            .ends_with("/configmaps")
            .then(|| text(StatusCode::OK, &"x".repeat(100_000)))
    })
    .await;
    let small = KubeLimits {
        body_bytes_max: 50_000,
        ..limits()
    };
    let snapshot = source(&server.url, small, false)
        .await
        .capture(&request("shop"))
        .await;
    assert_eq!(
        gap(&snapshot, "configmaps in shop"),
        "the answer is longer than 50000 bytes"
    );
}

#[tokio::test]
async fn the_calls_of_an_incident_are_bounded() {
    let server = Server::start(|_| None).await;
    let few = KubeLimits {
        calls_max: 5,
        ..limits()
    };
    let snapshot = source(&server.url, few, false)
        .await
        .capture(&request("shop"))
        .await;
    assert_eq!(server.calls().len(), 5);
    assert!(
        snapshot
            .gaps
            .iter()
            .any(|gap| gap.detail.contains("5 calls for this incident"))
    );
}

#[tokio::test]
async fn values_of_secrets_are_not_kept() {
    let server = Server::start(|call| {
        let secret = json!({
            "metadata": {"name": "db", "namespace": "shop", "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"password\":\"aHVudGVyMg==\"}}"
            }},
            "data": {"password": "aHVudGVyMg=="}
        });
        call.path.ends_with("/secrets").then(|| list("SecretList", "", &[secret]))
    })
    .await;
    let snapshot = capture(&server).await;
    let secret = snapshot.objects.secrets.get("shop", "db").unwrap();
    assert!(secret.data.as_ref().unwrap()["password"].0.is_empty());
    let kept = serde_json::to_string(secret).unwrap();
    assert!(!kept.contains("aHVudGVyMg"), "{kept}");
}

#[tokio::test]
async fn events_of_the_newer_api_stand_in_for_refused_core_events() {
    let server = Server::start(|call| match call.path.as_str() {
        "/api/v1/namespaces/shop/events" => Some(status(StatusCode::FORBIDDEN, "Forbidden", "no")),
        "/apis/events.k8s.io/v1/namespaces/shop/events" => Some(list(
            "EventList",
            "",
            &[json!({
                "metadata": {"name": "e", "namespace": "shop"},
                "regarding": {"kind": "Pod", "name": "web-1", "namespace": "shop"},
                "reason": "BackOff", "note": "Back-off restarting", "type": "Warning",
                "deprecatedCount": 7, "eventTime": null
            })],
        )),
        _ => None,
    })
    .await;
    let snapshot = capture(&server).await;
    assert_eq!(snapshot.gaps, []);
    let event = snapshot.objects.events.get("shop", "e").unwrap();
    assert_eq!(event.message.as_deref(), Some("Back-off restarting"));
    assert_eq!(event.count, Some(7));
    assert_eq!(event.involved_object.name.as_deref(), Some("web-1"));
}

#[tokio::test]
async fn pods_of_a_node_are_found_in_all_namespaces() {
    let server = Server::start(|call| {
        let wanted = call.path == "/api/v1/pods"
            && call.query("fieldSelector").as_deref() == Some("spec.nodeName=node-1");
        wanted.then(|| list("PodList", "", &[pod("web-1")]))
    })
    .await;
    let source = source(&server.url, limits(), false).await;
    let request = CaptureRequest {
        subjects: vec![
            ObjectRef::cluster("Node", "node-1"),
            ObjectRef::cluster("Node", "x?a=b"),
        ],
        namespaces: vec!["../../apis".to_owned()],
        ..request("shop")
    };
    let snapshot = source.capture(&request).await;
    assert_eq!(snapshot.objects.pods.len(), 1);
    assert!(gap(&snapshot, "namespaces").contains("is not a namespace's name"));
    assert!(
        server
            .calls()
            .iter()
            .all(|call| !call.contains("x?a") && !call.contains(".."))
    );
}
