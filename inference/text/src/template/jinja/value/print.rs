//! How Python prints values: `1.5e-05`, `{'a': [True, None]}`.
//!
//! # Source
//! `str` and `repr` of Python 3.

use std::fmt::Write as _;

use super::{Fault, List, Meter, Value};

/// `str(value)`, added to `out`.
pub(in super::super) fn text(
    value: &Value,
    out: &mut String,
    meter: &mut Meter,
) -> Result<(), Fault> {
    match value {
        Value::Undefined => Ok(()),
        Value::Text(text) => {
            meter.bytes(text.len())?;
            out.push_str(text);
            Ok(())
        }
        other => repr(other, out, meter),
    }
}

/// `repr(value)`, added to `out`.
pub(in super::super) fn repr(
    value: &Value,
    out: &mut String,
    meter: &mut Meter,
) -> Result<(), Fault> {
    meter.items(2)?;
    match value {
        Value::Undefined => out.push_str("Undefined"),
        Value::None => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Float(number) => out.push_str(&real(*number)),
        Value::Text(text) => {
            meter.bytes(text.len())?;
            quote(text, out);
        }
        Value::List(list) => sequence(list, ["[", "]"], out, meter)?,
        Value::Tuple(list) => {
            let close = if list.items.len() == 1 { ",)" } else { ")" };
            sequence(list, ["(", close], out, meter)?;
        }
        Value::Map(map) => {
            out.push('{');
            for (number, (key, value)) in map.entries.iter().enumerate() {
                if number > 0 {
                    out.push_str(", ");
                }
                repr(key, out, meter)?;
                out.push_str(": ");
                repr(value, out, meter)?;
            }
            out.push('}');
        }
        other => {
            // Python tells an address, which no prompt wants.
            let _ = write!(out, "<{}>", other.kind());
        }
    }
    Ok(())
}

fn sequence(
    list: &List,
    brackets: [&str; 2],
    out: &mut String,
    meter: &mut Meter,
) -> Result<(), Fault> {
    out.push_str(brackets[0]);
    for (number, item) in list.items.iter().enumerate() {
        if number > 0 {
            out.push_str(", ");
        }
        repr(item, out, meter)?;
    }
    out.push_str(brackets[1]);
    Ok(())
}

/// A real number as Python prints it.
pub(in super::super) fn real(real: f64) -> String {
    if real == 0.0 || (1e-4..1e16).contains(&real.abs()) {
        return format!("{real:?}");
    }
    if !real.is_finite() {
        return if real.is_nan() {
            "nan".to_owned()
        } else {
            format!("{real}")
        };
    }
    let scientific = format!("{real:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let (sign, digits) = exponent
        .strip_prefix('-')
        .map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// Quotes as Python does: double only where the text has single ones and no double ones.
fn quote(text: &str, out: &mut String) {
    let mark = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(mark);
    for character in text.chars() {
        match character {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            character if character == mark => out.extend(['\\', mark]),
            character if character.is_control() && u32::from(character) < 0x100 => {
                let _ = write!(out, "\\x{:02x}", u32::from(character));
            }
            character => out.push(character),
        }
    }
    out.push(mark);
}
