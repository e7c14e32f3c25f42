//! What few queries ask for while they read what they asked for before.
//!
//! They read a stretch's keys block by block, then its values group by group: pieces of a group's codes of a block, in an
//! order that jumps where memory cannot foresee it.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "asks for lines of memory"
)]

use std::ops::Range;

use super::super::kv::LINE;
use super::super::work::BLOCKS;
use super::{Layout, Places};
use crate::isa::Isa;

/// Blocks that are asked for before their keys are read.
const LEAD: usize = 12;

/// The next piece to be asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead {
    /// Of a head.
    groups: usize,
    /// The stretch's.
    stretch: Range<usize>,
    /// Keys, else values.
    keys: bool,
    block: usize,
    group: usize,
    /// Pieces that were asked for and not yet read.
    lead: usize,
}

impl Ahead {
    /// From the first key on.
    pub(super) fn new(places: &Places, groups: usize) -> Self {
        let mut ahead = Self {
            groups,
            ..Self::default()
        };
        ahead.enter(places, places.all().start);
        ahead
    }

    /// Goes to block `block` and the stretch it is of.
    fn enter(&mut self, places: &Places, block: usize) {
        let end = (block / BLOCKS + 1) * BLOCKS;
        // Behind the last there is nothing; it is asked for once more.
        let end = end.min(places.all().end).max(block + 1);
        (self.stretch, self.keys) = (block..end, true);
        (self.block, self.group) = (block, 0);
    }

    /// Pieces were read.
    #[inline(always)]
    pub(super) fn read(&mut self, pieces: usize) {
        self.lead = self.lead.saturating_sub(pieces);
    }

    /// Asks for a part of the pieces that the lead is short of, one of `parts`.
    ///
    /// # Safety
    /// The machine has `S`, and the caller is compiled for it.
    #[inline(always)]
    pub(super) unsafe fn catch_up<S: Isa>(&mut self, places: &Places, parts: usize) {
        for _ in 0..(LEAD * self.groups).saturating_sub(self.lead) / parts {
            if self.block >= places.all().end {
                return;
            }
            let piece = self.next(places);
            for at in (0..Layout::group_at(1)).step_by(LINE) {
                S::prefetch_far(piece.wrapping_add(at));
            }
        }
    }

    /// The piece, which need not be readable; the next one is asked for the next time.
    #[inline(always)]
    pub(super) fn next(&mut self, places: &Places) -> *const u8 {
        self.lead += 1;
        let start = places.start(self.block, self.keys);
        let piece = Layout::group_at(self.group);
        self.step(places);
        start.wrapping_add(piece)
    }

    fn step(&mut self, places: &Places) {
        let (at, end) = (&mut self.block, self.stretch.end);
        if self.keys {
            self.group += 1;
            if self.group == self.groups {
                (*at, self.group) = (*at + 1, 0);
                if *at == end {
                    (*at, self.keys) = (self.stretch.start, false);
                }
            }
            return;
        }
        *at += 1;
        if *at == end {
            (*at, self.group) = (self.stretch.start, self.group + 1);
            if self.group == self.groups {
                self.enter(places, end);
            }
        }
    }
}
