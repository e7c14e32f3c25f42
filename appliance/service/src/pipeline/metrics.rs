//! What the pipeline counts, under `anchorite_analysis`.

use std::time::Duration;

use appliance_core::analysis::ReplyReport;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Step {
    step: &'static str,
}

/// Counters and histograms of the pipeline.
#[derive(Clone, Debug)]
pub struct PipelineMetrics {
    card_seconds: Histogram,
    wording_seconds: Histogram,
    sentences: Counter,
    sentences_dropped: Counter,
    disagreements: Counter,
    failures: Family<Step, Counter>,
}

impl PipelineMetrics {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        // From a cached snapshot of a small site to the capture deadline.
        let seconds =
            || Histogram::new([0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0]);
        let metrics = Self {
            card_seconds: seconds(),
            wording_seconds: seconds(),
            sentences: Counter::default(),
            sentences_dropped: Counter::default(),
            disagreements: Counter::default(),
            failures: Family::default(),
        };
        let registry = registry.sub_registry_with_prefix("anchorite_analysis");
        registry.register(
            "card_seconds",
            "Time from taking an incident up to its card on disk",
            metrics.card_seconds.clone(),
        );
        registry.register(
            "wording_seconds",
            "Time the model took to word a card",
            metrics.wording_seconds.clone(),
        );
        registry.register(
            "sentences",
            "Sentences of the model that held",
            metrics.sentences.clone(),
        );
        registry.register(
            "sentences_dropped",
            "Sentences of the model that named something unknown",
            metrics.sentences_dropped.clone(),
        );
        registry.register(
            "disagreements",
            "Answers of the model that preferred another candidate or none",
            metrics.disagreements.clone(),
        );
        registry.register(
            "failures",
            "Steps that failed; a failed wording leaves the card",
            metrics.failures.clone(),
        );
        metrics
    }

    pub(super) fn card_made(&self, elapsed: Duration) {
        self.card_seconds.observe(elapsed.as_secs_f64());
    }

    pub(super) fn worded(&self, report: &ReplyReport, model_ms: u64) {
        self.wording_seconds.observe(model_ms as f64 / 1000.0);
        self.sentences.inc_by(report.sentences as u64);
        self.sentences_dropped.inc_by(report.dropped as u64);
        self.disagreements.inc_by(u64::from(report.disagreed));
    }

    pub(super) fn failed(&self, step: &'static str) {
        self.failures.get_or_create(&Step { step }).inc();
    }
}
