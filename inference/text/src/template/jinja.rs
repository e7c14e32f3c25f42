//! The language chat templates are written in: Jinja, as Python's transformers sets it up.
//!
//! A template is read once ([`Template::parse`]) and run for each chat ([`Template::render`]). What no chat
//! template needs is refused by name: other templates (`include`, `extends`, `block`), recursive loops, unpacked
//! arguments. Lists that Python makes lazily are made at once; text is never escaped.
//!
//! Invariant: a template reaches nothing of the host, and each rendering ends. Every step, every byte made and every
//! value looked at is paid for ([`meter`]); syntax, calls and values nest to a bounded depth.
//!
//! # Source
//! The template designer documentation of jinja2 3.1, and `chat_template_utils.py` of transformers.

mod checks;
mod fault;
mod filters;
mod json;
mod lexer;
mod meter;
mod methods;
mod parser;
mod run;
mod syntax;
#[cfg(test)]
mod tests;
mod value;

use jiff::Zoned;
use serde_json::Value as Json;

pub(super) use self::fault::Fault;
pub(super) use self::json::to_text;
use self::meter::Meter;
use self::run::Run;
use self::syntax::Program;
use self::value::Value;

/// Longest template, in bytes; the longest in use have some 30 KB.
const SOURCE_BYTES_MAX: usize = 1 << 18;

/// A template that was read.
#[derive(Debug)]
pub(super) struct Template {
    program: Program,
}

impl Template {
    /// Reads `source`.
    ///
    /// # Errors
    /// [`Fault`] with the line that is wrong.
    pub(super) fn parse(source: &str) -> Result<Self, Fault> {
        if source.len() > SOURCE_BYTES_MAX {
            let bytes = source.len();
            return Err(Fault::new(format!(
                "it has {bytes} bytes, more than {SOURCE_BYTES_MAX}"
            )));
        }
        let program = parser::parse(lexer::tokens(source)?)?;
        Ok(Self { program })
    }

    /// The text for the names of `context`, an object, with `fuel` to spend; `now` gives the time that is told.
    ///
    /// # Errors
    /// [`Fault`] if the template refuses, breaks or spends more.
    pub(super) fn render(
        &self,
        context: &Json,
        fuel: u64,
        now: fn() -> Zoned,
    ) -> Result<String, Fault> {
        let Value::Map(names) = Value::from_json(context)? else {
            return Err(Fault::new("the context of a template is an object"));
        };
        Run::new(&self.program, &names, Meter::new(fuel), now).render()
    }
}
