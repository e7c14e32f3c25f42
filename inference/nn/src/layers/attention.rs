//! Causal grouped-query attention over a preallocated cache of keys and values.

use pulp::Arch;
use rayon::prelude::*;

use crate::kernels::{add_scaled, dot};

/// Keys and values of one layer, filled from position 0.
///
/// Allocated once for the whole window; the system provides memory for the pages that are written.
#[derive(Debug)]
pub(crate) struct KvCache {
    /// `[kv_heads, window, head_dim]`
    keys: Vec<f32>,
    /// `[kv_heads, window, head_dim]`
    values: Vec<f32>,
    window: usize,
    head_dim: usize,
}

impl KvCache {
    pub(crate) fn new(kv_heads: usize, window: usize, head_dim: usize) -> Self {
        let length = kv_heads * window * head_dim;
        Self {
            keys: vec![0.0; length],
            values: vec![0.0; length],
            window,
            head_dim,
        }
    }

    /// Stores the keys and values of tokens from `position` on; both are `[tokens, kv_heads, head_dim]`.
    pub(crate) fn store(&mut self, position: usize, keys: &[f32], values: &[f32]) {
        let (window, width) = (self.window, self.head_dim);
        let kv_heads = self.keys.len() / (window * width);
        for (cache, new) in [(&mut self.keys, keys), (&mut self.values, values)] {
            for (token, heads) in new.chunks_exact(kv_heads * width).enumerate() {
                for (head, row) in heads.chunks_exact(width).enumerate() {
                    cache[(head * window + position + token) * width..][..width]
                        .copy_from_slice(row);
                }
            }
        }
    }

    fn keys(&self, head: usize, count: usize) -> &[f32] {
        &self.keys[head * self.window * self.head_dim..][..count * self.head_dim]
    }

    fn values(&self, head: usize, count: usize) -> &[f32] {
        &self.values[head * self.window * self.head_dim..][..count * self.head_dim]
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
    pub(crate) arch: Arch,
}

impl Attention {
    /// Lets the tokens from `position` on look at themselves and all before.
    ///
    /// `queries` and `out` are `[tokens, heads, head_dim]`; keys and values of the tokens are stored already.
    pub(crate) fn apply(self, cache: &KvCache, position: usize, queries: &[f32], out: &mut [f32]) {
        let pairs = queries
            .par_chunks_exact(self.head_dim)
            .zip(out.par_chunks_exact_mut(self.head_dim));
        // A task looks at some 64k values, so that waking a thread pays.
        let tasks_min = (65_536 / ((position + 1) * self.head_dim)).max(1);
        pairs.enumerate().with_min_len(tasks_min).for_each_init(
            Vec::new,
            |scores, (index, (query, out))| {
                let (token, head) = (index / self.heads, index % self.heads);
                self.head(cache, head, position + token + 1, query, out, scores);
            },
        );
    }

    /// One head of one token over the first `visible` positions.
    fn head(
        self,
        cache: &KvCache,
        head: usize,
        visible: usize,
        query: &[f32],
        out: &mut [f32],
        scores: &mut Vec<f32>,
    ) {
        let group = head / (self.heads / self.kv_heads);
        let scale = 1.0 / (self.head_dim as f32).sqrt();
        let keys = cache.keys(group, visible).chunks_exact(self.head_dim);
        scores.clear();
        scores.extend(keys.map(|key| scale * dot(self.arch, query, key)));
        softmax(scores);
        out.fill(0.0);
        let values = cache.values(group, visible).chunks_exact(self.head_dim);
        self.arch.dispatch(|| {
            for (value, weight) in values.zip(&*scores) {
                add_scaled(out, *weight, value);
            }
        });
    }
}

/// Turns scores into weights that sum to one.
fn softmax(scores: &mut [f32]) {
    let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for score in &mut *scores {
        *score = (*score - most).exp();
        sum += *score;
    }
    for score in scores {
        *score /= sum;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_sees_itself_and_the_past_only() {
        let attention = Attention {
            heads: 2,
            kv_heads: 1,
            head_dim: 2,
            arch: Arch::new(),
        };
        let mut cache = KvCache::new(1, 4, 2);
        // The future holds values that would show.
        cache.store(0, &[0.0; 6], &[1.0, 2.0, 3.0, 4.0, 900.0, 900.0]);
        let mut out = [0.0; 8];
        attention.apply(&cache, 0, &[1.0; 8], &mut out);
        assert_eq!(
            out.map(f32::to_bits),
            [1.0_f32, 2.0, 1.0, 2.0, 2.0, 3.0, 2.0, 3.0].map(f32::to_bits)
        );
    }
}
