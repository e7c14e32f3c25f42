//! Tokenizers as models are published in folders: `tokenizer.json` and the files beside it.
//!
//! The `tokenizers` crate normalizes, splits and merges. Added tokens are
//! ours: control tokens are found where we look for them, never in text.
//!
//! # Source
//! The format of Hugging Face's `tokenizers`, and what transformers reads from the files beside it.

mod files;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

use inference_core::TokenId;
use serde_json::{Map, Value as Json, json};
use tokenizers::Tokenizer as Engine;

use self::files::Special;
pub use self::files::TokenizerFiles;
use super::added::{Added, Spellings};
use super::{Encoder, Place, Tokenizer, bpe, ends, spm};
use crate::error::TextError;
use crate::vocabulary::{TokenKind, Vocabulary};

/// Most tokens; the largest vocabularies have 262144.
const TOKENS_MAX: usize = 1 << 21;
const FILE: &str = "tokenizer.json";

/// Encodes text as the file says.
pub(super) struct Published {
    /// For text behind nothing.
    start: Engine,
    /// For text behind other text, where that differs.
    continued: Option<Engine>,
    /// Whether text behind a control token begins like a text of its own.
    anew_behind_tokens: bool,
    /// The tokens of each byte, for text the crate gives up on.
    bytes: Vec<Option<TokenId>>,
}

impl Published {
    /// Appends the tokens of `text`.
    pub(super) fn encode(&self, text: &str, place: Place, tokens: &mut Vec<TokenId>) {
        let mut anew = match place {
            Place::Start => true,
            Place::BehindToken => self.anew_behind_tokens,
            Place::Continued => false,
        };
        for piece in bpe::pieces(text) {
            let engine = if anew {
                &self.start
            } else {
                self.continued.as_ref().unwrap_or(&self.start)
            };
            match engine.encode_fast(piece, false) {
                Ok(encoding) => tokens.extend(encoding.get_ids()),
                Err(_) => tokens.extend(
                    piece
                        .bytes()
                        .filter_map(|byte| self.bytes[usize::from(byte)]),
                ),
            }
            anew = false;
        }
    }
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Published").finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// A tokenizer from the files of a published model.
    ///
    /// # Errors
    /// [`TextError`] if a file is not well formed or the tokenizer is of an unknown kind.
    pub fn from_files(files: &TokenizerFiles<'_>) -> Result<Self, TextError> {
        let json = files::object(FILE, files.tokenizer)?;
        let added = files::added(&json)?;
        let byte_level = contains_type(part(&json, "decoder"), "ByteLevel");
        let vocabulary = vocabulary(&json, &added)?;
        let special = files.special(&vocabulary)?;
        let vocabulary = Vocabulary {
            bos: special.bos,
            eos: special.ends.first().copied(),
            ..vocabulary
        };
        vocabulary.check()?;
        let (ends, kinds) = settle(&vocabulary, &special);
        let bytes = bytes(&vocabulary, &kinds, byte_level);
        let encoder = published(&json, &bytes)?;
        let of = |wanted: TokenKind| {
            let tokens = added
                .iter()
                .filter(|added| kinds[added.token as usize] == wanted);
            Spellings::new(tokens.cloned())
        };
        Ok(Self {
            encoder: Encoder::Published(Box::new(encoder)),
            user_defined: of(TokenKind::UserDefined),
            control: of(TokenKind::Control),
            bytes,
            kinds,
            spellings: vocabulary.tokens,
            ends,
            bos: special.bos,
            eos: vocabulary.eos,
            add_bos: special.add_bos,
        })
    }
}

/// The ends: those the files declare, then those known by spelling; they are control tokens if they are added ones.
fn settle(vocabulary: &Vocabulary, special: &Special) -> (Vec<TokenId>, Vec<TokenKind>) {
    let (mut ends, mut kinds) = ends::settle(vocabulary);
    for &end in &special.ends {
        kinds[end as usize] = TokenKind::Control;
        if !ends.contains(&end) {
            ends.push(end);
        }
    }
    (ends, kinds)
}

/// Spellings and kinds by number.
fn vocabulary(json: &Map<String, Json>, added: &[Added]) -> Result<Vocabulary, TextError> {
    let mut spelled = model_tokens(part(json, "model"))?;
    let count = spelled.len();
    let kinds: HashMap<TokenId, TokenKind> = files::kinds(json);
    spelled.extend(
        added
            .iter()
            .map(|added| (added.spelling.clone(), added.token)),
    );
    let last = spelled
        .iter()
        .map(|(_, token)| *token as usize)
        .max()
        .unwrap_or_default();
    // Numbers may have gaps, but not such that a small file asks for much memory.
    if last >= TOKENS_MAX || last > 2 * count + 4096 {
        return Err(wrong(format!("it numbers a token {last} of {count}")));
    }
    let mut vocabulary = Vocabulary {
        model: "tokenizer.json".to_owned(),
        tokens: vec![String::new(); last + 1],
        kinds: vec![TokenKind::Unused; last + 1],
        ..Vocabulary::default()
    };
    for (spelling, token) in spelled {
        vocabulary.tokens[token as usize] = spelling;
        vocabulary.kinds[token as usize] = kinds.get(&token).copied().unwrap_or(TokenKind::Normal);
    }
    Ok(vocabulary)
}

fn model_tokens(model: &Json) -> Result<Vec<(String, TokenId)>, TextError> {
    let kind = model["type"]
        .as_str()
        .unwrap_or(if model["merges"].is_array() {
            "BPE"
        } else {
            ""
        });
    let tokens = match (kind, &model["vocab"]) {
        ("BPE", Json::Object(vocab)) => vocab
            .iter()
            .map(|(spelling, token)| Some((spelling.clone(), u32::try_from(token.as_u64()?).ok()?)))
            .collect(),
        ("Unigram", Json::Array(vocab)) => (0..)
            .zip(vocab)
            .map(|(token, entry)| Some((entry[0].as_str()?.to_owned(), token)))
            .collect::<Option<Vec<_>>>(),
        ("BPE" | "Unigram", _) => None,
        (other, _) => return Err(TextError::UnknownModel(other.to_owned())),
    };
    tokens.ok_or_else(|| wrong("its vocabulary is not one of spellings and numbers"))
}

/// The bytes of each token's text.
fn bytes(vocabulary: &Vocabulary, kinds: &[TokenKind], byte_level: bool) -> Vec<Vec<u8>> {
    let stand_ins = bpe::byte_characters();
    let of = |(spelling, kind): (&String, &TokenKind)| match kind {
        TokenKind::Control | TokenKind::Unknown | TokenKind::Unused => Vec::new(),
        TokenKind::UserDefined => spelling.clone().into_bytes(),
        TokenKind::Normal | TokenKind::Byte if byte_level => {
            bpe::spelled_bytes(spelling, &stand_ins)
                .unwrap_or_else(|| spelling.clone().into_bytes())
        }
        TokenKind::Normal | TokenKind::Byte => spm::byte(spelling).map_or_else(
            |_| spelling.replace(spm::SPACE, " ").into_bytes(),
            |byte| vec![byte],
        ),
    };
    vocabulary.tokens.iter().zip(kinds).map(of).collect()
}

fn published(json: &Map<String, Json>, bytes: &[Vec<u8>]) -> Result<Published, TextError> {
    check_merges(part(json, "model"))?;
    let first_only = prepends(part(json, "pre_tokenizer"), "first");
    let start = engine(json)?;
    let mut continued = json.clone();
    let differs = forget_prefix(&mut continued);
    let mut byte_tokens = vec![None; 256];
    for (token, bytes) in (0..).zip(bytes) {
        if let [byte] = bytes[..] {
            byte_tokens[usize::from(byte)].get_or_insert(token);
        }
    }
    Ok(Published {
        start,
        continued: differs.then(|| engine(&continued)).transpose()?,
        anew_behind_tokens: !first_only,
        bytes: byte_tokens,
    })
}

/// Refuses merges that give more than any token has: the crate takes it for granted that there are none. What else is
/// wrong with a merge it finds itself.
fn check_merges(model: &Json) -> Result<(), TextError> {
    let (Some(vocab), Some(merges)) = (model["vocab"].as_object(), model["merges"].as_array())
    else {
        return Ok(());
    };
    let prefix = model["continuing_subword_prefix"]
        .as_str()
        .unwrap_or_default();
    let longest = vocab.keys().map(String::len).max().unwrap_or(0);
    for merge in merges {
        let pair = match merge {
            Json::String(text) => text.split_once(' '),
            pair => pair[0].as_str().zip(pair[1].as_str()),
        };
        let Some((left, right)) = pair else {
            continue;
        };
        let behind = right.get(prefix.len()..).map(str::len);
        if behind.is_none_or(|behind| left.len() + behind > longest) {
            return Err(wrong(format!("the merge {merge} gives no token")));
        }
    }
    Ok(())
}

/// The crate's tokenizer for what the file says of normalizing, splitting and merging.
fn engine(json: &Map<String, Json>) -> Result<Engine, TextError> {
    let part = |name: &str| part(json, name).clone();
    let parts = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "post_processor": null, "decoder": null,
        "normalizer": part("normalizer"), "pre_tokenizer": part("pre_tokenizer"), "model": part("model"),
    });
    serde_json::from_value(parts).map_err(|error| wrong(error.to_string()))
}

/// Takes out what puts a space in front of a text; says whether there was any.
fn forget_prefix(json: &mut Map<String, Json>) -> bool {
    let mut found = false;
    for part in ["normalizer", "pre_tokenizer"] {
        let Some(part) = json.get_mut(part) else {
            continue;
        };
        if part["type"] == "Prepend" {
            (*part, found) = (Json::Null, true);
        }
        for list in ["normalizers", "pretokenizers"] {
            if let Some(steps) = part.get_mut(list).and_then(Json::as_array_mut) {
                let before = steps.len();
                steps.retain(|step| step["type"] != "Prepend");
                found |= steps.len() < before;
                for step in steps {
                    found |= forget_step(step);
                }
            }
        }
        found |= forget_step(part);
    }
    found
}

fn forget_step(step: &mut Json) -> bool {
    match step["type"].as_str() {
        Some("Metaspace") if step["prepend_scheme"] != "never" => {
            step["prepend_scheme"] = json!("never");
            if let Some(step) = step.as_object_mut() {
                step.remove("add_prefix_space");
            }
            true
        }
        Some("ByteLevel") if step["add_prefix_space"] == true => {
            step["add_prefix_space"] = json!(false);
            true
        }
        _ => false,
    }
}

/// Whether `part`, or a step of it, prepends by `scheme`.
fn prepends(part: &Json, scheme: &str) -> bool {
    let mut steps = part["pretokenizers"].as_array().into_iter().flatten();
    part["prepend_scheme"] == scheme || steps.any(|step| step["prepend_scheme"] == scheme)
}

/// Whether `part`, or a step of it, is of `kind`.
fn contains_type(part: &Json, kind: &str) -> bool {
    let mut steps = part["decoders"].as_array().into_iter().flatten();
    part["type"] == kind || steps.any(|step| step["type"] == kind)
}

fn part<'a>(json: &'a Map<String, Json>, name: &str) -> &'a Json {
    json.get(name).unwrap_or(&Json::Null)
}

fn wrong(problem: impl Into<String>) -> TextError {
    TextError::File {
        file: FILE,
        problem: problem.into(),
    }
}
