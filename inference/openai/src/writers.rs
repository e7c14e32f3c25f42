//! Several answers to one request, written at the same time.

use std::future::poll_fn;
use std::task::{Context, Poll};

use inference_core::{EngineError, Event, Generation};

/// The answers being written. Dropping them cancels them all.
#[derive(Debug)]
pub(crate) struct Writers {
    /// None where an answer has ended.
    generations: Vec<Option<Generation>>,
    /// Who is asked first, so that none waits for another.
    turn: usize,
}

impl Writers {
    /// Takes the answers in their order.
    pub(crate) fn new(generations: Vec<Generation>) -> Self {
        Self {
            generations: generations.into_iter().map(Some).collect(),
            turn: 0,
        }
    }

    /// How many answers there are.
    pub(crate) fn len(&self) -> usize {
        self.generations.len()
    }

    /// The next event and the number of its answer; none after the last of all.
    pub(crate) async fn next(&mut self) -> Option<(usize, Event)> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<(usize, Event)>> {
        let count = self.generations.len();
        let mut waiting = false;
        for offset in 0..count {
            let index = (self.turn + offset) % count;
            let Some(generation) = &mut self.generations[index] else {
                continue;
            };
            let event = match generation.poll_next(context) {
                Poll::Pending => {
                    waiting = true;
                    continue;
                }
                Poll::Ready(event) => event.unwrap_or(Event::Failed(EngineError::Stopped)),
            };
            if !matches!(event, Event::Prompt { .. } | Event::Text { .. }) {
                self.generations[index] = None;
            }
            self.turn = (index + 1) % count;
            return Poll::Ready(Some((index, event)));
        }
        if waiting {
            Poll::Pending
        } else {
            Poll::Ready(None)
        }
    }
}
