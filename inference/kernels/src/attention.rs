//! Causal grouped-query attention over keys and values in blocks.
//!
//! A task is one key and value head and a few neighboring tokens: every block is read once and all query heads
//! of the group pass over it, as many at a time as registers hold. Positions are weighed in stretches
//! of a fixed length, so that what a task keeps does not grow with the context.
//!
//! Invariant: what a token gets is the same to the last bit whatever else is in the call;
//! blocks of other sequences are never read, and positions behind a token count for nothing.
//!
//! # Source
//! Ainslie and others, "GQA" (arXiv:2305.13245); Kwon and others, "`PagedAttention`" (arXiv:2309.06180).

mod codes;
mod kv;
mod reals;
mod room;
mod share;
mod store;
mod task;
#[cfg(test)]
mod tests;
mod work;

use std::f32::consts::LOG2_E;

pub use self::kv::{BLOCK_TOKENS, KvCache, KvDtype};
use self::task::Task;
use self::work::Attention;
use crate::disjoint::Disjoint;
use crate::isa::Path;
use crate::pool;

/// Most tokens that share a pass over the keys.
const TILE_TOKENS: usize = 16;
/// Queries of a task: their scores of a stretch fill a small part of a second-level cache.
const TILE_QUERIES: usize = 64;
/// Values that a thread looks at at a time, so that waking one pays.
const TASK_VALUES: usize = 1 << 16;

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

impl Attend<'_> {
    /// The same where weights are powers of two instead of exponentials of scores. Sinks stay as they are.
    fn in_powers_of_two(self) -> Self {
        Self {
            scale: self.scale * LOG2_E,
            softcap: self.softcap.map(|cap| cap * LOG2_E),
            ..self
        }
    }
}

impl KvCache {
    /// Lets each token look at itself and what came before it in its sequence, in layer `layer`.
    ///
    /// `queries` and `out` are `[tokens, heads, head_dim]`, the spans' tokens one after the other; keys and
    /// values of all tokens are [stored](KvCache::store) already.
    ///
    /// # Panics
    /// If lengths do not fit, or a block table is too short or names a block that is not there.
    pub fn attend(
        &self,
        layer: usize,
        spans: &[Span<'_>],
        attend: Attend<'_>,
        queries: &[f32],
        out: &mut [f32],
    ) {
        self.attend_on(Path::best(), layer, spans, attend, queries, out);
    }

    /// As [`attend`](Self::attend), on the instruction set `path`.
    fn attend_on(
        &self,
        path: Path,
        layer: usize,
        spans: &[Span<'_>],
        attend: Attend<'_>,
        queries: &[f32],
        out: &mut [f32],
    ) {
        let tokens: usize = spans.iter().map(|span| span.tokens).sum();
        let width = attend.heads * self.head_dim();
        assert!(
            attend.heads.is_multiple_of(self.kv_heads()),
            "query heads share key and value heads evenly"
        );
        assert_eq!(queries.len(), tokens * width, "a query for every head");
        assert_eq!(out.len(), tokens * width, "a place for every head");
        let attend = attend.in_powers_of_two();
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
                work::attend(
                    path,
                    Attention {
                        cache: self,
                        layer,
                        task,
                        attend,
                        queries,
                        out,
                    },
                );
            }
        });
    }

    fn tasks<'a>(&self, spans: &[Span<'a>], group: usize) -> Vec<Task<'a>> {
        let mut tasks = Vec::new();
        let mut row = 0;
        let tile = (TILE_QUERIES / group).clamp(1, TILE_TOKENS);
        for &span in spans {
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
