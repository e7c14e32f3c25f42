//! What passes the model in one step.
//!
//! Answers first, since people watch them; a quarter of the step is kept for prompts, so
//! that these get on; guesses take what is left. Of prompts that begin alike the first in order
//! reads the beginning and the others wait for it, also those that came in the same moment.

use super::sequence::State;
use super::{Scheduler, SequenceId};

/// Up to this many tokens are read with the answers: one written token, what a grammar
/// forced, or the rest of a prompt whose beginning was cached.
const SHORT: usize = 32;

/// A piece of one sequence that passes the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Whose.
    pub id: SequenceId,
    /// Where it begins in the sequence.
    pub position: usize,
    /// Known tokens in it.
    pub known: usize,
    /// Guesses behind them.
    pub drafts: usize,
    /// Whether it reaches the last known token, so that the next one can be chosen.
    pub complete: bool,
}

/// A sequence that runs from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admitted {
    /// Which.
    pub id: SequenceId,
    /// Tokens whose keys and values were found.
    pub cached_tokens: usize,
}

/// One step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepPlan {
    /// What passes the model, at most one piece of a sequence.
    pub segments: Vec<Planned>,
    /// Sequences that run from now on.
    pub admitted: Vec<Admitted>,
    /// Sequences that ran already and take over tokens that another has computed since.
    pub found: Vec<Admitted>,
    /// Sequences that stopped running and wait again.
    pub preempted: Vec<SequenceId>,
}

impl StepPlan {
    /// Tokens of all segments.
    pub fn tokens(&self) -> usize {
        let tokens = |planned: &Planned| planned.known + planned.drafts;
        self.segments.iter().map(tokens).sum()
    }
}

impl Scheduler {
    /// Plans a step of about `budget` tokens, at least one for every answer.
    pub fn plan(&mut self, budget: usize) -> StepPlan {
        let mut plan = StepPlan::default();
        self.admit(&mut plan);
        let running = self.ranked(State::Running);
        for &id in &running {
            self.take_over(id, &mut plan);
        }
        let (short, long): (Vec<_>, Vec<_>) = running
            .into_iter()
            .partition(|&id| self.pending(id) <= SHORT);
        let share = if long.is_empty() { 0 } else { budget / 4 };
        let mut left = budget.saturating_sub(share);
        for &id in &short {
            let tokens = self.pending(id).min(left.max(1));
            left = left.saturating_sub(self.place(id, tokens, &mut plan));
        }
        left += share;
        for (number, &id) in long.iter().enumerate() {
            if left == 0 {
                break;
            }
            if !self.waits(id, &long[..number]) {
                let tokens = self.pending(id).min(left);
                left = left.saturating_sub(self.place(id, tokens, &mut plan));
            }
        }
        self.add_drafts(left, &mut plan);
        self.work += plan.tokens() as u64;
        plan
    }

    fn pending(&self, id: SequenceId) -> usize {
        self.sequences.get(&id).map_or(0, super::Sequence::pending)
    }

    /// Lets `id` go on behind what others have computed of its prompt since its last step.
    fn take_over(&mut self, id: SequenceId, plan: &mut StepPlan) {
        let Some(sequence) = self.sequences.get_mut(&id).filter(|own| !own.whole) else {
            return;
        };
        let known = &sequence.tokens[..sequence.known];
        let found = self.pool.reuse_behind(&mut sequence.table, known);
        let cached_tokens = found * self.pool.block_tokens();
        sequence.computed += cached_tokens;
        if found > 0 {
            plan.found.push(Admitted { id, cached_tokens });
        }
    }

    /// Whether one of those `before` it reads what `id` would read next.
    fn waits(&self, id: SequenceId, before: &[SequenceId]) -> bool {
        let Some(own) = self.sequences.get(&id).filter(|own| !own.whole) else {
            return false;
        };
        let block = self.pool.block_tokens();
        self.options.prefix_cache
            && before
                .iter()
                .filter_map(|other| self.sequences.get(other))
                .any(|other| other.shared(own) / block * block > other.computed.max(own.computed))
    }

    /// Plans the next `tokens` known tokens of `id`; gives how many were planned.
    fn place(&mut self, id: SequenceId, tokens: usize, plan: &mut StepPlan) -> usize {
        if tokens == 0 || !self.take_blocks(id, tokens, plan) {
            return 0;
        }
        let Some(sequence) = self.sequences.get(&id) else {
            return 0;
        };
        plan.segments.push(Planned {
            id,
            position: sequence.computed,
            known: tokens,
            drafts: 0,
            complete: tokens == sequence.pending(),
        });
        tokens
    }

    /// Makes the table of `id` long enough, taking blocks from those behind it in order.
    fn take_blocks(&mut self, id: SequenceId, tokens: usize, plan: &mut StepPlan) -> bool {
        loop {
            let Some(sequence) = self.sequences.get_mut(&id) else {
                return false;
            };
            if sequence.state != State::Running {
                return false;
            }
            let end = sequence.computed + tokens;
            if self.pool.extend(&mut sequence.table, end) {
                return true;
            }
            // The last in order gives way, even if that is the one that asks.
            match self.ranked(State::Running).last() {
                Some(&last) => self.preempt(last, plan),
                None => return false,
            }
        }
    }

    /// Adds guesses where they fit without anyone giving way.
    fn add_drafts(&mut self, left: usize, plan: &mut StepPlan) {
        let mut left = left.min(self.options.drafts_max);
        let reserved: usize = self
            .sequences
            .values()
            .map(super::Sequence::outstanding)
            .sum();
        for planned in plan.segments.iter_mut().filter(|planned| planned.complete) {
            let Some(sequence) = self.sequences.get_mut(&planned.id) else {
                continue;
            };
            let drafts = sequence.drafts().min(left);
            let end = sequence.known + drafts;
            let missing = self
                .pool
                .blocks_for(end)
                .saturating_sub(sequence.table.len());
            let own = sequence.outstanding();
            if drafts > 0
                && missing + reserved.saturating_sub(own) <= self.pool.available()
                && self.pool.extend(&mut sequence.table, end)
            {
                planned.drafts = drafts;
                left -= drafts;
            }
        }
    }
}
