//! Causal grouped-query attention over keys and values in blocks.
//!
//! A task is one key and value head and a few neighboring tokens: every block is read (and widened, if it is
//! stored narrow) once and all query heads of the group pass over it, as many at a time as registers hold.
//!
//! Invariant: what a token gets is the same to the last bit whatever else is in the call;
//! blocks of other sequences and positions behind a token are never read.
//!
//! # Source
//! Ainslie and others, "GQA" (arXiv:2305.13245); Kwon and others, "`PagedAttention`" (arXiv:2309.06180).

#![allow(
    unsafe_code,
    reason = "tasks write the heads of their tokens, which are not neighbors in the output"
)]

mod kv;
mod store;
mod task;
#[cfg(test)]
mod tests;
mod tile;

use std::cell::RefCell;
use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

pub use self::kv::{BLOCK_TOKENS, KvDtype, KvLayer};
use self::task::Task;
use self::tile::{mix, score, weigh};
use crate::disjoint::Disjoint;
use crate::pool;

/// Most tokens that share a pass over the keys.
const TILE_TOKENS: usize = 8;
/// Scores that a task keeps: half a second-level cache.
const TILE_SCORES: usize = 1 << 18;
/// Values that a thread looks at at a time, so that waking one pays.
const TASK_VALUES: usize = 1 << 16;

/// Queries that wait for memory more than for arithmetic.
const FEW: usize = 8;

/// A piece of one sequence.
#[derive(Clone, Copy, Debug)]
pub struct Span<'a> {
    /// The blocks of the whole sequence in order, enough for `position + tokens`.
    pub blocks: &'a [u32],
    /// Of the first token, from the start of the sequence.
    pub position: usize,
    /// Tokens of the piece.
    pub tokens: usize,
}

/// What attention does with the scores.
#[derive(Clone, Copy, Debug)]
pub struct Attend<'a> {
    /// Query heads; a multiple of the key and value heads.
    pub heads: usize,
    /// What products of queries and keys are multiplied by, usually the inverse root of the width of a head.
    pub scale: f32,
    /// How many positions a token sees, itself among them; all where none is given.
    pub window: Option<usize>,
    /// Scores are bent to stay within plus and minus this (Gemma 2).
    pub softcap: Option<f32>,
    /// One more score for each query head, whose weight goes nowhere (gpt-oss); `[heads]`.
    pub sinks: Option<&'a [f32]>,
}

thread_local! {
    static WORK: RefCell<Work> = RefCell::default();
}

/// Memory of one task.
#[derive(Default)]
struct Work {
    /// A block's keys, `[head_dim, BLOCK_TOKENS]`, or values, `[BLOCK_TOKENS, head_dim]`.
    block: Vec<f32>,
    /// Scores of each query over all positions of its blocks.
    scores: Vec<f32>,
}

impl KvLayer {
    /// Lets each token look at itself and what came before it in its sequence.
    ///
    /// `queries` and `out` are `[tokens, heads, head_dim]`, the spans' tokens one after the other; keys and
    /// values of all tokens are [stored](KvLayer::store) already.
    ///
    /// # Panics
    /// If lengths do not fit, or a block table is too short or names a block that is not there.
    pub fn attend(&self, spans: &[Span<'_>], attend: Attend<'_>, queries: &[f32], out: &mut [f32]) {
        let tokens: usize = spans.iter().map(|span| span.tokens).sum();
        let width = attend.heads * self.head_dim();
        assert!(
            attend.heads.is_multiple_of(self.kv_heads()),
            "query heads share key and value heads evenly"
        );
        assert_eq!(queries.len(), tokens * width, "a query for every head");
        assert_eq!(out.len(), tokens * width, "a place for every head");
        let group = attend.heads / self.kv_heads();
        let tasks = self.tasks(spans, group);
        let out = Disjoint::new(out);
        let largest = spans.iter().map(|span| span.position + span.tokens).max();
        let values = largest.unwrap_or(0) * self.head_dim() * group;
        let each = (TASK_VALUES / values.max(1)).max(1);
        // The last tasks of a prompt are the longest, so they come first.
        pool::share(tasks.len().div_ceil(each), |number| {
            let end = tasks.len() - number * each;
            for task in &tasks[end.saturating_sub(each)..end] {
                WORK.with_borrow_mut(|work| {
                    Arch::new().dispatch(Attention {
                        layer: self,
                        task,
                        attend,
                        queries,
                        out,
                        work,
                    });
                });
            }
        });
    }

    fn tasks<'a>(&self, spans: &[Span<'a>], group: usize) -> Vec<Task<'a>> {
        let mut tasks = Vec::new();
        let mut row = 0;
        for &span in spans {
            let scores = group * (span.position + span.tokens);
            let tile = (TILE_SCORES / scores.max(1)).clamp(1, TILE_TOKENS);
            for first in (0..span.tokens).step_by(tile) {
                let tokens = tile.min(span.tokens - first);
                tasks.extend((0..self.kv_heads()).map(|kv_head| Task {
                    span,
                    kv_head,
                    first,
                    tokens,
                    row,
                }));
            }
            row += span.tokens;
        }
        tasks
    }
}

/// A task and what it reads and writes.
struct Attention<'a> {
    layer: &'a KvLayer,
    task: &'a Task<'a>,
    attend: Attend<'a>,
    queries: &'a [f32],
    out: Disjoint<'a>,
    work: &'a mut Work,
}

/// Runs `$body` over the queries `$queries`, as many at a time as registers hold; `$many` is how many, `$at` the first.
macro_rules! in_groups {
    ($queries:expr, ($many:ident, $at:ident) => $body:expr) => {{
        let Range { start: mut $at, end } = $queries;
        in_groups!(@ $many $at end $body, 8 4 2 1);
    }};
    (@ $many:ident $at:ident $end:ident $body:expr, $($count:literal)*) => {
        $(while $end - $at >= $count {
            const $many: usize = $count;
            $body;
            $at += $count;
        })*
    };
}

impl WithSimd for Attention<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            layer,
            task,
            attend,
            queries,
            out,
            work,
        } = self;
        let (width, group) = (layer.head_dim(), attend.heads / layer.kv_heads());
        let first = task.visible(0, attend.window).start / BLOCK_TOKENS;
        let end = task.span.position + task.first + task.tokens;
        let blocks = first..end.div_ceil(BLOCK_TOKENS);
        let stride = blocks.len() * BLOCK_TOKENS;
        let count = task.tokens * group;
        work.scores.resize(count * stride, 0.0);
        let row = |query: usize| {
            let (token, head) = (query / group, task.kv_head * group + query % group);
            ((task.row + task.first + token) * attend.heads + head) * width
        };
        for (at, block) in blocks.clone().enumerate() {
            let id = task.span.blocks[block];
            if count <= FEW && block + 1 < blocks.end {
                layer.ask_for(task.span.blocks[block + 1], task.kv_head, true);
            }
            let keys = layer.keys(id, task.kv_head, &mut work.block);
            let looking = task.looking(block, attend.window);
            in_groups!(looking.start * group..looking.end * group, (Q, query) => {
                let queries: [_; Q] = std::array::from_fn(|q| &queries[row(query + q)..][..width]);
                let scores = &mut work.scores[query * stride + at * BLOCK_TOKENS..];
                score::<S, Q>(simd, queries, keys, attend.scale, scores, stride);
            });
        }
        let skipped = first * BLOCK_TOKENS;
        for (query, scores) in work.scores[..count * stride]
            .chunks_exact_mut(stride)
            .enumerate()
        {
            let visible = task.visible(query / group, attend.window);
            let seen = &mut scores[visible.start - skipped..visible.end - skipped];
            let head = task.kv_head * group + query % group;
            weigh(seen, attend.softcap, attend.sinks.map(|sinks| sinks[head]));
            // SAFETY: each token and head is in one task and taken here once at a time.
            unsafe { out.part(row(query), width) }.fill(0.0);
        }
        for (at, block) in blocks.clone().enumerate() {
            let id = task.span.blocks[block];
            if count <= FEW && block + 1 < blocks.end {
                layer.ask_for(task.span.blocks[block + 1], task.kv_head, false);
            }
            let values = layer.values(id, task.kv_head, &mut work.block);
            let weights =
                |query: usize| &work.scores[query * stride + at * BLOCK_TOKENS..][..BLOCK_TOKENS];
            let looking = task.looking(block, attend.window);
            let whole = task.whole(block, attend.window, &looking);
            let parts = (looking.start..whole.start).chain(whole.end..looking.end);
            for query in parts.flat_map(|token| token * group..(token + 1) * group) {
                let seen = task.seen(query / group, block, attend.window);
                // SAFETY: as above.
                let out = [unsafe { out.part(row(query), width) }];
                mix::<S, 1>(simd, [weights(query)], seen, values, out);
            }
            in_groups!(whole.start * group..whole.end * group, (Q, query) => {
                let weights: [_; Q] = std::array::from_fn(|q| weights(query + q));
                // SAFETY: as above; the queries are different ones.
                let out: [_; Q] = std::array::from_fn(|q| unsafe { out.part(row(query + q), width) });
                mix::<S, Q>(simd, weights, 0..BLOCK_TOKENS, values, out);
            });
        }
    }
}
