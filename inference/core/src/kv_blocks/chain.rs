//! The name of a block's content: a hash of its tokens and of all tokens before them.
//!
//! Two keyed 64-bit hashes make one of 128 bits, so that nobody who writes prompts can
//! make two contents share a name.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::prompt::TokenId;

/// The name of a block's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct BlockHash([u64; 2]);

/// Names contents under a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    key: u64,
}

impl Chain {
    pub(super) fn new(key: u64) -> Self {
        Self { key }
    }

    /// The name of `tokens` behind the block named `before`.
    pub(super) fn next(self, before: Option<&BlockHash>, tokens: &[TokenId]) -> BlockHash {
        BlockHash([0, 1].map(|half: u8| {
            let mut hasher = DefaultHasher::new();
            (self.key, half, before, tokens).hash(&mut hasher);
            hasher.finish()
        }))
    }
}
