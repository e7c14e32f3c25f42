//! Lays a chat out as the model was trained to read it.
//!
//! Templates come out of model files, so they run with bounded steps and depth
//! and reach nothing of the host. Messages come from anywhere: spellings of control tokens in
//! them are broken up before the template sees them, so that they stay text however it treats them.

mod json;
#[cfg(test)]
mod tests;

use std::fmt;

use inference_core::{ChatMessage, ChatOptions, Prompt};
use jiff::Zoned;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value;
use minijinja::{Environment, Error, ErrorKind, context};
use serde::Deserialize;

use crate::error::TextError;
use crate::tokenizer::Tokenizer;

/// Steps a rendering may take; a long chat takes some thousands.
const FUEL: u64 = 2_000_000;
/// Depth of macros and includes.
const RECURSION_MAX: usize = 64;
const NAME: &str = "chat";

/// Used where a model file has no template.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}\
    {% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

/// Lays a chat out as a model was trained to read it.
pub struct ChatTemplate {
    environment: Environment<'static>,
}

impl ChatTemplate {
    /// Compiles `source`, or `ChatML` if there is none.
    ///
    /// # Errors
    /// [`TextError::Template`] with the line that is wrong.
    pub fn compile(source: Option<&str>) -> Result<Self, TextError> {
        let mut environment = Environment::new();
        environment.set_syntax(syntax()?);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(RECURSION_MAX);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", json::to_json);
        environment.add_function("raise_exception", raise_exception);
        environment.add_function("strftime_now", strftime_now);
        let source = source.unwrap_or(CHATML);
        environment
            .add_template_owned(NAME, strip_generation(source))
            .map_err(|error| TextError::Template(describe(&error)))?;
        Ok(Self { environment })
    }

    /// The prompt for `messages`, ending where the assistant's turn begins.
    ///
    /// # Errors
    /// The template's own words if it refuses the messages, or the engine's if it breaks.
    pub fn prompt(
        &self,
        messages: &[ChatMessage],
        options: &ChatOptions,
        tokenizer: &Tokenizer,
    ) -> Result<Prompt, String> {
        let breaker = breaker(messages);
        let text = self
            .render(messages, options, tokenizer, breaker)
            .map_err(|error| describe(&error))?;
        Ok(Prompt {
            parts: tokenizer.split_control(&text, breaker),
        })
    }

    fn render(
        &self,
        messages: &[ChatMessage],
        options: &ChatOptions,
        tokenizer: &Tokenizer,
        breaker: char,
    ) -> Result<String, Error> {
        let message = |message: &ChatMessage| {
            let content = tokenizer.break_control(&message.content, breaker);
            context! { role => message.role.as_str(), content => content }
        };
        let arguments = serde_json::Value::Object(options.template_arguments.clone());
        let arguments = Value::deserialize(arguments)
            .map_err(|error| Error::new(ErrorKind::CannotDeserialize, error.to_string()))?;
        let messages: Vec<Value> = messages.iter().map(message).collect();
        self.environment.get_template(NAME)?.render(context! {
            messages => messages,
            add_generation_prompt => true,
            bos_token => tokenizer.bos_spelling(),
            eos_token => tokenizer.eos_spelling(),
            tools => Value::from(()),
            documents => Value::from(()),
            ..arguments
        })
    }
}

impl fmt::Debug for ChatTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatTemplate").finish_non_exhaustive()
    }
}

fn syntax() -> Result<SyntaxConfig, TextError> {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true);
    builder
        .build()
        .map_err(|error| TextError::Template(describe(&error)))
}

/// Takes out the tags that mark text for training, which transformers knows and the engine does not.
fn strip_generation(source: &str) -> String {
    let mut source = source.to_owned();
    for tag in ["generation", "endgeneration"] {
        for (open, close) in [("{%", "%}"), ("{%-", "%}"), ("{%", "-%}"), ("{%-", "-%}")] {
            source = source.replace(&format!("{open} {tag} {close}"), "");
        }
    }
    source
}

/// A character of the private use area that no message holds.
fn breaker(messages: &[ChatMessage]) -> char {
    let free = |character: &char| {
        !messages
            .iter()
            .any(|message| message.content.contains(*character))
    };
    ('\u{E000}'..='\u{F8FF}').find(free).unwrap_or('\u{10FFFD}')
}

fn raise_exception(message: String) -> Result<String, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}

fn strftime_now(format: &str) -> Result<String, Error> {
    let wrong = |error: jiff::Error| Error::new(ErrorKind::InvalidOperation, error.to_string());
    jiff::fmt::strtime::format(format, &Zoned::now()).map_err(wrong)
}

fn describe(error: &Error) -> String {
    let what = error
        .detail()
        .map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
    error.line().map_or(what.clone(), |line| {
        format!("{what} (line {line} of the template)")
    })
}
