//! The language templates are written in: Jinja as transformers sets it up.
//!
//! Invariant: a template reaches nothing of the host and ends after bounded steps, depth and output.

use std::fmt;

use jiff::Zoned;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

use super::{json, python};
use crate::error::TextError;

/// Steps a rendering may take; a long chat takes some ten thousands.
const FUEL: u64 = 2_000_000;
/// Steps a trial may take; its chats are short.
const TRIAL_FUEL: u64 = 100_000;
/// Depth of macros, each of which counts four.
const RECURSION_MAX: usize = 200;
/// Longest template; the longest in use have some 30 KB.
const SOURCE_BYTES_MAX: usize = 1 << 18;
const NAME: &str = "chat";

/// A compiled template.
pub(super) struct Script {
    environment: Environment<'static>,
}

impl Script {
    /// Compiles `source` for trials; `now` gives the time templates see.
    pub(super) fn compile(source: &str, now: fn() -> Zoned) -> Result<Self, TextError> {
        let wrong = |error: &Error| TextError::Template(describe(error));
        if source.len() > SOURCE_BYTES_MAX {
            let bytes = source.len();
            return Err(TextError::Template(format!(
                "it has {bytes} bytes, more than {SOURCE_BYTES_MAX}"
            )));
        }
        let mut environment = Environment::new();
        environment.set_syntax(syntax().map_err(|error| wrong(&error))?);
        environment.set_fuel(Some(TRIAL_FUEL));
        environment.set_recursion_limit(RECURSION_MAX);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", json::to_json);
        environment.add_filter("length", length);
        environment.add_filter("count", length);
        environment.add_filter("string", |value: &Value| python::text(value));
        environment.add_test("iterable", |value: &Value| {
            !value.is_none() && value.try_iter().is_ok()
        });
        environment.set_formatter(python::format);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", move |format: &str| strftime(format, &now()));
        environment
            .add_template_owned(NAME, strip_generation(source))
            .map_err(|error| wrong(&error))?;
        Ok(Self { environment })
    }

    /// Allows the steps a real chat takes.
    pub(super) fn allow_long_chats(&mut self) {
        self.environment.set_fuel(Some(FUEL));
    }

    /// The text for `context`.
    pub(super) fn render(&self, context: &Value) -> Result<String, String> {
        let render = || self.environment.get_template(NAME)?.render(context);
        render().map_err(|error| describe(&error))
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}

fn syntax() -> Result<SyntaxConfig, Error> {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true);
    builder.build()
}

/// Makes the tags that mark text for training, which transformers knows and the engine does not,
/// into conditions that hold: white space around them is treated as before.
fn strip_generation(source: &str) -> String {
    let mut stripped = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(open) = rest.find("{%") {
        let Some(length) = rest[open..].find("%}") else {
            break;
        };
        let tag = &rest[open..open + length + 2];
        stripped.push_str(&rest[..open]);
        let word = tag
            .trim_start_matches("{%")
            .trim_end_matches("%}")
            .trim_matches(['-', '+'])
            .trim();
        match word {
            "generation" => stripped.push_str(&tag.replacen("generation", "if true", 1)),
            "endgeneration" => stripped.push_str(&tag.replacen("endgeneration", "endif", 1)),
            _ => stripped.push_str(tag),
        }
        rest = &rest[open + length + 2..];
    }
    stripped.push_str(rest);
    stripped
}

fn raise_exception(message: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

fn strftime(format: &str, now: &Zoned) -> Result<String, Error> {
    let wrong = |error: jiff::Error| Error::new(ErrorKind::InvalidOperation, error.to_string());
    jiff::fmt::strtime::format(format, now).map_err(wrong)
}

/// As Python counts: what is not there has no length, and that is 0.
#[allow(
    clippy::needless_pass_by_value,
    reason = "filters take their keywords by value"
)]
fn length(value: &Value, options: Kwargs) -> Result<usize, Error> {
    options.assert_all_used()?;
    if value.kind() == ValueKind::Undefined {
        return Ok(0);
    }
    value.len().ok_or_else(|| {
        let message = format!("cannot count what is {}", value.kind());
        Error::new(ErrorKind::InvalidOperation, message)
    })
}

fn describe(error: &Error) -> String {
    let what = error
        .detail()
        .map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
    error.line().map_or(what.clone(), |line| {
        format!("{what} (line {line} of the template)")
    })
}
