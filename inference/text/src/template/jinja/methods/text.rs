//! Methods of text.

use super::format::braces;
use super::{Fault, Given, Meter, Value};
use crate::template::jinja::value::is_space;

/// What the method `name` of `text` gives.
pub(super) fn call(
    text: &str,
    name: &'static str,
    mut given: Given,
    meter: &mut Meter,
) -> Result<Value, Fault> {
    meter.bytes(text.len())?;
    let result = match name {
        "lower" => meter.text(&text.to_lowercase())?,
        "upper" => meter.text(&text.to_uppercase())?,
        "capitalize" => meter.text(&capitalized(text))?,
        "title" => meter.text(&titled(text))?,
        "strip" | "lstrip" | "rstrip" => strip(text, name, &mut given, meter)?,
        "split" | "rsplit" => split(text, name == "rsplit", &mut given, meter)?,
        "splitlines" => lines(text, &mut given, meter)?,
        "partition" | "rpartition" => partition(text, name == "rpartition", &mut given, meter)?,
        "startswith" => Value::Bool(any_of(&given.need("prefix")?, |part| {
            text.starts_with(part)
        })?),
        "endswith" => Value::Bool(any_of(&given.need("suffix")?, |part| text.ends_with(part))?),
        "removeprefix" => {
            let prefix = needed(&mut given, "prefix")?;
            meter.text(text.strip_prefix(&*prefix).unwrap_or(text))?
        }
        "removesuffix" => {
            let suffix = needed(&mut given, "suffix")?;
            meter.text(text.strip_suffix(&*suffix).unwrap_or(text))?
        }
        "replace" => {
            let (old, new) = (needed(&mut given, "old")?, needed(&mut given, "new")?);
            let count = given
                .int("count")?
                .and_then(|count| usize::try_from(count).ok());
            let made = replaced(text, &old, &new, count.unwrap_or(usize::MAX), meter)?;
            meter.text(&made)?
        }
        "find" | "rfind" | "index" | "count" => find(text, name, &mut given)?,
        "join" => join(text, &given.need("iterable")?, meter)?,
        "format" => {
            let (positional, named) = (given.rest(), given.rest_named());
            Value::Text(braces(text, &positional, &named, meter)?.into())
        }
        "center" | "ljust" | "rjust" | "zfill" => pad(text, name, &mut given, meter)?,
        _ => Value::Bool(is(text, name)),
    };
    given.done()?;
    Ok(result)
}

fn needed(given: &mut Given, name: &str) -> Result<std::sync::Arc<str>, Fault> {
    given
        .text(name)?
        .ok_or_else(|| Fault::new(format!("the argument `{name}` is missing")))
}

fn strip(text: &str, name: &str, given: &mut Given, meter: &mut Meter) -> Result<Value, Fault> {
    let letters = given.text("chars")?;
    if let Some(letters) = &letters {
        meter.items(text.len().saturating_mul(letters.len()) / 32)?;
    }
    let goes = |letter: char| {
        letters
            .as_ref()
            .map_or_else(|| is_space(letter), |letters| letters.contains(letter))
    };
    meter.text(match name {
        "strip" => text.trim_matches(goes),
        "lstrip" => text.trim_start_matches(goes),
        _ => text.trim_end_matches(goes),
    })
}

/// `split(sep=None, maxsplit=-1)`
fn split(text: &str, from_end: bool, given: &mut Given, meter: &mut Meter) -> Result<Value, Fault> {
    let separator = given.text("sep")?;
    let most = given
        .int("maxsplit")?
        .and_then(|most| usize::try_from(most).ok());
    let most = most.unwrap_or(usize::MAX);
    if separator.as_deref() == Some("") {
        return Err(Fault::new("the separator of `split` is empty"));
    }
    let mut parts = Vec::new();
    let mut rest = Some(text);
    while let Some(text) = rest.filter(|_| parts.len() < most) {
        let cut = match &separator {
            Some(separator) if from_end => text.rsplit_once(&**separator).map(|(a, b)| (b, a)),
            Some(separator) => text.split_once(&**separator),
            None => word(text, from_end),
        };
        let Some((part, others)) = cut else {
            break;
        };
        parts.push(meter.text(part)?);
        rest = Some(others);
    }
    let last = match (rest, &separator) {
        (Some(rest), None) if from_end => Some(rest.trim_end_matches(is_space)),
        (Some(rest), None) => Some(rest.trim_start_matches(is_space)),
        (rest, _) => rest,
    };
    if let Some(last) = last.filter(|last| separator.is_some() || !last.is_empty()) {
        parts.push(meter.text(last)?);
    }
    if from_end {
        parts.reverse();
    }
    meter.list(parts)
}

/// The first, or last, word of `text`, and what is left.
fn word(text: &str, from_end: bool) -> Option<(&str, &str)> {
    if from_end {
        let text = text.trim_end_matches(is_space);
        let start = text
            .char_indices()
            .rev()
            .find(|(_, letter)| is_space(*letter));
        let start = start.map_or(0, |(at, letter)| at + letter.len_utf8());
        return (!text.is_empty()).then(|| (&text[start..], &text[..start]));
    }
    let text = text.trim_start_matches(is_space);
    let end = text.find(is_space).unwrap_or(text.len());
    (!text.is_empty()).then(|| text.split_at(end))
}

fn lines(text: &str, given: &mut Given, meter: &mut Meter) -> Result<Value, Fault> {
    if given.flag("keepends") {
        return Err(Fault::new("`keepends` is not supported"));
    }
    let lines = split_lines(text).into_iter().map(|line| meter.text(line));
    let lines = lines.collect::<Result<_, _>>()?;
    meter.list(lines)
}

fn partition(
    text: &str,
    from_end: bool,
    given: &mut Given,
    meter: &mut Meter,
) -> Result<Value, Fault> {
    let separator = needed(given, "sep")?;
    let cut = if from_end {
        text.rsplit_once(&*separator)
    } else {
        text.split_once(&*separator)
    };
    let parts = match cut {
        Some((before, after)) => [before, &*separator, after],
        None if from_end => ["", "", text],
        None => [text, "", ""],
    };
    let parts = parts
        .into_iter()
        .map(|part| meter.text(part))
        .collect::<Result<_, _>>()?;
    meter.tuple(parts)
}

/// Whether `is` holds for the text `wanted`, or for one of the texts in it.
fn any_of(wanted: &Value, is: impl Fn(&str) -> bool) -> Result<bool, Fault> {
    match wanted {
        Value::Text(part) => Ok(is(part)),
        Value::Tuple(parts) => Ok(parts.items().iter().filter_map(Value::as_text).any(is)),
        other => Err(Fault::new(format!(
            "text does not begin or end with {}",
            other.kind()
        ))),
    }
}

fn find(text: &str, name: &str, given: &mut Given) -> Result<Value, Fault> {
    let wanted = needed(given, "sub")?;
    if name == "count" {
        return Ok(Value::Int(text.matches(&*wanted).count() as i128));
    }
    let found = if name == "rfind" {
        text.rfind(&*wanted)
    } else {
        text.find(&*wanted)
    };
    let place = found.map(|at| text[..at].chars().count() as i128);
    match place {
        None if name == "index" => Err(Fault::new("the text is not found")),
        place => Ok(Value::Int(place.unwrap_or(-1))),
    }
}

fn join(between: &str, items: &Value, meter: &mut Meter) -> Result<Value, Fault> {
    let mut out = String::new();
    for (number, item) in items.items(meter)?.iter().enumerate() {
        let wrong = || Fault::new(format!("`join` takes texts, not {}", item.kind()));
        let item = item.as_text().ok_or_else(wrong)?;
        meter.bytes(between.len() + item.len())?;
        if number > 0 {
            out.push_str(between);
        }
        out.push_str(item);
    }
    Ok(Value::Text(out.into()))
}

fn pad(text: &str, name: &str, given: &mut Given, meter: &mut Meter) -> Result<Value, Fault> {
    let width = given.count("width")?.unwrap_or(0);
    let filler = given.text("fillchar")?.unwrap_or_else(|| " ".into());
    let filler = if name == "zfill" { "0" } else { &*filler };
    let missing = width.saturating_sub(text.chars().count());
    meter.bytes(missing.saturating_mul(filler.len()))?;
    let left = match name {
        "ljust" => 0,
        "center" => missing / 2,
        _ => missing,
    };
    meter.text(&[&filler.repeat(left), text, &filler.repeat(missing - left)].concat())
}

/// The methods that begin with `is`.
fn is(text: &str, name: &str) -> bool {
    let all = |is: fn(char) -> bool| !text.is_empty() && text.chars().all(is);
    match name {
        "isalnum" => all(char::is_alphanumeric),
        "isalpha" => all(char::is_alphabetic),
        "isascii" => text.is_ascii(),
        "isspace" => all(is_space),
        "islower" => text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase),
        "isupper" => text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase),
        _ => all(char::is_numeric),
    }
}

/// Python's `capitalize`.
pub(in super::super) fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().collect::<String>() + &letters.as_str().to_lowercase()
}

/// Python's `title`: each word begins large.
pub(in super::super) fn titled(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for letter in text.chars() {
        if inside {
            out.extend(letter.to_lowercase());
        } else {
            out.extend(letter.to_uppercase());
        }
        inside = letter.is_alphabetic();
    }
    out
}

/// `text` with the first `count` of `old` as `new`.
pub(in super::super) fn replaced(
    text: &str,
    old: &str,
    new: &str,
    count: usize,
    meter: &mut Meter,
) -> Result<String, Fault> {
    // Where `old` is empty, Python puts `new` before each letter and behind the last, as Rust does.
    meter.bytes(text.len() + old.len())?;
    let found = text.matches(old).take(count).count();
    meter.bytes(found.saturating_mul(new.len()))?;
    Ok(text.replacen(old, new, count))
}

/// Python's `splitlines`.
pub(in super::super) fn split_lines(text: &str) -> Vec<&str> {
    let ends = |letter: char| {
        matches!(
            letter,
            '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'
                ..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let mut lines = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let Some(at) = rest.find(ends) else {
            lines.push(rest);
            break;
        };
        lines.push(&rest[..at]);
        let end = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        rest = &rest[at + end..];
    }
    lines
}
