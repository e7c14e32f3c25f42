//! What series say: the newest value, and whether a series left its normal level.
//!
//! Decides nothing about causes. Names of metrics differ between sites, so
//! series are found by parts of their names and by the labels that exporters
//! commonly use. Values that are not numbers are skipped.

use std::collections::BTreeMap;

use crate::evidence::{Draft, EvidenceKind};
use crate::object::ObjectRef;
use crate::snapshot::{Series, Snapshot};

/// Fewest samples that show a level and a departure from it.
const SAMPLES_MIN: usize = 8;

/// Labels that name a workload or Service, most telling first.
const SERVICE_LABELS: [&str; 9] = [
    "service",
    "destination_workload",
    "workload",
    "deployment",
    "app",
    "service_name",
    "kubernetes_name",
    "destination_service_name",
    "pod",
];

/// Labels that name a node.
const NODE_LABELS: [&str; 4] = ["node", "nodename", "kubernetes_node", "instance"];

/// A departure of a series from its normal level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Departure {
    /// The usual level: the lower quartile.
    pub(crate) normal: f64,
    /// The level it kept for at least three samples: the third highest value.
    pub(crate) high: f64,
    /// Unix time, seconds, when it first came near that level.
    pub(crate) since: f64,
}

/// The series whose name holds one of `parts`.
pub(crate) fn named<'a>(
    snapshot: &'a Snapshot,
    parts: &'a [&'a str],
) -> impl Iterator<Item = &'a Series> + 'a {
    snapshot.series.iter().filter(move |series| {
        let name = series.name.to_ascii_lowercase();
        parts.iter().any(|part| name.contains(part))
    })
}

/// The newest number of a series.
pub(crate) fn last(series: &Series) -> Option<f64> {
    let values = series.samples.iter().rev().map(|sample| sample.value);
    values.into_iter().find(|value| value.is_finite())
}

/// How high a series rose and from where; nothing when it has too few samples.
pub(crate) fn departure(series: &Series) -> Option<Departure> {
    // The parts of a histogram are no levels, not even as rates.
    if ["_bucket", "_count", "_sum"]
        .iter()
        .any(|part| series.name.ends_with(part))
    {
        return None;
    }
    // A counter only ever grows; how fast it does is its level.
    let numbers: Vec<(f64, f64)> = super::trend::levels(series)
        .into_iter()
        .map(|point| (point.at, point.value))
        .collect();
    if numbers.len() < SAMPLES_MIN {
        return None;
    }
    let mut sorted: Vec<f64> = numbers.iter().map(|&(_, value)| value).collect();
    sorted.sort_by(f64::total_cmp);
    let normal = sorted[sorted.len() / 4];
    let high = sorted[sorted.len() - 3];
    let threshold = normal + (high - normal) * 0.5;
    // A series that begins high shows its ordinary load, not a rise.
    let mut early: Vec<f64> = numbers
        .iter()
        .take(numbers.len().div_ceil(5))
        .map(|&(_, value)| value)
        .collect();
    early.sort_by(f64::total_cmp);
    if high > normal && early[early.len() / 2] >= threshold {
        return None;
    }
    let since = numbers
        .iter()
        .find(|&&(_, value)| value >= threshold)
        .map_or(0.0, |&(at, _)| at);
    Some(Departure {
        normal,
        high,
        since,
    })
}

/// Whether a series has enough samples to show a rise, had there been one.
pub(crate) fn is_judged(series: &Series) -> bool {
    super::trend::levels(series).len() >= SAMPLES_MIN
}

/// The service a series is about, by the labels exporters use.
pub(crate) fn service_label(series: &Series) -> Option<&str> {
    SERVICE_LABELS
        .iter()
        .find_map(|label| series.labels.get(*label))
        .map(String::as_str)
}

/// The node a series is about.
pub(crate) fn node_label(series: &Series) -> Option<&str> {
    NODE_LABELS
        .iter()
        .find_map(|label| series.labels.get(*label))
        .map(String::as_str)
}

/// The series in `PromQL` form.
pub(crate) fn query(series: &Series) -> String {
    let labels: Vec<String> = series
        .labels
        .iter()
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{}{{{}}}", series.name, labels.join(","))
}

/// Evidence that a series shows.
pub(crate) fn draft(object: ObjectRef, series: &Series, title: impl Into<String>) -> Draft {
    Draft {
        kind: EvidenceKind::Metric,
        object,
        at: None,
        title: title.into(),
        lines: Vec::new(),
        query: query(series),
        truncated: String::new(),
    }
}

/// Callers and the services they call, by `service_dependency` and mesh series.
pub(crate) fn dependencies(snapshot: &Snapshot) -> BTreeMap<String, Vec<String>> {
    const CLIENT: [&str; 4] = ["client", "source_workload", "source", "caller"];
    const SERVER: [&str; 5] = [
        "server",
        "destination_workload",
        "destination_service_name",
        "destination",
        "callee",
    ];
    let mut calls: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for series in &snapshot.series {
        let label = |names: &[&str]| names.iter().find_map(|name| series.labels.get(*name));
        let (Some(client), Some(server)) = (label(&CLIENT), label(&SERVER)) else {
            continue;
        };
        let servers = calls.entry(client.clone()).or_default();
        if client != server && !servers.contains(server) {
            servers.push(server.clone());
        }
    }
    for servers in calls.values_mut() {
        servers.sort_unstable();
    }
    calls
}
