//! The shapes recipes give to load, failures, durations and gauges.
//!
//! Series lie as [`super::metrics`] laid them; here they change from the fault on.

use appliance_core::snapshot::Sample;

use super::metrics::{Labels, STEP, Traffic, labels, times};
use super::site::Site;
use super::workload::App;

/// Upper bounds of the buckets of request durations, seconds.
const BUCKETS: [f64; 6] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

impl Site {
    /// Lets the traffic of a workload fall to a share of normal, with that share of errors.
    pub(super) fn traffic_now(&mut self, app: &App, share: f64, errors: f64) {
        let traffic = Traffic {
            rate: app.load * app.replicas as f64 * share,
            errors,
            latency: 0.05,
        };
        let from = self.fault_at.as_second();
        self.traffic(&app.name, from, traffic);
    }

    /// Lets a workload answer slowly.
    pub(super) fn slow_now(&mut self, app: &App, latency: f64, errors: f64) {
        let traffic = Traffic {
            rate: app.load * app.replicas as f64 * 0.8,
            errors,
            latency,
        };
        let from = self.fault_at.as_second();
        self.traffic(&app.name, from, traffic);
    }

    /// Lets a service have that traffic from `from` (Unix seconds) on.
    pub(crate) fn traffic(&mut self, service: &str, from: i64, traffic: Traffic) {
        let namespace = self.namespace();
        let base = [
            ("namespace", namespace.as_str()),
            ("service", service),
            ("job", service),
        ];
        let key = |more: &[(&str, &str)]| {
            let mut key = labels(&base);
            key.extend(labels(more));
            key
        };
        let codes = [("200", 1.0 - traffic.errors), ("500", traffic.errors)];
        for (code, share) in codes {
            self.counter(
                "http_requests_total",
                &key(&[("code", code)]),
                from,
                traffic.rate * share,
            );
        }
        // Durations spread exponentially about the typical one.
        let below = |bound: f64| 1.0 - (-bound / traffic.latency.max(0.001)).exp();
        for bound in BUCKETS {
            self.counter(
                "http_request_duration_seconds_bucket",
                &key(&[("le", &bound.to_string())]),
                from,
                traffic.rate * below(bound),
            );
        }
        self.counter(
            "http_request_duration_seconds_bucket",
            &key(&[("le", "+Inf")]),
            from,
            traffic.rate,
        );
        self.counter(
            "http_request_duration_seconds_count",
            &key(&[]),
            from,
            traffic.rate,
        );
        self.counter(
            "http_request_duration_seconds_sum",
            &key(&[]),
            from,
            traffic.rate * traffic.latency,
        );
    }

    /// Lets a counter rise by `rate` per second from `from` on.
    pub(crate) fn counter(&mut self, name: &str, labels: &Labels, from: i64, rate: f64) {
        let store = &mut self.world.series;
        let earlier: Vec<Sample> = store
            .of(name)
            .find(|(other, _)| *other == labels)
            .map(|(_, samples)| {
                samples
                    .iter()
                    .copied()
                    .filter(|sample| sample.at < from as f64)
                    .collect()
            })
            .unwrap_or_default();
        let mut value = earlier
            .last()
            .map_or((rate * 86_400.0).round(), |last| last.value);
        let mut samples = earlier;
        for at in times(self).into_iter().filter(|at| *at >= from) {
            value += rate * STEP as f64;
            samples.push(Sample {
                at: at as f64,
                value: (value * 100.0).round() / 100.0,
            });
        }
        self.world.series.set(name, labels.clone(), samples);
    }

    /// Changes a gauge from the fault on: `value` gets the seconds since and the value before.
    pub(crate) fn gauge(
        &mut self,
        name: &str,
        which: &[(&str, &str)],
        value: impl Fn(f64, f64) -> f64,
    ) {
        let from = self.fault_at.as_second() as f64;
        let matches = |labels: &Labels| {
            which
                .iter()
                .all(|(key, wanted)| labels.get(*key).is_some_and(|found| found == wanted))
        };
        self.world.series.edit(name, matches, |_, samples| {
            for sample in samples.iter_mut().filter(|sample| sample.at >= from) {
                sample.value = value(sample.at - from, sample.value);
            }
        });
    }

    /// Sets a new gauge over the whole hour: `value` gets seconds since the fault (negative before).
    pub(crate) fn new_gauge(
        &mut self,
        name: &str,
        pairs: &[(&str, &str)],
        value: impl Fn(f64) -> f64,
    ) {
        let fault = self.fault_at.as_second();
        let samples = times(self)
            .into_iter()
            .map(|at| Sample {
                at: at as f64,
                value: value((at - fault) as f64),
            })
            .collect();
        self.world.series.set(name, labels(pairs), samples);
    }
}
