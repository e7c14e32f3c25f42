//! Byte-level BPE (`tokenizer.ggml.model` = `gpt2`) and BPE over plain text (`gemma4`) on the `tokenizers` crate.
//!
//! Invariant: printable ASCII has tokens; a file without them is refused.

use std::collections::HashMap;
use std::fmt;

use inference_core::TokenId;
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::{NFC, NormalizerWrapper};
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel as Bytes;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{SplitDelimiterBehavior, Tokenizer};

use super::pre::Profile;
use super::spm::SPACE;
use crate::error::TextError;
use crate::vocabulary::{TokenKind, Vocabulary};

/// Longest piece handed to the encoder at once; longer text is cut at white
/// space, which bounds the work of its expressions on hostile text.
const PIECE_BYTES_MAX: usize = 1 << 16;

/// Encodes text by merging bytes, or characters.
pub(super) struct ByteLevel {
    tokenizer: Tokenizer,
    /// The token of each byte, for text the expressions give up on.
    byte_tokens: Vec<Option<TokenId>>,
    /// Whether tokens spell text as it is.
    plain: bool,
}

impl ByteLevel {
    pub(super) fn try_new(
        vocabulary: &Vocabulary,
        kinds: &[TokenKind],
        profile: Profile,
    ) -> Result<Self, TextError> {
        // Control tokens stay out, so that no merge and no whole piece can give one.
        let text = || {
            let tokens = vocabulary.tokens.iter().zip(0..);
            tokens.filter(|&(_, token): &(_, TokenId)| kinds[token as usize] != TokenKind::Control)
        };
        let ids: HashMap<&str, TokenId> = text()
            .map(|(spelling, token)| (spelling.as_str(), token))
            .collect();
        let merges = merges(vocabulary)?;
        // The crate takes for granted that what is merged is no longer than a token.
        let longest = ids.keys().map(|spelling| spelling.len()).max().unwrap_or(0);
        if let Some((left, right)) = merges
            .iter()
            .find(|(left, right)| left.len() + right.len() > longest)
        {
            return Err(wrong(format!(
                "the merge of `{left}` and `{right}` gives no token"
            )));
        }
        let model = BPE::builder()
            .vocab_and_merges(
                text()
                    .map(|(spelling, token)| (spelling.clone(), token))
                    .collect::<tokenizers::models::bpe::Vocab>(),
                merges,
            )
            .ignore_merges(profile.ignore_merges)
            .byte_fallback(profile.plain)
            .build()
            .map_err(wrong)?;
        let mut tokenizer = Tokenizer::new(model);
        tokenizer.with_pre_tokenizer(Some(PreTokenizerWrapper::Sequence(splits(profile)?)));
        if profile.compose {
            tokenizer
                .with_normalizer(Some(NormalizerWrapper::NFC(NFC)))
                .map_err(wrong)?;
        }
        let byte_token = |byte: u8| {
            let spelling = if profile.plain {
                format!("<0x{byte:02X}>")
            } else {
                byte_character(byte).to_string()
            };
            match ids.get(spelling.as_str()) {
                // Rare bytes are left out by some; such text is lost to them, as it was in training.
                None if matches!(byte, b' '..=b'~') => {
                    Err(wrong(format!("the byte {byte:#04x} has no token")))
                }
                token => Ok(token.copied()),
            }
        };
        let byte_tokens = (0..=u8::MAX).map(byte_token).collect::<Result<_, _>>()?;
        Ok(Self {
            tokenizer,
            byte_tokens,
            plain: profile.plain,
        })
    }

    /// Appends the tokens of `text`.
    pub(super) fn encode(&self, text: &str, tokens: &mut Vec<TokenId>) {
        for piece in pieces(text) {
            let spaced = self
                .plain
                .then(|| piece.replace(' ', SPACE.encode_utf8(&mut [0; 4])));
            match self
                .tokenizer
                .encode_fast(spaced.as_deref().unwrap_or(piece), false)
            {
                Ok(encoding) => tokens.extend(encoding.get_ids()),
                Err(_) => tokens.extend(
                    piece
                        .bytes()
                        .filter_map(|byte| self.byte_tokens[usize::from(byte)]),
                ),
            }
        }
    }
}

fn splits(profile: Profile) -> Result<Sequence, TextError> {
    let mut splits = Vec::new();
    for expression in profile.expressions {
        let pattern = SplitPattern::Regex((*expression).to_owned());
        let split = Split::new(pattern, SplitDelimiterBehavior::Isolated, false).map_err(wrong)?;
        splits.push(PreTokenizerWrapper::Split(split));
    }
    if !profile.plain {
        splits.push(PreTokenizerWrapper::ByteLevel(Bytes::new(
            false, false, false,
        )));
    }
    Ok(Sequence::new(splits))
}

impl fmt::Debug for ByteLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteLevel").finish_non_exhaustive()
    }
}

/// Cuts `text` before white space, or anywhere if there is none, into pieces of bounded length.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
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
        // The left spelling is never empty, so a space in front is part of it.
        let behind = merge
            .char_indices()
            .nth(1)
            .map_or(merge.len(), |(at, _)| at);
        let pair = merge[behind..]
            .find(' ')
            .map(|at| merge.split_at(behind + at))
            .map(|(left, right)| (left.to_owned(), right[1..].to_owned()));
        pair.ok_or_else(|| wrong(format!("the merge `{merge}` is not two spellings")))
    };
    vocabulary.merges.iter().map(split).collect()
}

/// The bytes of each token's text.
pub(super) fn token_bytes(vocabulary: &Vocabulary, kinds: &[TokenKind]) -> Vec<Vec<u8>> {
    let bytes = byte_characters();
    let of = |(number, spelling): (usize, &String)| match kinds[number] {
        TokenKind::Control | TokenKind::Unknown | TokenKind::Unused => Vec::new(),
        TokenKind::UserDefined => spelling.clone().into_bytes(),
        // Some vocabularies hold plain text beside what is spelled in bytes; no merge reaches it.
        TokenKind::Normal | TokenKind::Byte => {
            spelled_bytes(spelling, &bytes).unwrap_or_else(|| spelling.clone().into_bytes())
        }
    };
    vocabulary
        .tokens
        .iter()
        .enumerate()
        .map(of)
        .collect::<Vec<_>>()
}

/// The bytes a spelling stands for, if it is made of stand-ins alone.
pub(super) fn spelled_bytes(spelling: &str, bytes: &HashMap<char, u8>) -> Option<Vec<u8>> {
    spelling
        .chars()
        .map(|character| bytes.get(&character).copied())
        .collect()
}

/// The byte each stand-in stands for.
pub(super) fn byte_characters() -> HashMap<char, u8> {
    (0..=u8::MAX)
        .map(|byte| (byte_character(byte), byte))
        .collect()
}

/// GPT-2's printable stand-in for a byte: itself where printable, else counted up from U+0100.
pub(super) fn byte_character(byte: u8) -> char {
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
