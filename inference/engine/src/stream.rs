//! A request's way back to who asked.

use std::task::{Context, Poll};

use inference_core::Event;
use inference_core::engine::EventSource;
use tokio::sync::mpsc;

/// The asking end. Dropping it closes the channel, which the worker takes for a cancellation.
///
/// The channel is unbounded, so that a slow reader never stops the worker; an
/// answer has at most as many events as its window has tokens.
#[derive(Debug)]
pub(crate) struct Stream(mpsc::UnboundedReceiver<Event>);

/// The working end.
pub(crate) type Sender = mpsc::UnboundedSender<Event>;

pub(crate) fn channel() -> (Sender, Stream) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Stream(receiver))
}

impl EventSource for Stream {
    fn poll_event(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.poll_recv(context)
    }
}
