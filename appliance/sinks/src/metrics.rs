//! Counts of what was delivered and what was not, by channel.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SinkLabel {
    sink: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DropLabel {
    sink: String,
    reason: &'static str,
}

/// Why a notice was not delivered in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// The queue was full.
    QueueFull,
    /// It was tried for too long.
    GaveUp,
    /// The channel does not want it.
    Refused,
    /// The appliance stopped first.
    Stopped,
}

impl Dropped {
    fn reason(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::GaveUp => "gave_up",
            Self::Refused => "refused",
            Self::Stopped => "stopped",
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics {
    delivered: Family<SinkLabel, Counter>,
    retried: Family<SinkLabel, Counter>,
    dropped: Family<DropLabel, Counter>,
    pending: Family<SinkLabel, Gauge>,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("anchorite_sink");
        registry.register("delivered", "Notices delivered", metrics.delivered.clone());
        registry.register(
            "retried",
            "Deliveries that failed and were put off",
            metrics.retried.clone(),
        );
        registry.register("dropped", "Notices given up on", metrics.dropped.clone());
        registry.register(
            "pending",
            "Notices waiting for delivery",
            metrics.pending.clone(),
        );
        metrics
    }

    /// The counters of one channel.
    pub(crate) fn of(&self, sink: &str) -> SinkMetrics {
        SinkMetrics {
            all: self.clone(),
            label: SinkLabel {
                sink: sink.to_owned(),
            },
        }
    }
}

/// The counters of one channel.
#[derive(Clone, Debug)]
pub(crate) struct SinkMetrics {
    all: Metrics,
    label: SinkLabel,
}

impl SinkMetrics {
    pub(crate) fn delivered(&self) {
        self.all.delivered.get_or_create(&self.label).inc();
    }

    pub(crate) fn retried(&self) {
        self.all.retried.get_or_create(&self.label).inc();
    }

    pub(crate) fn dropped(&self, why: Dropped, count: u64) {
        let label = DropLabel {
            sink: self.label.sink.clone(),
            reason: why.reason(),
        };
        self.all.dropped.get_or_create(&label).inc_by(count);
    }

    pub(crate) fn pending(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.all.pending.get_or_create(&self.label).set(count);
    }
}
