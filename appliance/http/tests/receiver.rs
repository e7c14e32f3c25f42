//! The webhook over real connections: statuses, bounds, and a storm.

#[path = "support/client.rs"]
mod client;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use appliance_http::auth::{self, CredentialsFile};
use appliance_http::receiver::{Accept, Limits, Receiver, router};
use appliance_store::{AcceptError, Ledger, LedgerOptions, Record};
use axum::Router;
use bytes::Bytes;
use prometheus_client::registry::Registry;

use self::client::Client;

const BODY: &[u8] = br#"{"version":"4","groupKey":"g","truncatedAlerts":2,"alerts":[
    {"status":"firing","labels":{"alertname":"A","namespace":"s","deployment":"x"}},
    {"status":"resolved","labels":{"alertname":"B","namespace":"s","deployment":"x"}}]}"#;

/// Answers as told.
#[derive(Clone)]
enum Scripted {
    Take(Arc<AtomicUsize>),
    Fail(AcceptError),
    Hang,
}

impl Accept for Scripted {
    async fn accept(&self, _body: Bytes, _sender: &str) -> Result<u64, AcceptError> {
        match self {
            Self::Take(taken) => Ok(taken.fetch_add(1, Ordering::Relaxed) as u64),
            Self::Fail(error) => Err(error.clone()),
            Self::Hang => std::future::pending().await,
        }
    }
}

fn taking() -> Scripted {
    Scripted::Take(Arc::default())
}

fn limits() -> Limits {
    Limits {
        body_bytes_max: 1 << 20,
        bytes_in_flight_max: 1 << 20,
        deadline: Duration::from_millis(300),
    }
}

/// Serves `router` until the test's runtime ends.
async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bind");
    let address = listener.local_addr().expect("address");
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

async fn serve_scripted(accept: Scripted) -> (SocketAddr, Arc<Receiver<Scripted>>, Registry) {
    let mut registry = Registry::default();
    let receiver = Arc::new(Receiver::new(accept, limits(), &mut registry));
    (
        serve(router(Arc::clone(&receiver))).await,
        receiver,
        registry,
    )
}

#[track_caller]
fn check(accept: Scripted, body: &[u8], status: u16, text: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let (got, answer) = runtime.block_on(async {
        let (address, receiver, _) = serve_scripted(accept).await;
        let mut client = Client::connect(address).await.expect("connect");
        let answer = client.post("", body).await.expect("answered");
        assert_eq!(receiver.bytes_in_flight(), 0, "all bytes are given back");
        answer
    });
    assert_eq!(got, status, "{answer}");
    assert!(answer.contains(text), "{answer}");
    assert_eq!(answer.is_empty(), status == 200, "{answer}");
}

#[test]
fn what_is_durable_is_200_without_a_body() {
    check(taking(), BODY, 200, "");
}

#[test]
fn what_can_never_be_read_is_400_with_a_reason() {
    check(taking(), b"", 400, "the body is empty");
    check(taking(), b"not json", 400, "not valid JSON");
    check(
        taking(),
        br#"{"version":"5","alerts":[]}"#,
        400,
        "is not supported",
    );
    check(taking(), br#"{"text":"custom"}"#, 400, "webhook-invalid");
}

#[test]
fn what_may_be_accepted_later_is_503() {
    check(
        Scripted::Fail(AcceptError::Overloaded),
        BODY,
        503,
        "send it again",
    );
    check(
        Scripted::Fail(AcceptError::Unavailable("disk failed".into())),
        BODY,
        503,
        "disk failed",
    );
    check(Scripted::Hang, BODY, 503, "took too long");
    check(taking(), &vec![b' '; (1 << 20) + 1], 503, "larger than");
}

#[tokio::test]
async fn a_sender_that_stalls_is_cut_off_at_the_deadline() {
    let (address, receiver, _) = serve_scripted(taking()).await;
    let mut client = Client::connect(address).await.expect("connect");
    let started = Instant::now();
    let head =
        "POST /api/v1/alertmanager HTTP/1.1\r\nhost: t\r\ncontent-length: 1000\r\n\r\n{\"alerts\"";
    client.send(head.as_bytes()).await.expect("sent");
    assert_eq!(client.answer().await.expect("answered").0, 503);
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(receiver.bytes_in_flight(), 0);
}

#[tokio::test]
async fn bodies_beyond_the_budget_are_503_and_the_budget_comes_back() {
    let (address, receiver, _) = serve_scripted(taking()).await;
    let mut holding = Client::connect(address).await.expect("connect");
    let head = "POST /api/v1/alertmanager HTTP/1.1\r\nhost: t\r\ncontent-length: 900000\r\n\r\n";
    let part = [head.as_bytes(), &vec![b' '; 800_000]].concat();
    holding.send(&part).await.expect("sent");
    while receiver.bytes_in_flight() < 800_000 {
        tokio::task::yield_now().await;
    }
    let large = [BODY, &vec![b' '; 400_000]].concat();
    let mut client = Client::connect(address).await.expect("connect");
    assert_eq!(client.post("", &large).await.expect("answered").0, 503);
    let mut client = Client::connect(address).await.expect("connect");
    assert_eq!(
        client.post("", BODY).await.expect("answered").0,
        200,
        "small ones still fit"
    );
    drop(holding);
    while receiver.bytes_in_flight() > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut client = Client::connect(address).await.expect("connect");
    assert_eq!(client.post("", &large).await.expect("answered").0, 200);
}

#[tokio::test]
async fn a_draining_receiver_sends_senders_to_its_successor() {
    let (address, receiver, _) = serve_scripted(taking()).await;
    receiver.drain();
    let mut client = Client::connect(address).await.expect("connect");
    let (status, answer) = client.post("", BODY).await.expect("answered");
    assert!(status == 503 && answer.contains("stopping"), "{answer}");
}

#[tokio::test]
async fn without_credentials_it_is_401() {
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("credentials");
    std::fs::write(&path, "bearer 0123456789abcdef\n").expect("write");
    let file = Arc::new(CredentialsFile::open(&path).expect("open"));
    let receiver = Arc::new(Receiver::new(taking(), limits(), &mut Registry::default()));
    let guarded = router(receiver).layer(axum::middleware::from_fn_with_state(file, auth::require));
    let mut client = Client::connect(serve(guarded).await)
        .await
        .expect("connect");
    let mut post = async |headers: &str| client.post(headers, b"").await.expect("answered").0;
    assert_eq!(post("").await, 401);
    assert_eq!(
        post("authorization: Bearer wrong-wrong-wrong\r\n").await,
        401
    );
    assert_eq!(
        post("authorization: Bearer 0123456789abcdef\r\n").await,
        400,
        "let through to the parser"
    );
}

#[tokio::test]
async fn everything_is_counted() {
    let (address, _, registry) = serve_scripted(taking()).await;
    let mut client = Client::connect(address).await.expect("connect");
    client.post("", BODY).await.expect("answered");
    client.post("", b"x").await.expect("answered");
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry).expect("encode");
    for line in [
        "anchorite_intake_notifications_received_total 2",
        "anchorite_intake_notifications_stored_total 1",
        "anchorite_intake_notifications_refused_total{reason=\"Invalid\"} 1",
        "anchorite_intake_alerts_total{status=\"Firing\"} 1",
        "anchorite_intake_alerts_truncated_total 2",
        &format!("anchorite_intake_notifications_bytes_total {}", BODY.len()),
        "anchorite_intake_acknowledgement_seconds_count 1",
    ] {
        assert!(text.contains(line), "{line} in:\n{text}");
    }
}

/// A body told apart by its number.
fn numbered(number: usize) -> String {
    format!(
        r#"{{"version":"4","groupKey":"g{number}","alerts":[{{"status":"firing","labels":{{"alertname":"A","namespace":"n{number}","deployment":"x"}}}}]}}"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_connections_lose_nothing_that_was_acknowledged() {
    const CONNECTIONS: usize = 64;
    const EACH: usize = 25;
    let dir = tempfile::tempdir().expect("tempdir");
    let (ledger, _) = Ledger::open(dir.path(), LedgerOptions::default()).expect("open");
    let receiver = Receiver::new(ledger.clone(), Limits::default(), &mut Registry::default());
    let address = serve(router(Arc::new(receiver))).await;
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|connection| {
            tokio::spawn(async move {
                let mut client = Client::connect(address).await.expect("connect");
                let mut times = Vec::new();
                for count in 0..EACH {
                    let started = Instant::now();
                    let body = numbered(connection * EACH + count);
                    assert_eq!(
                        client.post("", body.as_bytes()).await.expect("answered").0,
                        200
                    );
                    times.push(started.elapsed());
                }
                times
            })
        })
        .collect();
    let mut times = Vec::new();
    for sender in senders {
        times.extend(sender.await.expect("sender"));
    }
    times.sort_unstable();
    let found: BTreeSet<Bytes> = ledger
        .journal()
        .read_from(1)
        .map(|record| record.expect("intact"))
        .filter_map(
            |record| match Record::decode(record.kind, record.payload).expect("readable") {
                Record::Notification { body, sender, .. } => {
                    assert_eq!(sender, "127.0.0.1");
                    Some(body)
                }
                Record::Analysis { .. } | Record::Feedback(_) | Record::Note(_) => None,
            },
        )
        .collect();
    let sent: BTreeSet<Bytes> = (0..CONNECTIONS * EACH)
        .map(|number| numbered(number).into())
        .collect();
    assert_eq!(found, sent);
    assert!(ledger.applied(ledger.journal().durable_seq()).await);
    let counts = ledger.store().counts();
    assert_eq!(
        counts.firing_alerts,
        sent.len() as u64,
        "every alert is in an incident"
    );
    println!(
        "{} acknowledged, p50 {:?}, p99 {:?}, {:.1} a sync",
        times.len(),
        times[times.len() / 2],
        times[times.len() * 99 / 100],
        ledger.journal().counters().records as f64 / ledger.journal().counters().batches as f64
    );
}
