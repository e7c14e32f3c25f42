//! Operations on two sides: arithmetic, comparisons, sets, and the matching of
//! vectors by their labels.

use std::collections::{BTreeMap, BTreeSet};

use super::QueryError;
use super::aggregate::group_of;
use super::eval::{Element, Evaluator, Labels, Outcome, nameless};
use super::expr::{Binary, Side};

/// Evaluates an operation.
pub(super) fn eval(evaluator: &Evaluator<'_>, operation: &Binary) -> Result<Outcome, QueryError> {
    let left = evaluator.eval(&operation.left)?;
    let right = evaluator.eval(&operation.right)?;
    let sign = operation.operation.as_str();
    if matches!(sign, "and" | "or" | "unless") {
        return match (left, right) {
            (Outcome::Vector(left), Outcome::Vector(right)) => {
                Ok(Outcome::Vector(set(operation, left, right)))
            }
            _ => Err(QueryError::bad(format!(
                "set operator {sign:?} not allowed in binary scalar expression"
            ))),
        };
    }
    match (left, right) {
        (Outcome::Scalar(left), Outcome::Scalar(right)) => {
            if is_comparison(sign) && !operation.as_bool {
                return Err(QueryError::bad(
                    "comparisons between scalars must use BOOL modifier",
                ));
            }
            Ok(Outcome::Scalar(compute(sign, left, right)))
        }
        (Outcome::Vector(elements), Outcome::Scalar(number)) => {
            Ok(with_number(operation, elements, |value| (value, number)))
        }
        (Outcome::Scalar(number), Outcome::Vector(elements)) => {
            Ok(with_number(operation, elements, |value| (number, value)))
        }
        (Outcome::Vector(left), Outcome::Vector(right)) => {
            vectors(operation, left, right).map(Outcome::Vector)
        }
        _ => Err(QueryError::bad(
            "operators need numbers or vectors on both sides",
        )),
    }
}

fn is_comparison(sign: &str) -> bool {
    matches!(sign, "==" | "!=" | ">" | "<" | ">=" | "<=")
}

/// The number an operation gives; comparisons give 1 or 0.
#[allow(clippy::float_cmp, reason = "the language compares exactly")]
fn compute(sign: &str, left: f64, right: f64) -> f64 {
    let truth = |holds: bool| f64::from(u8::from(holds));
    match sign {
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" => left / right,
        "%" => left % right,
        "^" => left.powf(right),
        "atan2" => left.atan2(right),
        "==" => truth(left == right),
        "!=" => truth(left != right),
        ">" => truth(left > right),
        "<" => truth(left < right),
        ">=" => truth(left >= right),
        _ => truth(left <= right),
    }
}

/// Each element with a number: comparisons filter, unless they give numbers.
fn with_number(
    operation: &Binary,
    elements: Vec<Element>,
    sides: impl Fn(f64) -> (f64, f64),
) -> Outcome {
    let sign = operation.operation.as_str();
    let filters = is_comparison(sign) && !operation.as_bool;
    let kept = elements.into_iter().filter_map(|element| {
        let (left, right) = sides(element.value);
        let value = compute(sign, left, right);
        if filters {
            (value > 0.0).then_some(element)
        } else {
            Some(Element {
                labels: nameless(element.labels),
                value,
            })
        }
    });
    Outcome::Vector(kept.collect())
}

fn set(operation: &Binary, left: Vec<Element>, right: Vec<Element>) -> Vec<Element> {
    let key = |element: &Element| group_of(&operation.matching, &element.labels);
    let keys = |elements: &[Element]| elements.iter().map(key).collect::<BTreeSet<Labels>>();
    match operation.operation.as_str() {
        "and" => {
            let right = keys(&right);
            left.into_iter()
                .filter(|element| right.contains(&key(element)))
                .collect()
        }
        "unless" => {
            let right = keys(&right);
            left.into_iter()
                .filter(|element| !right.contains(&key(element)))
                .collect()
        }
        _ => {
            let known = keys(&left);
            let more = right
                .into_iter()
                .filter(|element| !known.contains(&key(element)));
            left.into_iter().chain(more).collect()
        }
    }
}

fn vectors(
    operation: &Binary,
    left: Vec<Element>,
    right: Vec<Element>,
) -> Result<Vec<Element>, QueryError> {
    let many_side = operation
        .many
        .as_ref()
        .map_or(Side::Left, |(side, _)| *side);
    let (many, one) = match many_side {
        Side::Left => (left, right),
        Side::Right => (right, left),
    };
    let mut ones: BTreeMap<Labels, Element> = BTreeMap::new();
    for element in one {
        let key = group_of(&operation.matching, &element.labels);
        if ones.insert(key.clone(), element).is_some() {
            return Err(QueryError::Execution(format!(
                "found duplicate series for the match group {key:?} on the \"one\" side of the operation; many-to-many matching not allowed: matching labels must be unique on one side"
            )));
        }
    }
    let mut used = BTreeSet::new();
    let mut result = Vec::new();
    for element in many {
        let key = group_of(&operation.matching, &element.labels);
        let Some(other) = ones.get(&key) else {
            continue;
        };
        let sides = match many_side {
            Side::Left => (element.value, other.value),
            Side::Right => (other.value, element.value),
        };
        let value = compute(&operation.operation, sides.0, sides.1);
        let filters = is_comparison(&operation.operation) && !operation.as_bool;
        if filters && value <= 0.0 {
            continue;
        }
        let labels = result_labels(operation, &element, other, filters);
        if !used.insert(labels.clone()) {
            return Err(QueryError::Execution("multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)".to_owned()));
        }
        result.push(Element {
            labels,
            value: if filters { sides.0 } else { value },
        });
    }
    Ok(result)
}

fn result_labels(operation: &Binary, many: &Element, one: &Element, keeps_name: bool) -> Labels {
    let Some((_, taken)) = &operation.many else {
        return match &operation.matching {
            _ if keeps_name => many.labels.clone(),
            matching => group_of(matching, &many.labels),
        };
    };
    let mut labels = if keeps_name {
        many.labels.clone()
    } else {
        nameless(many.labels.clone())
    };
    for name in taken {
        match one.labels.get(name) {
            Some(value) => labels.insert(name.clone(), value.clone()),
            None => labels.remove(name),
        };
    }
    labels
}
