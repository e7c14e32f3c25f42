//! What one task does: stretch by stretch, scores, their weights, and what they mix of the values.
//!
//! Invariant: stretches begin at multiples of [`STRETCH`] positions, whoever looks and from where.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "tasks write the heads of their tokens, which are not neighbors in the output"
)]

use std::cell::RefCell;
use std::ops::Range;

use super::kv::Head;
use super::numbers::{Codes, Halves, Later, Numbers, Reals};
use super::share::Share;
use super::task::Task;
use super::tile::{mix, score};
use super::{Attend, BLOCK_TOKENS, KvCache, KvDtype};
use crate::disjoint::Disjoint;
use crate::isa::{Isa, Kernel, Path};

/// Blocks of a stretch.
const BLOCKS: usize = 16;
/// Positions that are weighed together.
const STRETCH: usize = BLOCKS * BLOCK_TOKENS;
/// Queries that wait for memory more than for arithmetic.
const FEW: usize = 8;
/// Blocks that few queries ask for ahead.
const AHEAD: usize = 4;

thread_local! {
    static WORK: RefCell<Work> = RefCell::default();
}

/// Memory of one task.
#[derive(Default)]
struct Work {
    /// Two blocks' keys or values, if they are not read as they are stored.
    room: Vec<f32>,
    /// Scores, then weights, of each query over a stretch.
    scores: Vec<f32>,
    /// What each query gets of a stretch, and its share.
    mixed: Vec<f32>,
    parts: Vec<Share>,
    /// Each query's share so far.
    shares: Vec<Share>,
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
            KvDtype::F16 if few => attention.all::<S, Halves>(work),
            KvDtype::Q8_0 if few => attention.all::<S, Codes>(work),
            KvDtype::F32 if few => attention.all::<S, Reals<true>>(work),
            _ => attention.all::<S, Reals<false>>(work),
        }
    }
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

/// The addresses of what `$of` gives for `$count` numbers from 0 on.
macro_rules! addresses {
    ($count:ident, $number:ident => $of:expr) => {{
        let $number = 0;
        let mut addresses = [$of; $count];
        for ($number, address) in addresses.iter_mut().enumerate() {
            *address = $of;
        }
        addresses
    }};
}

impl Attention<'_> {
    /// Query heads that share a head of keys and values.
    fn group(&self) -> usize {
        self.attend.heads / self.cache.kv_heads()
    }

    /// Queries.
    fn count(&self) -> usize {
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

    /// The head of keys and values.
    fn kv_head(&self) -> Head {
        Head {
            layer: self.layer,
            head: self.task.kv_head,
        }
    }

    /// All stretches in order.
    ///
    /// # Safety
    /// The machine has `S`, and the caller is compiled for it; the cache's numbers can be read as `N`.
    #[inline(always)]
    unsafe fn all<S: Isa, N: Numbers>(&self, work: &mut Work) {
        let (count, width) = (self.count(), self.cache.head_dim());
        work.room.resize(2 * BLOCK_TOKENS * width, 0.0);
        work.scores.resize(count * STRETCH, 0.0);
        work.mixed.resize(count * width, 0.0);
        work.parts.resize(count, Share::NONE);
        work.shares.clear();
        work.shares.resize(count, Share::NONE);
        // SAFETY: each token and head is in one task and taken here once at a time.
        macro_rules! out {
            ($query:expr) => {
                self.out.part(self.row($query), width)
            };
        }
        let first = self.task.visible(0, self.attend.window).start / BLOCK_TOKENS;
        let end = self.task.end().div_ceil(BLOCK_TOKENS);
        for stretch in first / BLOCKS..end.div_ceil(BLOCKS) {
            let blocks = first.max(stretch * BLOCKS)..end.min((stretch + 1) * BLOCKS);
            self.score::<S, N>(blocks.clone(), work);
            self.weigh(stretch * STRETCH, work);
            self.mix::<S, N>(blocks, work);
            let got = work.parts.iter().zip(work.mixed.chunks_exact(width));
            for (query, ((part, mixed), share)) in got.zip(&mut work.shares).enumerate() {
                share.take(*part, mixed, out!(query));
            }
        }
        for (query, share) in work.shares.iter().enumerate() {
            let sink = self.attend.sinks.map(|sinks| sinks[self.head(query)]);
            share.finish(sink, out!(query));
        }
    }

    /// Scores of all queries with the keys of `blocks` of a stretch.
    ///
    /// # Safety
    /// As [`all`](Self::all).
    #[inline(always)]
    unsafe fn score<S: Isa, N: Numbers>(&self, blocks: Range<usize>, work: &mut Work) {
        let (count, width) = (self.count(), self.cache.head_dim());
        let (one, two) = work.room.split_at_mut(BLOCK_TOKENS * width);
        for block in blocks.clone().step_by(2) {
            let later = [
                self.later(block + AHEAD, true),
                self.later(block + 1 + AHEAD, true),
            ];
            let keys = self.numbers::<S, N>(block, true, one);
            let other = block + 1;
            let other = (other < blocks.end).then(|| self.numbers::<S, N>(other, true, two));
            in_groups!(0..count, (Q, query) => {
                let rows = addresses!(Q, q => self.queries[self.row(query + q)..][..width].as_ptr());
                let at = query * STRETCH + block % BLOCKS * BLOCK_TOKENS;
                let to = work.scores[at..(query + Q) * STRETCH].as_mut_ptr();
                let scale = self.attend.scale;
                // SAFETY: of `Q` queries, each with a row of scores that has room for the rest of the stretch.
                match other {
                    Some(other) => score::<S, N, Q, 2>(rows, [keys, other], later, width, scale, to, STRETCH),
                    None => score::<S, N, Q, 1>(rows, [keys], [later[0]], width, scale, to, STRETCH),
                }
            });
        }
    }

    /// Turns what each query sees of the scores of the stretch from position `start` on into weights.
    #[inline(always)]
    fn weigh(&self, start: usize, work: &mut Work) {
        let rows = work.scores.chunks_exact_mut(STRETCH).zip(&mut work.parts);
        for (query, (scores, part)) in rows.enumerate() {
            let visible = self.task.visible(query / self.group(), self.attend.window);
            let within = |position: usize| position.saturating_sub(start).min(STRETCH);
            let seen = &mut scores[within(visible.start)..within(visible.end)];
            *part = Share::weigh(seen, self.attend.softcap);
        }
    }

    /// Mixes the values of `blocks` of a stretch by the weights of each query.
    ///
    /// # Safety
    /// As [`all`](Self::all).
    #[inline(always)]
    unsafe fn mix<S: Isa, N: Numbers>(&self, blocks: Range<usize>, work: &mut Work) {
        let (task, window, width) = (self.task, self.attend.window, self.cache.head_dim());
        let group = self.group();
        work.mixed.fill(0.0);
        let (scores, mixed) = (work.scores.as_ptr(), work.mixed.as_mut_ptr());
        for block in blocks {
            let later = self.later(block + AHEAD, false);
            let values = self.numbers::<S, N>(block, false, &mut work.room);
            let at = block % BLOCKS * BLOCK_TOKENS;
            let (looking, whole) = if task.all_see(block, window) {
                (0..task.tokens, 0..task.tokens)
            } else {
                let looking = task.looking(block, window);
                let whole = task.whole(block, window, &looking);
                (looking, whole)
            };
            // Tokens that see all of the block together, others each by itself.
            let parts = (looking.start..whole.start).chain(whole.end..looking.end);
            let alone = parts.map(|token| (token..token + 1, task.seen(token, block, window)));
            for (tokens, seen) in std::iter::once((whole.clone(), 0..BLOCK_TOKENS)).chain(alone) {
                in_groups!(tokens.start * group..tokens.end * group, (Q, query) => {
                    // SAFETY: of `Q` queries of the task, each with the block's weights and a row of its own.
                    let weights = addresses!(Q, q => scores.add((query + q) * STRETCH + at));
                    let outs = addresses!(Q, q => mixed.add((query + q) * width));
                    mix::<S, N, Q>(weights, (values, later), seen.clone(), width, outs);
                });
            }
        }
    }

    /// The keys or values of block `block` of the span.
    ///
    /// # Safety
    /// As [`all`](Self::all).
    #[inline(always)]
    unsafe fn numbers<S: Isa, N: Numbers>(&self, block: usize, keys: bool, room: &mut [f32]) -> N {
        let id = self.task.span.blocks[block];
        self.cache.numbers::<S, N>(id, self.kv_head(), keys, room)
    }

    /// The keys or values of block `block` of the span, or of its last.
    #[inline(always)]
    fn later<N: Numbers>(&self, block: usize, keys: bool) -> Later<N> {
        let last = self.task.end().div_ceil(BLOCK_TOKENS) - 1;
        let id = self.task.span.blocks[block.min(last)];
        Later::at(self.cache.start(id, self.kv_head(), keys))
    }
}
