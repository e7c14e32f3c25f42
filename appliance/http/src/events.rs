//! The two event streams, as server-sent events.
//!
//! Decides framing, resumption and how many readers there may be. Leaves what
//! happened to the backend.
//!
//! Invariant: the `id:` of a console event is its journal sequence number, so
//! a reader that reconnects with `Last-Event-ID` misses nothing that is
//! durable.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, Sse};
use futures::{Stream, StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_stream::wrappers::IntervalStream;

use crate::console::{Console, query_problem, valid_id};
use crate::error::{Code, Problem};
use crate::wire::{AnalysisEvent, ConsoleEvent};

/// Between heartbeats. Proxies commonly cut connections silent for 60 s.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Open streams at once. Each is one socket and a small buffer; a site has
/// tens of readers, so more is a fault or an attack.
const STREAMS_MAX: usize = 256;

/// Bounds the open streams.
#[derive(Clone, Debug)]
pub(crate) struct StreamSlots(Arc<Semaphore>);

impl Default for StreamSlots {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STREAMS_MAX)))
    }
}

impl StreamSlots {
    fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.0).try_acquire_owned().map_err(|_full| {
            Problem::new(
                Code::Overloaded,
                format!("{STREAMS_MAX} event streams are open; close some consoles"),
            )
        })
    }
}

/// Where a reader of console events wants to begin.
#[derive(Debug, Deserialize)]
pub(crate) struct EventsQuery {
    since: Option<u64>,
}

type SseStream = Sse<stream::BoxStream<'static, Result<Event, Infallible>>>;

/// `GET /api/v1/events`. `Last-Event-ID` wins over `?since=`: a browser that
/// reconnects repeats the address it began with.
pub(crate) async fn console(
    State(console): State<Console>,
    headers: HeaderMap,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<SseStream, Problem> {
    let Query(query) = query.map_err(|rejection| query_problem(&rejection))?;
    let since = last_event_id(&headers)?.or(query.since);
    let slot = console.slots.take()?;
    let events = console.backend.events(since).await?;
    Ok(Sse::new(with_heartbeat(
        events.map(|event| frame(&event)),
        slot,
    )))
}

/// `GET /api/v1/incidents/{id}/analysis/stream`. Ends after `done` or
/// `failed`.
pub(crate) async fn analysis(
    State(console): State<Console>,
    Path(id): Path<String>,
) -> Result<SseStream, Problem> {
    let id = valid_id(&id)?;
    let slot = console.slots.take()?;
    let events = console.backend.analysis_stream(id).await?;
    Ok(Sse::new(with_heartbeat(
        events.map(|event| analysis_frame(&event)),
        slot,
    )))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(value) = headers.get("last-event-id") else {
        return Ok(None);
    };
    value
        .to_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .map(Some)
        .ok_or_else(|| {
            Problem::new(
                Code::InvalidQuery,
                "last-event-id is not a journal sequence number",
            )
        })
}

fn frame(event: &ConsoleEvent) -> Event {
    data(event)
        .event(event.kind.as_str())
        .id(event.seq.to_string())
}

fn analysis_frame(event: &AnalysisEvent) -> Event {
    data(event).event(event.name())
}

/// One line of JSON. The wire types have string keys only, so writing them
/// cannot fail; if it ever does, the reader gets an empty object and the log
/// the reason.
fn data(value: &impl Serialize) -> Event {
    let json = serde_json::to_string(value).unwrap_or_else(|error| {
        tracing::error!(%error, "event could not be written");
        "{}".to_owned()
    });
    Event::default().data(json)
}

/// Adds a `heartbeat` event, which the console needs to tell a quiet stream
/// from a dead one (comments are invisible to `EventSource`), and ends with
/// `events`. Holds `slot` as long as the stream lives.
fn with_heartbeat(
    events: impl Stream<Item = Event> + Send + 'static,
    slot: OwnedSemaphorePermit,
) -> stream::BoxStream<'static, Result<Event, Infallible>> {
    let mut ticks = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let beats = IntervalStream::new(ticks)
        .map(|_tick| Some(Event::default().event("heartbeat").data("{}")));
    let events = events.map(Some).chain(stream::iter([None]));
    let opened = stream::iter([Event::default().event("heartbeat").data("{}")]);
    opened
        .chain(
            stream::select(events, beats)
                .take_while(|event| std::future::ready(event.is_some()))
                .filter_map(std::future::ready),
        )
        .map(move |event| {
            let _held = &slot;
            Ok(event)
        })
        .boxed()
}
