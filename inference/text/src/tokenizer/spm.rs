//! Sentence pieces (`tokenizer.ggml.model` = `llama`): neighbors are merged
//! while their union is a token, the best score first.
//!
//! # Source
//! `SentencePiece`'s BPE encoder; `llm_tokenizer_spm` of llama.cpp does the same.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use inference_core::TokenId;

use super::Place;
use crate::error::TextError;
use crate::vocabulary::{TokenKind, Vocabulary};

/// Stands for a space in spellings.
pub(super) const SPACE: char = '\u{2581}';

/// Encodes text by merging characters by score.
#[derive(Debug)]
pub(super) struct SentencePieces {
    tokens: HashMap<String, TokenId>,
    scores: Vec<f32>,
    /// The token of each byte, where the vocabulary has one.
    bytes: Vec<Option<TokenId>>,
    unknown: Option<TokenId>,
    add_space_prefix: bool,
}

/// A run of characters; `next` and `previous` are positions, or `NONE` at the ends.
struct Symbol {
    start: usize,
    /// Bytes; 0 once merged into its left neighbor.
    length: usize,
    previous: usize,
    next: usize,
}

const NONE: usize = usize::MAX;

/// Two neighbors that may be merged, ordered by score, then from the left.
struct Pair {
    score: f32,
    left: usize,
    right: usize,
    length: usize,
}

impl Ord for Pair {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Pair {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Pair {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Pair {}

impl SentencePieces {
    pub(super) fn try_new(vocabulary: &Vocabulary, kinds: &[TokenKind]) -> Result<Self, TextError> {
        if vocabulary.scores.is_empty() {
            return Err(TextError::Vocabulary(
                "its tokens have no scores".to_owned(),
            ));
        }
        let mut tokens = HashMap::new();
        let mut bytes = vec![None; 256];
        for (token, spelling) in (0_u32..).zip(&vocabulary.tokens) {
            match kinds[token as usize] {
                TokenKind::Byte => bytes[usize::from(byte(spelling)?)] = Some(token),
                TokenKind::Normal => {
                    tokens.insert(spelling.clone(), token);
                }
                TokenKind::Control
                | TokenKind::Unknown
                | TokenKind::UserDefined
                | TokenKind::Unused => {}
            }
        }
        Ok(Self {
            tokens,
            scores: vocabulary.scores.clone(),
            bytes,
            // Text never gives a control token, whatever the file declares.
            unknown: vocabulary.unknown.filter(|&token| {
                kinds
                    .get(token as usize)
                    .is_some_and(|&kind| kind != TokenKind::Control)
            }),
            add_space_prefix: vocabulary.add_space_prefix.unwrap_or(true),
        })
    }

    /// Appends the tokens of `text`; a space is put in front where the vocabulary wants one and the text does not continue other text.
    pub(super) fn encode(&self, text: &str, place: Place, tokens: &mut Vec<TokenId>) {
        if text.is_empty() {
            return;
        }
        let mut spelled = String::with_capacity(text.len() + 2);
        if place != Place::Continued && self.add_space_prefix {
            spelled.push(SPACE);
        }
        spelled.extend(
            text.chars()
                .map(|character| if character == ' ' { SPACE } else { character }),
        );
        let symbols = self.merge(&spelled);
        for symbol in symbols.iter().filter(|symbol| symbol.length > 0) {
            self.emit(&spelled[symbol.start..symbol.start + symbol.length], tokens);
        }
    }

    fn merge(&self, text: &str) -> Vec<Symbol> {
        let starts: Vec<usize> = text.char_indices().map(|(start, _)| start).collect();
        let mut symbols: Vec<Symbol> = starts
            .iter()
            .enumerate()
            .map(|(number, &start)| Symbol {
                start,
                length: starts.get(number + 1).copied().unwrap_or(text.len()) - start,
                previous: number.checked_sub(1).unwrap_or(NONE),
                next: if number + 1 < starts.len() {
                    number + 1
                } else {
                    NONE
                },
            })
            .collect();
        let mut pairs = BinaryHeap::new();
        for left in 0..symbols.len() {
            pairs.extend(self.pair(text, &symbols, left));
        }
        while let Some(pair) = pairs.pop() {
            let [left, right] = [&symbols[pair.left], &symbols[pair.right]];
            // A pair whose parts have been merged otherwise is stale.
            if left.length == 0 || right.length == 0 || left.length + right.length != pair.length {
                continue;
            }
            let next = right.next;
            symbols[pair.right].length = 0;
            symbols[pair.left].length = pair.length;
            symbols[pair.left].next = next;
            if next != NONE {
                symbols[next].previous = pair.left;
            }
            let previous = symbols[pair.left].previous;
            pairs.extend(self.pair(text, &symbols, previous));
            pairs.extend(self.pair(text, &symbols, pair.left));
        }
        symbols
    }

    /// The pair of the symbol `left` and the one behind it, if their union is a token.
    fn pair(&self, text: &str, symbols: &[Symbol], left: usize) -> Option<Pair> {
        let first = symbols.get(left)?;
        let second = symbols.get(first.next)?;
        let length = first.length + second.length;
        let token = *self.tokens.get(&text[first.start..first.start + length])?;
        Some(Pair {
            score: self.scores[token as usize],
            left,
            right: first.next,
            length,
        })
    }

    fn emit(&self, symbol: &str, tokens: &mut Vec<TokenId>) {
        if let Some(&token) = self.tokens.get(symbol) {
            tokens.push(token);
            return;
        }
        for byte in symbol.bytes() {
            tokens.extend(self.bytes[usize::from(byte)].or(self.unknown));
        }
    }
}

/// The bytes of each token's text.
pub(super) fn token_bytes(
    vocabulary: &Vocabulary,
    kinds: &[TokenKind],
) -> Result<Vec<Vec<u8>>, TextError> {
    let of = |(number, spelling): (usize, &String)| match kinds[number] {
        TokenKind::Control | TokenKind::Unknown | TokenKind::Unused => Ok(Vec::new()),
        TokenKind::Byte => byte(spelling).map(|byte| vec![byte]),
        TokenKind::Normal | TokenKind::UserDefined => Ok(spelling.replace(SPACE, " ").into_bytes()),
    };
    vocabulary.tokens.iter().enumerate().map(of).collect()
}

/// The byte a spelling like `<0x0A>` stands for.
pub(super) fn byte(spelling: &str) -> Result<u8, TextError> {
    let digits = spelling
        .strip_prefix("<0x")
        .and_then(|rest| rest.strip_suffix('>'))
        .filter(|digits| digits.len() == 2);
    let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
    byte.ok_or_else(|| {
        TextError::Vocabulary(format!(
            "the byte token `{spelling}` is not spelled like <0x0A>"
        ))
    })
}
