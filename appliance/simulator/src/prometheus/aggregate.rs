//! Aggregations over the elements of a vector.

use std::collections::BTreeMap;

use super::QueryError;
use super::eval::{Element, Evaluator, Labels, Outcome, nameless};
use super::expr::{Aggregate, Grouping};
use super::functions::quantile_of;

/// Evaluates an aggregation.
pub(super) fn eval(
    evaluator: &Evaluator<'_>,
    aggregation: &Aggregate,
) -> Result<Outcome, QueryError> {
    let parameter = aggregation
        .parameter
        .as_deref()
        .map(|one| evaluator.scalar(one))
        .transpose()?
        .unwrap_or(0.0);
    let mut groups: BTreeMap<Labels, Vec<Element>> = BTreeMap::new();
    for element in evaluator.vector(&aggregation.of)? {
        let key = group_of(&aggregation.grouping, &element.labels);
        groups.entry(key).or_default().push(element);
    }
    let mut result = Vec::new();
    for (labels, elements) in groups {
        if matches!(aggregation.operation.as_str(), "topk" | "bottomk") {
            result.extend(extremes(
                elements,
                parameter,
                aggregation.operation == "topk",
            ));
        } else {
            let values: Vec<f64> = elements.iter().map(|element| element.value).collect();
            let value = combine(&aggregation.operation, values, parameter)?;
            result.push(Element { labels, value });
        }
    }
    Ok(Outcome::Vector(result))
}

/// The labels a group has.
pub(super) fn group_of(grouping: &Grouping, labels: &Labels) -> Labels {
    match grouping {
        Grouping::By(names) => names
            .iter()
            .filter_map(|name| Some((name.clone(), labels.get(name)?.clone())))
            .collect(),
        Grouping::Without(names) => {
            let mut labels = nameless(labels.clone());
            labels.retain(|name, _| !names.contains(name));
            labels
        }
    }
}

fn extremes(mut elements: Vec<Element>, count: f64, highest: bool) -> Vec<Element> {
    elements.sort_by(|left, right| {
        let order = left.value.total_cmp(&right.value);
        if highest { order.reverse() } else { order }
    });
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count below zero takes none"
    )]
    elements.truncate(count.max(0.0) as usize);
    elements
}

fn combine(operation: &str, values: Vec<f64>, parameter: f64) -> Result<f64, QueryError> {
    let count = values.len() as f64;
    let sum: f64 = values.iter().sum();
    let variance = || {
        let mean = sum / count;
        values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / count
    };
    Ok(match operation {
        "sum" => sum,
        "avg" => sum / count,
        "count" => count,
        "group" => 1.0,
        "min" => values.iter().copied().fold(f64::NAN, f64::min),
        "max" => values.iter().copied().fold(f64::NAN, f64::max),
        "stdvar" => variance(),
        "stddev" => variance().sqrt(),
        "quantile" => quantile_of(parameter, values),
        other => {
            return Err(QueryError::bad(format!(
                "aggregation {other:?} is not supported here"
            )));
        }
    })
}
