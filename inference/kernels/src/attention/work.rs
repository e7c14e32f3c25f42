//! What one task does: stretch by stretch, scores, their weights, and what they mix of the values.
//!
//! Invariant: stretches begin at multiples of [`STRETCH`] positions, whoever looks and from where.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "tasks write the heads of their tokens, which are not neighbors in the output"
)]

use std::cell::RefCell;
use std::f32::consts::LOG2_E;
use std::ops::Range;

use super::codes::{self, Codes};
use super::kv::Head;
use super::reals::{Halves, Reals, Stored};
use super::share::Share;
use super::task::Task;
use super::{Attend, BLOCK_TOKENS, KvCache, KvDtype};
use crate::disjoint::Disjoint;
use crate::isa::{Isa, Kernel, Path};

/// Blocks of a stretch.
pub(super) const BLOCKS: usize = 16;
/// Positions that are weighed together.
pub(super) const STRETCH: usize = BLOCKS * BLOCK_TOKENS;
/// Queries that wait for memory more than for arithmetic.
const FEW: usize = 8;
/// Blocks that few queries ask for ahead.
pub(super) const AHEAD: usize = 4;

thread_local! {
    static WORK: RefCell<Work> = RefCell::default();
}

/// Memory of one task.
#[derive(Default)]
pub(super) struct Work {
    /// Two blocks' keys or values, if they are reals that are not read as they are stored.
    pub(super) reals: Vec<f32>,
    /// What attention in whole numbers needs.
    pub(super) codes: codes::Room,
    /// Scores, then weights, of queries over a stretch.
    pub(super) scores: Vec<f32>,
    /// What each query gets of a stretch, `[queries, head_dim]`, and its share.
    pub(super) mixed: Vec<f32>,
    pub(super) parts: Vec<Share>,
    /// Each query's share so far, and what it got, `[queries, head_dim]`: rows of all that is given lie so far apart that
    /// a task's push each other out of the nearest cache.
    shares: Vec<Share>,
    got: Vec<f32>,
}

/// A task and what it reads and writes.
#[derive(Clone, Copy)]
pub(super) struct Attention<'a> {
    pub(super) cache: &'a KvCache,
    pub(super) layer: usize,
    pub(super) task: &'a Task<'a>,
    pub(super) attend: Attend<'a>,
    pub(super) queries: &'a [f32],
    pub(super) out: Disjoint<'a>,
}

/// Does a task on the instruction set `path`.
pub(super) fn attend(path: Path, attention: Attention<'_>) {
    WORK.with_borrow_mut(|work| path.run(Job(attention, work)));
}

struct Job<'a, 'w>(Attention<'a>, &'w mut Work);

impl Kernel for Job<'_, '_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Isa>(self) {
        let Self(attention, work) = self;
        // Vectors of halves are read byte by byte, the lower first.
        let few = attention.count() <= FEW && cfg!(target_endian = "little");
        match attention.cache.dtype() {
            KvDtype::Q8_0 if few => attention.all::<S, Codes<true>>(work),
            KvDtype::Q8_0 => attention.all::<S, Codes<false>>(work),
            KvDtype::F16 if few => attention.all::<S, Stored<Halves>>(work),
            KvDtype::F32 if few => attention.all::<S, Stored<Reals<true>>>(work),
            KvDtype::F16 | KvDtype::F32 => attention.all::<S, Stored<Reals<false>>>(work),
        }
    }
}

/// How a task reads keys and values.
///
/// # Safety
/// Methods may only be called where the machine has `S` and the caller is compiled for it, for a cache whose
/// numbers are stored so.
pub(super) trait Reading {
    /// Makes ready what all stretches need.
    unsafe fn begin<S: Isa>(attention: &Attention<'_>, work: &mut Work);

    /// Of `blocks`, a stretch: what all queries get, and their shares.
    unsafe fn stretch<S: Isa>(attention: &Attention<'_>, blocks: Range<usize>, work: &mut Work);
}

/// The positions of `blocks` of a stretch within it.
#[inline(always)]
pub(super) fn positions(blocks: &Range<usize>) -> Range<usize> {
    let first = blocks.start % BLOCKS;
    first * BLOCK_TOKENS..(first + blocks.len()) * BLOCK_TOKENS
}

/// Runs `$body` over the queries `$queries`, as many at a time as registers hold; `$many` is how many, `$at` the first.
macro_rules! in_groups {
    ($queries:expr, ($many:ident, $at:ident) => $body:expr) => {{
        let Range { start: mut $at, end } = $queries;
        in_groups!(@ $many $at end $body, 8 7 6 5 4 3 2 1);
    }};
    (@ $many:ident $at:ident $end:ident $body:expr, $($count:literal)*) => {
        $(while $count <= S::QUERIES_MAX && $end - $at >= $count {
            const $many: usize = $count;
            $body;
            $at += $count;
        })*
    };
}

/// What `$of` gives for `$count` numbers from 0 on. A loop, since what calls a closure may be compiled by itself.
macro_rules! each {
    ($count:ident, $number:ident => $of:expr) => {{
        let $number = 0;
        let mut each = [$of; $count];
        for ($number, place) in each.iter_mut().enumerate() {
            *place = $of;
        }
        each
    }};
}

pub(super) use {each, in_groups};

impl Attention<'_> {
    /// Query heads that share a head of keys and values.
    #[inline(always)]
    pub(super) fn group(&self) -> usize {
        self.attend.heads / self.cache.kv_heads()
    }

    /// Queries.
    #[inline(always)]
    pub(super) fn count(&self) -> usize {
        self.task.tokens * self.group()
    }

    /// The head of query `query`.
    fn head(&self, query: usize) -> usize {
        self.task.kv_head * self.group() + query % self.group()
    }

    /// Where query `query` begins among all queries, and what it gets among all that is given.
    fn row(&self, query: usize) -> usize {
        let token = self.task.row + self.task.first + query / self.group();
        (token * self.attend.heads + self.head(query)) * self.cache.head_dim()
    }

    /// The numbers of query `query`.
    #[inline(always)]
    pub(super) fn query(&self, query: usize) -> &[f32] {
        &self.queries[self.row(query)..][..self.cache.head_dim()]
    }

    /// The head of keys and values.
    #[inline(always)]
    pub(super) fn kv_head(&self) -> Head {
        Head {
            layer: self.layer,
            head: self.task.kv_head,
        }
    }

    /// The blocks of the span that any query sees something of.
    #[inline(always)]
    pub(super) fn blocks(&self) -> Range<usize> {
        let first = self.task.visible(0, self.attend.window).start / BLOCK_TOKENS;
        first..self.task.end().div_ceil(BLOCK_TOKENS)
    }

    /// Those of `blocks` that are not behind all that query `query` sees.
    #[inline(always)]
    pub(super) fn looked_at(&self, blocks: &Range<usize>, query: usize) -> Range<usize> {
        let visible = self.task.visible(query / self.group(), self.attend.window);
        let end = visible.end.div_ceil(BLOCK_TOKENS);
        blocks.start..end.clamp(blocks.start, blocks.end)
    }

    /// All stretches in order.
    ///
    /// # Safety
    /// The machine has `S`, and the caller is compiled for it; the cache's numbers are stored as `R` reads them.
    #[inline(always)]
    unsafe fn all<S: Isa, R: Reading>(&self, work: &mut Work) {
        let (count, width) = (self.count(), self.cache.head_dim());
        work.mixed.resize(count * width, 0.0);
        work.parts.resize(count, Share::NONE);
        work.shares.clear();
        work.shares.resize(count, Share::NONE);
        work.got.resize(count * width, 0.0);
        R::begin::<S>(self, work);
        let Range { start, end } = self.blocks();
        for stretch in start / BLOCKS..end.div_ceil(BLOCKS) {
            let blocks = start.max(stretch * BLOCKS)..end.min((stretch + 1) * BLOCKS);
            R::stretch::<S>(self, blocks, work);
            let mixed = work.parts.iter().zip(work.mixed.chunks_exact(width));
            let got = work.shares.iter_mut().zip(work.got.chunks_exact_mut(width));
            for ((share, got), (part, mixed)) in got.zip(mixed) {
                share.take(*part, mixed, got);
            }
        }
        let got = work.shares.iter().zip(work.got.chunks_exact(width));
        for (query, (share, got)) in got.enumerate() {
            let sinks = self.attend.sinks;
            let sink = sinks.map(|sinks| sinks[self.head(query)] * LOG2_E);
            // SAFETY: each token and head is in one task and taken here once.
            share.finish(sink, got, self.out.part(self.row(query), width));
        }
    }

    /// Turns what query `query` sees of its `scores` of a stretch, of which these are `blocks`, into weights.
    ///
    /// # Safety
    /// The machine has `S`, and the caller is compiled for it.
    #[inline(always)]
    pub(super) unsafe fn weigh<S: Isa>(
        &self,
        query: usize,
        blocks: &Range<usize>,
        scores: &mut [f32],
    ) -> Share {
        let seen = self.seen(query, blocks);
        Share::weigh::<S>(&mut scores[positions(blocks)], seen, self.attend.softcap)
    }

    /// What query `query` sees of `blocks`, counted from their first position.
    #[inline(always)]
    pub(super) fn seen(&self, query: usize, blocks: &Range<usize>) -> Range<usize> {
        let visible = self.task.visible(query / self.group(), self.attend.window);
        let (start, most) = (blocks.start * BLOCK_TOKENS, blocks.len() * BLOCK_TOKENS);
        let within = |position: usize| position.saturating_sub(start).min(most);
        within(visible.start)..within(visible.end)
    }

    /// Where the keys or values of block `block` of the span, or of its last, begin.
    #[inline(always)]
    pub(super) fn start(&self, block: usize, keys: bool) -> *const u8 {
        let last = self.task.end().div_ceil(BLOCK_TOKENS) - 1;
        let id = self.task.span.blocks[block.min(last)];
        self.cache.start(id, self.kv_head(), keys)
    }
}
