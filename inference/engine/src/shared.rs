//! What the engine's handle and its worker share: requests on their way in, and how it goes.
//!
//! A full queue makes a submitter wait before it is refused, since many clients give up at
//! the first refusal. Few may wait like this, so that they cannot take all threads there are.
//!
//! Invariant: no more requests wait than the limit allows, in here and at the worker together.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use inference_constrain::TokenMatcher;
use inference_core::queue::QueueLimit;
use inference_core::thoughts::ThoughtCounter;
use inference_core::{EngineError, Priority, SamplingParams, TokenId};

use crate::metrics::{Ending, ModelMetrics};
use crate::stream::Sender;

/// Most threads that wait for a place in the queue; a fraction of those an async runtime has
/// for work that blocks.
const SUBMITTERS_MAX: usize = 64;

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
    /// Whether the prompt's own tokens are told too.
    pub(crate) prompt_logprobs: bool,
    /// Counts thoughts that must not grow too long.
    pub(crate) thoughts: Option<ThoughtCounter>,
    /// Whether control tokens are written out.
    pub(crate) control_text: bool,
    pub(crate) priority: Priority,
    pub(crate) events: Sender,
    pub(crate) arrived: Instant,
}

/// How far the engine is on its way to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Takes requests.
    Open,
    /// Takes none and ends those it has.
    Draining,
    /// Breaks off.
    Stopping,
}

/// Requests on their way to the worker and what it last said of its own.
#[derive(Debug)]
struct Intake {
    jobs: Vec<Job>,
    phase: Phase,
    /// Requests that wait at the worker.
    waiting: usize,
    running: usize,
    /// Threads that wait for a place.
    submitters: usize,
}

/// What the engine's handle and its worker share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Held for moments only.
    intake: Mutex<Intake>,
    /// Woken when a job comes or the engine stops.
    work: Condvar,
    /// Woken when fewer wait.
    room: Condvar,
    limit: QueueLimit,
    /// How long a submitter waits for a place.
    patience: Duration,
    /// When the worker last got on, in milliseconds after `started`.
    progress_ms: AtomicU64,
    started: Instant,
    pub(crate) metrics: ModelMetrics,
}

impl Shared {
    pub(crate) fn new(capacity: usize, patience: Duration, metrics: ModelMetrics) -> Self {
        Self {
            intake: Mutex::new(Intake {
                jobs: Vec::new(),
                phase: Phase::Open,
                waiting: 0,
                running: 0,
                submitters: 0,
            }),
            work: Condvar::new(),
            room: Condvar::new(),
            limit: QueueLimit::new(capacity),
            patience,
            progress_ms: AtomicU64::new(0),
            started: Instant::now(),
            metrics,
        }
    }

    /// Queues `job`, if need be once there is a place.
    pub(crate) fn push(&self, job: Job) -> Result<(), EngineError> {
        let deadline = Instant::now() + self.patience;
        let mut intake = self.lock();
        loop {
            if intake.phase != Phase::Open {
                return Err(EngineError::Stopped);
            }
            intake.jobs.retain(|job| self.is_wanted(job));
            let waiting = intake.jobs.len() + intake.waiting;
            if self.limit.admits(job.priority, waiting) {
                intake.jobs.push(job);
                self.work.notify_one();
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || intake.submitters >= SUBMITTERS_MAX {
                return Err(EngineError::QueueFull { waiting });
            }
            intake.submitters += 1;
            let woken = self.room.wait_timeout(intake, left);
            intake = woken.unwrap_or_else(PoisonError::into_inner).0;
            intake.submitters -= 1;
        }
    }

    /// The jobs that came, after waiting for one if the worker is `idle`; `None` once the
    /// engine stops.
    pub(crate) fn take(&self, idle: bool) -> Option<Vec<Job>> {
        let mut intake = self.lock();
        loop {
            intake.jobs.retain(|job| self.is_wanted(job));
            if intake.phase == Phase::Stopping {
                return None;
            }
            if !idle || !intake.jobs.is_empty() {
                let jobs = std::mem::take(&mut intake.jobs);
                intake.waiting += jobs.len();
                self.progressed();
                return Some(jobs);
            }
            intake = self
                .work
                .wait(intake)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The jobs that never got to the worker.
    pub(crate) fn take_rest(&self) -> Vec<Job> {
        std::mem::take(&mut self.lock().jobs)
    }

    /// Notes how many requests run and wait at the worker, and the share of blocks in use.
    pub(crate) fn report(&self, running: usize, waiting: usize, used: f64) {
        let mut intake = self.lock();
        intake.running = running;
        intake.waiting = waiting;
        let all_waiting = waiting + intake.jobs.len();
        drop(intake);
        self.metrics.requests(running, all_waiting, used);
        self.room.notify_all();
        self.progressed();
    }

    /// Takes no more requests and waits until those there are ended, at most until `deadline`;
    /// says whether they did.
    pub(crate) fn drain(&self, deadline: Instant) -> bool {
        let mut intake = self.lock();
        if intake.phase == Phase::Open {
            intake.phase = Phase::Draining;
        }
        loop {
            intake.jobs.retain(|job| self.is_wanted(job));
            if intake.jobs.len() + intake.waiting + intake.running == 0 {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || intake.phase == Phase::Stopping {
                return false;
            }
            let woken = self.room.wait_timeout(intake, left);
            intake = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Makes the worker break off.
    pub(crate) fn stop(&self) {
        self.lock().phase = Phase::Stopping;
        self.work.notify_all();
        self.room.notify_all();
    }

    /// Requests that run and that wait.
    pub(crate) fn load(&self) -> (usize, usize) {
        let intake = self.lock();
        (intake.running, intake.jobs.len() + intake.waiting)
    }

    /// How long ago the worker got on.
    pub(crate) fn since_progress(&self) -> Duration {
        let last = Duration::from_millis(self.progress_ms.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(last)
    }

    fn progressed(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.progress_ms.store(now, Ordering::Relaxed);
    }

    fn is_wanted(&self, job: &Job) -> bool {
        let wanted = !job.events.is_closed();
        if !wanted {
            self.metrics.ended(Ending::Cancelled);
        }
        wanted
    }

    fn lock(&self) -> MutexGuard<'_, Intake> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
