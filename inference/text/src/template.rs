//! Lays a chat out as the model was trained to read it.
//!
//! Templates come out of model files, so they run with bounded steps, depth and memory ([`jinja`])
//! and reach nothing of the host. Messages, tools and arguments come from anywhere: spellings of
//! control tokens in them are broken up before the template sees them, so that they stay text however
//! it treats them. What a template cannot show (a system message, tools, two questions in a row) is
//! found by trying it once, and put another way.

mod builtin;
mod capabilities;
mod environment;
mod guard;
mod jinja;
mod layout;
#[cfg(test)]
mod parity;
#[cfg(test)]
mod tests;
mod traits;
mod turns;
#[cfg(test)]
mod wild;

use inference_core::{ChatMessage, ChatOptions, ChatTraits, Prompt};
use jiff::Zoned;

use self::capabilities::Capabilities;
use self::environment::Script;
use self::guard::Guard;
use self::turns::Turns;
use crate::error::TextError;
use crate::tokenizer::Tokenizer;

/// Lays a chat out as a model was trained to read it.
#[derive(Debug)]
pub struct ChatTemplate {
    script: Script,
    source: String,
    capabilities: Capabilities,
}

impl ChatTemplate {
    /// Compiles `source`, or `ChatML` if there is none, and tries what it can show.
    ///
    /// # Errors
    /// [`TextError::Template`] with the line that is wrong.
    pub fn compile(source: Option<&str>) -> Result<Self, TextError> {
        let source = source.unwrap_or(builtin::CHATML);
        let mut script = Script::compile(source, Zoned::now)?;
        let capabilities = Capabilities::probe(&script);
        script.allow_long_chats();
        Ok(Self {
            script,
            source: source.to_owned(),
            capabilities,
        })
    }

    /// The template of the family that `tokenizer` and `architecture` belong to, for model files that carry none.
    ///
    /// # Errors
    /// None in practice; the type is that of [`compile`](Self::compile).
    pub fn built_in(architecture: &str, tokenizer: &Tokenizer) -> Result<Self, TextError> {
        Self::compile(Some(builtin::source(architecture, tokenizer)))
    }

    /// What the model's chat looks like: whether tools are shown, how calls and thoughts are marked.
    pub fn traits(&self, tokenizer: &Tokenizer) -> ChatTraits {
        traits::read(self, tokenizer)
    }

    /// The prompt for `messages`, ending where the assistant's turn begins, or,
    /// with `continue_final_message`, where the last message ends.
    ///
    /// # Errors
    /// The template's own words if it refuses the messages, or the engine's if it breaks.
    pub fn prompt(
        &self,
        messages: &[ChatMessage],
        options: &ChatOptions,
        tokenizer: &Tokenizer,
    ) -> Result<Prompt, String> {
        let guard = Guard::new(tokenizer, messages, options);
        let format = traits::tool_format(&self.source, tokenizer);
        let mut turns = Turns::new(messages, &guard);
        turns.fit(&options.tools, &self.capabilities, format, &guard)?;
        let seam = options
            .continue_final_message
            .then(|| turns.mark_end(&guard))
            .transpose()?;
        let context = layout::context(&turns, options, &self.capabilities, tokenizer, &guard);
        let mut text = self.script.render(&context)?;
        if let Some(seam) = seam {
            layout::cut(&mut text, seam)?;
        }
        Ok(Prompt {
            parts: tokenizer.split_control(&text, guard.breaker()),
        })
    }
}
