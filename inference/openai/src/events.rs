//! Answers as server-sent events, whoever writes them.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde_json::Value;

/// Comments keep proxies from closing a connection while a long prompt is read.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// Where the events of one answer come from. Dropping it cancels the answer.
pub(crate) trait Source: Send + 'static {
    /// The next events; none after the last.
    fn next(&mut self) -> impl Future<Output = Option<Vec<SseEvent>>> + Send;
}

/// The response that sends the events of `source`.
pub(crate) fn respond(source: impl Source) -> Response {
    let batches = stream::unfold(source, |mut source| async {
        let events = source.next().await?;
        let events = events.into_iter().map(Ok::<_, Infallible>);
        Some((stream::iter(events), source))
    });
    let events = futures::StreamExt::flatten(batches);
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // Some proxies hold responses back unless they are told not to.
    ([("x-accel-buffering", "no")], sse).into_response()
}

/// An event that carries `json`.
pub(crate) fn data(json: &Value) -> SseEvent {
    SseEvent::default().data(json.to_string())
}

/// The event after the last.
pub(crate) fn done() -> SseEvent {
    SseEvent::default().data("[DONE]")
}
