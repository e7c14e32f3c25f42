//! Equality, order and membership, as Python has them.

use std::cmp::Ordering;

use super::{Fault, Meter, Value};

/// `left == right`
pub(in super::super) fn equal(
    left: &Value,
    right: &Value,
    meter: &mut Meter,
) -> Result<bool, Fault> {
    meter.step()?;
    Ok(match (left, right) {
        (Value::Undefined, Value::Undefined) | (Value::None, Value::None) => true,
        (Value::Text(left), Value::Text(right)) => {
            if left.len() != right.len() {
                return Ok(false);
            }
            meter.bytes(left.len())?;
            left == right
        }
        (Value::List(left), Value::List(right)) | (Value::Tuple(left), Value::Tuple(right)) => {
            if left.items.len() != right.items.len() {
                return Ok(false);
            }
            for (left, right) in left.items.iter().zip(&right.items) {
                if !equal(left, right, meter)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(left), Value::Map(right)) => {
            if left.entries.len() != right.entries.len() {
                return Ok(false);
            }
            for (key, value) in &left.entries {
                let Some(other) = right.get(key, meter)? else {
                    return Ok(false);
                };
                if !equal(value, other, meter)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Namespace(left), Value::Namespace(right)) => left == right,
        (Value::Loop(left), Value::Loop(right)) => left == right,
        (Value::Function(left), Value::Function(right)) => left == right,
        (Value::Macro(left, place), Value::Macro(right, other)) => left == right && place == other,
        _ => numbers(left, right) == Some(Ordering::Equal),
    })
}

/// Which of two numbers is more.
fn numbers(left: &Value, right: &Value) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (left.as_int(), right.as_int()) {
        return Some(left.cmp(&right));
    }
    left.as_float()?.partial_cmp(&right.as_float()?)
}

/// Which comes first.
pub(in super::super) fn order(
    left: &Value,
    right: &Value,
    meter: &mut Meter,
) -> Result<Ordering, Fault> {
    meter.step()?;
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => {
            meter.bytes(left.len().min(right.len()))?;
            Ok(left.cmp(right))
        }
        (Value::List(left), Value::List(right)) | (Value::Tuple(left), Value::Tuple(right)) => {
            for (left, right) in left.items.iter().zip(&right.items) {
                if !equal(left, right, meter)? {
                    return order(left, right, meter);
                }
            }
            Ok(left.items.len().cmp(&right.items.len()))
        }
        _ => numbers(left, right).ok_or_else(|| {
            let (left, right) = (left.kind(), right.kind());
            Fault::new(format!("cannot compare {left} with {right}"))
        }),
    }
}

/// `item in container`
pub(in super::super) fn contains(
    container: &Value,
    item: &Value,
    meter: &mut Meter,
) -> Result<bool, Fault> {
    match container {
        Value::Undefined => Ok(false),
        Value::Text(text) => {
            let item = item
                .as_text()
                .ok_or_else(|| Fault::new(format!("cannot look for {} in text", item.kind())))?;
            meter.bytes(text.len())?;
            Ok(text.contains(item))
        }
        Value::List(list) | Value::Tuple(list) => {
            for known in &list.items {
                if equal(known, item, meter)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Value::Map(map) => Ok(map.get(item, meter)?.is_some()),
        other => Err(Fault::new(format!("nothing is in {}", other.kind()))),
    }
}

/// Sorts keyed values, keeping the order of equals; by merging, so that a comparison may fail.
pub(in super::super) fn sort_by(
    mut items: Vec<(Value, Value)>,
    reverse: bool,
    meter: &mut Meter,
) -> Result<Vec<(Value, Value)>, Fault> {
    let mut width = 1;
    while width < items.len() {
        meter.items(items.len())?;
        let mut merged = Vec::with_capacity(items.len());
        for run in items.chunks(2 * width) {
            let (mut left, mut right) = run.split_at(width.min(run.len()));
            while let (Some(first), Some(second)) = (left.first(), right.first()) {
                let ordering = order(&first.0, &second.0, meter)?;
                let swaps = if reverse {
                    ordering.is_lt()
                } else {
                    ordering.is_gt()
                };
                let taken = if swaps { &mut right } else { &mut left };
                merged.extend(taken.split_off_first().cloned());
            }
            merged.extend_from_slice(left);
            merged.extend_from_slice(right);
        }
        items = merged;
        width *= 2;
    }
    Ok(items)
}
