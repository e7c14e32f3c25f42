//! The whole intake is killed (`kill -9`) at random moments while 32
//! connections post: what was answered 200 must be in the journal, and its
//! alert in an incident, after the restart.
//!
//! `cargo test -p appliance-http --test intake_crash -- 500` for more rounds.

#![allow(
    clippy::print_stdout,
    reason = "the child tells its address, the parent its result"
)]

#[path = "support/client.rs"]
mod client;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use appliance_http::receiver::{Limits, Receiver, router};
use appliance_journal::Options;
use appliance_store::{Ledger, LedgerOptions};
use prometheus_client::registry::Registry;
use rand::{RngExt, SeedableRng, rngs::SmallRng};

use self::client::Client;

const ROUNDS: u64 = 40;
const CONNECTIONS: u64 = 32;

fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("runtime");
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.get(1).map(String::as_str) {
        Some("--child") => runtime.block_on(child(Path::new(&arguments[2]))),
        rounds => runtime.block_on(parent(
            rounds.and_then(|text| text.parse().ok()).unwrap_or(ROUNDS),
        )),
    }
}

fn open(dir: &Path) -> Ledger {
    let options = LedgerOptions {
        journal: Options {
            segment_bytes: 256 << 10,
            ..Options::default()
        },
        ..LedgerOptions::default()
    };
    Ledger::open(dir, options).expect("open").0
}

async fn child(dir: &Path) {
    let receiver = Receiver::new(open(dir), Limits::default(), &mut Registry::default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bind");
    println!("{}", listener.local_addr().expect("address"));
    let service = router(Arc::new(receiver)).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await.expect("serve");
}

/// One alert, of a workload named after the number.
fn body(number: u64) -> String {
    format!(
        r#"{{"version":"4","groupKey":"g","alerts":[{{"status":"firing","labels":{{"alertname":"A{number}","namespace":"n{}","deployment":"w"}},"startsAt":"2026-11-20T10:00:00Z"}}]}}"#,
        number % 40
    )
}

#[allow(clippy::disallowed_methods, reason = "starts itself, to be killed")]
async fn parent(rounds: u64) {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut random = SmallRng::seed_from_u64(20_261_120);
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds {
        let mut process = Command::new(std::env::current_exe().expect("own path"))
            .args(["--child", dir.path().to_str().expect("utf-8")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("spawn");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("piped");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("address");
        let address: SocketAddr = line.trim().parse().expect("address");
        let posting: Vec<_> = (0..CONNECTIONS)
            .map(|connection| {
                tokio::spawn(post_until_killed(
                    address,
                    (round * CONNECTIONS + connection) * 100_000,
                ))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(random.random_range(1..80))).await;
        process.kill().expect("kill");
        process.wait().expect("wait");
        for connection in posting {
            acknowledged.extend(connection.await.expect("connection"));
        }
    }
    let ledger = open(dir.path());
    let last = ledger.journal().durable_seq();
    let mut stored = BTreeSet::new();
    for record in ledger.journal().read_from(1) {
        let payload = record.expect("intact").payload;
        let text = String::from_utf8(payload).expect("text");
        let name = text
            .split("\"alertname\":\"A")
            .nth(1)
            .and_then(|rest| rest.split('"').next());
        stored.insert(
            name.and_then(|name| name.parse::<u64>().ok())
                .expect("a number"),
        );
    }
    let lost: Vec<_> = acknowledged.difference(&stored).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(ledger.applied(last).await, "the index follows");
    assert_eq!(
        ledger.store().counts().firing_alerts,
        stored.len() as u64,
        "each alert is in one incident"
    );
    println!(
        "intake_crash: {rounds} kills, {} acknowledged, {} stored, 0 lost",
        acknowledged.len(),
        stored.len()
    );
}

/// Posts one body after another; answers the numbers that were acknowledged.
async fn post_until_killed(address: SocketAddr, first: u64) -> Vec<u64> {
    let mut acknowledged = Vec::new();
    let Ok(mut client) = Client::connect(address).await else {
        return acknowledged;
    };
    for number in first.. {
        match client.post("", body(number).as_bytes()).await {
            Ok((200, _)) => acknowledged.push(number),
            Ok((status, answer)) => panic!("{status} {answer}"),
            Err(_) => break,
        }
    }
    acknowledged
}
