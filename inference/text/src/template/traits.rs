//! How a model writes calls and thoughts, read off its template and vocabulary.

use inference_core::{ChatMessage, ChatOptions, ChatTraits, PromptPart, Role, ToolFormat};

use super::ChatTemplate;
use crate::tokenizer::Tokenizer;

/// Marks around thoughts, as families spell them.
const REASONING: [(&str, &str); 7] = [
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<thinking>", "</thinking>"),
    ("<seed:think>", "</seed:think>"),
    ("<mm:think>", "</mm:think>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|channel>thought\n", "<channel|>"),
];

pub(super) fn read(template: &ChatTemplate, tokenizer: &Tokenizer) -> ChatTraits {
    let reasoning = reasoning(&template.source, tokenizer);
    let opened = reasoning.is_some_and(|(open, _)| opens(template, tokenizer, open));
    ChatTraits {
        tools: template.capabilities.tools,
        tool_format: tool_format(&template.source, tokenizer),
        reasoning: reasoning.map(|(open, close)| (open.to_owned(), close.to_owned())),
        reasoning_opened: opened,
    }
}

/// The marks around calls: those the template writes, else those the vocabulary has.
pub(super) fn tool_format(source: &str, tokenizer: &Tokenizer) -> ToolFormat {
    let written = |mark: &str| source.contains(mark);
    let known = |mark: &str| tokenizer.special(mark).is_some();
    if written("<|channel|>") && written("<|message|>") {
        ToolFormat::Harmony
    } else if written("[TOOL_CALLS]") {
        ToolFormat::Mistral
    } else if written("<|tool_call|>") && written("<|start_of_role|>") {
        ToolFormat::Granite
    } else if written("functools") || (written("<|tool|>") && known("<|tool_call|>")) {
        ToolFormat::Functools
    } else if written("<tool_call>") {
        ToolFormat::Hermes
    } else if written("<|python_tag|>") || (written("<|start_header_id|>") && written("tools")) {
        ToolFormat::Llama3
    } else if written("[INST]") && known("[TOOL_CALLS]") {
        ToolFormat::Mistral
    } else {
        ToolFormat::Hermes
    }
}

fn reasoning(source: &str, tokenizer: &Tokenizer) -> Option<(&'static str, &'static str)> {
    let in_template = REASONING.iter().find(|(open, close)| {
        source.contains(open)
            || source.contains(&open.replace('\n', "\\n"))
            || source.contains(close)
    });
    let in_vocabulary = || {
        REASONING.iter().find(|(open, close)| {
            [open, close]
                .iter()
                .all(|mark| tokenizer.special(mark).is_some())
        })
    };
    in_template.or_else(in_vocabulary).copied()
}

/// Whether the assistant's turn begins inside its thoughts.
fn opens(template: &ChatTemplate, tokenizer: &Tokenizer, open: &str) -> bool {
    let messages = [ChatMessage::new(Role::User, "hello")];
    let Ok(prompt) = template.prompt(&messages, &ChatOptions::default(), tokenizer) else {
        return false;
    };
    let spell = |part: &PromptPart| match part {
        PromptPart::Text(text) => text.clone(),
        PromptPart::Tokens(tokens) => tokens
            .iter()
            .filter_map(|&token| tokenizer.spelling(token))
            .collect(),
    };
    let text: String = prompt.parts.iter().map(spell).collect();
    text.trim_end().ends_with(open.trim_end())
}
