//! Byte-level BPE (`tokenizer.ggml.model` = `gpt2`) on the `tokenizers` crate.
//!
//! Invariant: all 256 bytes have a token, so that any text can be encoded.

use std::collections::HashMap;
use std::fmt;

use inference_core::TokenId;
use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel as Bytes;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{SplitDelimiterBehavior, Tokenizer};

use super::pre;
use crate::error::TextError;
use crate::vocabulary::{TokenKind, Vocabulary};

/// Longest piece handed to the encoder at once; longer text is cut at white
/// space, which bounds the work of its expressions on hostile text.
const PIECE_BYTES_MAX: usize = 1 << 16;

/// Encodes text by merging bytes.
pub(super) struct ByteLevel {
    tokenizer: Tokenizer,
    /// The token of each byte, for text the expressions give up on.
    byte_tokens: Vec<TokenId>,
}

impl ByteLevel {
    pub(super) fn try_new(vocabulary: &Vocabulary) -> Result<Self, TextError> {
        let name = vocabulary.pre.as_deref().unwrap_or("default");
        let profile = pre::profile(name).ok_or_else(|| TextError::UnknownPre(name.to_owned()))?;
        let ids: HashMap<&str, TokenId> = vocabulary
            .tokens
            .iter()
            .map(String::as_str)
            .zip(0..)
            .collect();
        let model = BPE::builder()
            .vocab_and_merges(
                vocabulary
                    .tokens
                    .iter()
                    .cloned()
                    .zip(0..)
                    .collect::<tokenizers::models::bpe::Vocab>(),
                merges(vocabulary)?,
            )
            .ignore_merges(profile.ignore_merges)
            .build()
            .map_err(wrong)?;
        let mut splits = Vec::new();
        for expression in profile.expressions {
            let pattern = SplitPattern::Regex((*expression).to_owned());
            let split =
                Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(wrong)?;
            splits.push(PreTokenizerWrapper::Split(split));
        }
        splits.push(PreTokenizerWrapper::ByteLevel(Bytes::new(
            false, false, false,
        )));
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_pre_tokenizer(Some(PreTokenizerWrapper::Sequence(Sequence::new(splits))));
        let byte_token = |byte: u8| {
            let spelling = byte_character(byte).to_string();
            ids.get(spelling.as_str())
                .copied()
                .ok_or_else(|| wrong(format!("the byte {byte:#04x} has no token")))
        };
        let byte_tokens = (0..=u8::MAX).map(byte_token).collect::<Result<_, _>>()?;
        Ok(Self {
            tokenizer,
            byte_tokens,
        })
    }

    /// Appends the tokens of `text`.
    pub(super) fn encode(&self, text: &str, tokens: &mut Vec<TokenId>) {
        for piece in pieces(text) {
            match self.tokenizer.encode_fast(piece, false) {
                Ok(encoding) => tokens.extend(encoding.get_ids()),
                Err(_) => tokens.extend(
                    piece
                        .bytes()
                        .map(|byte| self.byte_tokens[usize::from(byte)]),
                ),
            }
        }
    }
}

impl fmt::Debug for ByteLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteLevel").finish_non_exhaustive()
    }
}

/// Cuts `text` before white space, or anywhere if there is none, into pieces of bounded length.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len();
        if end > PIECE_BYTES_MAX {
            end = rest.floor_char_boundary(PIECE_BYTES_MAX);
            end = rest[..end]
                .rfind(char::is_whitespace)
                .filter(|&at| at > 0)
                .unwrap_or(end);
        }
        let (piece, behind) = rest.split_at(end);
        rest = behind;
        Some(piece)
    })
}

fn merges(vocabulary: &Vocabulary) -> Result<Vec<(String, String)>, TextError> {
    let split = |merge: &String| {
        // A spelling may itself be a space-like character, but never a plain space.
        let pair = merge
            .split_once(' ')
            .map(|(left, right)| (left.to_owned(), right.to_owned()));
        pair.ok_or_else(|| wrong(format!("the merge `{merge}` is not two spellings")))
    };
    vocabulary.merges.iter().map(split).collect()
}

/// The bytes of each token's text.
pub(super) fn token_bytes(vocabulary: &Vocabulary) -> Result<Vec<Vec<u8>>, TextError> {
    let bytes: HashMap<char, u8> = (0..=u8::MAX)
        .map(|byte| (byte_character(byte), byte))
        .collect();
    let of = |(number, spelling): (usize, &String)| match vocabulary.kind(number) {
        TokenKind::Control | TokenKind::Unknown | TokenKind::Unused => Ok(Vec::new()),
        TokenKind::UserDefined => Ok(spelling.clone().into_bytes()),
        TokenKind::Normal | TokenKind::Byte => {
            let spelled: Option<Vec<u8>> = spelling
                .chars()
                .map(|character| bytes.get(&character).copied())
                .collect();
            spelled.ok_or_else(|| wrong(format!("the token `{spelling}` is not spelled in bytes")))
        }
    };
    vocabulary.tokens.iter().enumerate().map(of).collect()
}

/// GPT-2's printable stand-in for a byte: itself where printable, else counted up from U+0100.
fn byte_character(byte: u8) -> char {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    if printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|&byte| !printable(byte)).count();
    u32::try_from(before)
        .ok()
        .and_then(|before| char::from_u32(0x100 + before))
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn wrong(what: impl fmt::Display) -> TextError {
    TextError::Vocabulary(what.to_string())
}
