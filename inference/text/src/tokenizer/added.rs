//! Finds whole spellings of tokens in text: leftmost, then longest.

use inference_core::TokenId;

use crate::vocabulary::{TokenKind, Vocabulary};

/// Spellings of some tokens.
#[derive(Debug)]
pub(super) struct Spellings {
    /// By first byte, longest first.
    by_first: Vec<Vec<(String, TokenId)>>,
}

impl Spellings {
    /// The spellings of the tokens of `kind`.
    pub(super) fn new(vocabulary: &Vocabulary, kind: TokenKind) -> Self {
        let mut by_first = vec![Vec::new(); 256];
        for (token, spelling) in (0..).zip(&vocabulary.tokens) {
            if let (true, Some(&first)) = (
                vocabulary.kind(token as usize) == kind,
                spelling.as_bytes().first(),
            ) {
                by_first[usize::from(first)].push((spelling.clone(), token));
            }
        }
        for spellings in &mut by_first {
            spellings.sort_by_key(|(spelling, _)| std::cmp::Reverse(spelling.len()));
        }
        Self { by_first }
    }

    /// The token whose spelling is exactly `text`.
    pub(super) fn whole(&self, text: &str) -> Option<TokenId> {
        let first = text.as_bytes().first()?;
        let spellings = &self.by_first[usize::from(*first)];
        let found = spellings.iter().find(|(spelling, _)| spelling == text);
        found.map(|(_, token)| *token)
    }

    /// Pieces of text, each with the token behind it; the last has none.
    pub(super) fn split<'a>(&self, text: &'a str) -> Vec<(&'a str, Option<TokenId>)> {
        let mut pieces = Vec::new();
        let mut start = 0;
        let mut at = 0;
        while at < text.len() {
            if let Some((length, token)) = self.at(text, at) {
                pieces.push((&text[start..at], Some(token)));
                at += length;
                start = at;
            } else {
                at += 1;
            }
        }
        pieces.push((&text[start..], None));
        pieces
    }

    /// Puts `breaker` behind the first character of every spelling, wherever one begins.
    pub(super) fn break_up(&self, text: &str, breaker: char) -> String {
        let mut broken = String::with_capacity(text.len());
        for (at, character) in text.char_indices() {
            broken.push(character);
            if self.at(text, at).is_some() {
                broken.push(breaker);
            }
        }
        broken
    }

    /// The longest spelling that begins at byte `at`.
    fn at(&self, text: &str, at: usize) -> Option<(usize, TokenId)> {
        let rest = &text.as_bytes()[at..];
        let spellings = &self.by_first[usize::from(rest[0])];
        let found = spellings
            .iter()
            .find(|(spelling, _)| rest.starts_with(spelling.as_bytes()));
        found.map(|(spelling, token)| (spelling.len(), *token))
    }
}
