//! Channels against servers on loopback that are refused, slow, huge or wrong.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use appliance_core::analysis::{
    Analysis, Confidence, IncidentSummary, NextCheck, StatedCause, Summary,
};
use appliance_core::object::ObjectRef;
use appliance_egress::{AllowList, Destination, Egress, Limits, Roots};
use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::{
    Dispatcher, DispatcherOptions, JsonLines, Notice, SIGNATURE_HEADER, SecretFile, Sink,
    SlackOptions, SlackSink, Stage, TIMESTAMP_HEADER, WebhookOptions, WebhookSink,
};

fn notice(id: &str, stage: Stage) -> Notice {
    let incident = IncidentSummary {
        id: id.to_owned(),
        title: "ads is not ready <!channel>".to_owned(),
        severity: "critical".to_owned(),
        status: "firing".to_owned(),
        ..IncidentSummary::default()
    };
    Notice {
        analysis: Some(analysis(&incident)),
        incident,
        stage,
        console_url: Some("https://anchorite.site/#/incidents/1".to_owned()),
    }
}

fn analysis(incident: &IncidentSummary) -> Analysis {
    Analysis {
        format: appliance_core::analysis::FORMAT.to_owned(),
        incident: incident.clone(),
        subject: None,
        causes: vec![StatedCause {
            cause: "LivenessProbeWrongPort".to_owned(),
            object: ObjectRef::namespaced("Deployment", "shop", "ads"),
            confidence: Confidence::High,
            because: Vec::new(),
            against: Vec::new(),
        }],
        ruled_out: Vec::new(),
        missing: Vec::new(),
        changes: Vec::new(),
        evidence: Vec::new(),
        summary: Summary {
            text: "The probe asks a port that @here nobody serves.".to_owned(),
            ..Summary::default()
        },
        next_checks: vec![NextCheck {
            command: "kubectl get deployment ads -n shop -o yaml".to_owned(),
            why: String::new(),
        }],
        actions: Vec::new(),
        enrichment: appliance_core::analysis::Enrichment::default(),
        timing: appliance_core::analysis::Timing::default(),
    }
}

type Posts = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

/// Serves `answers` in order, the last one for ever.
async fn serve(answers: Vec<Response>) -> (SocketAddr, Posts) {
    let posts = Posts::default();
    let seen = Arc::clone(&posts);
    let answers = Arc::new(Mutex::new(VecDeque::from(answers)));
    let router = Router::new().fallback(move |headers: HeaderMap, body: Bytes| {
        seen.lock().unwrap().push((headers, body));
        let mut answers = answers.lock().unwrap();
        let answer = if answers.len() > 1 {
            answers.pop_front()
        } else {
            None
        };
        let answer = answer.unwrap_or_else(|| (StatusCode::OK, "ok").into_response());
        async move { answer }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, posts)
}

fn ok() -> Response {
    (StatusCode::OK, "ok").into_response()
}

fn egress(address: SocketAddr) -> Egress {
    let allowed: AllowList = [Destination::new("127.0.0.1", address.port())]
        .into_iter()
        .collect();
    Egress::new(allowed, &mut Registry::default())
}

fn limits() -> Limits {
    Limits {
        connect: Duration::from_millis(200),
        response: Duration::from_millis(200),
        total: Duration::from_millis(300),
        body_bytes_max: 10_000,
    }
}

fn webhook_options(address: SocketAddr) -> WebhookOptions {
    WebhookOptions {
        name: "hook".to_owned(),
        url: format!("http://{address}/hook"),
        bearer: None,
        signing: None,
        roots: Roots::default(),
        limits: limits(),
    }
}

fn webhook(address: SocketAddr) -> Arc<dyn Sink> {
    Arc::new(WebhookSink::try_new(webhook_options(address), &egress(address)).unwrap())
}

fn slack(address: SocketAddr) -> (Arc<dyn Sink>, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        format!("http://{address}/services/T/B/secret\n"),
    )
    .unwrap();
    let options = SlackOptions {
        name: "chat".to_owned(),
        url: SecretFile::new(file.path()),
        roots: Roots::default(),
        limits: limits(),
    };
    (
        Arc::new(SlackSink::try_new(options, &egress(address)).unwrap()),
        file,
    )
}

fn options() -> DispatcherOptions {
    DispatcherOptions {
        backoff_first: Duration::from_millis(20),
        backoff_max: Duration::from_millis(50),
        give_up_after: Duration::from_secs(2),
        ..DispatcherOptions::default()
    }
}

fn start(sink: Arc<dyn Sink>, options: DispatcherOptions) -> (Dispatcher, Registry) {
    let mut registry = Registry::default();
    let dispatcher = Dispatcher::new(vec![sink], options, &mut registry);
    (dispatcher, registry)
}

fn metrics(registry: &Registry) -> String {
    let mut text = String::new();
    encode(&mut text, registry).unwrap();
    text
}

#[track_caller]
fn check(registry: &Registry, line: &str) {
    let metrics = metrics(registry);
    assert!(
        metrics.lines().any(|found| found == line),
        "no {line} in\n{metrics}"
    );
}

fn stages(posts: &Posts) -> Vec<String> {
    let posts = posts.lock().unwrap();
    let stage = |body: &Bytes| {
        serde_json::from_slice::<Value>(body).unwrap()["stage"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    posts.iter().map(|(_, body)| stage(body)).collect()
}

#[tokio::test]
async fn a_webhook_gets_the_notice_as_json() {
    let (address, posts) = serve(vec![ok()]).await;
    let (dispatcher, registry) = start(webhook(address), options());
    dispatcher.send(notice("i1", Stage::Opened));
    dispatcher.shutdown(Duration::from_secs(2)).await;
    let posts = posts.lock().unwrap();
    let (headers, body) = &posts[0];
    let body: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(body["incident"]["id"], "i1");
    assert_eq!(body["stage"], "opened");
    assert_eq!(body["analysis"]["format"], "analysis/v1");
    assert_eq!(headers["content-type"], "application/json");
    assert!(!headers.contains_key("authorization"));
    check(&registry, "anchorite_sink_delivered_total{sink=\"hook\"} 1");
}

#[tokio::test]
async fn a_webhook_is_signed_and_authorized_from_files() {
    let (address, posts) = serve(vec![ok()]).await;
    let file = |text: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    };
    let (token, key) = (file("t0ken\n"), file("key\n"));
    let with_secrets = WebhookOptions {
        bearer: Some(SecretFile::new(token.path())),
        signing: Some(SecretFile::new(key.path())),
        ..webhook_options(address)
    };
    let sink = WebhookSink::try_new(with_secrets, &egress(address)).unwrap();
    sink.deliver(&notice("i1", Stage::Opened)).await.unwrap();
    let posts = posts.lock().unwrap();
    let (headers, body) = &posts[0];
    assert_eq!(headers["authorization"], "Bearer t0ken");
    let at = headers[TIMESTAMP_HEADER].to_str().unwrap();
    let hex = headers[SIGNATURE_HEADER]
        .to_str()
        .unwrap()
        .strip_prefix("sha256=")
        .unwrap();
    let tag: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|index| u8::from_str_radix(&hex[index..index + 2], 16).unwrap())
        .collect();
    let signed = [at.as_bytes(), b".", body].concat();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"key");
    ring::hmac::verify(&key, &signed, &tag).unwrap();
}

#[tokio::test]
async fn a_failing_webhook_is_tried_again() {
    let failing = (StatusCode::INTERNAL_SERVER_ERROR, "not now").into_response();
    let (address, posts) = serve(vec![failing, ok(), ok()]).await;
    let (dispatcher, registry) = start(webhook(address), options());
    dispatcher.send(notice("i1", Stage::Opened));
    dispatcher.shutdown(Duration::from_secs(2)).await;
    assert_eq!(posts.lock().unwrap().len(), 2);
    check(&registry, "anchorite_sink_retried_total{sink=\"hook\"} 1");
    check(&registry, "anchorite_sink_delivered_total{sink=\"hook\"} 1");
}

#[tokio::test]
async fn a_refused_notice_is_not_tried_again() {
    let refusing = (StatusCode::BAD_REQUEST, "<html>no</html>").into_response();
    let (address, posts) = serve(vec![refusing, ok()]).await;
    let (dispatcher, registry) = start(webhook(address), options());
    dispatcher.send(notice("i1", Stage::Opened));
    dispatcher.send(notice("i2", Stage::Opened));
    dispatcher.shutdown(Duration::from_secs(2)).await;
    assert_eq!(posts.lock().unwrap().len(), 2);
    check(
        &registry,
        "anchorite_sink_dropped_total{sink=\"hook\",reason=\"refused\"} 1",
    );
    check(&registry, "anchorite_sink_delivered_total{sink=\"hook\"} 1");
}

#[tokio::test]
async fn an_absent_server_is_given_up_on_in_time() {
    let address = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let impatient = DispatcherOptions {
        give_up_after: Duration::from_millis(200),
        ..options()
    };
    let (dispatcher, registry) = start(webhook(address), impatient);
    dispatcher.send(notice("i1", Stage::Opened));
    dispatcher.shutdown(Duration::from_secs(2)).await;
    check(
        &registry,
        "anchorite_sink_dropped_total{sink=\"hook\",reason=\"gave_up\"} 1",
    );
}

#[tokio::test]
async fn a_destination_that_is_not_permitted_is_refused() {
    let (address, posts) = serve(vec![ok()]).await;
    let nowhere = Egress::new(AllowList::default(), &mut Registry::default());
    let sink = WebhookSink::try_new(webhook_options(address), &nowhere).unwrap();
    let error = sink
        .deliver(&notice("i1", Stage::Opened))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, crate::DeliveryError::Refused { .. }),
        "{error}"
    );
    assert!(posts.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_huge_answer_does_not_repeat_the_delivery() {
    let huge = "x".repeat(1 << 20).into_response();
    let (address, posts) = serve(vec![huge, ok()]).await;
    let (dispatcher, registry) = start(webhook(address), options());
    dispatcher.send(notice("i1", Stage::Opened));
    dispatcher.shutdown(Duration::from_secs(2)).await;
    assert_eq!(posts.lock().unwrap().len(), 1);
    check(&registry, "anchorite_sink_delivered_total{sink=\"hook\"} 1");
}

/// A sink that never finishes.
struct Stuck;

impl Sink for Stuck {
    fn name(&self) -> &'static str {
        "stuck"
    }

    fn deliver<'a>(&'a self, _: &'a Notice) -> crate::SinkFuture<'a> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn sending_never_waits_and_a_full_queue_is_counted() {
    let small = DispatcherOptions {
        queue_max: 2,
        ..options()
    };
    let (dispatcher, registry) = start(Arc::new(Stuck), small);
    for index in 0..10 {
        dispatcher.send(notice(&format!("i{index}"), Stage::Opened));
    }
    check(
        &registry,
        "anchorite_sink_dropped_total{sink=\"stuck\",reason=\"queue_full\"} 8",
    );
    let started = std::time::Instant::now();
    dispatcher.shutdown(Duration::from_millis(50)).await;
    assert!(started.elapsed() < Duration::from_secs(1));
}

#[tokio::test]
async fn newer_news_take_the_place_of_undelivered_ones_and_repeats_are_left_out() {
    let failing = (StatusCode::SERVICE_UNAVAILABLE, "starting").into_response();
    let (address, posts) = serve(vec![failing, ok(), ok()]).await;
    let slow = DispatcherOptions {
        backoff_first: Duration::from_millis(200),
        backoff_max: Duration::from_millis(200),
        ..options()
    };
    let (dispatcher, _registry) = start(webhook(address), slow);
    dispatcher.send(notice("i1", Stage::Opened));
    tokio::time::sleep(Duration::from_millis(50)).await;
    dispatcher.send(notice("i1", Stage::Updated));
    dispatcher.send(notice("i1", Stage::Worded));
    tokio::time::sleep(Duration::from_millis(400)).await;
    dispatcher.send(notice("i1", Stage::Updated));
    dispatcher.send(notice("i1", Stage::Resolved));
    dispatcher.shutdown(Duration::from_secs(2)).await;
    assert_eq!(stages(&posts), ["opened", "worded", "resolved"]);
}

#[tokio::test]
async fn chat_messages_are_escaped_and_carry_key_and_link() {
    let (address, posts) = serve(vec![ok()]).await;
    let (sink, _file) = slack(address);
    sink.deliver(&notice("i1", Stage::Worded)).await.unwrap();
    let posts = posts.lock().unwrap();
    let body: Value = serde_json::from_slice(&posts[0].1).unwrap();
    let text = body["text"].as_str().unwrap();
    assert!(
        text.contains(
            "Likely cause: *LivenessProbeWrongPort* of Deployment shop/ads (confidence high)"
        ),
        "{text}"
    );
    assert!(
        text.contains("Incident `i1` · <https://anchorite.site/#/incidents/1|Open in Anchorite>"),
        "{text}"
    );
    assert!(
        text.contains("Next check: `kubectl get deployment ads -n shop -o yaml`"),
        "{text}"
    );
    assert!(
        !text.contains("<!channel>") && !text.contains("@here"),
        "{text}"
    );
    assert_eq!(body["blocks"][0]["type"], "header");
    assert!(body.get("thread_ts").is_none());
}

#[tokio::test]
async fn one_incident_is_one_thread_where_the_server_tells_it() {
    let created = axum::Json(serde_json::json!({"ok": true, "ts": "17.42"})).into_response();
    let (address, posts) = serve(vec![created, ok(), ok(), ok()]).await;
    let (sink, _file) = slack(address);
    sink.deliver(&notice("i1", Stage::Opened)).await.unwrap();
    sink.deliver(&notice("i1", Stage::Resolved)).await.unwrap();
    sink.deliver(&notice("i2", Stage::Opened)).await.unwrap();
    let posts = posts.lock().unwrap();
    let thread = |index: usize| {
        serde_json::from_slice::<Value>(&posts[index].1).unwrap()["thread_ts"].clone()
    };
    assert_eq!(
        [thread(0), thread(1), thread(2)],
        [Value::Null, Value::from("17.42"), Value::Null]
    );
}

#[tokio::test]
async fn a_chat_that_says_no_is_believed() {
    let refused =
        axum::Json(serde_json::json!({"ok": false, "error": "channel_not_found"})).into_response();
    let (address, _posts) = serve(vec![refused, ok()]).await;
    let (sink, _file) = slack(address);
    let error = sink
        .deliver(&notice("i1", Stage::Opened))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        crate::DeliveryError::Refused {
            reason: "channel_not_found".to_owned()
        }
    );
}

#[tokio::test]
async fn a_slow_chat_is_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (sink, _file) = slack(listener.local_addr().unwrap());
    let error = sink
        .deliver(&notice("i1", Stage::Opened))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, crate::DeliveryError::Again { .. }),
        "{error}"
    );
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn json_lines_are_one_line_each() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let sink = JsonLines::new("stdout", file.reopen().unwrap());
    sink.deliver(&notice("i1", Stage::Opened)).await.unwrap();
    sink.deliver(&notice("i1", Stage::Resolved)).await.unwrap();
    let stages: Vec<Value> = std::fs::read_to_string(file.path())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["stage"].clone())
        .collect();
    assert_eq!(stages, ["opened", "resolved"]);
}

#[tokio::test]
async fn a_secret_file_must_hold_one_line() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for bad in ["", "\n", "a\nb"] {
        std::fs::write(file.path(), bad).unwrap();
        assert!(
            SecretFile::new(file.path()).read().await.is_err(),
            "{bad:?}"
        );
    }
    assert!(
        SecretFile::new("/nowhere")
            .read()
            .await
            .unwrap_err()
            .to_string()
            .contains("/nowhere")
    );
}
