//! Gives every channel its own queue, worker and patience.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::registry::Registry;
use rand::RngExt;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::metrics::{Dropped, Metrics, SinkMetrics};
use crate::notice::Notice;
use crate::pending::Pending;
use crate::sink::{DeliveryError, Sink};

/// Patience with a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DispatcherOptions {
    /// Notices that may wait per channel.
    pub queue_max: usize,
    /// Wait after the first failure; doubles from one failure to the next.
    pub backoff_first: Duration,
    /// Longest wait between two tries.
    pub backoff_max: Duration,
    /// A notice that could not be delivered for this long is given up.
    pub give_up_after: Duration,
    /// For one delivery.
    pub delivery_max: Duration,
}

impl Default for DispatcherOptions {
    /// An hour covers a restart of a chat server; news older than that is in the console.
    fn default() -> Self {
        Self {
            queue_max: 256,
            backoff_first: Duration::from_secs(1),
            backoff_max: Duration::from_mins(1),
            give_up_after: Duration::from_hours(1),
            delivery_max: Duration::from_secs(30),
        }
    }
}

#[derive(Debug)]
struct Channel {
    sender: Sender<Arc<Notice>>,
    metrics: SinkMetrics,
}

/// Sends notices to all channels, each at its own pace.
#[derive(Debug)]
pub struct Dispatcher {
    channels: Vec<Channel>,
    workers: JoinSet<()>,
}

impl Dispatcher {
    /// Starts a worker per channel, counting under `anchorite_sink`.
    ///
    /// Must be called within a tokio runtime. Dropping the dispatcher ends the
    /// workers at once; [`Dispatcher::shutdown`] lets them finish.
    pub fn new(
        sinks: Vec<Arc<dyn Sink>>,
        options: DispatcherOptions,
        registry: &mut Registry,
    ) -> Self {
        let metrics = Metrics::register(registry);
        let mut workers = JoinSet::new();
        let channels = sinks
            .into_iter()
            .map(|sink| {
                let (sender, receiver) = mpsc::channel(options.queue_max.max(1));
                let metrics = metrics.of(sink.name());
                let worker = Worker {
                    sink,
                    options,
                    metrics: metrics.clone(),
                    receiver,
                    pending: Pending::default(),
                };
                workers.spawn(worker.run());
                Channel { sender, metrics }
            })
            .collect();
        Self { channels, workers }
    }

    /// Hands `notice` to all channels without waiting; a full queue drops it
    /// there and counts that.
    pub fn send(&self, notice: Notice) {
        let notice = Arc::new(notice);
        for channel in &self.channels {
            if channel.sender.try_send(Arc::clone(&notice)).is_err() {
                channel.metrics.dropped(Dropped::QueueFull, 1);
                tracing::warn!(
                    incident = notice.key(),
                    "a notice was dropped, the queue is full"
                );
            }
        }
    }

    /// Takes no more notices and gives the workers `grace` to deliver the rest.
    pub async fn shutdown(mut self, grace: Duration) {
        self.channels.clear();
        let deadline = Instant::now() + grace;
        while let Ok(Some(_)) = timeout_at(deadline, self.workers.join_next()).await {}
    }
}

/// Delivers to one channel, one notice at a time.
struct Worker {
    sink: Arc<dyn Sink>,
    options: DispatcherOptions,
    metrics: SinkMetrics,
    receiver: Receiver<Arc<Notice>>,
    pending: Pending,
}

impl Worker {
    async fn run(mut self) {
        let mut failures = 0;
        while self.wait_for_work().await {
            let Some(waiting) = self.pending.first() else {
                continue;
            };
            let delivery = tokio::time::timeout(
                self.options.delivery_max,
                self.sink.deliver(&waiting.notice),
            );
            let result = delivery
                .await
                .unwrap_or_else(|_| Err(DeliveryError::again("the delivery took too long")));
            match result {
                Ok(()) => {
                    failures = 0;
                    self.pending.mark_delivered(&waiting.notice);
                    self.metrics.delivered();
                }
                Err(DeliveryError::Refused { reason }) => {
                    failures = 0;
                    self.give_up(Dropped::Refused, &waiting.notice, &reason);
                }
                Err(DeliveryError::Again { reason, after }) => {
                    failures += 1;
                    let wait = after
                        .unwrap_or_default()
                        .max(backoff(&self.options, failures));
                    if waiting.since.elapsed() + wait > self.options.give_up_after {
                        self.give_up(Dropped::GaveUp, &waiting.notice, &reason);
                    } else {
                        self.metrics.retried();
                        tracing::debug!(
                            sink = self.sink.name(),
                            reason,
                            failures,
                            "will try again"
                        );
                    }
                    self.pause(wait.min(self.options.give_up_after)).await;
                }
            }
            self.metrics.pending(self.pending.len());
        }
        // The senders are gone and nothing waits.
    }

    /// Collects what has arrived; false when all is done.
    async fn wait_for_work(&mut self) -> bool {
        while let Ok(notice) = self.receiver.try_recv() {
            self.take(notice);
        }
        if self.pending.len() > 0 {
            return true;
        }
        let Some(notice) = self.receiver.recv().await else {
            return false;
        };
        self.take(notice);
        true
    }

    fn take(&mut self, notice: Arc<Notice>) {
        self.pending.add(notice, Instant::now());
        while self.pending.len() > self.options.queue_max.max(1) {
            self.pending.remove_first();
            self.metrics.dropped(Dropped::QueueFull, 1);
        }
        self.metrics.pending(self.pending.len());
    }

    fn give_up(&mut self, why: Dropped, notice: &Notice, reason: &str) {
        self.pending.remove_first();
        self.metrics.dropped(why, 1);
        tracing::warn!(
            sink = self.sink.name(),
            incident = notice.key(),
            reason,
            "a notice was given up on"
        );
    }

    /// Waits before the next try, while newer notices replace older ones.
    async fn pause(&mut self, wait: Duration) {
        let until = Instant::now() + wait;
        while let Ok(Some(notice)) = timeout_at(until, self.receiver.recv()).await {
            self.take(notice);
        }
        // A closed queue answers at once; the wait is kept all the same.
        tokio::time::sleep_until(until).await;
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.receiver.close();
        let left = self.pending.len() + self.receiver.len();
        if left > 0 {
            self.metrics.dropped(Dropped::Stopped, left as u64);
        }
    }
}

/// Doubles from one failure to the next, with half of it left to chance so
/// that appliances do not knock in step.
fn backoff(options: &DispatcherOptions, failures: u32) -> Duration {
    let doubled = options
        .backoff_first
        .saturating_mul(1 << failures.saturating_sub(1).min(16));
    doubled
        .min(options.backoff_max)
        .mul_f64(rand::rng().random_range(0.5..1.0))
}
