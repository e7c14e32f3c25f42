//! The thread that owns the model.
//!
//! Invariant: a panic in one request ends that request; what it left in the
//! model's memory is never read by the next.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use inference_core::{EngineError, Event, FinishReason, TokenId};
use inference_nn::{BlockId, Decoder};
use inference_text::Tokenizer;
use rayon::ThreadPool;

use crate::metrics::Ending;
use crate::run::{Ended, Run};
use crate::shared::{Job, Shared};

/// The model and what it holds in memory.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) decoder: Box<dyn Decoder>,
    pub(crate) tokenizer: Arc<Tokenizer>,
    pub(crate) shared: Arc<Shared>,
    /// Tokens whose keys and values the decoder holds, from position 0.
    pub(crate) held: Vec<TokenId>,
    /// The blocks of the one sequence, enough for the window.
    pub(crate) blocks: Vec<BlockId>,
    /// The logits after the last token read.
    pub(crate) logits: Vec<f32>,
}

impl Worker {
    /// Runs jobs until the engine stops, on `pool`'s threads.
    pub(crate) fn work(mut self, pool: &ThreadPool) {
        let shared = Arc::clone(&self.shared);
        while let Some(job) = shared.next() {
            let events = job.events.clone();
            let ended = catch_unwind(AssertUnwindSafe(|| pool.install(|| self.run(job))));
            let ended = ended.unwrap_or_else(|panic| {
                self.held.clear();
                let what = message(&*panic);
                tracing::error!(
                    panic = what,
                    "a request broke the engine's step; it was ended and the next goes on"
                );
                Ended::Failed(EngineError::Failed(
                    "an internal error ended this request".to_owned(),
                ))
            });
            let ending = ending(&ended);
            // The asker may have left; then there is nobody to tell.
            let _ = match ended {
                Ended::Done(outcome) => events.send(Event::Done(outcome)),
                Ended::Failed(error) => events.send(Event::Failed(error)),
                Ended::Cancelled => Ok(()),
            };
            shared.metrics.ended(ending);
        }
    }

    fn run(&mut self, job: Job) -> Ended {
        match Run::begin(self, job).and_then(Run::finish) {
            Ok(ended) | Err(ended) => ended,
        }
    }
}

fn ending(ended: &Ended) -> Ending {
    match ended {
        Ended::Done(outcome) if outcome.finish_reason == FinishReason::Length => Ending::Length,
        Ended::Done(_) => Ending::Stop,
        Ended::Failed(_) => Ending::Failed,
        Ended::Cancelled => Ending::Cancelled,
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("unknown")
}
