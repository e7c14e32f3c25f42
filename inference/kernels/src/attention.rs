//! Causal grouped-query attention over keys and values in blocks.
//!
//! A task is one key and value head and a few neighboring tokens: every block is widened
//! once and all query heads of the group pass over it.
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
#[cfg(test)]
mod tests;

use std::cell::RefCell;

use pulp::Arch;
use rayon::prelude::*;

pub use self::kv::{BLOCK_TOKENS, KvDtype, KvLayer};
use crate::disjoint::Disjoint;
use crate::elementwise::{exp, softmax_inline};

/// Tokens that share a pass over the keys; their scores fill the nearest cache for some thousand positions.
const TILE_TOKENS: usize = 8;

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

/// One key and value head and the tokens of a tile.
struct Task<'a> {
    span: Span<'a>,
    kv_head: usize,
    /// The first token of the tile, within the span.
    first: usize,
    tokens: usize,
    /// The span's first token, within the call.
    row: usize,
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
        let tasks = self.tasks(spans);
        let out = Disjoint::new(out);
        // A task looks at some 64k values, so that waking a thread pays.
        let largest = spans.iter().map(|span| span.position + span.tokens).max();
        let values = largest.unwrap_or(0) * self.head_dim() * attend.heads / self.kv_heads();
        let tasks_min = (65_536 / values.max(1)).max(1);
        tasks.par_iter().with_min_len(tasks_min).for_each(|task| {
            WORK.with_borrow_mut(|work| {
                Arch::new().dispatch(|| self.run(task, attend, queries, out, work));
            });
        });
    }

    fn tasks<'a>(&self, spans: &[Span<'a>]) -> Vec<Task<'a>> {
        let mut tasks = Vec::new();
        let mut row = 0;
        for &span in spans {
            for first in (0..span.tokens).step_by(TILE_TOKENS) {
                let tokens = TILE_TOKENS.min(span.tokens - first);
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

    #[inline(always)]
    fn run(
        &self,
        task: &Task<'_>,
        attend: Attend<'_>,
        queries: &[f32],
        out: Disjoint<'_>,
        work: &mut Work,
    ) {
        let (width, group) = (self.head_dim(), attend.heads / self.kv_heads());
        let end = task.span.position + task.first + task.tokens;
        let start = task.visible(0, attend.window).start / BLOCK_TOKENS;
        let blocks = start..end.div_ceil(BLOCK_TOKENS);
        let stride = blocks.len() * BLOCK_TOKENS;
        work.block.resize(width * BLOCK_TOKENS, 0.0);
        work.scores.resize(task.tokens * group * stride, 0.0);
        let row = |token: usize, head: usize| {
            let head = task.kv_head * group + head;
            ((task.row + task.first + token) * attend.heads + head) * width
        };
        for (at, block) in blocks.clone().enumerate() {
            self.widen_keys(task.span.blocks[block], task.kv_head, &mut work.block);
            for (query, scores) in work.scores.chunks_exact_mut(stride).enumerate() {
                let query = &queries[row(query / group, query % group)..][..width];
                let scores = &mut scores.as_chunks_mut::<BLOCK_TOKENS>().0[at];
                score(query, &work.block, attend, scores);
            }
        }
        for (query, scores) in work.scores.chunks_exact_mut(stride).enumerate() {
            let visible = task.visible(query / group, attend.window);
            let seen = visible.start - start * BLOCK_TOKENS..visible.end - start * BLOCK_TOKENS;
            let head = task.kv_head * group + query % group;
            let sink = attend.sinks.map(|sinks| sinks[head]);
            weigh(scores, seen, sink);
        }
        for query in 0..task.tokens * group {
            // SAFETY: each token and head is in one task and taken here once at a time.
            unsafe { out.part(row(query / group, query % group), width) }.fill(0.0);
        }
        for (at, block) in blocks.enumerate() {
            self.widen_values(task.span.blocks[block], task.kv_head, &mut work.block);
            for (query, scores) in work.scores.chunks_exact(stride).enumerate() {
                let weights = &scores.as_chunks::<BLOCK_TOKENS>().0[at];
                if weights.iter().all(|weight| *weight == 0.0) {
                    continue;
                }
                // SAFETY: as above.
                let out = unsafe { out.part(row(query / group, query % group), width) };
                for (weight, value) in weights.iter().zip(work.block.chunks_exact(width)) {
                    for (out, value) in out.iter_mut().zip(value) {
                        *out += weight * value;
                    }
                }
            }
        }
    }
}

impl Task<'_> {
    /// The positions that token `token` of the tile sees.
    fn visible(&self, token: usize, window: Option<usize>) -> std::ops::Range<usize> {
        let end = self.span.position + self.first + token + 1;
        window.map_or(0, |window| end.saturating_sub(window.max(1)))..end
    }
}

/// The scores of a query with a block's keys.
#[inline(always)]
fn score(query: &[f32], keys: &[f32], attend: Attend<'_>, scores: &mut [f32; BLOCK_TOKENS]) {
    let mut sums = [0.0; BLOCK_TOKENS];
    for (query, keys) in query.iter().zip(keys.as_chunks::<BLOCK_TOKENS>().0) {
        for (sum, key) in sums.iter_mut().zip(keys) {
            *sum += query * key;
        }
    }
    for (score, sum) in scores.iter_mut().zip(sums) {
        *score = sum * attend.scale;
        if let Some(cap) = attend.softcap {
            *score = cap - 2.0 * cap / (1.0 + exp(2.0 * *score / cap));
        }
    }
}

/// Turns scores into weights: those of `seen` sum to one (less where a sink takes its share), others are zero.
#[inline(always)]
fn weigh(scores: &mut [f32], seen: std::ops::Range<usize>, sink: Option<f32>) {
    scores[..seen.start].fill(0.0);
    scores[seen.end..].fill(0.0);
    softmax_inline(&mut scores[seen], sink);
}
