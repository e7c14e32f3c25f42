//! What the engine counts.
//!
//! Names are vLLM's where it has one, since dashboards and autoscalers know them; what only
//! this engine does is named `anchorite_inference_…`. Every metric has the model's name.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};

use inference_core::{FinishReason, Speed};

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Finished(FinishReason),
    Cancelled,
    Failed,
    Refused,
}

impl Ending {
    fn as_str(self) -> &'static str {
        match self {
            Self::Finished(reason) => finished(reason),
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

fn finished(reason: FinishReason) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::StopString => "stop",
        FinishReason::Length => "length",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Model {
    model_name: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Finished {
    model_name: String,
    finished_reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    model_name: String,
    outcome: &'static str,
}

type Rates = Family<Model, Gauge<f64, std::sync::atomic::AtomicU64>>;
type Histograms = Family<Model, Histogram, fn() -> Histogram>;

/// What the engines of this process count. Clones share their counters.
#[derive(Clone, Debug)]
pub struct Metrics {
    running: Family<Model, Gauge>,
    waiting: Family<Model, Gauge>,
    cache_usage: Rates,
    cache_queries: Family<Model, Counter>,
    cache_hits: Family<Model, Counter>,
    preemptions: Family<Model, Counter>,
    prompt_tokens: Family<Model, Counter>,
    generation_tokens: Family<Model, Counter>,
    first_token: Histograms,
    between_tokens: Histograms,
    whole: Histograms,
    queued: Histograms,
    prefill: Histograms,
    decode: Histograms,
    success: Family<Finished, Counter>,
    requests: Family<Ended, Counter>,
    forced: Family<Model, Counter>,
    drafted: Family<Model, Counter>,
    accepted: Family<Model, Counter>,
    batch_tokens: Histograms,
    batch_sequences: Histograms,
    expected_prefill: Rates,
    expected_decode: Rates,
    expected_analysis: Rates,
}

/// 5 ms to 160 s: a cached prompt on a small model to a long one on a large model.
fn waits() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 2.0, 16))
}

/// 0.5 ms to 4 s.
fn steps() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 14))
}

/// 1 to 1024.
fn sizes() -> Histogram {
    Histogram::new(exponential_buckets(1.0, 2.0, 11))
}

fn histograms(make: fn() -> Histogram) -> Histograms {
    Family::new_with_constructor(make)
}

impl Metrics {
    /// Registers the engines' metrics in `registry`, which must have no prefix.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            running: Family::default(),
            waiting: Family::default(),
            cache_usage: Family::default(),
            cache_queries: Family::default(),
            cache_hits: Family::default(),
            preemptions: Family::default(),
            prompt_tokens: Family::default(),
            generation_tokens: Family::default(),
            first_token: histograms(waits),
            between_tokens: histograms(steps),
            whole: histograms(waits),
            queued: histograms(waits),
            prefill: histograms(waits),
            decode: histograms(waits),
            success: Family::default(),
            requests: Family::default(),
            forced: Family::default(),
            drafted: Family::default(),
            accepted: Family::default(),
            batch_tokens: histograms(sizes),
            batch_sequences: histograms(sizes),
            expected_prefill: Rates::default(),
            expected_decode: Rates::default(),
            expected_analysis: Rates::default(),
        };
        metrics.name_requests(registry);
        metrics.name_tokens(registry);
        metrics.name_times(registry);
        metrics.name_ours(registry);
        metrics
    }

    fn name_requests(&self, registry: &mut Registry) {
        let mut vllm = vllm(registry);
        vllm("num_requests_running", "Requests that run", &self.running);
        vllm("num_requests_waiting", "Requests that wait", &self.waiting);
        vllm(
            "num_preemptions",
            "Times a request gave its keys and values up to a more urgent one",
            &self.preemptions,
        );
        vllm(
            "request_success",
            "Requests by how they ended",
            &self.success,
        );
    }

    fn name_tokens(&self, registry: &mut Registry) {
        let mut vllm = vllm(registry);
        vllm(
            "kv_cache_usage_perc",
            "Share of the blocks of keys and values that running requests use, 1 is all",
            &self.cache_usage,
        );
        vllm(
            "prefix_cache_queries",
            "Tokens looked up in the prefix cache",
            &self.cache_queries,
        );
        vllm(
            "prefix_cache_hits",
            "Tokens found in the prefix cache",
            &self.cache_hits,
        );
        vllm("prompt_tokens", "Tokens of prompts", &self.prompt_tokens);
        vllm(
            "generation_tokens",
            "Tokens written",
            &self.generation_tokens,
        );
    }

    fn name_times(&self, registry: &mut Registry) {
        let mut vllm = vllm(registry);
        vllm(
            "time_to_first_token_seconds",
            "From a request's arrival to its first token",
            &self.first_token,
        );
        vllm(
            "inter_token_latency_seconds",
            "Between two tokens of an answer",
            &self.between_tokens,
        );
        vllm(
            "e2e_request_latency_seconds",
            "From a request's arrival to its end",
            &self.whole,
        );
        vllm(
            "request_queue_time_seconds",
            "From a request's arrival until it ran",
            &self.queued,
        );
        vllm(
            "request_prefill_time_seconds",
            "From when a request ran to its first token",
            &self.prefill,
        );
        vllm(
            "request_decode_time_seconds",
            "From a request's first token to its end",
            &self.decode,
        );
    }

    fn name_ours(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("anchorite_inference");
        let mut ours = |name: &str, help: &str, metric: &dyn Registered| {
            metric.register(registry, name, help);
        };
        ours(
            "requests",
            "Requests by how they ended, those that did not succeed too",
            &self.requests,
        );
        ours(
            "forced_tokens",
            "Tokens written because the grammar left no choice",
            &self.forced,
        );
        ours("drafted_tokens", "Tokens guessed ahead", &self.drafted);
        ours("accepted_tokens", "Guesses that were right", &self.accepted);
        ours(
            "batch_tokens",
            "Tokens that passed the model in one step",
            &self.batch_tokens,
        );
        ours(
            "batch_sequences",
            "Requests that shared a step",
            &self.batch_sequences,
        );
        ours(
            "expected_prefill_tokens_per_second",
            "Tokens of a 4k-token prompt read in a second, as measured at loading",
            &self.expected_prefill,
        );
        ours(
            "expected_decode_tokens_per_second",
            "Tokens of one answer written in a second, as measured at loading",
            &self.expected_decode,
        );
        ours(
            "expected_analysis_seconds",
            "How long a 4k-token analysis takes at most, as measured at loading",
            &self.expected_analysis,
        );
    }

    /// Tells what to expect of the model named `model`.
    pub(crate) fn expect(&self, model: &str, speed: &Speed) {
        let model = Model {
            model_name: model.to_owned(),
        };
        let set = |rates: &Rates, value: f64| {
            let _ = rates.get_or_create(&model).set(value);
        };
        set(&self.expected_prefill, speed.prefill);
        set(&self.expected_decode, speed.decode);
        set(&self.expected_analysis, speed.analysis_seconds());
    }

    /// The metrics of the model named `model`.
    pub(crate) fn of(&self, model: &str) -> ModelMetrics {
        ModelMetrics {
            all: self.clone(),
            model: Model {
                model_name: model.to_owned(),
            },
        }
    }
}

/// A metric that can be registered, whatever its type.
trait Registered {
    fn register(&self, registry: &mut Registry, name: &str, help: &str);
}

impl<M: Metric + Clone> Registered for M {
    fn register(&self, registry: &mut Registry, name: &str, help: &str) {
        registry.register(name, help, self.clone());
    }
}

fn vllm(registry: &mut Registry) -> impl FnMut(&str, &str, &dyn Registered) {
    |name, help, metric| metric.register(registry, &format!("vllm:{name}"), help)
}

/// How long the parts of a request took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Times {
    pub(crate) whole: Duration,
    pub(crate) prefill: Duration,
    pub(crate) decode: Duration,
}

/// What one model's engine counts.
#[derive(Clone, Debug)]
pub(crate) struct ModelMetrics {
    all: Metrics,
    model: Model,
}

impl ModelMetrics {
    pub(crate) fn requests(&self, running: usize, waiting: usize, used: f64) {
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let gauge = |family: &Family<Model, Gauge>, count| {
            family.get_or_create(&self.model).set(number(count));
        };
        gauge(&self.all.running, running);
        gauge(&self.all.waiting, waiting);
        self.all.cache_usage.get_or_create(&self.model).set(used);
    }

    pub(crate) fn ended(&self, ending: Ending) {
        let model_name = self.model.model_name.clone();
        if let Ending::Finished(reason) = ending {
            let labels = Finished {
                model_name: model_name.clone(),
                finished_reason: finished(reason),
            };
            self.all.success.get_or_create(&labels).inc();
        }
        let outcome = ending.as_str();
        let labels = Ended {
            model_name,
            outcome,
        };
        self.all.requests.get_or_create(&labels).inc();
    }

    /// A request of `tokens` tokens runs, of which `cached` were found; it waited for `queued`.
    pub(crate) fn admitted(&self, tokens: usize, cached: usize, queued: Duration) {
        self.add(&self.all.prompt_tokens, tokens);
        self.add(&self.all.cache_queries, tokens);
        self.add(&self.all.cache_hits, cached);
        self.observe(&self.all.queued, queued.as_secs_f64());
    }

    /// Of a request that runs, `cached` more tokens were found.
    pub(crate) fn found(&self, cached: usize) {
        self.add(&self.all.cache_hits, cached);
    }

    pub(crate) fn preempted(&self, requests: usize) {
        self.add(&self.all.preemptions, requests);
    }

    pub(crate) fn first_token(&self, after: Duration) {
        self.observe(&self.all.first_token, after.as_secs_f64());
    }

    /// The first `tokens` tokens of an answer were written.
    pub(crate) fn wrote_first(&self, tokens: usize) {
        self.add(&self.all.generation_tokens, tokens);
    }

    /// `tokens` more tokens were written, `after` the ones before.
    pub(crate) fn wrote(&self, tokens: usize, after: Duration) {
        self.add(&self.all.generation_tokens, tokens);
        let histogram = self.all.between_tokens.get_or_create(&self.model);
        let each = after.as_secs_f64() / tokens.max(1) as f64;
        for _ in 0..tokens {
            histogram.observe(each);
        }
    }

    pub(crate) fn shortcuts(&self, forced: usize, drafted: usize, accepted: usize) {
        self.add(&self.all.forced, forced);
        self.add(&self.all.drafted, drafted);
        self.add(&self.all.accepted, accepted);
    }

    pub(crate) fn times(&self, times: Times) {
        self.observe(&self.all.whole, times.whole.as_secs_f64());
        self.observe(&self.all.prefill, times.prefill.as_secs_f64());
        self.observe(&self.all.decode, times.decode.as_secs_f64());
    }

    pub(crate) fn batch(&self, sequences: usize, tokens: usize) {
        self.observe(&self.all.batch_sequences, sequences as f64);
        self.observe(&self.all.batch_tokens, tokens as f64);
    }

    fn add(&self, family: &Family<Model, Counter>, count: usize) {
        family.get_or_create(&self.model).inc_by(count as u64);
    }

    fn observe(&self, family: &Histograms, value: f64) {
        family.get_or_create(&self.model).observe(value);
    }
}
