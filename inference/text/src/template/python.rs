//! How Python prints what templates write out: `1.5e-05`, `{'a': [True, None]}`.
//!
//! # Source
//! `str` and `repr` of Python 3.

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, Output, State};

/// Writes `value` as `{{ value }}` of jinja2 does.
pub(super) fn format(out: &mut Output, state: &mut State, value: &Value) -> Result<(), Error> {
    if is_plain(value) {
        return minijinja::escape_formatter(out, state, value);
    }
    out.write_str(&text(value)).map_err(Error::from)
}

/// `str(value)`.
pub(super) fn text(value: &Value) -> String {
    if is_plain(value) {
        return value.to_string();
    }
    let mut text = String::new();
    repr(value, &mut text);
    text
}

/// A real number as Python prints it.
pub(super) fn real(real: f64) -> String {
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

/// Whether the engine prints it as Python does.
fn is_plain(value: &Value) -> bool {
    !matches!(value.kind(), ValueKind::Seq | ValueKind::Map) && as_real(value).is_none()
}

fn as_real(value: &Value) -> Option<f64> {
    let real = value.kind() == ValueKind::Number && !value.is_integer();
    real.then(|| f64::try_from(value.clone()).ok()).flatten()
}

fn repr(value: &Value, out: &mut String) {
    match value.kind() {
        ValueKind::String => quote(value.as_str().unwrap_or_default(), out),
        ValueKind::Seq => {
            let items = value.try_iter().into_iter().flatten();
            sequence(['[', ']'], items, out, repr);
        }
        ValueKind::Map => {
            let keys = value.try_iter().into_iter().flatten();
            sequence(['{', '}'], keys, out, |key, out| {
                repr(key, out);
                out.push_str(": ");
                repr(&value.get_item(key).unwrap_or_default(), out);
            });
        }
        _ => match as_real(value) {
            Some(number) => out.push_str(&real(number)),
            None => out.push_str(&value.to_string()),
        },
    }
}

fn sequence(
    brackets: [char; 2],
    items: impl Iterator<Item = Value>,
    out: &mut String,
    write: impl Fn(&Value, &mut String),
) {
    out.push(brackets[0]);
    for (number, item) in items.enumerate() {
        if number > 0 {
            out.push_str(", ");
        }
        write(&item, out);
    }
    out.push(brackets[1]);
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
                out.push_str(&format!("\\x{:02x}", u32::from(character)));
            }
            character => out.push(character),
        }
    }
    out.push(mark);
}
