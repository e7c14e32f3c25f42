//! Which tokens of which sequences pass the model in the next step.
//!
//! A step is one flat batch: chunks of prompts, the newest tokens of answers, guesses to be
//! verified. Decides admission, order, preemption and blocks. Leaves the model, the choice of
//! tokens and all clocks to the engine: time here is work, counted in tokens computed.
//!
//! Order: urgent before others, then first come first served. Waiting makes urgent: each
//! [`ageing_tokens`](SchedulerOptions::ageing_tokens) of work done since a sequence came lift
//! it by one priority, so that none starves.
//!
//! Admission reserves blocks for the prompt and the beginning of the answer. Where answers
//! outgrow that, the last in order gives its blocks up and is computed again later, most of
//! it out of the prefix cache. The first in order always gets what it needs, hence no deadlock.
//!
//! Invariant: a sequence never writes to a block that another one uses.

mod admission;
mod sequence;
mod step;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use self::sequence::{Sequence, SequenceId};
pub use self::step::{Admitted, Planned, StepPlan};

use self::sequence::State;
use crate::kv_blocks::{BlockPool, PoolUsage};
use crate::prompt::TokenId;
use crate::request::Priority;

/// How sequences are scheduled.
#[derive(Clone, Copy, Debug)]
pub struct SchedulerOptions {
    /// Blocks of keys and values there are.
    pub blocks: usize,
    /// Tokens of a block.
    pub block_tokens: usize,
    /// Most sequences that run side by side.
    pub sequences_max: usize,
    /// Tokens of an answer that blocks are reserved for at admission.
    pub headroom_tokens: usize,
    /// Work after which a waiting sequence is one priority more urgent, tokens.
    pub ageing_tokens: u64,
    /// Most guesses in a step, of all sequences together.
    pub drafts_max: usize,
    /// Whether keys and values of one sequence are found again by others that begin the same.
    pub prefix_cache: bool,
    /// Makes hashes of the prefix cache unforeseeable.
    pub hash_key: u64,
}

impl Default for SchedulerOptions {
    fn default() -> Self {
        Self {
            blocks: 512,
            block_tokens: 16,
            sequences_max: 16,
            // Answers of the product have 200 to 400 tokens; half of one is a fair start.
            headroom_tokens: 128,
            // Four of the longest prompts: seconds on a small model, minutes on a large one.
            ageing_tokens: 32_768,
            // Beyond this, rows cost what they would cost alone.
            drafts_max: 32,
            prefix_cache: true,
            hash_key: 0,
        }
    }
}

/// Plans steps over all sequences of one model.
#[derive(Debug)]
pub struct Scheduler {
    options: SchedulerOptions,
    pool: BlockPool,
    sequences: BTreeMap<SequenceId, Sequence>,
    next_id: u64,
    /// Tokens computed so far.
    work: u64,
}

/// The lower, the sooner: class with ageing, then arrival.
type Rank = (u64, SequenceId);

impl Scheduler {
    /// A scheduler without sequences.
    pub fn new(options: SchedulerOptions) -> Self {
        Self {
            pool: BlockPool::new(options.blocks, options.block_tokens, options.hash_key),
            options,
            sequences: BTreeMap::new(),
            next_id: 0,
            work: 0,
        }
    }

    /// Tokens the longest sequence may have.
    pub fn capacity_tokens(&self) -> usize {
        self.pool.len() * self.pool.block_tokens()
    }

    /// Adds a sequence that begins with `prompt` and has at most `tokens_max` tokens at its
    /// end; it waits until it is planned. `None` if the prompt is empty or could never fit.
    pub fn add(
        &mut self,
        prompt: Vec<TokenId>,
        tokens_max: usize,
        priority: Priority,
    ) -> Option<SequenceId> {
        let tokens_max = tokens_max.min(self.capacity_tokens());
        if prompt.is_empty() || prompt.len() > tokens_max {
            return None;
        }
        let id = SequenceId(self.next_id);
        self.next_id += 1;
        let sequence = Sequence::new(prompt, tokens_max, priority, self.work);
        self.sequences.insert(id, sequence);
        Some(id)
    }

    /// The sequence `id`, until it was removed.
    pub fn sequence(&self, id: SequenceId) -> Option<&Sequence> {
        self.sequences.get(&id)
    }

    /// Has every token of `id` pass the model, also those whose keys and values were kept: their logits are wanted.
    pub fn read_whole(&mut self, id: SequenceId) {
        if let Some(sequence) = self.sequences.get_mut(&id) {
            sequence.whole = true;
        }
    }

    /// Guesses what follows in `id`; the next plan verifies as many as there is room for.
    pub fn set_drafts(&mut self, id: SequenceId, drafts: &[TokenId]) {
        if let Some(sequence) = self.sequences.get_mut(&id) {
            sequence.set_drafts(drafts);
        }
    }

    /// Notes that what was planned for `planned` passed the model, and that `written` follows
    /// the sequence, of which the first `accepted` were the guesses that passed too.
    pub fn advance(&mut self, planned: &Planned, written: &[TokenId], accepted: usize) {
        if let Some(sequence) = self.sequences.get_mut(&planned.id)
            && sequence.state == State::Running
        {
            sequence.advance(planned, written, accepted);
            if self.options.prefix_cache {
                self.pool
                    .seal(&mut sequence.table, &sequence.tokens[..sequence.computed]);
            }
        }
    }

    /// Removes `id`; what is full of its blocks stays findable.
    pub fn remove(&mut self, id: SequenceId) {
        if let Some(sequence) = self.sequences.remove(&id) {
            self.pool.release(sequence.table);
        }
    }

    /// Sequences that run.
    pub fn running(&self) -> usize {
        self.count(State::Running)
    }

    /// Sequences that wait.
    pub fn waiting(&self) -> usize {
        self.count(State::Waiting)
    }

    /// How blocks are used.
    pub fn usage(&self) -> PoolUsage {
        self.pool.usage()
    }

    fn count(&self, state: State) -> usize {
        let sequences = self.sequences.values();
        sequences.filter(|sequence| sequence.state == state).count()
    }

    fn rank(&self, id: SequenceId) -> Rank {
        let class = self.sequences.get(&id).map_or(u64::MAX, |sequence| {
            let age = self.work - sequence.arrived;
            (sequence.priority as u64).saturating_sub(age / self.options.ageing_tokens.max(1))
        });
        (class, id)
    }

    /// The sequences in `state`, in order.
    fn ranked(&self, state: State) -> Vec<SequenceId> {
        let sequences = self.sequences.iter();
        let mut ranks: Vec<Rank> = sequences
            .filter(|(_, sequence)| sequence.state == state)
            .map(|(&id, _)| self.rank(id))
            .collect();
        ranks.sort_unstable();
        ranks.into_iter().map(|(_, id)| id).collect()
    }
}
