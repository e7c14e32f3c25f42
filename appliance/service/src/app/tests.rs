//! Facts about starting and stopping.

use std::time::Duration;

use appliance_http::backend::ConsoleBackend;
use futures::StreamExt;

use super::*;

/// An appliance with nothing around it.
async fn alone(data_dir: &Path) -> App {
    let mut config = Config {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        data_dir: data_dir.to_owned(),
        ..Config::default()
    };
    config.model.enabled = false;
    App::start(&config, Site::One(Box::default()))
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
