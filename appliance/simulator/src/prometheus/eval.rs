//! Evaluates an expression at one moment.

use std::collections::BTreeMap;

use appliance_core::snapshot::Sample;

use super::expr::{Expr, Selector};
use super::{QueryError, aggregate, binary, functions};
use crate::world::SeriesStore;

/// How far back an instant selector looks for a sample, seconds.
const LOOKBACK: f64 = 300.0;

/// Labels, with the metric name as `__name__`.
pub(super) type Labels = BTreeMap<String, String>;

/// A value at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) at: f64,
    pub(super) value: f64,
}

/// One element of a vector.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Element {
    pub(super) labels: Labels,
    pub(super) value: f64,
}

/// What an expression is worth.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    Scalar(f64),
    Vector(Vec<Element>),
    Text(String),
}

/// Evaluates at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evaluator<'a> {
    pub(super) series: &'a SeriesStore,
    /// Unix time, seconds.
    pub(super) at: f64,
}

/// Labels with the name among them.
pub(super) fn with_name(name: &str, labels: &Labels) -> Labels {
    let mut labels = labels.clone();
    labels.insert("__name__".to_owned(), name.to_owned());
    labels
}

/// Labels without the name.
pub(super) fn nameless(mut labels: Labels) -> Labels {
    labels.remove("__name__");
    labels
}

impl<'a> Evaluator<'a> {
    /// The value of an expression.
    pub(super) fn eval(&self, expression: &Expr) -> Result<Outcome, QueryError> {
        match expression {
            Expr::Number(number) => Ok(Outcome::Scalar(*number)),
            Expr::Text(text) => Ok(Outcome::Text(text.clone())),
            Expr::Selector(selector) if selector.range.is_some() => Err(QueryError::bad(
                "invalid parameter \"query\": a range vector is only allowed as an argument of a function",
            )),
            Expr::Selector(selector) => Ok(Outcome::Vector(self.instant(selector))),
            Expr::Negated(inner) => self.negated(inner),
            Expr::Call(name, arguments) => functions::call(self, name, arguments),
            Expr::Aggregate(aggregation) => aggregate::eval(self, aggregation),
            Expr::Binary(operation) => binary::eval(self, operation),
        }
    }

    fn negated(&self, inner: &Expr) -> Result<Outcome, QueryError> {
        match self.eval(inner)? {
            Outcome::Scalar(value) => Ok(Outcome::Scalar(-value)),
            Outcome::Vector(elements) => Ok(Outcome::Vector(
                elements
                    .into_iter()
                    .map(|element| Element {
                        labels: nameless(element.labels),
                        value: -element.value,
                    })
                    .collect(),
            )),
            Outcome::Text(_) => Err(QueryError::bad(
                "unary expression only allowed on expressions of type scalar or instant vector",
            )),
        }
    }

    /// A vector, or an error that says what was expected.
    pub(super) fn vector(&self, expression: &Expr) -> Result<Vec<Element>, QueryError> {
        match self.eval(expression)? {
            Outcome::Vector(elements) => Ok(elements),
            _ => Err(QueryError::bad("expected type instant vector")),
        }
    }

    /// A number, or an error that says what was expected.
    pub(super) fn scalar(&self, expression: &Expr) -> Result<f64, QueryError> {
        match self.eval(expression)? {
            Outcome::Scalar(value) => Ok(value),
            _ => Err(QueryError::bad("expected type scalar")),
        }
    }

    fn instant(&self, selector: &Selector) -> Vec<Element> {
        let at = self.at - selector.offset;
        self.selected(selector)
            .filter_map(|(labels, samples)| {
                let last = samples.iter().rev().find(|sample| sample.at <= at)?;
                (last.at > at - LOOKBACK).then_some(Element {
                    labels,
                    value: last.value,
                })
            })
            .collect()
    }

    /// The points of each selected series within the range, which is open at its start.
    pub(super) fn windows(
        &self,
        selector: &Selector,
    ) -> impl Iterator<Item = (Labels, Vec<Point>)> {
        let end = self.at - selector.offset;
        let start = end - selector.range.unwrap_or(LOOKBACK);
        self.selected(selector)
            .filter_map(move |(labels, samples)| {
                let points: Vec<Point> = samples
                    .iter()
                    .filter(|sample| sample.at > start && sample.at <= end)
                    .map(|sample| Point {
                        at: sample.at,
                        value: sample.value,
                    })
                    .collect();
                (!points.is_empty()).then_some((labels, points))
            })
    }

    fn selected(
        &self,
        selector: &Selector,
    ) -> impl Iterator<Item = (Labels, &'a [Sample])> + use<'a> {
        let wanted = selector.clone();
        let named: Box<dyn Iterator<Item = (Labels, &'a [Sample])>> =
            if let Some(name) = selector.name() {
                let name = name.to_owned();
                let series = self.series.of(&name);
                Box::new(series.map(move |(labels, samples)| (with_name(&name, labels), samples)))
            } else {
                // A pattern over names is tried before labels are copied.
                let names = selector.clone();
                let series = self.series.iter();
                let meant = series.filter(move |(name, _, _)| names.fits_name(name));
                Box::new(meant.map(|(name, labels, samples)| (with_name(name, labels), samples)))
            };
        named.filter(move |(labels, _)| wanted.matches(labels))
    }
}
