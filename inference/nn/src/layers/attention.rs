//! Causal grouped-query attention over keys and values that lie in blocks.

use inference_kernels::elementwise::{add_scaled, dot, softmax};
use rayon::prelude::*;

use crate::segment::{BLOCK_TOKENS, BlockId, Row, Segment};

/// Keys and values of one layer.
///
/// Allocated once for all blocks; the system provides memory for the pages that are written.
#[derive(Debug)]
pub(crate) struct KvLayer {
    /// `[blocks, kv_heads, BLOCK_TOKENS, head_dim]`
    keys: Vec<f32>,
    /// `[blocks, kv_heads, BLOCK_TOKENS, head_dim]`
    values: Vec<f32>,
    kv_heads: usize,
    head_dim: usize,
}

impl KvLayer {
    pub(crate) fn new(blocks: usize, kv_heads: usize, head_dim: usize) -> Self {
        let length = blocks * kv_heads * BLOCK_TOKENS * head_dim;
        Self {
            keys: vec![0.0; length],
            values: vec![0.0; length],
            kv_heads,
            head_dim,
        }
    }

    /// Stores the key and value of the token at `position`; both are `[kv_heads, head_dim]`.
    pub(crate) fn store(
        &mut self,
        blocks: &[BlockId],
        position: usize,
        key: &[f32],
        value: &[f32],
    ) {
        let block = blocks[position / BLOCK_TOKENS];
        for head in 0..self.kv_heads {
            let place = self.start(block, head) + position % BLOCK_TOKENS * self.head_dim;
            let head = head * self.head_dim..(head + 1) * self.head_dim;
            self.keys[place..][..self.head_dim].copy_from_slice(&key[head.clone()]);
            self.values[place..][..self.head_dim].copy_from_slice(&value[head]);
        }
    }

    fn start(&self, block: BlockId, head: usize) -> usize {
        (block.0 as usize * self.kv_heads + head) * BLOCK_TOKENS * self.head_dim
    }

    fn keys(&self, block: BlockId, head: usize) -> impl Iterator<Item = &[f32]> {
        self.keys[self.start(block, head)..][..BLOCK_TOKENS * self.head_dim]
            .chunks_exact(self.head_dim)
    }

    fn values(&self, block: BlockId, head: usize) -> impl Iterator<Item = &[f32]> {
        self.values[self.start(block, head)..][..BLOCK_TOKENS * self.head_dim]
            .chunks_exact(self.head_dim)
    }
}

/// Attention of all heads of a layer.
///
/// # Source
/// Ainslie and others, "GQA" (arXiv:2305.13245): query heads share the keys of their group.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attention {
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
}

impl Attention {
    /// Lets each row look at itself and all before it in its sequence.
    ///
    /// `queries` and `out` are `[rows, heads, head_dim]`; keys and values of the rows are stored already.
    pub(crate) fn apply(
        self,
        cache: &KvLayer,
        batch: &[Segment<'_>],
        rows: &[Row],
        queries: &[f32],
        out: &mut [f32],
    ) {
        let pairs = queries
            .par_chunks_exact(self.head_dim)
            .zip(out.par_chunks_exact_mut(self.head_dim));
        // A task looks at some 64k values, so that waking a thread pays.
        let visible = rows.iter().map(|row| row.position + 1).max().unwrap_or(1);
        let tasks_min = (65_536 / (visible * self.head_dim)).max(1);
        pairs.enumerate().with_min_len(tasks_min).for_each_init(
            Vec::new,
            |scores, (index, (query, out))| {
                let (row, head) = (rows[index / self.heads], index % self.heads);
                let blocks = batch[row.segment].blocks;
                self.head(cache, head, blocks, row.position + 1, query, out, scores);
            },
        );
    }

    /// One head of one token over the first `visible` positions.
    #[allow(
        clippy::too_many_arguments,
        reason = "the operands of one product; a struct would be built per head"
    )]
    fn head(
        self,
        cache: &KvLayer,
        head: usize,
        blocks: &[BlockId],
        visible: usize,
        query: &[f32],
        out: &mut [f32],
        scores: &mut Vec<f32>,
    ) {
        let group = head / (self.heads / self.kv_heads);
        let scale = 1.0 / (self.head_dim as f32).sqrt();
        let keys = blocks.iter().flat_map(|&block| cache.keys(block, group));
        scores.clear();
        scores.extend(keys.take(visible).map(|key| scale * dot(query, key)));
        softmax(scores, None);
        out.fill(0.0);
        let values = blocks.iter().flat_map(|&block| cache.values(block, group));
        for (value, weight) in values.zip(&*scores) {
            add_scaled(out, *weight, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Logits;

    #[test]
    fn a_query_sees_itself_and_the_past_only() {
        let attention = Attention {
            heads: 2,
            kv_heads: 1,
            head_dim: 2,
        };
        let mut cache = KvLayer::new(3, 1, 2);
        let blocks = [BlockId(2), BlockId(0)];
        // The future holds values that would show.
        for position in 0..20 {
            let value = if position < 18 {
                [1.0, 2.0]
            } else {
                [900.0; 2]
            };
            cache.store(&blocks, position, &[0.0; 2], &value);
        }
        let batch = [Segment {
            tokens: &[0, 0],
            position: 16,
            blocks: &blocks,
            logits: Logits::None,
        }];
        let row = |position| Row {
            token: 0,
            position,
            segment: 0,
            wants_logits: false,
        };
        let mut out = [0.0; 8];
        attention.apply(&cache, &batch, &[row(16), row(17)], &[1.0; 8], &mut out);
        let expected = [1.0_f32, 2.0].repeat(4);
        assert!(
            out.iter().zip(expected).all(|(x, e)| (x - e).abs() < 1e-6),
            "{out:?}"
        );
    }
}
