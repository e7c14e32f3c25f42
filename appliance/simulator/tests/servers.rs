//! The servers over sockets: pages, watches, logs, faults, tokens, queries.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may fail loudly, say what they skip, and dial what they start"
)]

use std::time::Duration;

use appliance_simulator::api::Access;
use appliance_simulator::faults::{Fault, FaultKind};
use appliance_simulator::world::{LogKey, find};
use appliance_simulator::{Options, Simulator, World};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn world() -> World {
    let mut world = World::new();
    let pods = find("", "v1", "pods").unwrap();
    let namespaces = find("", "v1", "namespaces").unwrap();
    world.put(
        namespaces,
        json!({"metadata": {"name": "shop"}, "status": {"phase": "Active"}}),
    );
    for name in ["a", "b", "c", "d", "e"] {
        world.put(pods, pod(name));
    }
    for line in ["one", "two", "three"] {
        world.log(&LogKey::current("shop", "a", "main"), None, line);
    }
    world
}

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop", "labels": {"app": name}},
           "spec": {"nodeName": "node-1", "containers": [{"name": "main"}]},
           "status": {"phase": "Running", "containerStatuses": [{"name": "main", "ready": true, "restartCount": 0, "state": {"running": {}}}]}})
}

async fn simulator() -> Simulator {
    Simulator::start(world(), Options::default()).await.unwrap()
}

/// The raw answer to a GET; empty if the connection was closed without one.
async fn raw(url: &str, path: &str, more: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap())
        .await
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn get(url: &str, path: &str) -> (u16, Value) {
    let text = raw(url, path, "").await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (
        status,
        serde_json::from_str(body).unwrap_or(Value::String(body.to_owned())),
    )
}

/// The events of a watch, which ends by itself.
async fn watch(url: &str, path: &str) -> Vec<Value> {
    let text = raw(url, path, "").await;
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|event: &Value| event["type"].is_string())
        .collect()
}

fn names(list: &Value) -> Vec<&str> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["metadata"]["name"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn pages_stay_at_the_version_of_the_first() {
    let simulator = simulator().await;
    let url = simulator.kubernetes_url();
    let (_, first) = get(&url, "/api/v1/namespaces/shop/pods?limit=2").await;
    assert_eq!(
        (names(&first), &first["metadata"]["remainingItemCount"]),
        (vec!["a", "b"], &json!(3))
    );
    let pods = find("", "v1", "pods").unwrap();
    simulator
        .cluster()
        .update(|world| world.delete(pods, "shop", "c"));
    let token = first["metadata"]["continue"].as_str().unwrap();
    let (_, rest) = get(
        &url,
        &format!("/api/v1/namespaces/shop/pods?limit=9&continue={token}"),
    )
    .await;
    assert_eq!(names(&rest), ["c", "d", "e"]);
    assert_eq!(
        rest["metadata"]["resourceVersion"],
        first["metadata"]["resourceVersion"]
    );
    simulator.cluster().update(World::forget_changes);
    let (status, expired) = get(
        &url,
        &format!("/api/v1/namespaces/shop/pods?limit=9&continue={token}"),
    )
    .await;
    assert_eq!((status, &expired["reason"]), (410, &json!("Expired")));
    let again = expired["metadata"]["continue"].as_str().unwrap();
    let (_, newest) = get(
        &url,
        &format!("/api/v1/namespaces/shop/pods?limit=9&continue={again}"),
    )
    .await;
    assert_eq!(names(&newest), ["d", "e"]);
}

#[tokio::test]
async fn watches_replay_go_on_live_and_end_on_time() {
    let simulator = simulator().await;
    let url = simulator.kubernetes_url();
    let pods = find("", "v1", "pods").unwrap();
    let start = simulator.cluster().read().version();
    simulator.cluster().update(|world| {
        world.edit(pods, "shop", "a", |pod| {
            pod["metadata"]["labels"]["app"] = json!("z");
        })
    });
    let cluster = simulator.cluster().clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cluster.update(|world| world.delete(pods, "shop", "b"));
    });
    let events = watch(
        &url,
        &format!(
            "/api/v1/namespaces/shop/pods?watch=true&resourceVersion={start}&timeoutSeconds=1"
        ),
    )
    .await;
    let seen: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event["type"].as_str().unwrap(),
                event["object"]["metadata"]["name"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(seen, [("MODIFIED", "a"), ("DELETED", "b")]);
    assert_eq!(
        events[1]["object"]["metadata"]["resourceVersion"],
        json!((start + 2).to_string())
    );
    let left = watch(
        &url,
        &format!(
            "/api/v1/pods?watch=1&resourceVersion={start}&timeoutSeconds=1&labelSelector=app%3Da"
        ),
    )
    .await;
    assert_eq!(left[0]["type"], "DELETED");
}

#[tokio::test]
async fn a_watch_list_ends_its_initial_part_with_a_bookmark() {
    let simulator = simulator().await;
    let path = "/api/v1/pods?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1";
    let events = watch(&simulator.kubernetes_url(), path).await;
    assert_eq!(events[4]["type"], "ADDED");
    assert_eq!(events[5]["type"], "BOOKMARK");
    assert_eq!(
        events[5]["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"],
        "true"
    );
}

#[tokio::test]
async fn a_watch_from_too_long_ago_is_told_so() {
    let simulator = simulator().await;
    simulator.cluster().update(World::forget_changes);
    let events = watch(
        &simulator.kubernetes_url(),
        "/api/v1/pods?watch=1&resourceVersion=1",
    )
    .await;
    assert_eq!(
        (&events[0]["type"], &events[0]["object"]["code"]),
        (&json!("ERROR"), &json!(410))
    );
}

#[tokio::test]
async fn logs_follow_tail_and_limits() {
    let simulator = simulator().await;
    let url = simulator.kubernetes_url();
    let log = |query: &str| format!("/api/v1/namespaces/shop/pods/a/log{query}");
    assert_eq!(
        get(&url, &log("?tailLines=2")).await.1,
        json!("two\nthree\n")
    );
    assert_eq!(get(&url, &log("?limitBytes=5")).await.1, json!("one\nt"));
    let (status, previous) = get(&url, &log("?previous=true")).await;
    assert_eq!(
        (status, &previous["message"]),
        (
            400,
            &json!("previous terminated container \"main\" in pod \"a\" not found")
        )
    );
}

#[tokio::test]
async fn faults_fail_as_told() {
    let simulator = simulator().await;
    let url = simulator.kubernetes_url();
    let faults = simulator.faults();
    faults.add(Fault::new("/api/v1/pods", FaultKind::TooManyRequests(3)).times(1));
    faults.add(Fault::new("/api/v1/pods", FaultKind::Drop).times(1));
    faults.add(Fault::new("/api/v1/pods", FaultKind::Delay(Duration::from_millis(200))).times(1));
    let busy = raw(&url, "/api/v1/pods", "").await;
    assert!(
        busy.starts_with("HTTP/1.1 429") && busy.to_lowercase().contains("retry-after: 3"),
        "{busy}"
    );
    assert_eq!(raw(&url, "/api/v1/pods", "").await, "");
    let before = std::time::Instant::now();
    assert_eq!(get(&url, "/api/v1/pods").await.0, 200);
    assert!(before.elapsed() >= Duration::from_millis(200));
    faults.add(Fault::new("/api/v1/pods", FaultKind::Hang));
    let hung =
        tokio::time::timeout(Duration::from_millis(200), raw(&url, "/api/v1/pods", "")).await;
    assert!(hung.is_err());
    assert_eq!(simulator.requests().len(), 4);
}

#[tokio::test]
async fn tokens_are_checked_before_anything_is_told() {
    let access = Access {
        token: Some("secret".to_owned()),
        ..Access::default()
    };
    let options = Options {
        access,
        ..Options::default()
    };
    let simulator = Simulator::start(world(), options).await.unwrap();
    let url = simulator.kubernetes_url();
    let status = |text: String| text.split(' ').nth(1).unwrap().to_owned();
    assert_eq!(
        status(raw(&url, "/api/v1/pods", "Authorization: Bearer secret\r\n").await),
        "200"
    );
    assert_eq!(
        status(raw(&url, "/version", "Authorization: Bearer wrong\r\n").await),
        "401"
    );
    assert_eq!(status(raw(&url, "/version", "").await), "200");
    let (code, anonymous) = get(&url, "/api/v1/pods").await;
    assert_eq!(
        (code, &anonymous["message"]),
        (
            403,
            &json!(
                "pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \"\" at the cluster scope"
            )
        )
    );
}

#[tokio::test]
async fn queries_are_answered_in_prometheus_form() {
    let mut world = world();
    let labels: std::collections::BTreeMap<String, String> =
        [("job".to_owned(), "x".to_owned())].into();
    let now = jiff::Timestamp::from_second(1_800_000_000).unwrap();
    world.freeze(now);
    for minute in 0..=10 {
        let at = 1_800_000_000.0 - 600.0 + f64::from(minute) * 60.0;
        world.series.push(
            "hits_total",
            &labels,
            appliance_core::snapshot::Sample {
                at,
                value: f64::from(minute) * 60.0,
            },
        );
    }
    let simulator = Simulator::start(world, Options::default()).await.unwrap();
    let url = simulator.prometheus_url();
    let (_, instant) = get(&url, "/api/v1/query?query=rate(hits_total%5B5m%5D)").await;
    assert_eq!(
        instant["data"]["result"],
        json!([{"metric": {"job": "x"}, "value": [1_800_000_000.0, "1"]}])
    );
    let (_, range) = get(
        &url,
        "/api/v1/query_range?query=hits_total&start=1799999880&end=1800000000&step=60",
    )
    .await;
    assert_eq!(
        range["data"]["result"][0]["values"]
            .as_array()
            .unwrap()
            .len(),
        3
    );
    let (status, refused) = get(&url, "/api/v1/query?query=rate(").await;
    assert_eq!((status, &refused["errorType"]), (400, &json!("bad_data")));
    let (_, series) = get(&url, "/api/v1/series?match%5B%5D=%7Bjob%3D%22x%22%7D").await;
    assert_eq!(
        series["data"],
        json!([{"__name__": "hits_total", "job": "x"}])
    );
    let (_, scrape) = get(&url, "/metrics").await;
    assert!(
        scrape
            .as_str()
            .unwrap()
            .contains("hits_total{job=\"x\"} 600\n"),
        "{scrape}"
    );
    assert_eq!(get(&url, "/-/healthy").await.0, 200);
}
