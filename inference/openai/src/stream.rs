//! An answer as server-sent events.
//!
//! Order: the role, pieces of text, the finish reason, the usage if it was asked
//! for, `[DONE]`. An answer that breaks off ends with an error object and `[DONE]`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use futures::Stream;
use futures::stream;
use inference_core::{Engine, Event, Generation, Outcome};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::error::ApiError;

/// Comments keep proxies from closing a connection while a long prompt is read.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The events of `generation`; dropping them cancels it. `engine` is kept until
/// the end, so that a model that is replaced finishes its answers.
pub(crate) fn respond(
    generation: Generation,
    engine: Arc<dyn Engine>,
    answer: Answer,
    include_usage: bool,
) -> Sse<impl Stream<Item = Result<SseEvent, Infallible>>> {
    let state = Some(State {
        generation,
        _engine: engine,
        answer,
        include_usage,
        begun: false,
    });
    let batches = stream::unfold(state, |state| async {
        let mut state = state?;
        let (events, more) = state.next().await;
        Some((
            stream::iter(events.into_iter().map(Ok)),
            more.then_some(state),
        ))
    });
    let events = futures::StreamExt::flatten(batches);
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

struct State {
    generation: Generation,
    _engine: Arc<dyn Engine>,
    answer: Answer,
    include_usage: bool,
    begun: bool,
}

impl State {
    /// The next events, and whether more follow.
    async fn next(&mut self) -> (Vec<SseEvent>, bool) {
        if !self.begun {
            self.begun = true;
            let delta = json!({ "role": "assistant", "content": "" });
            return (vec![data(&self.answer.chunk(&delta, None))], true);
        }
        match self.generation.next().await {
            Some(Event::Text { text, .. }) => (
                vec![data(&self.answer.chunk(&json!({ "content": text }), None))],
                true,
            ),
            Some(Event::Done(outcome)) => (self.end(outcome), false),
            Some(Event::Failed(error)) => {
                (vec![data(&ApiError::from(error).body()), done()], false)
            }
            None => (
                vec![
                    data(&ApiError::internal("the answer broke off").body()),
                    done(),
                ],
                false,
            ),
        }
    }

    fn end(&self, outcome: Outcome) -> Vec<SseEvent> {
        let mut events = vec![data(
            &self.answer.chunk(&json!({}), Some(outcome.finish_reason)),
        )];
        if self.include_usage {
            events.push(data(&self.answer.usage_chunk(outcome.usage)));
        }
        events.push(done());
        events
    }
}

fn data(json: &Value) -> SseEvent {
    SseEvent::default().data(json.to_string())
}

fn done() -> SseEvent {
    SseEvent::default().data("[DONE]")
}
