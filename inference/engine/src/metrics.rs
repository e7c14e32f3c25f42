//! What the engine counts.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Stop,
    Length,
    Cancelled,
    Failed,
    Refused,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: &'static str,
}

impl Ending {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

/// What the engine counts. Clones share their counters.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Labels, Counter>,
    prompt_tokens: Counter,
    cached_tokens: Counter,
    generation_tokens: Counter,
    forced_tokens: Counter,
    time_to_first_token: Histogram,
    time_per_output_token: Histogram,
    queue_length: Gauge,
}

impl Metrics {
    /// Registers the engine's metrics in `registry`, each named `anchorite_inference_…`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            prompt_tokens: Counter::default(),
            cached_tokens: Counter::default(),
            generation_tokens: Counter::default(),
            forced_tokens: Counter::default(),
            // 5 ms to 80 s: a cached prompt on a small model to a long one on a large model.
            time_to_first_token: Histogram::new(exponential_buckets(0.005, 2.0, 15)),
            // 0.5 ms to 4 s.
            time_per_output_token: Histogram::new(exponential_buckets(0.0005, 2.0, 14)),
            queue_length: Gauge::default(),
        };
        metrics.name(registry.sub_registry_with_prefix("anchorite_inference"));
        metrics
    }

    fn name(&self, registry: &mut Registry) {
        registry.register(
            "requests",
            "Requests by how they ended",
            self.requests.clone(),
        );
        registry.register(
            "prompt_tokens",
            "Tokens of prompts",
            self.prompt_tokens.clone(),
        );
        registry.register(
            "prompt_tokens_cached",
            "Tokens of prompts kept from the request before",
            self.cached_tokens.clone(),
        );
        registry.register(
            "generation_tokens",
            "Tokens written",
            self.generation_tokens.clone(),
        );
        registry.register(
            "forced_tokens",
            "Tokens written because the grammar left no choice",
            self.forced_tokens.clone(),
        );
        registry.register_with_unit(
            "time_to_first_token",
            "From a request's arrival to its first token",
            Unit::Seconds,
            self.time_to_first_token.clone(),
        );
        registry.register_with_unit(
            "time_per_output_token",
            "Between two tokens of an answer",
            Unit::Seconds,
            self.time_per_output_token.clone(),
        );
        registry.register(
            "queue_length",
            "Requests that wait",
            self.queue_length.clone(),
        );
    }

    pub(crate) fn ended(&self, outcome: Ending) {
        let outcome = outcome.as_str();
        self.requests.get_or_create(&Labels { outcome }).inc();
    }

    pub(crate) fn prompt(&self, tokens: usize, cached: usize) {
        self.prompt_tokens.inc_by(tokens as u64);
        self.cached_tokens.inc_by(cached as u64);
    }

    pub(crate) fn first_token(&self, after: Duration) {
        self.time_to_first_token.observe(after.as_secs_f64());
    }

    /// Notes `tokens` written together, `after` the ones before.
    pub(crate) fn wrote(&self, tokens: usize, forced: bool, after: Duration) {
        self.generation_tokens.inc_by(tokens as u64);
        if forced {
            self.forced_tokens.inc_by(tokens as u64);
        }
        self.time_per_output_token
            .observe(after.as_secs_f64() / tokens.max(1) as f64);
    }

    pub(crate) fn waiting(&self, requests: usize) {
        self.queue_length
            .set(i64::try_from(requests).unwrap_or(i64::MAX));
    }
}
