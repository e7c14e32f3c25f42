//! Which tokens may come next, one bit each.

use crate::prompt::TokenId;

/// Which tokens may come next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenMask {
    /// Bit `id % 32` of word `id / 32`; bits past the vocabulary are 0.
    words: Vec<u32>,
}

impl TokenMask {
    /// A mask of little-endian bit words, token 0 in the lowest bit of the first.
    pub fn from_words(words: Vec<u32>) -> Self {
        Self { words }
    }

    /// A mask that allows `tokens` alone.
    pub fn of(tokens: &[TokenId]) -> Self {
        let mut words = Vec::new();
        for &token in tokens {
            let word = token as usize / 32;
            if words.len() <= word {
                words.resize(word + 1, 0);
            }
            words[word] |= 1 << (token % 32);
        }
        Self { words }
    }

    /// Whether `token` may come next; false past the mask's end.
    pub fn allows(&self, token: TokenId) -> bool {
        self.word(token as usize / 32) >> (token % 32) & 1 == 1
    }

    /// The bits of the tokens from `32 * number` on, the first in the lowest; 0 past the mask's end.
    pub(crate) fn word(&self, number: usize) -> u32 {
        self.words.get(number).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_allows_its_tokens_alone() {
        let mask = TokenMask::of(&[0, 31, 32, 70]);
        let allowed: Vec<TokenId> = (0..200).filter(|&token| mask.allows(token)).collect();
        assert_eq!(allowed, [0, 31, 32, 70]);
    }
}
