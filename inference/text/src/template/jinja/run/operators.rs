//! Arithmetic, comparisons and slices, as Python has them.

use crate::template::jinja::fault::Fault;
use crate::template::jinja::meter::Meter;
use crate::template::jinja::methods::percent;
use crate::template::jinja::syntax::{Comparison, Operator};
use crate::template::jinja::value::{self, Value, contains, equal, order};

/// `left operator right`
pub(super) fn arithmetic(
    operator: Operator,
    left: &Value,
    right: &Value,
    meter: &mut Meter,
) -> Result<Value, Fault> {
    match (operator, left, right) {
        (Operator::Concatenate, ..) | (Operator::Add, Value::Text(_), Value::Text(_)) => {
            return concatenate(left, right, meter);
        }
        (Operator::Add, Value::List(first), Value::List(second)) => {
            meter.items(first.items().len() + second.items().len())?;
            return meter.list([first.items(), second.items()].concat());
        }
        (Operator::Add, Value::Tuple(first), Value::Tuple(second)) => {
            meter.items(first.items().len() + second.items().len())?;
            return meter.tuple([first.items(), second.items()].concat());
        }
        (Operator::Remainder, Value::Text(format), _) => {
            let made = match right {
                Value::Tuple(values) => percent(format, values.items(), meter)?,
                value => percent(format, std::slice::from_ref(value), meter)?,
            };
            return meter.text(&made);
        }
        (Operator::Multiply, Value::Text(_) | Value::List(_) | Value::Tuple(_), _) => {
            return repeat(left, right, meter);
        }
        (Operator::Multiply, _, Value::Text(_) | Value::List(_) | Value::Tuple(_)) => {
            return repeat(right, left, meter);
        }
        _ => {}
    }
    let whole = |operator, left, right| match operator {
        Operator::Divide => None,
        _ => integers(operator, left, right),
    };
    let number = match (left.as_int(), right.as_int()) {
        (Some(left), Some(right)) => whole(operator, left, right).map(Value::Int),
        _ => None,
    };
    let real = || Some((left.as_float()?, right.as_float()?));
    let number = number.or_else(|| {
        let (left, right) = real()?;
        reals(operator, left, right).map(Value::Float)
    });
    number.ok_or_else(|| {
        let (left, right) = (left.kind(), right.kind());
        Fault::new(format!("{left} and {right} cannot be computed with"))
    })
}

fn concatenate(left: &Value, right: &Value, meter: &mut Meter) -> Result<Value, Fault> {
    let mut both = String::new();
    value::text(left, &mut both, meter)?;
    value::text(right, &mut both, meter)?;
    Ok(Value::Text(both.into()))
}

fn repeat(value: &Value, times: &Value, meter: &mut Meter) -> Result<Value, Fault> {
    let times = times
        .as_int()
        .ok_or_else(|| Fault::new(format!("nothing is repeated by {}", times.kind())))?;
    let times = usize::try_from(times.max(0)).unwrap_or(usize::MAX);
    match value {
        Value::Text(text) => {
            meter.bytes(text.len().saturating_mul(times))?;
            Ok(Value::Text(text.repeat(times).into()))
        }
        Value::List(list) => {
            meter.items(list.items().len().saturating_mul(times))?;
            meter.list(repeated(list.items(), times))
        }
        Value::Tuple(list) => {
            meter.items(list.items().len().saturating_mul(times))?;
            meter.tuple(repeated(list.items(), times))
        }
        other => Err(Fault::new(format!("{} cannot be repeated", other.kind()))),
    }
}

fn repeated(items: &[Value], times: usize) -> Vec<Value> {
    let count = items.len() * if items.is_empty() { 0 } else { times };
    items.iter().cycle().take(count).cloned().collect()
}

/// `None` where there is no result, or none that fits.
fn integers(operator: Operator, left: i128, right: i128) -> Option<i128> {
    let floor = || {
        let quotient = left.checked_div(right)?;
        let inexact = left.checked_rem(right)? != 0 && (left < 0) != (right < 0);
        quotient.checked_sub(i128::from(inexact))
    };
    match operator {
        Operator::Add => left.checked_add(right),
        Operator::Subtract => left.checked_sub(right),
        Operator::Multiply => left.checked_mul(right),
        Operator::DivideWhole => floor(),
        Operator::Remainder => left.checked_sub(floor()?.checked_mul(right)?),
        Operator::Power => left.checked_pow(u32::try_from(right).ok()?),
        Operator::Divide | Operator::Concatenate => None,
    }
}

fn reals(operator: Operator, left: f64, right: f64) -> Option<f64> {
    let divides = right != 0.0;
    match operator {
        Operator::Add => Some(left + right),
        Operator::Subtract => Some(left - right),
        Operator::Multiply => Some(left * right),
        Operator::Divide => divides.then(|| left / right),
        Operator::DivideWhole => divides.then(|| (left / right).floor()),
        Operator::Remainder => divides.then(|| left - right * (left / right).floor()),
        Operator::Power => Some(left.powf(right)),
        Operator::Concatenate => None,
    }
}

/// `left comparison right`
pub(super) fn compare(
    comparison: Comparison,
    left: &Value,
    right: &Value,
    meter: &mut Meter,
) -> Result<bool, Fault> {
    Ok(match comparison {
        Comparison::Equal => equal(left, right, meter)?,
        Comparison::Unequal => !equal(left, right, meter)?,
        Comparison::Less => order(left, right, meter)?.is_lt(),
        Comparison::LessOrEqual => order(left, right, meter)?.is_le(),
        Comparison::Greater => order(left, right, meter)?.is_gt(),
        Comparison::GreaterOrEqual => order(left, right, meter)?.is_ge(),
        Comparison::In => contains(right, left, meter)?,
        Comparison::NotIn => !contains(right, left, meter)?,
    })
}

/// `value[start:stop:step]`
pub(super) fn slice(
    value: &Value,
    bounds: [Option<i128>; 3],
    meter: &mut Meter,
) -> Result<Value, Fault> {
    match value {
        Value::Text(text) => {
            meter.items(1 + text.len() / 4)?;
            let letters: Vec<char> = text.chars().collect();
            let kept: String = places(letters.len(), bounds)?
                .map(|at| letters[at])
                .collect();
            meter.text(&kept)
        }
        Value::List(list) => {
            let items = list.items();
            let kept = places(items.len(), bounds)?.map(|at| items[at].clone());
            meter.items(items.len())?;
            meter.list(kept.collect())
        }
        Value::Tuple(list) => {
            let items = list.items();
            let kept = places(items.len(), bounds)?.map(|at| items[at].clone());
            meter.items(items.len())?;
            meter.tuple(kept.collect())
        }
        other => Err(Fault::new(format!("{} cannot be sliced", other.kind()))),
    }
}

/// The places of a sequence of `count` that a slice takes.
fn places(
    count: usize,
    [start, stop, step]: [Option<i128>; 3],
) -> Result<impl Iterator<Item = usize>, Fault> {
    let step = step.unwrap_or(1);
    if step == 0 {
        return Err(Fault::new("the step of a slice cannot be 0"));
    }
    let forward = step > 0;
    let count = count as i128;
    // Backward, the place before the first is -1.
    let (lowest, highest) = if forward { (0, count) } else { (-1, count - 1) };
    let place = |bound: Option<i128>, default: i128| {
        let bound = bound.map(|bound| {
            if bound < 0 {
                bound.saturating_add(count)
            } else {
                bound
            }
        });
        bound.map_or(default, |bound| bound.clamp(lowest, highest))
    };
    let (first, last) = if forward {
        (lowest, highest)
    } else {
        (highest, lowest)
    };
    let (start, stop) = (place(start, first), place(stop, last));
    let goes_on = move |&at: &i128| if forward { at < stop } else { at > stop };
    Ok(
        std::iter::successors(Some(start), move |at| at.checked_add(step))
            .take_while(goes_on)
            .filter_map(|at| usize::try_from(at).ok()),
    )
}
