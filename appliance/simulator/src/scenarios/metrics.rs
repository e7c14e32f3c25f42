//! Metric series as exporters of the field give them: an hour up to now, a
//! sample every two minutes.
//!
//! [`settle`] follows the objects: new pods get series from their start on,
//! deleted ones end at the fault, state metrics step at the fault. What load
//! and errors do is shaped by recipes afterwards.

mod state;
mod usage;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::names::Role;
use super::site::Site;

/// How much past the series have, and how far apart samples are, seconds.
const HISTORY: i64 = 3600;
pub(super) const STEP: i64 = 120;

pub(super) type Labels = BTreeMap<String, String>;

/// Labels out of pairs.
pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Sample times of the last hour, Unix seconds.
pub(super) fn times(site: &Site) -> Vec<i64> {
    let end = site.now.as_second();
    (0..=HISTORY / STEP)
        .map(|index| end - HISTORY + index * STEP)
        .collect()
}

/// How traffic of a service goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Traffic {
    /// Requests per second.
    pub(crate) rate: f64,
    /// Share of requests that fail.
    pub(crate) errors: f64,
    /// Typical duration, seconds.
    pub(crate) latency: f64,
}

/// Brings all series up to date with the objects.
pub(crate) fn settle(site: &mut Site) {
    end_deleted(site);
    for pod in site.all("Pod") {
        usage::container_series(site, &pod);
    }
    for (index, _) in site.names.nodes.clone().iter().enumerate() {
        usage::node_series(site, index);
    }
    for app in site.apps.clone() {
        if app.role != Role::Database
            && site
                .world
                .series
                .of("http_requests_total")
                .all(|(labels, _)| labels["service"] != app.name)
        {
            let healthy = Traffic {
                rate: app.load * app.replicas as f64,
                errors: 0.002,
                latency: 0.02 + site.rng.unit() * 0.08,
            };
            let start = site.now.as_second() - HISTORY;
            site.traffic(&app.name, start, healthy);
        }
    }
    usage::volume_series(site);
    state::state_series(site);
}

/// Pods that are gone have no samples after the fault.
fn end_deleted(site: &mut Site) {
    let alive: BTreeSet<(String, String)> = site
        .all("Pod")
        .iter()
        .map(|pod| {
            (
                text(pod, "/metadata/namespace"),
                text(pod, "/metadata/name"),
            )
        })
        .collect();
    let fault = site.fault_at.as_second() as f64;
    let names: Vec<String> = site.world.series.names().map(str::to_owned).collect();
    for name in names {
        let gone = |labels: &Labels| match (labels.get("namespace"), labels.get("pod")) {
            (Some(namespace), Some(pod)) => !alive.contains(&(namespace.clone(), pod.clone())),
            _ => false,
        };
        site.world.series.edit(&name, gone, |_, samples| {
            samples.retain(|sample| sample.at < fault);
        });
    }
}

fn text(object: &Value, pointer: &str) -> String {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
