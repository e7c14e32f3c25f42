//! `tojson` as Python writes it: models were trained on `", "` and `": "`.
//!
//! # Source
//! `json.dumps(value, ensure_ascii=False, indent=indent)`, as transformers calls it.

use std::fmt::Write as _;

use super::fault::Fault;
use super::meter::Meter;
use super::run::Given;
use super::value::{Value, real};
use crate::template::guard::is_noncharacter;

/// Widest indentation step a template may ask for.
const INDENT_MAX: usize = 16;

/// The filter `tojson`, with the keywords `indent`, `ensure_ascii`, `separators` and `sort_keys`.
pub(super) fn to_json(value: &Value, mut given: Given, meter: &mut Meter) -> Result<Value, Fault> {
    // The order transformers has them in.
    let ensure_ascii = given.flag("ensure_ascii");
    let indent = given.count("indent")?.map(|indent| indent.min(INDENT_MAX));
    let [comma, colon] = separators(given.take("separators").as_ref(), indent.is_some())?;
    let sort_keys = given.flag("sort_keys");
    given.done()?;
    let mut printer = Printer {
        indent,
        ensure_ascii,
        sort_keys,
        comma,
        colon,
        out: String::new(),
        meter,
    };
    printer.print(value, 0)?;
    Ok(Value::Text(printer.out.into()))
}

fn separators(given: Option<&Value>, indents: bool) -> Result<[String; 2], Fault> {
    let pair = match given {
        None | Some(Value::None) => {
            let comma = if indents { "," } else { ", " };
            return Ok([comma.to_owned(), ": ".to_owned()]);
        }
        Some(Value::List(list) | Value::Tuple(list)) => list.items(),
        Some(_) => &[],
    };
    match pair {
        [Value::Text(comma), Value::Text(colon)] => Ok([comma.to_string(), colon.to_string()]),
        _ => Err(Fault::new("`separators` are two texts")),
    }
}

struct Printer<'m> {
    indent: Option<usize>,
    ensure_ascii: bool,
    sort_keys: bool,
    comma: String,
    colon: String,
    out: String,
    meter: &'m mut Meter,
}

impl Printer<'_> {
    fn print(&mut self, value: &Value, depth: usize) -> Result<(), Fault> {
        self.meter.bytes(32 + self.comma.len() + self.colon.len())?;
        match value {
            Value::None => self.out.push_str("null"),
            Value::Bool(truth) => self.out.push_str(if *truth { "true" } else { "false" }),
            Value::Int(number) => {
                let _ = write!(self.out, "{number}");
            }
            Value::Float(number) => self.out.push_str(&json_real(*number)),
            Value::Text(text) => self.string(text)?,
            Value::List(list) | Value::Tuple(list) => {
                self.sequence(['[', ']'], list.items(), depth, |printer, item| {
                    printer.print(item, depth + 1)
                })?;
            }
            Value::Map(map) if self.sort_keys => {
                let entries = map.entries().iter();
                let keyed = entries.map(|(key, value)| (key.clone(), value.clone()));
                let sorted = super::value::sort_by(keyed.collect(), false, self.meter)?;
                self.entries(&sorted, depth)?;
            }
            Value::Map(map) => self.entries(map.entries(), depth)?,
            other => {
                let kind = other.kind();
                return Err(Fault::new(format!("{kind} cannot be written as JSON")));
            }
        }
        Ok(())
    }

    fn entries(&mut self, entries: &[(Value, Value)], depth: usize) -> Result<(), Fault> {
        self.sequence(['{', '}'], entries, depth, |printer, (key, value)| {
            match key {
                Value::Text(text) => printer.string(text)?,
                Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::None => {
                    printer.out.push('"');
                    printer.print(key, depth)?;
                    printer.out.push('"');
                }
                other => {
                    let kind = other.kind();
                    return Err(Fault::new(format!("{kind} cannot be a key of JSON")));
                }
            }
            let colon = std::mem::take(&mut printer.colon);
            printer.out.push_str(&colon);
            printer.colon = colon;
            printer.print(value, depth + 1)
        })
    }

    fn sequence<T>(
        &mut self,
        brackets: [char; 2],
        items: &[T],
        depth: usize,
        mut print: impl FnMut(&mut Self, &T) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        self.out.push(brackets[0]);
        for (number, item) in items.iter().enumerate() {
            if number > 0 {
                let comma = std::mem::take(&mut self.comma);
                self.out.push_str(&comma);
                self.comma = comma;
            }
            self.line(depth + 1)?;
            print(self, item)?;
        }
        if !items.is_empty() {
            self.line(depth)?;
        }
        self.out.push(brackets[1]);
        Ok(())
    }

    fn line(&mut self, depth: usize) -> Result<(), Fault> {
        if let Some(indent) = self.indent {
            self.meter.bytes(indent * depth)?;
            self.out.push('\n');
            self.out.extend(std::iter::repeat_n(' ', indent * depth));
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<(), Fault> {
        self.meter.bytes(text.len())?;
        let quoted = serde_json::Value::from(text).to_string();
        if !self.ensure_ascii {
            self.out.push_str(&quoted);
            return Ok(());
        }
        let mut units = [0; 2];
        for character in quoted.chars() {
            // Marks of the guard must stay as they are, to be taken out again.
            if character.is_ascii() || is_noncharacter(character) {
                self.out.push(character);
            } else {
                for unit in character.encode_utf16(&mut units) {
                    let _ = write!(self.out, "\\u{unit:04x}");
                }
            }
        }
        Ok(())
    }
}

fn json_real(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        let sign = if number < 0.0 { "-" } else { "" };
        format!("{sign}Infinity")
    } else {
        real(number)
    }
}

/// `json` on one line, as the filter writes it.
pub(in crate::template) fn to_text(json: &serde_json::Value) -> String {
    let written = Value::from_json(json)
        .and_then(|value| to_json(&value, Given::default(), &mut Meter::new(u64::MAX)));
    match written {
        Ok(Value::Text(text)) => text.to_string(),
        // Deeper than requests may nest: compact is as good.
        _ => json.to_string(),
    }
}
