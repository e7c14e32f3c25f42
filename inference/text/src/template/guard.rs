//! Keeps text from outside from becoming structure.
//!
//! Invariant: no spelling of a control token survives in guarded text, alone or
//! joined to what stands beside it; taking the breaker out gives the text back.

use inference_core::{ChatMessage, ChatOptions};
use serde_json::{Map, Value as Json};

use crate::tokenizer::Tokenizer;

/// Characters Unicode keeps out of any text; one breaks spellings, one marks where a text ends.
const NONCHARACTERS: std::ops::RangeInclusive<char> = '\u{FDD0}'..='\u{FDEF}';

/// Breaks up spellings of control tokens.
pub(super) struct Guard<'a> {
    tokenizer: &'a Tokenizer,
    breaker: char,
    seam: char,
}

impl<'a> Guard<'a> {
    /// A guard for one chat: its marks are characters the chat does not hold.
    pub(super) fn new(
        tokenizer: &'a Tokenizer,
        messages: &[ChatMessage],
        options: &ChatOptions,
    ) -> Self {
        let mut used = Vec::new();
        let mut note = |text: &str| used.extend(text.chars().filter(|&c| is_noncharacter(c)));
        for message in messages {
            note(&message.content);
            message.reasoning.iter().for_each(|text| note(text));
            message.name.iter().for_each(|text| note(text));
            message.tool_call_id.iter().for_each(|text| note(text));
            for call in &message.tool_calls {
                for text in [&call.id, &call.name, &call.arguments] {
                    note(text);
                }
            }
        }
        for tool in &options.tools {
            note(&tool.name);
            tool.description.iter().for_each(|text| note(text));
            each_text(&tool.parameters, &mut note);
        }
        for (key, value) in &options.template_arguments {
            note(key);
            each_text(value, &mut note);
        }
        // A chat that holds all of them is no text; its own are then taken for ours and dropped.
        let mut free = NONCHARACTERS.filter(|character| !used.contains(character));
        Self {
            tokenizer,
            breaker: free.next().unwrap_or(*NONCHARACTERS.start()),
            seam: free.next().unwrap_or(*NONCHARACTERS.end()),
        }
    }

    /// What stands inside broken spellings.
    pub(super) fn breaker(&self) -> char {
        self.breaker
    }

    /// What marks the end of a text that is to be continued.
    pub(super) fn seam(&self) -> char {
        self.seam
    }

    /// `text` with every spelling broken.
    pub(super) fn text(&self, text: &str) -> String {
        self.tokenizer.break_control(text, self.breaker)
    }

    /// `json` with every spelling in its texts and keys broken.
    pub(super) fn json(&self, json: &Json) -> Json {
        match json {
            Json::String(text) => Json::String(self.text(text)),
            Json::Array(items) => items.iter().map(|item| self.json(item)).collect(),
            Json::Object(entries) => Json::Object(self.map(entries)),
            Json::Null | Json::Bool(_) | Json::Number(_) => json.clone(),
        }
    }

    /// As [`json`](Self::json).
    pub(super) fn map(&self, entries: &Map<String, Json>) -> Map<String, Json> {
        let guarded = |(key, value): (&String, &Json)| (self.text(key), self.json(value));
        entries.iter().map(guarded).collect()
    }
}

/// Whether `character` may stand for a mark of a guard.
pub(super) fn is_noncharacter(character: char) -> bool {
    NONCHARACTERS.contains(&character)
}

fn each_text(json: &Json, note: &mut impl FnMut(&str)) {
    match json {
        Json::String(text) => note(text),
        Json::Array(items) => items.iter().for_each(|item| each_text(item, note)),
        Json::Object(entries) => {
            for (key, value) in entries {
                note(key);
                each_text(value, note);
            }
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}
