//! Rotary position embedding, with the ways models stretch it.
//!
//! # Source
//! `RoFormer` (arXiv:2104.09864); Peng and others, "YaRN" (arXiv:2309.00071); Ding and others, "LongRoPE"
//! (arXiv:2402.13753); the names of the settings are those of `modeling_rope_utils.py` of transformers.

mod scaling;
#[cfg(test)]
mod tests;

pub(crate) use self::scaling::{RopeConfig, RopeScaling, Yarn};
use crate::config::Pairs;

/// Rotates pairs of a head's values by angles that grow with the position.
#[derive(Clone, Debug)]
pub(crate) struct Rope {
    /// Radians per position of each pair, `[rotated / 2]`; later values of a head stay as they are.
    frequencies: Vec<f64>,
    /// Sines and cosines are multiplied by this.
    magnitude: f64,
    pairs: Pairs,
}

impl Rope {
    /// The rotation of `config` in a window of `window` tokens.
    pub(crate) fn new(config: &RopeConfig, pairs: Pairs, window: usize) -> Self {
        Self {
            frequencies: config.frequencies(window),
            magnitude: config.magnitude(),
            pairs,
        }
    }

    /// Sines and cosines of the pairs at `position`.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "angles are taken in f64, activations are f32"
    )]
    pub(crate) fn angles(&self, position: usize, out: &mut Vec<(f32, f32)>) {
        out.clear();
        out.extend(self.frequencies.iter().map(|frequency| {
            let (sine, cosine) = (position as f64 * frequency).sin_cos();
            (
                (sine * self.magnitude) as f32,
                (cosine * self.magnitude) as f32,
            )
        }));
    }

    /// Rotates each head of `x`, `[heads, head_dim]`, by `angles`.
    pub(crate) fn rotate(&self, x: &mut [f32], head_dim: usize, angles: &[(f32, f32)]) {
        for head in x.chunks_exact_mut(head_dim) {
            match self.pairs {
                Pairs::Neighbors => {
                    for (pair, angle) in head.as_chunks_mut::<2>().0.iter_mut().zip(angles) {
                        let [x, y] = pair;
                        turn(x, y, *angle);
                    }
                }
                Pairs::Halves => {
                    let (first, second) = head.split_at_mut(angles.len());
                    for ((x, y), angle) in first.iter_mut().zip(second).zip(angles) {
                        turn(x, y, *angle);
                    }
                }
            }
        }
    }
}

fn turn(x: &mut f32, y: &mut f32, (sine, cosine): (f32, f32)) {
    (*x, *y) = (*x * cosine - *y * sine, *x * sine + *y * cosine);
}
