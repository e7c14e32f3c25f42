//! The weights of a vocabulary, and the draw among them.
//!
//! Sums are taken run by run and in one order, so that a draw looks at few tokens and does not depend on the machine.
//!
//! Invariant: a token without weight is never drawn.

use super::exp::exp;
use super::runs::RUN;
use crate::prompt::TokenId;

/// Sums that are taken side by side.
const LANES: usize = 16;

/// The weights of a vocabulary.
pub(super) struct Weights<'a> {
    /// `[vocab_size]`
    weights: &'a mut [f32],
    /// Of each [`RUN`] neighbors.
    sums: Vec<f64>,
}

/// How logits become weights.
#[derive(Clone, Copy)]
pub(super) struct Scale {
    /// The logit whose weight is 1; none is higher.
    pub(super) most: f32,
    pub(super) temperature: f32,
    /// The least weight; what is below has none.
    pub(super) min_p: f32,
}

impl Scale {
    #[inline]
    fn weight(self, logit: f32) -> f32 {
        let weight = exp((logit - self.most) / self.temperature);
        if weight >= self.min_p { weight } else { 0.0 }
    }

    /// Taken by value, so that nothing in the loop lies where it writes, and vectors can be made of it.
    fn weigh(self, run: &mut [f32]) {
        for logit in run {
            *logit = self.weight(*logit);
        }
    }
}

impl<'a> Weights<'a> {
    /// The weights of `logits`, of which `highest` are those of each [`RUN`] neighbors.
    pub(super) fn of(logits: &'a mut [f32], highest: &[f32], scale: Scale) -> Self {
        let runs = logits.chunks_mut(RUN).zip(highest);
        let sums = runs.map(|(run, &highest)| {
            // Where the temperature is low or a mask narrow, most of a large vocabulary has no weight.
            if scale.weight(highest) > 0.0 {
                scale.weigh(run);
                sum(run)
            } else {
                run.fill(0.0);
                0.0
            }
        });
        Self {
            sums: sums.collect(),
            weights: logits,
        }
    }

    /// The sum of all.
    pub(super) fn total(&self) -> f64 {
        self.sums.iter().sum()
    }

    /// The likeliest tokens and their weights, in the order of their numbers: as many as have all but at most `rest`
    /// of the weight, and maybe more.
    pub(super) fn all_but(&self, rest: f64) -> impl Iterator<Item = (TokenId, f32)> {
        // Shared out evenly it would be so much for each, and those left out have less.
        let floor = rest / self.weights.len() as f64;
        (0..)
            .zip(self.weights.iter().copied())
            .filter(move |&(_, weight)| weight > 0.0 && f64::from(weight) >= floor)
    }

    /// A token by its weight; `uniform` is a number in `[0, 1)` out of which it is made.
    pub(super) fn draw(&self, uniform: f64) -> Option<TokenId> {
        let left = uniform * self.total();
        let (run, left) = find(self.sums.iter().copied(), left)?;
        let start = run * RUN;
        let weights = self.weights[start..].iter().take(RUN);
        let (token, _) = find(weights.map(|&weight| f64::from(weight)), left)?;
        TokenId::try_from(start + token).ok()
    }
}

fn sum(weights: &[f32]) -> f64 {
    let (chunks, rest) = weights.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, weight) in lanes.iter_mut().zip(chunk) {
            *lane += f64::from(*weight);
        }
    }
    let rest = rest.iter().map(|&weight| f64::from(weight));
    lanes.into_iter().chain(rest).sum()
}

/// The number of the first of `weights` with which their sum exceeds `left`, and what those before leave of it.
/// Rounding may leave a crumb; it belongs to the last of any weight.
fn find(weights: impl Iterator<Item = f64>, mut left: f64) -> Option<(usize, f64)> {
    let mut last = None;
    for (number, weight) in weights.enumerate() {
        if weight > 0.0 {
            last = Some((number, left));
            if left < weight {
                break;
            }
            left -= weight;
        }
    }
    last
}
