//! What a query got of a stretch of positions, and how stretches are put together.
//!
//! Scores are logarithms to the base of two: a weight is a power of two.
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
use crate::exp::{exp, power_of_two, powers_of_two};
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

    /// Of weights that sum to `sum`, relative to that of the score `most`.
    pub(super) fn new(most: f32, sum: f32) -> Self {
        Self { most, sum }
    }

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
        bend(scores, softcap);
        // What is not seen is weighed too, as nothing: whole vectors cost less than a look at each.
        scores[..seen.start].fill(f32::NEG_INFINITY);
        scores[seen.end..].fill(f32::NEG_INFINITY);
        let most = most::<S>(scores);
        if most == f32::NEG_INFINITY {
            scores.fill(0.0);
            return Self::NONE;
        }
        let relative = S::splat_real(-most);
        let mut sums = Sums::<S>::zero();
        for (at, scores) in scores.chunks_exact_mut(S::LANES).enumerate() {
            let weights = powers_of_two::<S>(S::add(S::load_real(scores.as_ptr()), relative));
            S::store(scores.as_mut_ptr(), weights);
            sums.add(at, weights);
        }
        if seen.len() < scores.len() {
            // To the last bit what the seen alone sum to.
            scores[..seen.start].fill(0.0);
            scores[seen.end..].fill(0.0);
            sums = Sums::zero();
            for (at, weights) in scores.chunks_exact(S::LANES).enumerate() {
                sums.add(at, S::load_real(weights.as_ptr()));
            }
        }
        Self::new(most, sums.total())
    }

    /// Puts the next stretch's share and what it `mixed` to what was `got`.
    #[inline(always)]
    pub(super) fn take(&mut self, next: Self, mixed: &[f32], got: &mut [f32]) {
        if self.most == f32::NEG_INFINITY {
            *self = next;
            got.copy_from_slice(mixed);
            return;
        }
        if next.most == f32::NEG_INFINITY {
            return;
        }
        let most = self.most.max(next.most);
        let (old, new) = (
            power_of_two(self.most - most),
            power_of_two(next.most - most),
        );
        self.most = most;
        self.sum = self.sum * old + next.sum * new;
        for (got, mixed) in got.iter_mut().zip(mixed) {
            *got = *got * old + mixed * new;
        }
    }

    /// Makes the weights behind `got` sum to one (less where a `sink` takes its share) in `out`; zero where nothing was seen.
    #[inline(always)]
    pub(super) fn finish(self, sink: Option<f32>, got: &[f32], out: &mut [f32]) {
        if self.most == f32::NEG_INFINITY {
            return out.fill(0.0);
        }
        let scale = match sink {
            None => 1.0 / self.sum,
            Some(sink) => {
                let most = self.most.max(sink);
                let own = power_of_two(self.most - most);
                own / (self.sum * own + power_of_two(sink - most))
            }
        };
        for (out, got) in out.iter_mut().zip(got) {
            *out = got * scale;
        }
    }
}

/// Vectors of a block, of the instruction set that needs most.
const VECTORS: usize = 4;

/// Has scores stay within plus and minus the cap, if there is one.
#[inline(always)]
pub(super) fn bend(scores: &mut [f32], softcap: Option<f32>) {
    if let Some(cap) = softcap {
        for score in scores {
            *score = cap - 2.0 * cap / (1.0 + exp(2.0 * *score / cap));
        }
    }
}

/// The largest of some scores.
///
/// # Safety
/// As [`Share::weigh`].
#[inline(always)]
pub(super) unsafe fn most<S: Isa>(scores: &[f32]) -> f32 {
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

/// What weights sum to: those of the same place in a block one after the other, then the places.
pub(super) struct Sums<S: Isa>([S::Real; VECTORS]);

impl<S: Isa> Sums<S> {
    /// Of nothing.
    ///
    /// # Safety
    /// The machine has `S`, and the caller is compiled for it; so for all methods.
    #[inline(always)]
    pub(super) unsafe fn zero() -> Self {
        Self([S::splat_real(0.0); VECTORS])
    }

    /// Adds vector `at` of some weights, counted from the beginning of a block.
    #[inline(always)]
    pub(super) unsafe fn add(&mut self, at: usize, weights: S::Real) {
        let sum = &mut self.0[at % (BLOCK_TOKENS / S::LANES)];
        *sum = S::add(*sum, weights);
    }

    #[inline(always)]
    pub(super) unsafe fn total(self) -> f32 {
        let mut lanes = [0.0; BLOCK_TOKENS];
        for (v, sum) in self.0.iter().take(BLOCK_TOKENS / S::LANES).enumerate() {
            S::store(lanes.as_mut_ptr().add(v * S::LANES), *sum);
        }
        halve(lanes, |sum, weight| sum + weight)
    }
}
