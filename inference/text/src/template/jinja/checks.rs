//! Tests: what stands behind `is`.

use super::fault::Fault;
use super::filters;
use super::meter::Meter;
use super::run::Given;
use super::value::{Value, contains, equal, order};

/// Whether `value` is `name`.
pub(super) fn holds(
    name: &str,
    value: &Value,
    mut given: Given,
    meter: &mut Meter,
) -> Result<bool, Fault> {
    meter.step()?;
    let holds = match name {
        "defined" => !matches!(value, Value::Undefined),
        "undefined" => matches!(value, Value::Undefined),
        "none" => matches!(value, Value::None),
        "boolean" => matches!(value, Value::Bool(_)),
        "true" => matches!(value, Value::Bool(true)),
        "false" => matches!(value, Value::Bool(false)),
        "integer" => matches!(value, Value::Int(_)),
        "float" => matches!(value, Value::Float(_)),
        "number" => value.as_float().is_some(),
        "string" => matches!(value, Value::Text(_)),
        "mapping" => matches!(value, Value::Map(_)),
        // What has a length and items: of the undefined, jinja2 says the same.
        "sequence" => matches!(
            value,
            Value::Undefined | Value::Text(_) | Value::List(_) | Value::Tuple(_) | Value::Map(_)
        ),
        "iterable" => matches!(
            value,
            Value::Undefined
                | Value::Text(_)
                | Value::List(_)
                | Value::Tuple(_)
                | Value::Map(_)
                | Value::Loop(_)
        ),
        "callable" => matches!(
            value,
            Value::Macro(..) | Value::Method(_) | Value::Function(_)
        ),
        "odd" => remainder(value, 2)? == 1,
        "even" => remainder(value, 2)? == 0,
        "divisibleby" => {
            let by = given.int("num")?.unwrap_or(0);
            remainder(value, by)? == 0
        }
        "lower" => cased(value, meter, char::is_lowercase, char::is_uppercase)?,
        "upper" => cased(value, meter, char::is_uppercase, char::is_lowercase)?,
        "in" => contains(&given.need("seq")?, value, meter)?,
        "eq" | "equalto" | "sameas" => equal(value, &given.need("other")?, meter)?,
        "ne" => !equal(value, &given.need("other")?, meter)?,
        "lt" | "lessthan" => order(value, &given.need("other")?, meter)?.is_lt(),
        "le" => order(value, &given.need("other")?, meter)?.is_le(),
        "gt" | "greaterthan" => order(value, &given.need("other")?, meter)?.is_gt(),
        "ge" => order(value, &given.need("other")?, meter)?.is_ge(),
        "filter" => value.as_text().is_some_and(filters::is_known),
        "escaped" => false,
        _ => return Err(Fault::new(format!("the test `{name}` is not known"))),
    };
    given.done()?;
    Ok(holds)
}

fn remainder(value: &Value, by: i128) -> Result<i128, Fault> {
    let number = value
        .as_int()
        .and_then(|number| number.checked_rem_euclid(by));
    number.ok_or_else(|| Fault::new(format!("{} cannot be divided so", value.kind())))
}

/// Python's `islower` and `isupper`: there is a letter of the case, and none of the other.
fn cased(
    value: &Value,
    meter: &mut Meter,
    is: fn(char) -> bool,
    is_other: fn(char) -> bool,
) -> Result<bool, Fault> {
    let text = value.as_text().unwrap_or_default();
    meter.bytes(text.len())?;
    Ok(text.chars().any(is) && !text.chars().any(is_other))
}
