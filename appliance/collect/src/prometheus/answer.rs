//! The answer of the query API, as series.
//!
//! Source: <https://prometheus.io/docs/prometheus/latest/querying/api/>.

use std::collections::BTreeMap;

use appliance_core::snapshot::{Sample, Series};
use serde::Deserialize;

use crate::text::quote;

use super::QueryError;

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    data: Option<Data>,
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    #[serde(default)]
    result: serde_json::Value,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    #[serde(default)]
    value: Option<Point>,
    #[serde(default)]
    values: Vec<Point>,
}

/// Unix time in seconds and the value as text.
type Point = (f64, String);

/// The series of an answer; `name` is given to those that carry none.
pub(super) fn parse(name: &str, body: &[u8]) -> Result<Vec<Series>, QueryError> {
    let answer: Answer =
        serde_json::from_slice(body).map_err(|error| unreadable(&error.to_string()))?;
    if answer.status != "success" {
        return Err(unreadable(&format!(
            "status {}: {}",
            answer.status, answer.error
        )));
    }
    let data = answer.data.ok_or_else(|| unreadable("there is no data"))?;
    match data.result_type.as_str() {
        "matrix" | "vector" => series(name, data.result),
        "scalar" => scalar(name, data.result),
        other => Err(unreadable(&format!("result type {other}"))),
    }
}

fn unreadable(reason: &str) -> QueryError {
    QueryError::Unreadable(quote(reason))
}

fn series(name: &str, result: serde_json::Value) -> Result<Vec<Series>, QueryError> {
    let found: Vec<Found> =
        serde_json::from_value(result).map_err(|error| unreadable(&error.to_string()))?;
    found.into_iter().map(|found| one(name, found)).collect()
}

fn scalar(name: &str, result: serde_json::Value) -> Result<Vec<Series>, QueryError> {
    let value: Point =
        serde_json::from_value(result).map_err(|error| unreadable(&error.to_string()))?;
    let found = Found {
        metric: BTreeMap::new(),
        value: Some(value),
        values: Vec::new(),
    };
    Ok(vec![one(name, found)?])
}

fn one(name: &str, mut found: Found) -> Result<Series, QueryError> {
    let own_name = found.metric.remove("__name__");
    let samples = found
        .values
        .into_iter()
        .chain(found.value)
        .map(sample)
        .collect::<Result<_, _>>()?;
    Ok(Series {
        name: own_name.unwrap_or_else(|| name.to_owned()),
        labels: found.metric,
        samples,
    })
}

/// Values are text because JSON has neither NaN nor infinity.
fn sample((at, value): Point) -> Result<Sample, QueryError> {
    let value = value
        .parse()
        .map_err(|_| unreadable(&format!("{value:?} is not a number")))?;
    Ok(Sample { at, value })
}

/// What an error answer says: its `error`, or its text where it is no JSON.
pub(super) fn error_message(body: &[u8]) -> String {
    let said = serde_json::from_slice::<Answer>(body).map(|answer| answer.error);
    quote(
        &said.unwrap_or_else(|_| {
            String::from_utf8_lossy(&body[..body.len().min(4096)]).into_owned()
        }),
    )
}
