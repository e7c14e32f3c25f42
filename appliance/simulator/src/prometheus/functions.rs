//! Functions: rates, statistics over time, arithmetic, quantiles of histograms.

use std::collections::BTreeMap;

use super::eval::{Element, Evaluator, Labels, Outcome, Point, nameless};
use super::expr::{Expr, Selector};
use super::{QueryError, relabel};

/// Calls a function.
pub(super) fn call(
    evaluator: &Evaluator<'_>,
    name: &str,
    arguments: &[Expr],
) -> Result<Outcome, QueryError> {
    if let Some(function) = over_time(name) {
        return range_function(evaluator, name, function, arguments);
    }
    if let Some(function) = number_function(name) {
        let [of] = arguments else {
            return Err(wrong_count(name, 1, arguments.len()));
        };
        return map(evaluator, of, function);
    }
    match (name, arguments) {
        ("time", []) => Ok(Outcome::Scalar(evaluator.at)),
        ("vector", [of]) => {
            let value = evaluator.scalar(of)?;
            Ok(Outcome::Vector(vec![Element {
                labels: Labels::new(),
                value,
            }]))
        }
        ("scalar", [of]) => match evaluator.vector(of)?.as_slice() {
            [one] => Ok(Outcome::Scalar(one.value)),
            _ => Ok(Outcome::Scalar(f64::NAN)),
        },
        ("clamp_min", [of, limit]) => {
            let limit = evaluator.scalar(limit)?;
            map(evaluator, of, move |value| value.max(limit))
        }
        ("clamp_max", [of, limit]) => {
            let limit = evaluator.scalar(limit)?;
            map(evaluator, of, move |value| value.min(limit))
        }
        ("absent", [of]) => absent(evaluator, of),
        (
            "label_replace",
            [
                of,
                Expr::Text(to),
                Expr::Text(replacement),
                Expr::Text(from),
                Expr::Text(pattern),
            ],
        ) => relabel::replace(evaluator, of, [to, replacement, from, pattern]),
        ("predict_linear", [Expr::Selector(selector), ahead]) if selector.range.is_some() => {
            let ahead = evaluator.scalar(ahead)?;
            let at = evaluator.at;
            Ok(per_series(evaluator, selector, move |points, _| {
                let (slope, value) = line(points, at)?;
                Some(value + slope * ahead)
            }))
        }
        ("quantile_over_time", [quantile, Expr::Selector(selector)])
            if selector.range.is_some() =>
        {
            let quantile = evaluator.scalar(quantile)?;
            Ok(per_series(evaluator, selector, move |points, _| {
                Some(quantile_of(
                    quantile,
                    points.iter().map(|point| point.value).collect(),
                ))
            }))
        }
        ("histogram_quantile", [quantile, of]) => {
            let quantile = evaluator.scalar(quantile)?;
            Ok(Outcome::Vector(histogram_quantile(
                quantile,
                evaluator.vector(of)?,
            )))
        }
        (
            "time" | "vector" | "scalar" | "clamp_min" | "clamp_max" | "absent" | "predict_linear"
            | "quantile_over_time" | "histogram_quantile" | "label_replace",
            _,
        ) => Err(QueryError::bad(format!(
            "invalid parameter \"query\": wrong arguments in call to function {name:?}"
        ))),
        _ => Err(QueryError::bad(format!(
            "invalid parameter \"query\": function {name:?} is unknown or not supported here"
        ))),
    }
}

fn wrong_count(name: &str, wanted: usize, found: usize) -> QueryError {
    QueryError::bad(format!(
        "invalid parameter \"query\": expected {wanted} argument(s) in call to {name:?}, got {found}"
    ))
}

fn map(
    evaluator: &Evaluator<'_>,
    of: &Expr,
    function: impl Fn(f64) -> f64,
) -> Result<Outcome, QueryError> {
    let elements = evaluator.vector(of)?.into_iter();
    let mapped = elements.map(|element| Element {
        labels: nameless(element.labels),
        value: function(element.value),
    });
    Ok(Outcome::Vector(mapped.collect()))
}

fn number_function(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "round" => |value| (value + 0.5).floor(),
        "sqrt" => f64::sqrt,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        _ => return None,
    })
}

/// A function of the points of a window; gets the window's end and length as well.
type Window = fn(&[Point], (f64, f64)) -> Option<f64>;

fn over_time(name: &str) -> Option<Window> {
    Some(match name {
        "rate" => |points, window| extrapolated(points, window, true).map(|rise| rise / window.1),
        "increase" => |points, window| extrapolated(points, window, true),
        "delta" => |points, window| extrapolated(points, window, false),
        "irate" => |points, _| instant_rate(points),
        "idelta" => |points, _| match points {
            [.., before, last] => Some(last.value - before.value),
            _ => None,
        },
        "deriv" => |points, (end, _)| line(points, end).map(|(slope, _)| slope),
        "resets" => |points, _| {
            Some(
                points
                    .windows(2)
                    .filter(|pair| pair[1].value < pair[0].value)
                    .count() as f64,
            )
        },
        "changes" => |points, _| {
            Some(
                points
                    .windows(2)
                    .filter(|pair| pair[1].value.to_bits() != pair[0].value.to_bits())
                    .count() as f64,
            )
        },
        "min_over_time" => |points, _| points.iter().map(|point| point.value).reduce(f64::min),
        "max_over_time" => |points, _| points.iter().map(|point| point.value).reduce(f64::max),
        "sum_over_time" => |points, _| Some(points.iter().map(|point| point.value).sum()),
        "count_over_time" => |points, _| Some(points.len() as f64),
        "avg_over_time" => |points, _| {
            Some(points.iter().map(|point| point.value).sum::<f64>() / points.len() as f64)
        },
        "last_over_time" => |points, _| points.last().map(|point| point.value),
        "present_over_time" => |_, _| Some(1.0),
        "stddev_over_time" => |points, _| {
            let count = points.len() as f64;
            let mean = points.iter().map(|point| point.value).sum::<f64>() / count;
            Some(
                (points
                    .iter()
                    .map(|point| (point.value - mean).powi(2))
                    .sum::<f64>()
                    / count)
                    .sqrt(),
            )
        },
        _ => return None,
    })
}

fn range_function(
    evaluator: &Evaluator<'_>,
    name: &str,
    function: Window,
    arguments: &[Expr],
) -> Result<Outcome, QueryError> {
    match arguments {
        [Expr::Selector(selector)] if selector.range.is_some() => {
            let keeps_name = name == "last_over_time";
            let mut outcome = per_series(evaluator, selector, |points, window| {
                function(points, window)
            });
            if keeps_name && let Outcome::Vector(elements) = &mut outcome {
                *elements = named(evaluator, selector);
            }
            Ok(outcome)
        }
        [_] => Err(QueryError::bad(format!(
            "invalid parameter \"query\": expected type range vector in call to function {name:?}"
        ))),
        _ => Err(wrong_count(name, 1, arguments.len())),
    }
}

fn per_series(
    evaluator: &Evaluator<'_>,
    selector: &Selector,
    function: impl Fn(&[Point], (f64, f64)) -> Option<f64>,
) -> Outcome {
    let window = (
        evaluator.at - selector.offset,
        selector.range.unwrap_or_default(),
    );
    let elements = evaluator.windows(selector).filter_map(|(labels, points)| {
        Some(Element {
            labels: nameless(labels),
            value: function(&points, window)?,
        })
    });
    Outcome::Vector(elements.collect())
}

/// The last points, under their own names.
fn named(evaluator: &Evaluator<'_>, selector: &Selector) -> Vec<Element> {
    let windows = evaluator.windows(selector);
    windows
        .filter_map(|(labels, points)| {
            Some(Element {
                labels,
                value: points.last()?.value,
            })
        })
        .collect()
}

/// The rise over the window, extrapolated to its ends as Prometheus does: not
/// further than half a sample distance beyond the first and last sample, and a
/// counter not below zero.
fn extrapolated(points: &[Point], (end, length): (f64, f64), counter: bool) -> Option<f64> {
    let [first, .., last] = points else {
        return None;
    };
    let resets: f64 = if counter {
        points
            .windows(2)
            .filter(|pair| pair[1].value < pair[0].value)
            .map(|pair| pair[0].value)
            .sum()
    } else {
        0.0
    };
    let rise = last.value - first.value + resets;
    let sampled = last.at - first.at;
    let distance = sampled / (points.len() - 1) as f64;
    let threshold = distance * 1.1;
    let mut to_start = first.at - (end - length);
    let mut to_end = end - last.at;
    if to_start >= threshold {
        to_start = distance / 2.0;
    }
    if counter && rise > 0.0 && first.value >= 0.0 {
        to_start = to_start.min(sampled * (first.value / rise));
    }
    if to_end >= threshold {
        to_end = distance / 2.0;
    }
    Some(rise * (sampled + to_start + to_end) / sampled)
}

fn instant_rate(points: &[Point]) -> Option<f64> {
    let [.., before, last] = points else {
        return None;
    };
    let rise = if last.value < before.value {
        last.value
    } else {
        last.value - before.value
    };
    Some(rise / (last.at - before.at))
}

/// Least squares: slope per second, and the value at `at`.
fn line(points: &[Point], at: f64) -> Option<(f64, f64)> {
    if points.len() < 2 {
        return None;
    }
    let count = points.len() as f64;
    let mean_x = points.iter().map(|point| point.at - at).sum::<f64>() / count;
    let mean_y = points.iter().map(|point| point.value).sum::<f64>() / count;
    let covariance: f64 = points
        .iter()
        .map(|point| (point.at - at - mean_x) * (point.value - mean_y))
        .sum();
    let variance: f64 = points
        .iter()
        .map(|point| (point.at - at - mean_x).powi(2))
        .sum();
    let slope = covariance / variance;
    Some((slope, mean_y - slope * mean_x))
}

/// A quantile of values by linear interpolation between neighbours.
pub(super) fn quantile_of(quantile: f64, mut values: Vec<f64>) -> f64 {
    if values.is_empty() || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(f64::total_cmp);
    let rank = quantile * (values.len() - 1) as f64;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank lies within the values"
    )]
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    values[lower] * (1.0 - weight) + values[upper] * weight
}

fn absent(evaluator: &Evaluator<'_>, of: &Expr) -> Result<Outcome, QueryError> {
    if !evaluator.vector(of)?.is_empty() {
        return Ok(Outcome::Vector(Vec::new()));
    }
    let mut labels = Labels::new();
    if let Expr::Selector(selector) = of {
        for matcher in selector
            .matchers
            .iter()
            .filter(|matcher| matcher.label != "__name__")
        {
            if let Some(value) = matcher.exact() {
                labels.insert(matcher.label.clone(), value.to_owned());
            }
        }
    }
    Ok(Outcome::Vector(vec![Element { labels, value: 1.0 }]))
}

/// Quantiles of classic histograms, one per set of labels but `le`.
fn histogram_quantile(quantile: f64, buckets: Vec<Element>) -> Vec<Element> {
    let mut histograms: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for bucket in buckets {
        let mut labels = nameless(bucket.labels);
        let bound = labels.remove("le").and_then(|bound| match bound.as_str() {
            "+Inf" => Some(f64::INFINITY),
            bound => bound.parse().ok(),
        });
        if let Some(bound) = bound {
            histograms
                .entry(labels)
                .or_default()
                .push((bound, bucket.value));
        }
    }
    histograms
        .into_iter()
        .map(|(labels, buckets)| Element {
            labels,
            value: bucket_quantile(quantile, buckets),
        })
        .collect()
}

fn bucket_quantile(quantile: f64, mut buckets: Vec<(f64, f64)>) -> f64 {
    buckets.sort_by(|left, right| left.0.total_cmp(&right.0));
    // Rates of buckets that were scraped at different times may fall slightly.
    let mut highest: f64 = 0.0;
    for bucket in &mut buckets {
        highest = highest.max(bucket.1);
        bucket.1 = highest;
    }
    let complete = buckets.len() >= 2 && buckets.last().is_some_and(|last| last.0.is_infinite());
    if !complete || highest == 0.0 || quantile.is_nan() {
        return f64::NAN;
    }
    if quantile < 0.0 {
        return f64::NEG_INFINITY;
    }
    if quantile > 1.0 {
        return f64::INFINITY;
    }
    let rank = quantile * highest;
    let index = buckets
        .iter()
        .position(|bucket| bucket.1 >= rank)
        .unwrap_or(buckets.len() - 1);
    if index == buckets.len() - 1 {
        return buckets[index - 1].0;
    }
    if index == 0 && buckets[0].0 <= 0.0 {
        return buckets[0].0;
    }
    let (start, below) = if index == 0 {
        (0.0, 0.0)
    } else {
        buckets[index - 1]
    };
    let (end, up_to) = buckets[index];
    start + (end - start) * (rank - below) / (up_to - below)
}
