//! Mistral's `tekken.json` as a vocabulary of byte-level BPE.
//!
//! The file lists what bytes may be merged to, by rank, and no merges: any two pieces merge that give a listed one, the
//! lower rank first. So each way of cutting a piece in two listed ones is a merge of its rank. Control tokens stand
//! before the pieces; those the file does not name have numbers for names.
//!
//! # Source
//! `mistral_common/tokens/tokenizers/tekken.py`; Hugging Face's converter makes merges the same way.

use std::collections::HashMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use super::bpe::byte_character;
use super::pre::TEKKEN;
use crate::error::TextError;
use crate::vocabulary::{TOKEN_BYTES_MAX, TokenKind, Vocabulary};

const FILE: &str = "tekken.json";
/// Most tokens; the file of Mistral's models has 131072.
const TOKENS_MAX: usize = 1 << 19;
/// Most merges; the file of Mistral's models has half a million.
const MERGES_MAX: usize = 1 << 22;
/// How many of [`CONTROL`] were used before version 7.
const CONTROL_BEFORE_7: usize = 17;
/// Control tokens of files that name none, which came first.
const CONTROL: [&str; 20] = [
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
];

#[derive(Deserialize)]
struct File {
    config: Config,
    vocab: Vec<Piece>,
    #[serde(default)]
    special_tokens: Option<Vec<Named>>,
}

#[derive(Deserialize)]
struct Config {
    pattern: String,
    #[serde(default)]
    version: Option<String>,
    default_vocab_size: usize,
    default_num_special_tokens: usize,
}

#[derive(Deserialize)]
struct Piece {
    token_bytes: String,
}

#[derive(Deserialize)]
struct Named {
    rank: usize,
    token_str: String,
}

impl Vocabulary {
    /// The vocabulary of a `tekken.json`.
    ///
    /// # Errors
    /// [`TextError::File`] if the file is not well formed, or splits text in a way that is not known.
    pub fn from_tekken(bytes: &[u8]) -> Result<Self, TextError> {
        let file: File = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        if file.config.pattern != TEKKEN {
            return Err(wrong("it splits text by an expression that is not known"));
        }
        let control = file.config.default_num_special_tokens;
        let total = file.config.default_vocab_size;
        let pieces = total.checked_sub(control).filter(|_| total <= TOKENS_MAX);
        let pieces = pieces.and_then(|count| file.vocab.get(..count));
        let pieces = pieces.ok_or_else(|| wrong("it has not as many tokens as it says"))?;
        let mut tokens = control_tokens(control, &file)?;
        let bytes = pieces.iter().map(decode).collect::<Result<Vec<_>, _>>()?;
        let spell = |piece: &[u8]| piece.iter().copied().map(byte_character).collect();
        tokens.extend(bytes.iter().map(|piece| -> String { spell(piece) }));
        let mut kinds = vec![TokenKind::Control; control];
        kinds.resize(tokens.len(), TokenKind::Normal);
        let token = |spelling: &str| {
            let found = tokens[..control].iter().position(|token| token == spelling);
            found.and_then(|token| u32::try_from(token).ok())
        };
        Ok(Self {
            model: "gpt2".to_owned(),
            pre: Some("tekken".to_owned()),
            bos: token("<s>"),
            eos: token("</s>"),
            unknown: token("<unk>"),
            add_bos: Some(true),
            merges: merges(&bytes)?,
            kinds,
            tokens,
            ..Self::default()
        })
    }
}

fn wrong(problem: impl Into<String>) -> TextError {
    TextError::File {
        file: FILE,
        problem: problem.into(),
    }
}

fn decode(piece: &Piece) -> Result<Vec<u8>, TextError> {
    let bytes = BASE64_STANDARD.decode(&piece.token_bytes);
    let fits = |bytes: &Vec<u8>| (1..=TOKEN_BYTES_MAX).contains(&bytes.len());
    bytes
        .ok()
        .filter(fits)
        .ok_or_else(|| wrong("a token has no bytes that can be read, or too many"))
}

/// Control tokens by number: those the file names, else those that came first.
fn control_tokens(count: usize, file: &File) -> Result<Vec<String>, TextError> {
    let mut tokens: Vec<String> = (0..count)
        .map(|number| format!("<SPECIAL_{number}>"))
        .collect();
    let named = file.special_tokens.as_ref();
    if let Some(named) = named.filter(|named| !named.is_empty()) {
        for Named { rank, token_str } in named {
            let place = tokens.get_mut(*rank);
            let place = place.ok_or_else(|| wrong("a control token has no place"))?;
            place.clone_from(token_str);
        }
        return Ok(tokens);
    }
    let version = file.config.version.as_deref();
    let version = version.and_then(|version| version.strip_prefix('v')?.parse::<u32>().ok());
    let known = match version {
        Some(7..) => CONTROL.len(),
        _ => CONTROL_BEFORE_7,
    };
    for (place, spelling) in tokens.iter_mut().zip(CONTROL).take(known) {
        spelling.clone_into(place);
    }
    Ok(tokens)
}

/// Every way of cutting a piece into two, by the rank of what they give.
fn merges(pieces: &[Vec<u8>]) -> Result<Vec<String>, TextError> {
    let ranks: HashMap<&[u8], usize> = pieces.iter().map(Vec::as_slice).zip(0..).collect();
    let mut merges = Vec::new();
    for piece in pieces {
        let mut cuts: Vec<(usize, usize, usize)> = (1..piece.len())
            .filter_map(|at| Some((*ranks.get(&piece[..at])?, *ranks.get(&piece[at..])?, at)))
            .collect();
        cuts.sort_unstable();
        for (_, _, at) in cuts {
            let (left, right) = piece.split_at(at);
            let spelled = left.iter().copied().map(byte_character);
            let right = right.iter().copied().map(byte_character);
            merges.push(spelled.chain([' ']).chain(right).collect());
        }
        if merges.len() > MERGES_MAX {
            return Err(wrong("its tokens can be merged in too many ways"));
        }
    }
    Ok(merges)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tokenizer::Tokenizer;

    /// A small file, and what mistral-common makes of texts with it; `fixtures/tekken.py` writes both.
    const GOLDEN: &str = include_str!("../../fixtures/tekken.json");

    /// The small file, or the one that `ANCHORITE_TEKKEN` names, which the recipe makes of the whole vocabulary.
    fn golden() -> Value {
        let named = std::env::var_os("ANCHORITE_TEKKEN");
        let whole = named.map(|path| std::fs::read_to_string(path).expect("is there"));
        serde_json::from_str(whole.as_deref().unwrap_or(GOLDEN)).expect("is JSON")
    }

    #[test]
    fn texts_give_the_tokens_mistral_common_gives() {
        let golden = golden();
        let file = golden["file"].to_string();
        let vocabulary = Vocabulary::from_tekken(file.as_bytes()).expect("is sound");
        let tokenizer = Tokenizer::try_new(&vocabulary).expect("is usable");
        let cases: Vec<(String, Vec<u32>)> =
            serde_json::from_value(golden["cases"].clone()).expect("are cases");
        assert!(cases.len() > 100, "{}", cases.len());
        for (text, expected) in cases {
            assert_eq!(tokenizer.encode(&text), expected, "{text:?}");
        }
        assert_eq!(tokenizer.control_token("[TOOL_CALLS]"), Some(9));
        assert_eq!(tokenizer.ends(), [2]);
    }

    #[track_caller]
    fn check_refused(change: impl Fn(&mut Value), expected: &str) {
        let mut file = golden()["file"].take();
        change(&mut file);
        let error = Vocabulary::from_tekken(file.to_string().as_bytes());
        let error = error.expect_err("is refused").to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn files_that_make_no_sense_are_refused() {
        check_refused(|file| *file = json!([]), "tekken.json is not usable");
        check_refused(
            |file| file["config"]["pattern"] = json!(r"\S+"),
            "not known",
        );
        check_refused(
            |file| file["config"]["default_vocab_size"] = json!(1 << 30),
            "as many tokens",
        );
        check_refused(
            |file| file["config"]["default_num_special_tokens"] = json!(1 << 30),
            "as many tokens",
        );
        check_refused(
            |file| file["vocab"][3]["token_bytes"] = json!("%%"),
            "no bytes",
        );
        check_refused(
            |file| file["special_tokens"] = json!([{ "rank": 1 << 20, "token_str": "x" }]),
            "no place",
        );
    }
}
