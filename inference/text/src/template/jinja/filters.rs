//! Filters: what stands behind `|`. Those of text are in [`text`], those of lists in [`lists`].

mod lists;
mod text;

use super::fault::Fault;
use super::json;
use super::meter::Meter;
use super::run::Given;
use super::value::{self, Value};

/// Every filter.
const NAMES: [&str; 43] = [
    "abs",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "first",
    "float",
    "format",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "sort",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "wordcount",
];

/// Whether there is a filter `name`.
pub(super) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

/// `value` through the filter `name`.
pub(super) fn apply(
    name: &str,
    value: Value,
    given: Given,
    meter: &mut Meter,
) -> Result<Value, Fault> {
    meter.enter()?;
    let filtered = match name {
        "default" | "d" => default(value, given),
        "tojson" => json::to_json(&value, given, meter),
        "length" | "count" => {
            given.done()?;
            length(&value, meter)
        }
        "abs" | "float" | "int" | "round" => number(name, &value, given),
        "capitalize" | "center" | "e" | "escape" | "format" | "indent" | "lower" | "replace"
        | "safe" | "string" | "title" | "trim" | "truncate" | "upper" | "wordcount" => {
            text::apply(name, &value, given, meter)
        }
        _ if is_known(name) => lists::apply(name, &value, given, meter),
        _ => Err(Fault::new(format!("the filter `{name}` is not known"))),
    }?;
    meter.leave();
    Ok(filtered)
}

fn default(value: Value, mut given: Given) -> Result<Value, Fault> {
    let otherwise = given.take("default_value");
    let truth = given.flag("boolean");
    given.done()?;
    let absent = matches!(value, Value::Undefined) || (truth && !value.is_true());
    if !absent {
        return Ok(value);
    }
    Ok(otherwise.unwrap_or_else(|| Value::Text("".into())))
}

/// As Python counts: what is not there has no length, and that is 0.
fn length(value: &Value, meter: &mut Meter) -> Result<Value, Fault> {
    let count = match value {
        Value::Undefined => 0,
        Value::Text(text) => {
            meter.bytes(text.len())?;
            text.chars().count()
        }
        Value::List(list) | Value::Tuple(list) => list.items().len(),
        Value::Map(map) => map.entries().len(),
        other => return Err(Fault::new(format!("cannot count what is {}", other.kind()))),
    };
    Ok(Value::Int(count as i128))
}

fn number(name: &str, value: &Value, mut given: Given) -> Result<Value, Fault> {
    let result = match name {
        "int" => {
            let otherwise = given.take("default").unwrap_or(Value::Int(0));
            whole(value).map_or(otherwise, Value::Int)
        }
        "float" => {
            let otherwise = given.take("default").unwrap_or(Value::Float(0.0));
            let parsed = value.as_text().and_then(|text| text.trim().parse().ok());
            let real = parsed.or_else(|| value.as_float());
            real.map_or(otherwise, Value::Float)
        }
        "round" => {
            let precision = given.int("precision")?.unwrap_or(0).clamp(-300, 300);
            let method = given.text("method")?.unwrap_or_else(|| "common".into());
            let wrong = || Fault::new(format!("{} cannot be rounded", value.kind()));
            let real = value.as_float().ok_or_else(wrong)?;
            let scale = 10f64.powi(i32::try_from(precision).unwrap_or_default());
            let scaled = real * scale;
            let rounded = match &*method {
                "floor" => scaled.floor(),
                "ceil" => scaled.ceil(),
                _ => scaled.round_ties_even(),
            };
            Value::Float(rounded / scale)
        }
        _ => match value {
            Value::Float(real) => Value::Float(real.abs()),
            other => {
                let wrong = || Fault::new(format!("{} has no sign", other.kind()));
                let whole = other.as_int().and_then(i128::checked_abs);
                Value::Int(whole.ok_or_else(wrong)?)
            }
        },
    };
    given.done()?;
    Ok(result)
}

/// Python's `int`, of text too.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a number too large for any use becomes the largest"
)]
fn whole(value: &Value) -> Option<i128> {
    if let Some(text) = value.as_text() {
        let text = text.trim();
        let whole = text.parse().ok();
        return whole.or_else(|| whole_real(text.parse().ok()?));
    }
    value.as_int().or_else(|| whole_real(value.as_float()?))
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "a number too large for any use becomes the largest"
)]
fn whole_real(real: f64) -> Option<i128> {
    real.is_finite().then_some(real as i128)
}

/// `str(value)`
fn string(value: &Value, meter: &mut Meter) -> Result<String, Fault> {
    let mut text = String::new();
    value::text(value, &mut text, meter)?;
    Ok(text)
}
