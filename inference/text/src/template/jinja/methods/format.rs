//! Text with places for values: `'%s'|format(x)` and `'{}'.format(x)`, without widths and other niceties.

use std::sync::Arc;

use super::{Fault, Meter, Value};
use crate::template::jinja::value;

/// Python's `text % values`, of `%s`, `%r`, `%d`, `%i`, `%f` with a number of digits, and `%%`.
pub(in super::super) fn percent(
    text: &str,
    values: &[Value],
    meter: &mut Meter,
) -> Result<String, Fault> {
    let mut values = values.iter();
    let mut out = String::new();
    let mut parts = text.split('%');
    out.push_str(parts.next().unwrap_or_default());
    while let Some(part) = parts.next() {
        meter.step()?;
        if part.is_empty() {
            out.push('%');
            out.push_str(parts.next().unwrap_or_default());
            continue;
        }
        let letter = part.find(|c: char| c.is_ascii_alphabetic());
        let at = letter.ok_or_else(|| Fault::new("a `%` of a format has no letter"))?;
        let missing = || Fault::new("there are fewer values than places for them");
        let value = values.next().ok_or_else(missing)?;
        place(value, &part[..at], &part[at..=at], &mut out, meter)?;
        out.push_str(&part[at + 1..]);
    }
    Ok(out)
}

/// Python's `text.format(...)`: `{}`, `{0}`, `{name}`, and `{:.2f}`.
pub(super) fn braces(
    text: &str,
    positional: &[Value],
    named: &[(Arc<str>, Value)],
    meter: &mut Meter,
) -> Result<String, Fault> {
    let mut out = String::new();
    let mut automatic = 0;
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        meter.step()?;
        out.push_str(&rest[..at]);
        let mark = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(doubled) = rest.strip_prefix(mark) {
            out.push_str(mark);
            rest = doubled;
            continue;
        }
        let field = rest.split_once('}').filter(|_| mark == "{");
        let (field, behind) =
            field.ok_or_else(|| Fault::new("a brace stands alone in a format"))?;
        rest = behind;
        let (name, layout) = field.split_once(':').unwrap_or((field, ""));
        let value = if name.is_empty() {
            automatic += 1;
            positional.get(automatic - 1)
        } else if let Ok(number) = name.parse::<usize>() {
            positional.get(number)
        } else {
            named
                .iter()
                .find(|(known, _)| **known == *name)
                .map(|(_, value)| value)
        };
        let value = value.ok_or_else(|| Fault::new("a place in a format has no value"))?;
        let at = layout
            .find(|c: char| c.is_ascii_alphabetic())
            .unwrap_or(layout.len());
        let letter = if layout.is_empty() {
            "s"
        } else {
            &layout[at..]
        };
        place(value, &layout[..at], letter, &mut out, meter)?;
    }
    out.push_str(rest);
    meter.bytes(out.len())?;
    Ok(out)
}

/// Writes `value` as `letter` says.
fn place(
    value: &Value,
    digits: &str,
    letter: &str,
    out: &mut String,
    meter: &mut Meter,
) -> Result<(), Fault> {
    let unknown = || Fault::new(format!("the format `{digits}{letter}` is not supported"));
    let wrong = || Fault::new(format!("{} does not fit the format", value.kind()));
    let decimals = match digits.strip_prefix('.') {
        Some(decimals) => Some(decimals.parse::<u8>().map_err(|_| unknown())?),
        None if digits.is_empty() => None,
        None => return Err(unknown()),
    };
    match (letter, decimals) {
        ("s", None) => value::text(value, out, meter),
        ("r", None) => value::repr(value, out, meter),
        ("d" | "i", None) => {
            out.push_str(&value.as_int().ok_or_else(wrong)?.to_string());
            Ok(())
        }
        ("f", decimals) => {
            let real = value.as_float().ok_or_else(wrong)?;
            let decimals = usize::from(decimals.unwrap_or(6));
            out.push_str(&format!("{real:.decimals$}"));
            Ok(())
        }
        _ => Err(unknown()),
    }
}
