//! What the files beside `tokenizer.json` say: which tokens are special, how a chat is laid out.

use std::collections::HashMap;

use inference_core::TokenId;
use serde_json::{Map, Value as Json};

use super::Added;
use crate::error::TextError;
use crate::vocabulary::{TokenKind, Vocabulary};

/// Largest file; the largest in use have some 35 MB.
const FILE_BYTES_MAX: usize = 1 << 27;

/// The files of a published model that tell of text; their contents.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenizerFiles<'a> {
    /// `tokenizer.json`
    pub tokenizer: &'a [u8],
    /// `tokenizer_config.json`
    pub tokenizer_config: Option<&'a [u8]>,
    /// `generation_config.json`
    pub generation_config: Option<&'a [u8]>,
    /// `config.json`
    pub config: Option<&'a [u8]>,
    /// `chat_template.jinja`
    pub chat_template: Option<&'a str>,
}

/// Tokens with a meaning.
#[derive(Debug, Default)]
pub(super) struct Special {
    pub(super) bos: Option<TokenId>,
    /// The declared end first.
    pub(super) ends: Vec<TokenId>,
    pub(super) add_bos: bool,
}

impl TokenizerFiles<'_> {
    /// The chat template, if a file has one: `chat_template.jinja`, else the default one of `tokenizer_config.json`.
    ///
    /// # Errors
    /// [`TextError::File`] if a file is not well formed.
    pub fn template(&self) -> Result<Option<String>, TextError> {
        if let Some(template) = self.chat_template {
            return Ok(Some(template.to_owned()));
        }
        let config = optional("tokenizer_config.json", self.tokenizer_config)?;
        Ok(match config.get("chat_template") {
            Some(Json::String(template)) => Some(template.clone()),
            Some(Json::Array(named)) => named
                .iter()
                .find(|entry| entry["name"] == "default")
                .or(named.first())
                .and_then(|entry| entry["template"].as_str())
                .map(ToOwned::to_owned),
            _ => None,
        })
    }

    pub(super) fn special(&self, vocabulary: &Vocabulary) -> Result<Special, TextError> {
        let config = optional("tokenizer_config.json", self.tokenizer_config)?;
        let tokenizer = object(super::FILE, self.tokenizer)?;
        let find = |spelling: &str| {
            let position = vocabulary.tokens.iter().position(|token| token == spelling);
            position.and_then(|position| u32::try_from(position).ok())
        };
        let named = |key: &str| spelling(config.get(key)?).and_then(find);
        let mut ends: Vec<TokenId> = named("eos_token").into_iter().collect();
        for (name, file) in [
            ("generation_config.json", self.generation_config),
            ("config.json", self.config),
        ] {
            ends.extend(numbers(optional(name, file)?.get("eos_token_id")));
        }
        ends.retain(|end| (*end as usize) < vocabulary.tokens.len());
        let bos = named("bos_token");
        let declared = config.get("add_bos_token").and_then(Json::as_bool);
        Ok(Special {
            add_bos: declared.unwrap_or_else(|| {
                bos.is_some() && first_special(&tokenizer).and_then(find) == bos
            }),
            bos,
            ends,
        })
    }
}

/// The added tokens.
pub(super) fn added(json: &Map<String, Json>) -> Result<Vec<Added>, TextError> {
    let wrong = || super::wrong("an added token has no content or no number");
    let flag = |entry: &Json, name: &str| entry[name].as_bool().unwrap_or(false);
    let one = |entry: &Json| {
        Some(Added {
            spelling: entry["content"]
                .as_str()
                .filter(|content| !content.is_empty())?
                .to_owned(),
            token: u32::try_from(entry["id"].as_u64()?).ok()?,
            takes_left: flag(entry, "lstrip"),
            takes_right: flag(entry, "rstrip"),
        })
    };
    entries(json)
        .map(|entry| one(entry).ok_or_else(wrong))
        .collect()
}

/// What the added tokens are for.
pub(super) fn kinds(json: &Map<String, Json>) -> HashMap<TokenId, TokenKind> {
    let kind = |entry: &Json| match entry["special"].as_bool() {
        Some(true) => TokenKind::Control,
        _ => TokenKind::UserDefined,
    };
    entries(json)
        .filter_map(|entry| Some((u32::try_from(entry["id"].as_u64()?).ok()?, kind(entry))))
        .collect()
}

/// The JSON object a file holds.
pub(super) fn object(file: &'static str, bytes: &[u8]) -> Result<Map<String, Json>, TextError> {
    let wrong = |problem: String| TextError::File { file, problem };
    if bytes.len() > FILE_BYTES_MAX {
        return Err(wrong(format!(
            "it has {} bytes, more than {FILE_BYTES_MAX}",
            bytes.len()
        )));
    }
    serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))
}

fn optional(file: &'static str, bytes: Option<&[u8]>) -> Result<Map<String, Json>, TextError> {
    bytes.map_or_else(|| Ok(Map::new()), |bytes| object(file, bytes))
}

fn entries(json: &Map<String, Json>) -> impl Iterator<Item = &Json> {
    json.get("added_tokens")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
}

/// A token by its spelling: a text, or an object with its content.
fn spelling(token: &Json) -> Option<&str> {
    token.as_str().or_else(|| token.get("content")?.as_str())
}

/// One number, or a list of them.
fn numbers(value: Option<&Json>) -> Vec<TokenId> {
    let number = |value: &Json| value.as_u64().and_then(|number| u32::try_from(number).ok());
    match value {
        Some(Json::Array(values)) => values.iter().filter_map(number).collect(),
        Some(value) => number(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The special token the post-processor puts in front of a text.
fn first_special(tokenizer: &Map<String, Json>) -> Option<&str> {
    let processor = tokenizer.get("post_processor")?;
    let mut steps = processor["processors"]
        .as_array()
        .into_iter()
        .flatten()
        .chain([processor]);
    let template = steps.find(|step| step["type"] == "TemplateProcessing")?;
    template["single"].get(0)?["SpecialToken"]["id"].as_str()
}
