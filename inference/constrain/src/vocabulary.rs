//! A model's vocabulary as the grammar engine sees it: a tree of bytes.

use std::fmt;
use std::sync::Arc;

use inference_core::TokenId;
use toktrie::{TokEnv, TokRxInfo, TokTrie, TokenizerEnv};

/// Encodes text that continues other text.
type Encode = dyn Fn(&str) -> Vec<TokenId> + Send + Sync;

/// A model's vocabulary.
pub struct ConstraintVocabulary {
    /// The bytes each token adds to a text; none for tokens that may not be written under a constraint.
    pub bytes: Vec<Vec<u8>>,
    /// Control tokens and their spellings, which grammars name as `<|name|>`.
    pub control: Vec<(TokenId, String)>,
    /// Tokens that end a turn; at least one.
    pub ends: Vec<TokenId>,
    /// Encodes text that continues other text, as the model was trained to read it.
    pub encode: Box<Encode>,
}

impl ConstraintVocabulary {
    pub(crate) fn into_environment(self) -> TokEnv {
        let mut words = self.bytes;
        for (token, spelling) in self.control {
            if let Some(word) = words.get_mut(token as usize) {
                *word = [&[TokTrie::SPECIAL_TOKEN_MARKER], spelling.as_bytes()].concat();
            }
        }
        let count = u32::try_from(words.len()).unwrap_or(u32::MAX);
        let first = self.ends.first().copied().unwrap_or_default();
        let trie = TokTrie::from(&TokRxInfo::new(count, first), &words).with_eos_tokens(&self.ends);
        Arc::new(Environment {
            trie,
            encode: self.encode,
        })
    }
}

impl fmt::Debug for ConstraintVocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConstraintVocabulary")
            .field("tokens", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

struct Environment {
    trie: TokTrie,
    encode: Box<Encode>,
}

impl TokenizerEnv for Environment {
    fn tok_trie(&self) -> &TokTrie {
        &self.trie
    }

    fn tokenize_bytes(&self, bytes: &[u8]) -> Vec<TokenId> {
        self.trie
            .tokenize_with_greedy_fallback(bytes, |text| (self.encode)(text))
    }
}
