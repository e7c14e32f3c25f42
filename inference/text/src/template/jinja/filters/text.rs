//! Filters that give text.

use super::{Fault, Given, Meter, Value, string};
use crate::template::jinja::methods::{capitalized, percent, replaced, split_lines, titled};
use crate::template::jinja::value::is_space;

/// `value` through the filter `name`, which is one of text.
pub(super) fn apply(
    name: &str,
    value: &Value,
    mut given: Given,
    meter: &mut Meter,
) -> Result<Value, Fault> {
    let text = string(value, meter)?;
    meter.bytes(text.len())?;
    let made = match name {
        "lower" => text.to_lowercase(),
        "upper" => text.to_uppercase(),
        "capitalize" => capitalized(&text),
        "title" => titled(&text),
        "trim" => match given.text("chars")? {
            Some(letters) => {
                meter.items(text.len().saturating_mul(letters.len()) / 32)?;
                text.trim_matches(|letter| letters.contains(letter))
                    .to_owned()
            }
            None => text.trim_matches(is_space).to_owned(),
        },
        "replace" => {
            let old = string(&given.need("old")?, meter)?;
            let new = string(&given.need("new")?, meter)?;
            let count = given.count("count")?.unwrap_or(usize::MAX);
            replaced(&text, &old, &new, count, meter)?
        }
        "indent" => indented(&text, &mut given, meter)?,
        "center" => centered(&text, &mut given, meter)?,
        "truncate" => truncated(&text, &mut given)?,
        "escape" | "e" => {
            // Each mark grows to at most six bytes.
            meter.bytes(6 * text.len())?;
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('\'', "&#39;")
                .replace('"', "&#34;")
        }
        "format" => percent(&text, &given.rest(), meter)?,
        "wordcount" => {
            given.done()?;
            let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            let count = words.filter(|word| !word.is_empty()).count();
            return Ok(Value::Int(count as i128));
        }
        // `safe` and `string`: nothing is escaped, so all text is safe.
        _ => text,
    };
    given.done()?;
    meter.text(&made)
}

/// `indent(width=4, first=False, blank=False)`
fn indented(text: &str, given: &mut Given, meter: &mut Meter) -> Result<String, Fault> {
    let margin = match given.take("width") {
        None => "    ".to_owned(),
        Some(Value::Text(margin)) => margin.to_string(),
        Some(width) => {
            let wrong = || Fault::new("the width of an indentation is a number");
            let width = usize::try_from(width.as_int().ok_or_else(wrong)?.max(0));
            let width = width.unwrap_or(usize::MAX);
            meter.bytes(width)?;
            " ".repeat(width)
        }
    };
    let (first, blank) = (given.flag("first"), given.flag("blank"));
    let lines = split_lines(text);
    meter.items(lines.len())?;
    meter.bytes(margin.len().saturating_mul(lines.len() + 2))?;
    let mut out = String::new();
    let ends = text.ends_with('\n').then_some("");
    for (number, line) in lines.into_iter().chain(ends).enumerate() {
        if number > 0 {
            out.push('\n');
        }
        if (number == 0 && first) || (number > 0 && (blank || !line.is_empty())) {
            out.push_str(&margin);
        }
        out.push_str(line);
    }
    Ok(out)
}

fn centered(text: &str, given: &mut Given, meter: &mut Meter) -> Result<String, Fault> {
    let width = given.count("width")?.unwrap_or(80);
    let missing = width.saturating_sub(text.chars().count());
    meter.bytes(missing)?;
    let left = missing / 2;
    Ok([&" ".repeat(left), text, &" ".repeat(missing - left)].concat())
}

/// `truncate(length=255, killwords=False, end='...', leeway=5)`
fn truncated(text: &str, given: &mut Given) -> Result<String, Fault> {
    let length = given.count("length")?.unwrap_or(255);
    let kill_words = given.flag("killwords");
    let end = given.text("end")?.unwrap_or_else(|| "...".into());
    let leeway = given.count("leeway")?.unwrap_or(5);
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(text.to_owned());
    }
    let kept = length.saturating_sub(end.chars().count());
    let mut cut: String = text.chars().take(kept).collect();
    if !kill_words && let Some(space) = cut.rfind(' ') {
        cut.truncate(space);
    }
    cut.push_str(&end);
    Ok(cut)
}
