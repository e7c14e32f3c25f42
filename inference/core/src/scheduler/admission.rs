//! Who may run: takes blocks for the next in order, at the expense of the less urgent if need be.

use super::sequence::State;
use super::{Admitted, Scheduler, SequenceId, StepPlan};
use crate::kv_blocks::BlockTable;

impl Scheduler {
    /// Lets waiting sequences run, in order, until one does not fit.
    ///
    /// None overtakes one that does not fit: a long prompt would wait for ever.
    pub(super) fn admit(&mut self, plan: &mut StepPlan) {
        for id in self.ranked(State::Waiting) {
            while !self.start(id, plan) {
                if !self.make_room(id, plan) {
                    return;
                }
            }
        }
    }

    /// Lets `id` run if there is room.
    fn start(&mut self, id: SequenceId, plan: &mut StepPlan) -> bool {
        if self.running() >= self.options.sequences_max.max(1) {
            return false;
        }
        let reserved = self.reservation(id);
        let outstanding = self.outstanding();
        let Some(sequence) = self.sequences.get_mut(&id) else {
            return true;
        };
        let table = if sequence.whole {
            BlockTable::default()
        } else {
            self.pool.reuse(&sequence.tokens[..sequence.known])
        };
        if self.pool.available() < outstanding + reserved - table.len() {
            self.pool.release(table);
            return false;
        }
        let cached_tokens = table.len() * self.pool.block_tokens();
        sequence.state = State::Running;
        sequence.computed = cached_tokens;
        sequence.table = table;
        sequence.reserved_blocks = reserved;
        plan.admitted.push(Admitted { id, cached_tokens });
        true
    }

    /// Stops the last in order of those less urgent than `id`, if stopping all of them would do.
    fn make_room(&mut self, id: SequenceId, plan: &mut StepPlan) -> bool {
        let (class, _) = self.rank(id);
        let victims: Vec<SequenceId> = self
            .ranked(State::Running)
            .into_iter()
            .filter(|&running| self.rank(running).0 > class)
            .collect();
        let gain: usize = victims
            .iter()
            .filter_map(|victim| self.sequences.get(victim))
            .map(|victim| self.pool.exclusive(&victim.table) + victim.outstanding())
            .sum();
        let needed = self.outstanding() + self.reservation(id);
        match victims.last() {
            Some(&victim) if self.pool.available() + gain >= needed => {
                self.preempt(victim, plan);
                true
            }
            _ => false,
        }
    }

    /// Blocks for all known tokens of `id` and the beginning of what follows.
    fn reservation(&self, id: SequenceId) -> usize {
        self.sequences.get(&id).map_or(0, |sequence| {
            let tokens = sequence.known + self.options.headroom_tokens;
            self.pool.blocks_for(tokens.min(sequence.tokens_max))
        })
    }

    /// Blocks that running sequences may still take of what was reserved for them.
    fn outstanding(&self) -> usize {
        let running = self.sequences.values();
        running.map(super::Sequence::outstanding).sum()
    }

    /// Stops `id`, which gives its blocks up and waits again.
    pub(super) fn preempt(&mut self, id: SequenceId, plan: &mut StepPlan) {
        if let Some(sequence) = self.sequences.get_mut(&id) {
            let table = sequence.suspend();
            self.pool.release(table);
            plan.segments.retain(|planned| planned.id != id);
            plan.admitted.retain(|admitted| admitted.id != id);
            plan.found.retain(|found| found.id != id);
            plan.preempted.push(id);
        }
    }
}
