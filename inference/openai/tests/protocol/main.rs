//! The endpoint over real sockets, with clients that break off, dawdle, lie or are many.
//!
//! The engine here writes forever, so that only the client's leaving can end an answer.

mod endless;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use inference_core::slot::EngineSlot;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use self::endless::{Endless, Running};

/// Long enough for any machine; nothing takes it unless something is wrong.
const PATIENCE: Duration = Duration::from_mins(1);

struct Server {
    address: SocketAddr,
    running: Running,
}

async fn serve() -> Server {
    let engine = Endless::default();
    let running = engine.running.clone();
    let models = Arc::new(EngineSlot::ready(Arc::new(engine)));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("binds");
    let address = listener.local_addr().expect("is bound");
    tokio::spawn(async move { axum::serve(listener, inference_openai::router(models)).await });
    Server { address, running }
}

impl Server {
    #[allow(clippy::disallowed_methods, reason = "the server is the test's own")]
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("connects")
    }

    /// Sends a chat with `more` fields and leaves the connection open.
    async fn ask(&self, more: &str) -> TcpStream {
        let body = format!(r#"{{"messages": [{{"role": "user", "content": "hi"}}]{more}}}"#);
        let mut stream = self.connect().await;
        stream.write_all(&post(&body)).await.expect("is sent");
        stream
    }

    /// Waits until `count` answers are being written.
    async fn wait_for(&self, count: usize) {
        let reached = async {
            while self.running.count() != count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, reached).await;
        assert!(
            waited.is_ok(),
            "{} answers run, not {count}",
            self.running.count()
        );
    }

    /// Sees that the server still answers.
    async fn check_alive(&self) {
        let reply = self
            .exchange(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await;
        assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
    }

    /// Sends `bytes` and reads until the server closes.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.expect("is sent");
        let mut reply = Vec::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut reply)).await;
        read.expect("is answered in time").expect("is readable");
        String::from_utf8_lossy(&reply).into_owned()
    }
}

fn post(body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

async fn read_some(stream: &mut TcpStream) -> String {
    let mut buffer = vec![0; 4096];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await;
    let count = read.expect("comes in time").expect("is readable");
    String::from_utf8_lossy(&buffer[..count]).into_owned()
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_answer_plain_and_streamed() {
    let server = serve().await;
    for more in ["", r#", "stream": true"#, r#", "n": 3, "stream": true"#] {
        let stream = server.ask(more).await;
        server
            .wait_for(if more.contains("\"n\"") { 3 } else { 1 })
            .await;
        drop(stream);
        server.wait_for(0).await;
    }
    let mut ollama = server.connect().await;
    let body = r#"{"messages": [{"role": "user", "content": "hi"}]}"#;
    let request = format!(
        "POST /api/chat HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    ollama.write_all(request.as_bytes()).await.expect("is sent");
    server.wait_for(1).await;
    drop(ollama);
    server.wait_for(0).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_keeps_nobody_waiting() {
    let server = serve().await;
    let slow = server.ask(r#", "stream": true"#).await;
    server.wait_for(1).await;
    for _ in 0..3 {
        let mut quick = server.ask(r#", "stream": true"#).await;
        assert!(read_some(&mut quick).await.starts_with("HTTP/1.1 200"));
    }
    server.check_alive().await;
    drop(slow);
    server.wait_for(0).await;
}

#[tokio::test]
async fn half_closed_and_broken_off_requests_harm_nobody() {
    let server = serve().await;
    let mut half = server.ask("").await;
    half.shutdown().await.expect("is half closed");
    let mut short = server.connect().await;
    short
        .write_all(
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{\"mess",
        )
        .await
        .expect("is sent");
    drop(short);
    let mut chunked = server.connect().await;
    chunked
        .write_all(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
        .await
        .expect("is sent");
    server.check_alive().await;
    drop((half, chunked));
    server.wait_for(0).await;
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_an_error_object() {
    let server = serve().await;
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let nested = format!(r#"{{"messages": [{{"role": "user", "content": {deep}}}]}}"#);
    let bodies = [
        "",
        "{",
        "null",
        "[]",
        "\"x\"",
        "{\"messages\": }",
        "\u{0}",
        "{\"messages\": [null]}",
        "{\"messages\": [{}]}",
        "{\"messages\": [{\"role\": 7}]}",
        "{\"messages\": \"hi\"}",
        "{\"messages\": [{\"role\": \"user\", \"content\": {}}]}",
        &deep,
        &nested,
    ];
    for body in bodies {
        let reply = server.exchange(&post(body)).await;
        assert!(reply.starts_with("HTTP/1.1 400"), "{reply}");
        assert!(
            reply.contains("content-type: application/json") && reply.contains("\"error\":{"),
            "{reply}"
        );
    }
    assert_eq!(server.running.count(), 0);
}

#[tokio::test]
async fn two_thousand_idle_connections_keep_nobody_waiting() {
    let server = serve().await;
    // Both ends are in this process.
    let count = (open_files_max() / 2).saturating_sub(200).min(2000);
    let mut idle = Vec::with_capacity(count);
    for _ in 0..count {
        idle.push(server.connect().await);
    }
    server.check_alive().await;
    drop(idle);
    server.check_alive().await;
}

fn open_files_max() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    soft.unwrap_or(1024)
}
