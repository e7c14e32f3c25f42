//! Where the blocks of a task's head lie.

use std::ops::Range;

use super::super::work::Attention;

/// Those that any of its queries sees something of.
#[derive(Default)]
pub(super) struct Places {
    /// The first one's number in its span.
    first: usize,
    /// Where the keys of each begin.
    keys: Vec<*const u8>,
    /// How far behind its keys the values of each begin.
    values: usize,
}

impl Places {
    /// Looks each of them up, once.
    pub(super) fn find(&mut self, attention: &Attention<'_>) {
        let blocks = attention.blocks();
        let (keys, values) = (
            attention.start(blocks.start, true),
            attention.start(blocks.start, false),
        );
        self.first = blocks.start;
        self.values = values.addr() - keys.addr();
        self.keys.clear();
        self.keys
            .extend(blocks.map(|block| attention.start(block, true)));
    }

    /// Their numbers.
    pub(super) fn all(&self) -> Range<usize> {
        self.first..self.first + self.keys.len()
    }

    /// Where the keys or values of block `block`, or of the last, begin.
    #[inline(always)]
    pub(super) fn start(&self, block: usize, keys: bool) -> *const u8 {
        let start = self.keys[(block - self.first).min(self.keys.len() - 1)];
        start.wrapping_add(if keys { 0 } else { self.values })
    }
}
