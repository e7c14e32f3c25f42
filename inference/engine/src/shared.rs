//! What the engine's handle and its worker share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use inference_constrain::TokenMatcher;
use inference_core::queue::AdmissionQueue;
use inference_core::{EngineError, Priority, SamplingParams, TokenId};

use crate::metrics::{Ending, Metrics};
use crate::stream::Sender;

/// A request that was judged and may run.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) prompt: Vec<TokenId>,
    pub(crate) sampling: SamplingParams,
    /// Tokens that may be written.
    pub(crate) max_tokens: usize,
    pub(crate) matcher: Option<TokenMatcher>,
    /// Likely tokens to tell beside each token written.
    pub(crate) logprobs: Option<usize>,
    /// Whether control tokens are written out as their spellings.
    pub(crate) control_text: bool,
    pub(crate) events: Sender,
    pub(crate) arrived: Instant,
}

/// What the engine's handle and its worker share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Held for moments only, by whoever adds or takes a job.
    queue: Mutex<AdmissionQueue<Job>>,
    /// Woken when a job comes or the engine stops.
    changed: Condvar,
    stopping: AtomicBool,
    busy: AtomicBool,
    /// When the worker last got on, in milliseconds after `started`.
    progress_ms: AtomicU64,
    started: Instant,
    pub(crate) metrics: Metrics,
}

impl Shared {
    pub(crate) fn new(capacity: usize, metrics: Metrics) -> Self {
        Self {
            queue: Mutex::new(AdmissionQueue::new(capacity)),
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            progress_ms: AtomicU64::new(0),
            started: Instant::now(),
            metrics,
        }
    }

    /// Queues `job`; requests whose askers left make room first.
    pub(crate) fn push(&self, priority: Priority, job: Job) -> Result<(), EngineError> {
        if self.is_stopping() {
            return Err(EngineError::Stopped);
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.retain(|job| self.is_wanted(job));
        let taken = queue.push(priority, job);
        self.metrics.waiting(queue.len());
        drop(queue);
        self.changed.notify_one();
        taken
    }

    /// Waits for the next job; `None` once the engine stops.
    pub(crate) fn next(&self) -> Option<Job> {
        self.busy.store(false, Ordering::Relaxed);
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if self.is_stopping() {
                return None;
            }
            queue.retain(|job| self.is_wanted(job));
            let job = queue.pop();
            self.metrics.waiting(queue.len());
            if job.is_some() {
                self.busy.store(true, Ordering::Relaxed);
                self.progressed();
                return job;
            }
            queue = self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn is_wanted(&self, job: &Job) -> bool {
        let wanted = !job.events.is_closed();
        if !wanted {
            self.metrics.ended(Ending::Cancelled);
        }
        wanted
    }

    /// Requests that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }

    pub(crate) fn stop(&self) {
        // Under the lock, so that the worker cannot miss it between looking and waiting.
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        self.stopping.store(true, Ordering::Relaxed);
        drop(queue);
        self.changed.notify_all();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Notes that the worker got on.
    pub(crate) fn progressed(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.progress_ms.store(now, Ordering::Relaxed);
    }

    /// How long ago the worker got on.
    pub(crate) fn since_progress(&self) -> Duration {
        let last = Duration::from_millis(self.progress_ms.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last)
    }
}
