//! Counters of the receiver, under `anchorite_intake_`.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::Tally;

/// Seconds: from one fast sync to the deadline.
const ACK_BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.0, 8.0,
];

/// Why a notification was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
pub(super) enum Refusal {
    Invalid,
    Overloaded,
    Unavailable,
    TooLarge,
    Deadline,
    Draining,
    Interrupted,
    Internal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusalLabels {
    reason: Refusal,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AlertLabels {
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
enum Status {
    Firing,
    Resolved,
}

#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) received: Counter,
    pub(super) stored: Counter,
    pub(super) ack_seconds: Histogram,
    bytes: Counter,
    alerts: Family<AlertLabels, Counter>,
    truncated: Counter,
    refused: Family<RefusalLabels, Counter>,
}

impl Metrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            received: Counter::default(),
            stored: Counter::default(),
            ack_seconds: Histogram::new(ACK_BUCKETS),
            bytes: Counter::default(),
            alerts: Family::default(),
            truncated: Counter::default(),
            refused: Family::default(),
        };
        let registry = registry.sub_registry_with_prefix("anchorite_intake");
        registry.register(
            "notifications_received",
            "Requests to the webhook",
            metrics.received.clone(),
        );
        registry.register(
            "notifications_stored",
            "Notifications acknowledged, durable",
            metrics.stored.clone(),
        );
        registry.register(
            "notifications_refused",
            "Notifications refused, by reason",
            metrics.refused.clone(),
        );
        registry.register(
            "alerts",
            "Alerts in acknowledged notifications",
            metrics.alerts.clone(),
        );
        registry.register(
            "alerts_truncated",
            "Alerts Alertmanager left out",
            metrics.truncated.clone(),
        );
        registry.register_with_unit(
            "notifications",
            "Body bytes acknowledged",
            Unit::Bytes,
            metrics.bytes.clone(),
        );
        registry.register_with_unit(
            "acknowledgement",
            "From a request's head to its 200",
            Unit::Seconds,
            metrics.ack_seconds.clone(),
        );
        metrics
    }

    pub(super) fn refused(&self, reason: Refusal) {
        self.refused.get_or_create(&RefusalLabels { reason }).inc();
    }

    pub(super) fn count(&self, bytes: u64, tally: &Tally) {
        self.bytes.inc_by(bytes);
        self.truncated.inc_by(tally.truncated);
        for (status, count) in [
            (Status::Firing, tally.firing),
            (Status::Resolved, tally.resolved),
        ] {
            self.alerts
                .get_or_create(&AlertLabels { status })
                .inc_by(count);
        }
    }
}
