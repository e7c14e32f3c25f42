//! What a query got of a stretch of positions, and how stretches are put together.
//!
//! Invariant: stretches are put together in the order of positions, one after the other, so that the bits do not
//! depend on who computed which.
//!
//! # Source
//! Milakov and Gimelshein, "Online normalizer calculation for softmax" (arXiv:1805.02867); Dao and others,
//! "`FlashAttention`" (arXiv:2205.14135).

use std::ops::Range;

use crate::elementwise::{exp, fold, fold_map};

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
    #[inline(always)]
    pub(super) fn weigh(scores: &mut [f32], seen: Range<usize>, softcap: Option<f32>) -> Self {
        if let Some(cap) = softcap {
            for score in &mut *scores {
                *score = cap - 2.0 * cap / (1.0 + exp(2.0 * *score / cap));
            }
        }
        // What is not seen is weighed too, as nothing: whole vectors cost less than a look at each.
        scores[..seen.start].fill(f32::NEG_INFINITY);
        scores[seen.end..].fill(f32::NEG_INFINITY);
        let most = fold(scores, f32::NEG_INFINITY, |most, score| {
            if score > most { score } else { most }
        });
        if most == f32::NEG_INFINITY {
            scores.fill(0.0);
            return Self::NONE;
        }
        let weight = |score| exp(score - most);
        let sum = fold_map(scores, 0.0, weight, |sum, weight| sum + weight);
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
