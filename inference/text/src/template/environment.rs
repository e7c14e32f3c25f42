//! A model's template with what transformers gives it: the time, and fuel for a chat.
//!
//! Invariant: a template reaches nothing of the host and ends after bounded steps, depth and memory.

use jiff::Zoned;
use serde_json::Value as Json;

use super::jinja::{Fault, Template};
use crate::error::TextError;

/// Units a rendering may spend besides what its chat is worth; a long chat takes some ten thousands.
const FUEL: u64 = 2_000_000;
/// Units a trial may spend; its chats are short.
const TRIAL_FUEL: u64 = 100_000;
/// Bytes of a chat that are worth a unit: enough to read and copy it eight times.
const BYTES_PER_UNIT: u64 = 4;

/// A compiled template.
#[derive(Debug)]
pub(super) struct Script {
    template: Template,
    now: fn() -> Zoned,
    fuel: u64,
}

impl Script {
    /// Compiles `source` for trials; `now` gives the time templates see.
    pub(super) fn compile(source: &str, now: fn() -> Zoned) -> Result<Self, TextError> {
        let wrong = |fault: Fault| TextError::Template(fault.to_string());
        Ok(Self {
            template: Template::parse(source).map_err(wrong)?,
            now,
            fuel: TRIAL_FUEL,
        })
    }

    /// Allows the steps a real chat takes.
    pub(super) fn allow_long_chats(&mut self) {
        self.fuel = FUEL;
    }

    /// The text for `context`.
    pub(super) fn render(&self, context: &Json) -> Result<String, String> {
        let fuel = self.fuel + bytes(context) / BYTES_PER_UNIT;
        let text = self.template.render(context, fuel, self.now);
        text.map_err(|fault| fault.to_string())
    }
}

/// The bytes of what `json` says.
fn bytes(json: &Json) -> u64 {
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) => 8,
        Json::String(text) => text.len() as u64,
        Json::Array(items) => items.iter().map(bytes).sum(),
        Json::Object(entries) => entries
            .iter()
            .map(|(key, value)| key.len() as u64 + bytes(value))
            .sum(),
    }
}
