//! What a query got of a stretch of positions, and how stretches are put together.
//!
//! Invariant: stretches are put together in the order of positions, one after the other, so that the bits do not
//! depend on who computed which.
//!
//! # Source
//! Milakov and Gimelshein, "Online normalizer calculation for softmax" (arXiv:1805.02867); Dao and others,
//! "`FlashAttention`" (arXiv:2205.14135).

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "vector operations on scores of whole blocks"
)]

use std::ops::Range;

use super::BLOCK_TOKENS;
use crate::elementwise::halve;
use crate::exp::{exp, exp_of_negative};
use crate::isa::Isa;

/// The largest score of the positions seen so far, and the sum of all weights relative to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share {
    most: f32,
    sum: f32,
}

impl Share {
    /// Of nothing.
    pub(super) const NONE: Self = Self {
        most: f32::NEG_INFINITY,
        sum: 0.0,
    };

    /// Turns scores, of which some are `seen`, into weights, relative to the largest; zero for those that are not.
    ///
    /// # Safety
    /// The machine has `S`, and the caller is compiled for it; scores are of whole blocks.
    #[inline(always)]
    pub(super) unsafe fn weigh<S: Isa>(
        scores: &mut [f32],
        seen: Range<usize>,
        softcap: Option<f32>,
    ) -> Self {
        if let Some(cap) = softcap {
            for score in &mut *scores {
                *score = cap - 2.0 * cap / (1.0 + exp(2.0 * *score / cap));
            }
        }
        // What is not seen is weighed too, as nothing: whole vectors cost less than a look at each.
        scores[..seen.start].fill(f32::NEG_INFINITY);
        scores[seen.end..].fill(f32::NEG_INFINITY);
        let most = most::<S>(scores);
        if most == f32::NEG_INFINITY {
            scores.fill(0.0);
            return Self::NONE;
        }
        let sum = weights::<S>(scores, most);
        scores[..seen.start].fill(0.0);
        scores[seen.end..].fill(0.0);
        Self { most, sum }
    }

    /// Puts the next stretch's share and what it `mixed` to what is in `out`.
    #[inline(always)]
    pub(super) fn take(&mut self, next: Self, mixed: &[f32], out: &mut [f32]) {
        if self.most == f32::NEG_INFINITY {
            *self = next;
            out.copy_from_slice(mixed);
            return;
        }
        if next.most == f32::NEG_INFINITY {
            return;
        }
        let most = self.most.max(next.most);
        let (old, new) = (exp(self.most - most), exp(next.most - most));
        self.most = most;
        self.sum = self.sum * old + next.sum * new;
        for (out, mixed) in out.iter_mut().zip(mixed) {
            *out = *out * old + mixed * new;
        }
    }

    /// Makes the weights behind `out` sum to one (less where a `sink` takes its share); zero where nothing was seen.
    #[inline(always)]
    pub(super) fn finish(self, sink: Option<f32>, out: &mut [f32]) {
        if self.most == f32::NEG_INFINITY {
            return out.fill(0.0);
        }
        let scale = match sink {
            None => 1.0 / self.sum,
            Some(sink) => {
                let most = self.most.max(sink);
                let own = exp(self.most - most);
                own / (self.sum * own + exp(sink - most))
            }
        };
        for out in out {
            *out *= scale;
        }
    }
}

/// Vectors of a block, of the instruction set that needs most.
const VECTORS: usize = 4;

/// The largest of some scores.
///
/// # Safety
/// As [`Share::weigh`].
#[inline(always)]
unsafe fn most<S: Isa>(scores: &[f32]) -> f32 {
    let mut mosts = [S::splat_real(f32::NEG_INFINITY); VECTORS];
    let (fours, rest) = scores.as_chunks::<{ 4 * BLOCK_TOKENS }>();
    for four in fours {
        // Several chains, so that one does not wait for the other.
        for v in 0..4 * BLOCK_TOKENS / S::LANES {
            let scores = S::load_real(four.as_ptr().add(v * S::LANES));
            mosts[v % VECTORS] = S::maximum(scores, mosts[v % VECTORS]);
        }
    }
    for scores in rest.chunks_exact(S::LANES) {
        mosts[0] = S::maximum(S::load_real(scores.as_ptr()), mosts[0]);
    }
    let mosts = S::maximum(
        S::maximum(mosts[0], mosts[1]),
        S::maximum(mosts[2], mosts[3]),
    );
    let mut lanes = [f32::NEG_INFINITY; BLOCK_TOKENS];
    S::store(lanes.as_mut_ptr(), mosts);
    halve(lanes, |most, score| if score > most { score } else { most })
}

/// Turns scores into weights relative to the largest, `most`, and gives their sum.
///
/// # Safety
/// As [`Share::weigh`].
#[inline(always)]
unsafe fn weights<S: Isa>(scores: &mut [f32], most: f32) -> f32 {
    let most = S::splat_real(-most);
    let mut sums = [S::splat_real(0.0); VECTORS];
    for block in scores.as_chunks_mut::<BLOCK_TOKENS>().0 {
        for (v, sum) in sums.iter_mut().take(BLOCK_TOKENS / S::LANES).enumerate() {
            let at = block.as_mut_ptr().add(v * S::LANES);
            let weights = exp_of_negative::<S>(S::add(S::load_real(at), most));
            S::store(at, weights);
            *sum = S::add(*sum, weights);
        }
    }
    let mut lanes = [0.0; BLOCK_TOKENS];
    for (v, sum) in sums.iter().take(BLOCK_TOKENS / S::LANES).enumerate() {
        S::store(lanes.as_mut_ptr().add(v * S::LANES), *sum);
    }
    halve(lanes, |sum, weight| sum + weight)
}
