//! What a capture may cost the API server and the appliance.
//!
//! Two layers: [`Pace`] holds for the whole appliance, [`Budget`] for one
//! incident. Invariant: a call is made only if both permit it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Limits of the Kubernetes collector.
#[derive(Clone, Debug, PartialEq)]
pub struct KubeLimits {
    /// To open a connection.
    pub connect: Duration,
    /// For one call, body included.
    pub request: Duration,
    /// For everything captured for one incident.
    pub capture: Duration,
    /// Calls for one incident, retries included.
    pub calls_max: usize,
    /// Calls at once, over all incidents.
    pub concurrent_max: usize,
    /// Calls per second over time, over all incidents.
    pub calls_per_second: f64,
    /// Calls that may come at once before the rate holds.
    pub burst: f64,
    /// Objects asked for in one page.
    pub page_size: usize,
    /// Pages of one list.
    pub pages_max: usize,
    /// Bytes of one answer.
    pub body_bytes_max: usize,
    /// Pods whose logs are read.
    pub log_pods_max: usize,
    /// Container logs that are read, current and previous counted apart; once
    /// more as many where pods turn up late.
    pub logs_max: usize,
    /// Lines from the end of a log.
    pub log_lines_max: usize,
    /// Bytes of one log.
    pub log_bytes_max: usize,
    /// Objects of one kind kept by a watch.
    pub watch_objects_max: usize,
}

impl Default for KubeLimits {
    /// A namespace takes about 25 calls and the logs up to 40. kubectl itself
    /// permits 50 calls per second; a card is wanted within seconds.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            request: Duration::from_secs(4),
            capture: Duration::from_secs(10),
            calls_max: 240,
            concurrent_max: 8,
            calls_per_second: 50.0,
            burst: 120.0,
            page_size: 500,
            pages_max: 20,
            body_bytes_max: 64 << 20,
            log_pods_max: 16,
            logs_max: 40,
            log_lines_max: 400,
            log_bytes_max: 256 << 10,
            watch_objects_max: 50_000,
        }
    }
}

/// A token bucket over all incidents.
#[derive(Debug)]
pub(crate) struct Pace {
    per_second: f64,
    burst: f64,
    // Held for arithmetic only, never across an await.
    state: Mutex<(f64, Instant)>,
}

impl Pace {
    pub(crate) fn new(per_second: f64, burst: f64) -> Self {
        Self {
            per_second: per_second.max(0.1),
            burst: burst.max(1.0),
            state: Mutex::new((burst.max(1.0), Instant::now())),
        }
    }

    /// Takes a token and says how long to wait for it.
    pub(crate) fn claim(&self, now: Instant) -> Duration {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, then) = *state;
        let earned = now.saturating_duration_since(then).as_secs_f64() * self.per_second;
        let left = (tokens + earned).min(self.burst) - 1.0;
        *state = (left, now);
        Duration::from_secs_f64((-left / self.per_second).max(0.0))
    }
}

/// What one incident may still spend.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) deadline: Instant,
    calls_left: AtomicUsize,
    pub(crate) calls_max: usize,
    // Once nobody answered, the remaining calls need not find out one by one.
    unreachable: AtomicBool,
}

impl Budget {
    pub(crate) fn new(limits: &KubeLimits, now: Instant) -> Self {
        Self {
            deadline: now + limits.capture,
            calls_left: AtomicUsize::new(limits.calls_max),
            calls_max: limits.calls_max,
            unreachable: AtomicBool::new(false),
        }
    }

    /// Claims one call; false when none is left.
    pub(crate) fn claim_call(&self) -> bool {
        self.calls_left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok()
    }

    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    pub(crate) fn mark_unreachable(&self) {
        self.unreachable.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_unreachable(&self) -> bool {
        self.unreachable.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_free_and_the_rest_waits() {
        let pace = Pace::new(10.0, 2.0);
        let now = Instant::now();
        assert_eq!(pace.claim(now), Duration::ZERO);
        assert_eq!(pace.claim(now), Duration::ZERO);
        assert_eq!(pace.claim(now), Duration::from_millis(100));
        assert_eq!(pace.claim(now + Duration::from_secs(5)), Duration::ZERO);
    }

    #[test]
    fn a_budget_ends() {
        let limits = KubeLimits {
            calls_max: 2,
            ..KubeLimits::default()
        };
        let budget = Budget::new(&limits, Instant::now());
        assert!(budget.claim_call() && budget.claim_call() && !budget.claim_call());
    }
}
