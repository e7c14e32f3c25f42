//! What series are about and what they say now.
//!
//! Decides nothing about causes. Names of metrics differ between sites, so
//! series are found by parts of their names and by the labels that exporters
//! commonly use. Values that are not numbers are skipped.

use crate::evidence::{Draft, EvidenceKind};
use crate::facts::regime::SAMPLES_MIN;
use crate::object::ObjectRef;
use crate::snapshot::{Series, Snapshot};

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

/// The series whose name holds one of `parts`.
pub(crate) fn named<'a>(
    snapshot: &'a Snapshot,
    parts: &'a [&'a str],
) -> impl Iterator<Item = &'a Series> + 'a {
    snapshot
        .series
        .iter()
        .filter(move |series| holds(&series.name, parts))
}

/// Whether `name` holds one of `parts` (given in lower case), whatever its case.
fn holds(name: &str, parts: &[&str]) -> bool {
    let name = name.as_bytes();
    parts.iter().any(|part| {
        let mut places = name.windows(part.len().max(1));
        places.any(|place| place.eq_ignore_ascii_case(part.as_bytes()))
    })
}

/// The newest number of a series.
pub(crate) fn last(series: &Series) -> Option<f64> {
    let values = series.samples.iter().rev().map(|sample| sample.value);
    values.into_iter().find(|value| value.is_finite())
}

/// Whether a series of that name measures how long requests take.
pub(crate) fn is_duration(name: &str) -> bool {
    holds(name, &["duration", "latency", "response_time"])
}

/// How many of the unit of a duration's name make a second.
pub(crate) fn per_second(name: &str) -> f64 {
    if name.contains("milli") || name.ends_with("_ms") {
        1000.0
    } else {
        1.0
    }
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

/// Labels that name the calling and the called end of a series.
const CLIENT: [&str; 4] = ["client", "source_workload", "source", "caller"];
const SERVER: [&str; 5] = [
    "server",
    "destination_workload",
    "destination_service_name",
    "destination",
    "callee",
];

/// The caller and the callee that a series of a service graph or a mesh names.
pub(crate) fn ends(series: &Series) -> Option<(&str, &str)> {
    let label = |names: &[&str]| names.iter().find_map(|name| series.labels.get(*name));
    let (client, server) = label(&CLIENT).zip(label(&SERVER))?;
    Some((client.as_str(), server.as_str()))
}
