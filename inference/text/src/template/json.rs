//! `tojson` as Python writes it: models were trained on `", "` and `": "`.
//!
//! # Source
//! `json.dumps(value, ensure_ascii=False, indent=indent)`, as transformers calls it.

use minijinja::value::{Kwargs, Value};
use minijinja::{Error, ErrorKind};
use serde_json::Value as Json;

use super::guard::is_noncharacter;
use super::python;

/// Deepest indentation step a template may ask for.
const INDENT_MAX: usize = 16;

/// The filter `tojson`, with the keywords `indent`, `ensure_ascii` and `sort_keys`.
#[allow(
    clippy::needless_pass_by_value,
    reason = "filters take their keywords by value"
)]
pub(super) fn to_json(value: &Value, options: Kwargs) -> Result<Value, Error> {
    let json = serde_json::to_value(value)
        .map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))?;
    let printer = Printer {
        indent: options
            .get::<Option<usize>>("indent")?
            .map(|indent| indent.min(INDENT_MAX)),
        ensure_ascii: options
            .get::<Option<bool>>("ensure_ascii")?
            .unwrap_or(false),
        sort_keys: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
    };
    options.assert_all_used()?;
    let mut text = String::new();
    printer.print(&json, 0, &mut text);
    Ok(Value::from_safe_string(text))
}

/// `json` on one line.
pub(super) fn to_text(json: &Json) -> String {
    let printer = Printer {
        indent: None,
        ensure_ascii: false,
        sort_keys: false,
    };
    let mut text = String::new();
    printer.print(json, 0, &mut text);
    text
}

struct Printer {
    indent: Option<usize>,
    ensure_ascii: bool,
    sort_keys: bool,
}

impl Printer {
    fn print(&self, json: &Json, depth: usize, out: &mut String) {
        match json {
            Json::Null | Json::Bool(_) => out.push_str(&json.to_string()),
            Json::Number(number) => out.push_str(&python_number(number)),
            Json::String(text) => self.string(text, out),
            Json::Array(items) => {
                self.sequence(['[', ']'], items.iter(), depth, out, |item, out| {
                    self.print(item, depth + 1, out);
                });
            }
            Json::Object(entries) => {
                let mut entries: Vec<_> = entries.iter().collect();
                if self.sort_keys {
                    entries.sort_by_key(|(key, _)| *key);
                }
                self.sequence(
                    ['{', '}'],
                    entries.into_iter(),
                    depth,
                    out,
                    |(key, value), out| {
                        self.string(key, out);
                        out.push_str(": ");
                        self.print(value, depth + 1, out);
                    },
                );
            }
        }
    }

    fn sequence<T>(
        &self,
        brackets: [char; 2],
        items: impl ExactSizeIterator<Item = T>,
        depth: usize,
        out: &mut String,
        mut print: impl FnMut(T, &mut String),
    ) {
        let empty = items.len() == 0;
        out.push(brackets[0]);
        for (number, item) in items.enumerate() {
            if number > 0 {
                out.push_str(if self.indent.is_some() { "," } else { ", " });
            }
            self.line(depth + 1, out);
            print(item, out);
        }
        if !empty {
            self.line(depth, out);
        }
        out.push(brackets[1]);
    }

    fn line(&self, depth: usize, out: &mut String) {
        if let Some(indent) = self.indent {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent * depth));
        }
    }

    fn string(&self, text: &str, out: &mut String) {
        let quoted = Json::from(text).to_string();
        if !self.ensure_ascii {
            out.push_str(&quoted);
            return;
        }
        let mut units = [0; 2];
        for character in quoted.chars() {
            // Marks of the guard must stay as they are, to be taken out again.
            if character.is_ascii() || is_noncharacter(character) {
                out.push(character);
            } else {
                out.extend(
                    character
                        .encode_utf16(&mut units)
                        .iter()
                        .map(|unit| format!("\\u{unit:04x}")),
                );
            }
        }
    }
}

/// A number as Python prints it: `1.0`, `1e+16`, `1e-05`.
fn python_number(number: &serde_json::Number) -> String {
    match number.as_f64() {
        Some(real) if number.is_f64() => python::real(real),
        _ => number.to_string(),
    }
}
