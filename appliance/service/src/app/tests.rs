//! Facts about starting and stopping.

use std::time::Duration;

use appliance_http::backend::ConsoleBackend;
use futures::StreamExt;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const BERT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../inference/embedding/fixtures/tiny-bert"
);

/// A configuration with nothing around it.
fn config(data_dir: &Path) -> Config {
    let mut config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: data_dir.to_owned(),
        ..Config::default()
    };
    config.model.enabled = false;
    config
}

/// An appliance with nothing around it.
async fn alone(data_dir: &Path) -> App {
    App::start(&config(data_dir), Site::One(Box::default()))
        .await
        .expect("starts on an empty folder")
}

#[tokio::test]
async fn streams_to_consoles_end_when_it_stops() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let app = alone(folder.path()).await;
    let backend = app.backend().clone();
    let mut events = backend.events(None).await.expect("a stream");
    app.run(std::future::ready(())).await.expect("ends well");
    let end = tokio::time::timeout(Duration::from_mins(1), events.next()).await;
    assert!(matches!(end, Ok(None)), "{end:?}");
}

#[tokio::test]
async fn the_embedding_model_answers_from_the_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = config(folder.path());
    config.inference.embedding_model = Some(BERT.into());
    let app = App::start(&config, Site::One(Box::default()))
        .await
        .expect("starts");
    #[allow(clippy::disallowed_methods, reason = "the test is a client")]
    let connecting = TcpStream::connect(app.address());
    let mut stream = connecting.await.expect("listens");
    let body = r#"{"model": "tiny-bert", "input": "a"}"#;
    let request = format!(
        "POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("is taken");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("answers");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(r#""object":"embedding""#), "{answer}");
    app.run(std::future::ready(())).await.expect("ends well");
}

#[tokio::test]
async fn an_embedding_model_that_cannot_be_used_stops_the_start() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = config(folder.path());
    config.inference.embedding_model = Some(folder.path().to_owned());
    let started = App::start(&config, Site::One(Box::default())).await;
    let error = started.expect_err("is refused").to_string();
    assert!(error.starts_with("inference.embedding_model "), "{error}");
    assert!(error.ends_with("(error page: model-damaged)"), "{error}");
}

#[tokio::test]
async fn the_embedding_model_counts_against_the_memory_of_all() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut config = config(folder.path());
    config.inference.embedding_model = Some(BERT.into());
    config.inference.memory_bytes_max = Some(1 << 30);
    let embedder = model::embedder(&config.inference).await.expect("is usable");
    let beside = model::beside(&config, embedder.as_deref()).expect("leaves some");
    let taken = embedder.expect("is named").memory_bytes();
    assert!(taken > 0);
    assert_eq!(beside.inference.memory_bytes_max, Some((1 << 30) - taken));
    config.inference.memory_bytes_max = Some(taken);
    let started = App::start(&config, Site::One(Box::default())).await;
    let error = started.expect_err("is refused").to_string();
    assert!(
        error.contains("use a smaller model or more memory"),
        "{error}"
    );
}
