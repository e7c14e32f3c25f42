//! A request for generation and what is allowed in it.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::error::EngineError;
use crate::prompt::{Prompt, TokenId};
use crate::thoughts::ThoughtLimit;

/// Most stop strings of a request; OpenAI allows 4, other servers more.
pub const STOP_STRINGS_MAX: usize = 16;
/// Longest stop string, bytes: the matcher holds back this much text.
pub const STOP_STRING_BYTES_MAX: usize = 256;
/// Most likely tokens told beside each token written; what OpenAI allows.
pub const LOGPROBS_MAX: usize = 20;
/// At or below this temperature the likeliest token is taken.
pub const GREEDY_TEMPERATURE: f32 = 1e-6;

/// Who goes first when requests wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// An incident's analysis.
    Incident,
    /// A person waits for the answer.
    #[default]
    Interactive,
    /// Nobody waits.
    Batch,
}

impl Priority {
    /// Every priority, the most urgent first.
    pub const ALL: [Self; 3] = [Self::Incident, Self::Interactive, Self::Batch];

    /// The name used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incident => "incident",
            Self::Interactive => "interactive",
            Self::Batch => "batch",
        }
    }
}

/// What the text written must match.
#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    /// A Lark grammar in llguidance's dialect.
    Lark(String),
    /// A JSON schema; compact JSON is written.
    JsonSchema(serde_json::Value),
    /// A regular expression the whole text matches.
    Regex(String),
}

/// How tokens are chosen.
///
/// Defaults are those of the `OpenAI` API: temperature 1, nothing cut off, no penalty.
#[derive(Clone, Debug, PartialEq)]
pub struct SamplingParams {
    /// Divides the logits; 0 takes the likeliest token.
    pub temperature: f32,
    /// Keeps the fewest likeliest tokens whose probabilities reach this sum.
    pub top_p: f32,
    /// Keeps this many likeliest tokens; 0 keeps all.
    pub top_k: usize,
    /// Keeps tokens at least this probable, relative to the likeliest.
    pub min_p: f32,
    /// Keeps the tokens whose surprise is nearest to the expected one until their probabilities reach
    /// this sum; 1 keeps all. (Meister and others, arXiv:2202.00666.)
    pub typical_p: f32,
    /// The same seed and prompt give the same text; none draws a fresh one.
    pub seed: Option<u64>,
    /// Most tokens to write; none writes until the window is full.
    pub max_tokens: Option<usize>,
    /// Texts that end the answer and are not part of it.
    pub stop: Vec<String>,
    /// Divides the logits of tokens in prompt or answer; 1 is off.
    pub repetition_penalty: f32,
    /// Taken from the logits of tokens already written.
    pub presence_penalty: f32,
    /// Taken from the logits of tokens once per time they were written.
    pub frequency_penalty: f32,
    /// Added to the logits of these tokens.
    pub logit_bias: BTreeMap<TokenId, f32>,
}

impl Default for SamplingParams {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            min_p: 0.0,
            typical_p: 1.0,
            seed: None,
            max_tokens: None,
            stop: Vec::new(),
            repetition_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            logit_bias: BTreeMap::new(),
        }
    }
}

impl SamplingParams {
    /// Takes the likeliest token each time, at most `max_tokens` of them.
    pub fn greedy(max_tokens: usize) -> Self {
        Self {
            temperature: 0.0,
            max_tokens: Some(max_tokens),
            ..Self::default()
        }
    }

    /// Whether the likeliest token is taken each time.
    pub fn is_greedy(&self) -> bool {
        self.temperature <= GREEDY_TEMPERATURE
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// [`EngineError::Parameter`] naming the first one out of range.
    pub fn validate(&self, vocab_size: usize) -> Result<(), EngineError> {
        within("temperature", self.temperature, 0.0, 2.0)?;
        within("top_p", self.top_p, f32::MIN_POSITIVE, 1.0)?;
        within("min_p", self.min_p, 0.0, 1.0)?;
        within("typical_p", self.typical_p, f32::MIN_POSITIVE, 1.0)?;
        within("repetition_penalty", self.repetition_penalty, 0.01, 10.0)?;
        within("presence_penalty", self.presence_penalty, -2.0, 2.0)?;
        within("frequency_penalty", self.frequency_penalty, -2.0, 2.0)?;
        if self.max_tokens == Some(0) {
            return Err(parameter("max_tokens", "at least 1", 0));
        }
        self.validate_stop()?;
        for (&token, &bias) in &self.logit_bias {
            if token as usize >= vocab_size {
                return Err(parameter(
                    "logit_bias",
                    format!("token ids below {vocab_size}"),
                    token,
                ));
            }
            within("logit_bias", bias, -100.0, 100.0)?;
        }
        Ok(())
    }

    fn validate_stop(&self) -> Result<(), EngineError> {
        if self.stop.len() > STOP_STRINGS_MAX {
            return Err(parameter(
                "stop",
                format!("at most {STOP_STRINGS_MAX} strings"),
                self.stop.len(),
            ));
        }
        for stop in &self.stop {
            if stop.is_empty() || stop.len() > STOP_STRING_BYTES_MAX {
                let expected = format!("strings of 1 to {STOP_STRING_BYTES_MAX} bytes");
                return Err(parameter(
                    "stop",
                    expected,
                    format!("one of {} bytes", stop.len()),
                ));
            }
        }
        Ok(())
    }
}

fn within(name: &'static str, value: f32, least: f32, most: f32) -> Result<(), EngineError> {
    if value >= least && value <= most {
        return Ok(());
    }
    let least = if least > 0.0 && least < 1e-30 {
        "above 0".to_owned()
    } else {
        format!("from {least}")
    };
    Err(parameter(name, format!("{least} to {most}"), value))
}

fn parameter(
    parameter: &'static str,
    expected: impl Into<String>,
    found: impl Display,
) -> EngineError {
    EngineError::Parameter {
        parameter,
        expected: expected.into(),
        found: found.to_string(),
    }
}

/// A request for generation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GenerateRequest {
    /// What the model reads.
    pub prompt: Prompt,
    /// How tokens are chosen.
    pub sampling: SamplingParams,
    /// What the text must match.
    pub constraint: Option<Constraint>,
    /// How many of the likeliest tokens to tell beside each token written; `Some(0)` tells the
    /// written one's probability alone.
    pub logprobs: Option<usize>,
    /// Whether control tokens other than ends are written out as their spellings, for a reader of
    /// the marks around calls of tools and thoughts; otherwise they have no text.
    pub control_text: bool,
    /// Whether [`Event::Prompt`](crate::Event::Prompt) tells how likely the prompt's own tokens were, with as many
    /// others as `logprobs` says. The prompt is then read whole, nothing of it is taken from the prefix cache.
    pub prompt_logprobs: bool,
    /// When thoughts are cut short.
    pub thoughts: Option<ThoughtLimit>,
    /// Who goes first when requests wait.
    pub priority: Priority,
}

impl GenerateRequest {
    /// Checks every parameter.
    ///
    /// # Errors
    /// [`EngineError::Parameter`] naming the first one out of range.
    pub fn validate(&self, vocab_size: usize) -> Result<(), EngineError> {
        self.sampling.validate(vocab_size)?;
        match self.logprobs {
            Some(top) if top > LOGPROBS_MAX => Err(parameter(
                "top_logprobs",
                format!("at most {LOGPROBS_MAX}"),
                top,
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut SamplingParams), expected: &str) {
        let mut params = SamplingParams::default();
        change(&mut params);
        let found = params
            .validate(100)
            .map_or_else(|error| error.to_string(), |()| "ok".to_owned());
        assert_eq!(found, expected);
    }

    #[test]
    fn defaults_are_valid() {
        check(|_| (), "ok");
    }

    #[test]
    fn a_parameter_out_of_range_is_named() {
        check(
            |p| p.temperature = 2.5,
            "temperature must be from 0 to 2, not 2.5",
        );
        check(
            |p| p.temperature = f32::NAN,
            "temperature must be from 0 to 2, not NaN",
        );
        check(|p| p.top_p = 0.0, "top_p must be above 0 to 1, not 0");
        check(
            |p| p.max_tokens = Some(0),
            "max_tokens must be at least 1, not 0",
        );
        check(
            |p| p.stop = vec![String::new()],
            "stop must be strings of 1 to 256 bytes, not one of 0 bytes",
        );
        check(
            |p| p.logit_bias = BTreeMap::from([(100, 1.0)]),
            "logit_bias must be token ids below 100, not 100",
        );
    }

    #[test]
    fn incidents_come_before_people_before_batches() {
        assert!(
            Priority::Incident < Priority::Interactive && Priority::Interactive < Priority::Batch
        );
    }
}
