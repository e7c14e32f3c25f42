//! Finds whole spellings of tokens in text: leftmost, then longest.

use std::collections::BTreeSet;
use std::ops::Bound;

use inference_core::TokenId;

/// A token found whole.
#[derive(Clone, Debug, Default)]
pub(super) struct Added {
    pub(super) spelling: String,
    pub(super) token: TokenId,
    /// Whether white space before it belongs to it.
    pub(super) takes_left: bool,
    /// Whether white space behind it belongs to it.
    pub(super) takes_right: bool,
}

/// Spellings of some tokens.
#[derive(Debug)]
pub(super) struct Spellings {
    /// By first byte, longest first.
    by_first: Vec<Vec<Added>>,
    /// Every ending of a spelling, whole spellings left out.
    endings: BTreeSet<String>,
    /// Bytes of the longest spelling.
    longest: usize,
}

/// Fewest bytes of a piece of a spelling that is broken at the edge of a text; fewer are in any text.
const EDGE_BYTES_MIN: usize = 2;

impl Spellings {
    /// The spellings of `tokens`.
    pub(super) fn new(tokens: impl IntoIterator<Item = Added>) -> Self {
        let mut by_first = vec![Vec::new(); 256];
        for added in tokens {
            if let Some(&first) = added.spelling.as_bytes().first() {
                by_first[usize::from(first)].push(added);
            }
        }
        for spellings in &mut by_first {
            spellings.sort_by_key(|added: &Added| std::cmp::Reverse(added.spelling.len()));
        }
        let spellings = || by_first.iter().flatten().map(|added| &added.spelling);
        let endings = spellings()
            .flat_map(|spelling| {
                let starts = spelling.char_indices().skip(1);
                starts.map(|(start, _)| spelling[start..].to_owned())
            })
            .filter(|ending| ending.len() >= EDGE_BYTES_MIN)
            .collect();
        Self {
            longest: spellings().map(String::len).max().unwrap_or_default(),
            endings,
            by_first,
        }
    }

    /// The token whose spelling is exactly `text`.
    pub(super) fn whole(&self, text: &str) -> Option<TokenId> {
        let first = text.as_bytes().first()?;
        let spellings = &self.by_first[usize::from(*first)];
        let found = spellings.iter().find(|added| added.spelling == text);
        found.map(|added| added.token)
    }

    /// Pieces of text, each with the token behind it; the last has none.
    pub(super) fn split<'a>(&self, text: &'a str) -> Vec<(&'a str, Option<TokenId>)> {
        let mut pieces = Vec::new();
        let mut start = 0;
        let mut at = 0;
        while at < text.len() {
            let Some(added) = self.at(text, at) else {
                at += 1;
                continue;
            };
            let before = &text[start..at];
            let before = if added.takes_left {
                before.trim_end()
            } else {
                before
            };
            pieces.push((before, Some(added.token)));
            at += added.spelling.len();
            if added.takes_right {
                at = text.len() - text[at..].trim_start().len();
            }
            start = at;
        }
        pieces.push((&text[start..], None));
        pieces
    }

    /// Puts `breaker` behind the first character of every spelling, wherever one begins, and of
    /// pieces of spellings at the edges, which might become whole beside other text.
    pub(super) fn break_up(&self, text: &str, breaker: char) -> String {
        let mut broken = String::with_capacity(text.len());
        let edge = self.ends_a_spelling(text);
        for (at, character) in text.char_indices() {
            broken.push(character);
            if (at == 0 && edge) || self.at(text, at).is_some() || self.begins_at_end(&text[at..]) {
                broken.push(breaker);
            }
        }
        broken
    }

    /// Whether `text` begins with the end of a spelling, or lies within one.
    fn ends_a_spelling(&self, text: &str) -> bool {
        let within = self
            .endings
            .range::<str, _>((Bound::Included(text), Bound::Unbounded))
            .next();
        let longest = text.floor_char_boundary(self.longest);
        text.len() >= EDGE_BYTES_MIN
            && (within.is_some_and(|ending| ending.starts_with(text))
                || (EDGE_BYTES_MIN..=longest)
                    .filter_map(|length| text.get(..length))
                    .any(|start| self.endings.contains(start)))
    }

    /// Whether `rest`, the end of a text, begins a spelling.
    fn begins_at_end(&self, rest: &str) -> bool {
        (EDGE_BYTES_MIN..self.longest).contains(&rest.len())
            && self.by_first[usize::from(rest.as_bytes()[0])]
                .iter()
                .any(|added| added.spelling.starts_with(rest))
    }

    /// The longest spelling that begins at byte `at`.
    fn at(&self, text: &str, at: usize) -> Option<&Added> {
        let rest = &text.as_bytes()[at..];
        let spellings = &self.by_first[usize::from(rest[0])];
        let begins = |added: &&Added| rest.starts_with(added.spelling.as_bytes());
        spellings.iter().find(begins)
    }
}
