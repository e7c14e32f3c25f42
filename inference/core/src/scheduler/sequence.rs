//! One sequence: its tokens, how many of them are computed, its blocks.
//!
//! A prompt, forced tokens and the newest token of an answer are all the same here: tokens
//! that are known and not computed yet.

use super::step::Planned;
use crate::kv_blocks::{BlockId, BlockTable};
use crate::prompt::TokenId;
use crate::request::Priority;

/// A sequence's name; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Waiting,
    Running,
}

/// A prompt and the answer so far.
#[derive(Debug)]
pub struct Sequence {
    pub(super) priority: Priority,
    pub(super) state: State,
    /// Work done by others and itself when it came.
    pub(super) arrived: u64,
    /// Known tokens, then guesses.
    pub(super) tokens: Vec<TokenId>,
    /// How many are known.
    pub(super) known: usize,
    /// How many have their keys and values in the table's blocks.
    pub(super) computed: usize,
    /// Most tokens it ever has.
    pub(super) tokens_max: usize,
    pub(super) table: BlockTable,
    /// Blocks that are its own to take.
    pub(super) reserved_blocks: usize,
    /// Whether it takes nothing from the prefix cache.
    pub(super) whole: bool,
}

impl Sequence {
    pub(super) fn new(
        prompt: Vec<TokenId>,
        tokens_max: usize,
        priority: Priority,
        arrived: u64,
    ) -> Self {
        Self {
            priority,
            state: State::Waiting,
            arrived,
            known: prompt.len(),
            tokens: prompt,
            computed: 0,
            tokens_max,
            table: BlockTable::default(),
            reserved_blocks: 0,
            whole: false,
        }
    }

    /// The prompt and the answer so far.
    pub fn tokens(&self) -> &[TokenId] {
        &self.tokens[..self.known]
    }

    /// The tokens that `planned` computes, guesses at the end.
    pub fn planned_tokens(&self, planned: &Planned) -> &[TokenId] {
        let end = planned.position + planned.known + planned.drafts;
        &self.tokens[planned.position..end]
    }

    /// Guesses that `planned` verifies.
    pub fn planned_drafts(&self, planned: &Planned) -> &[TokenId] {
        let start = planned.position + planned.known;
        &self.tokens[start..start + planned.drafts]
    }

    /// Its blocks.
    pub fn blocks(&self) -> &[BlockId] {
        self.table.blocks()
    }

    /// Tokens at the beginning that both have.
    pub(super) fn shared(&self, other: &Self) -> usize {
        let pairs = self.tokens().iter().zip(other.tokens());
        pairs.take_while(|(own, others)| own == others).count()
    }

    /// Tokens known and not computed.
    pub(super) fn pending(&self) -> usize {
        self.known - self.computed
    }

    pub(super) fn drafts(&self) -> usize {
        self.tokens.len() - self.known
    }

    /// Blocks reserved and not taken yet.
    pub(super) fn outstanding(&self) -> usize {
        self.reserved_blocks.saturating_sub(self.table.len())
    }

    pub(super) fn set_drafts(&mut self, drafts: &[TokenId]) {
        self.tokens.truncate(self.known);
        let room = self.tokens_max - self.known;
        self.tokens.extend(drafts.iter().take(room));
    }

    pub(super) fn advance(&mut self, planned: &Planned, written: &[TokenId], accepted: usize) {
        let room = self.tokens_max - self.known;
        let written = &written[..written.len().min(room)];
        self.tokens.truncate(self.known);
        self.tokens.extend(written);
        self.known = self.tokens.len();
        self.computed = (planned.position + planned.known + accepted).min(self.known);
    }

    /// Stops running: gives its blocks up, to be computed again.
    pub(super) fn suspend(&mut self) -> BlockTable {
        self.state = State::Waiting;
        self.tokens.truncate(self.known);
        self.computed = 0;
        self.reserved_blocks = 0;
        std::mem::take(&mut self.table)
    }
}
