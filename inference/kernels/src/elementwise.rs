//! Functions of rows of activations, vectorized for the machine at hand by `pulp`, without `unsafe`.
//!
//! Invariant: a row's result depends on that row alone.

use pulp::{Arch, Simd, WithSimd};

use crate::exp::exp;
use crate::vectorized::vectorized;

/// The sum of products of `a` and `b`; what is longer is cut.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let length = a.len().min(b.len());
    Arch::new().dispatch(Dot {
        a: &a[..length],
        b: &b[..length],
    })
}

struct Dot<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl WithSimd for Dot<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (a, a_tail) = S::as_simd_f32s(self.a);
        let (b, b_tail) = S::as_simd_f32s(self.b);
        let mut sum = simd.splat_f32s(0.0);
        for (a, b) in a.iter().zip(b) {
            sum = simd.mul_add_e_f32s(*a, *b, sum);
        }
        simd.reduce_sum_f32s(sum) + a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum::<f32>()
    }
}

/// Adds `x` to `out`, value by value.
pub fn add(out: &mut [f32], x: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (out, x) in out.iter_mut().zip(x) {
                *out += x;
            }
        },
    );
}

/// Adds `factor * x` to `out`.
pub fn add_scaled(out: &mut [f32], factor: f32, x: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (out, x) in out.iter_mut().zip(x) {
                *out += factor * x;
            }
        },
    );
}

/// Normalizes each row of `x` to a root mean square of one, times `weight`, into `out`.
///
/// `x` and `out` are `[tokens, weight.len()]`; `eps` is added to the mean square.
///
/// # Source
/// Zhang and Sennrich (arXiv:1910.07467).
pub fn rms_norm(x: &[f32], weight: &[f32], eps: f32, out: &mut [f32]) {
    let width = weight.len().max(1);
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let scale = 1.0 / (dot(x, x) / width as f32 + eps).sqrt();
        vectorized(
            #[inline(always)]
            || {
                for ((out, x), weight) in out.iter_mut().zip(x).zip(weight) {
                    *out = x * scale * weight;
                }
            },
        );
    }
}

/// As [`rms_norm`], in place.
pub fn rms_norm_in_place(x: &mut [f32], weight: &[f32], eps: f32) {
    let width = weight.len().max(1);
    for x in x.chunks_exact_mut(width) {
        let scale = 1.0 / (dot(x, x) / width as f32 + eps).sqrt();
        vectorized(
            #[inline(always)]
            || {
                for (x, weight) in x.iter_mut().zip(weight) {
                    *x = *x * scale * weight;
                }
            },
        );
    }
}

/// Normalizes each row of `x` to mean zero and variance one, times `weight`, plus `bias`, into `out`.
///
/// `x` and `out` are `[tokens, weight.len()]`; `eps` is added to the variance.
///
/// # Source
/// Ba and others (arXiv:1607.06450).
pub fn layer_norm(x: &[f32], weight: &[f32], bias: Option<&[f32]>, eps: f32, out: &mut [f32]) {
    let width = weight.len().max(1);
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let mean = x.iter().sum::<f32>() / width as f32;
        for (out, x) in out.iter_mut().zip(x) {
            *out = x - mean;
        }
        let scale = 1.0 / (dot(out, out) / width as f32 + eps).sqrt();
        for (out, weight) in out.iter_mut().zip(weight) {
            *out *= scale * weight;
        }
        if let Some(bias) = bias {
            add(out, bias);
        }
    }
}

/// Turns scores into weights that sum to one. Scores that are minus infinity get zero;
/// if all are, all become zero. A `sink` is one more score whose weight goes nowhere.
pub fn softmax(scores: &mut [f32], sink: Option<f32>) {
    vectorized(
        #[inline(always)]
        || softmax_inline(scores, sink),
    );
}

#[inline(always)]
fn softmax_inline(scores: &mut [f32], sink: Option<f32>) {
    let most = fold(scores, f32::NEG_INFINITY, |most, score| {
        if score > most { score } else { most }
    });
    let most = sink.map_or(most, |sink| most.max(sink));
    if most == f32::NEG_INFINITY {
        return scores.fill(0.0);
    }
    let weight = |score| exp(score - most);
    let sum = fold_map(scores, 0.0, weight, |sum, weight| sum + weight);
    let scale = 1.0 / (sum + sink.map_or(0.0, |sink| exp(sink - most)));
    for score in &mut *scores {
        *score *= scale;
    }
}

/// Folds 16 lanes next to each other, then the halves of the lanes until one is left, then the rest.
#[inline(always)]
fn fold(values: &[f32], start: f32, fold: impl Fn(f32, f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<16>();
    let mut lanes = [start; 16];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = fold(*lane, *value);
        }
    }
    rest.iter().copied().fold(halve(lanes, &fold), fold)
}

/// As [`fold`], of what `map` makes of the values, which replaces them.
#[inline(always)]
fn fold_map(
    values: &mut [f32],
    start: f32,
    map: impl Fn(f32) -> f32,
    fold: impl Fn(f32, f32) -> f32,
) -> f32 {
    let (chunks, rest) = values.as_chunks_mut::<16>();
    let mut lanes = [start; 16];
    for chunk in chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *value = map(*value);
            *lane = fold(*lane, *value);
        }
    }
    let mut folded = halve(lanes, &fold);
    for value in rest {
        *value = map(*value);
        folded = fold(folded, *value);
    }
    folded
}

/// Folds the halves of `lanes` until one is left.
#[inline(always)]
pub(crate) fn halve(mut lanes: [f32; 16], fold: impl Fn(f32, f32) -> f32) -> f32 {
    // A loop for each, not one over their lengths: lanes stay in registers.
    for lane in 0..8 {
        lanes[lane] = fold(lanes[lane], lanes[lane + 8]);
    }
    for lane in 0..4 {
        lanes[lane] = fold(lanes[lane], lanes[lane + 4]);
    }
    for lane in 0..2 {
        lanes[lane] = fold(lanes[lane], lanes[lane + 2]);
    }
    fold(lanes[0], lanes[1])
}

/// The gate of a `SwiGLU` feed-forward layer: `gate` becomes `silu(gate) * up`.
///
/// # Source
/// Shazeer, "GLU variants improve transformer" (arXiv:2002.05202).
pub fn silu_mul(gate: &mut [f32], up: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (gate, up) in gate.iter_mut().zip(up) {
                *gate = *gate / (1.0 + exp(-*gate)) * up;
            }
        },
    );
}

/// The gate of a `GeGLU` feed-forward layer: `gate` becomes `gelu(gate) * up`, by the tanh approximation.
///
/// # Source
/// Hendrycks and Gimpel (arXiv:1606.08415), section 2.
pub fn gelu_tanh_mul(gate: &mut [f32], up: &[f32]) {
    vectorized(
        #[inline(always)]
        || {
            for (gate, up) in gate.iter_mut().zip(up) {
                *gate = gelu_tanh(*gate) * up;
            }
        },
    );
}

/// `x (1 + tanh(y)) / 2` is `x / (1 + exp(-2 y))`.
#[inline(always)]
fn gelu_tanh(x: f32) -> f32 {
    /// Twice the square root of 2 / pi.
    const FACTOR: f32 = 1.595_769;
    x / (1.0 + exp(-FACTOR * (x + 0.044_715 * x * x * x)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(found: &[f32], expected: &[f64]) {
        for (found, expected) in found.iter().zip(expected) {
            let error = (f64::from(*found) - expected).abs();
            assert!(
                error <= 1e-6 + 1e-6 * expected.abs(),
                "{found} for {expected}"
            );
        }
    }

    #[test]
    fn dots_of_any_length_are_whole() {
        let ones = vec![1.0; 67];
        for length in 0..67 {
            check(&[dot(&ones[..length], &ones)], &[length as f64]);
        }
    }

    #[test]
    fn rows_get_a_root_mean_square_of_one_times_the_weights() {
        let mut out = [0.0; 4];
        rms_norm(&[3.0, 4.0, 0.0, 0.0], &[1.0, 2.0], 1e-30, &mut out);
        let scale = 1.0 / 12.5_f64.sqrt();
        check(&out, &[3.0 * scale, 8.0 * scale, 0.0, 0.0]);
    }

    #[test]
    fn rows_get_mean_zero_and_variance_one_then_weights_and_bias() {
        let mut out = [0.0; 2];
        layer_norm(&[1.0, 5.0], &[1.0, 2.0], Some(&[0.5, 0.25]), 0.0, &mut out);
        check(&out, &[-0.5, 2.25]);
    }

    #[test]
    fn weights_of_scores_sum_to_one_and_unseen_get_none() {
        let mut scores = [1.0, f32::NEG_INFINITY, 1.0 + 3.0_f32.ln()];
        softmax(&mut scores, None);
        check(&scores, &[0.25, 0.0, 0.75]);
        let mut unseen = [f32::NEG_INFINITY; 2];
        softmax(&mut unseen, None);
        check(&unseen, &[0.0, 0.0]);
        let mut half = [1.0];
        softmax(&mut half, Some(1.0));
        check(&half, &[0.5]);
    }

    #[test]
    fn gates_follow_their_formulas() {
        let x = [-9.0_f32, -1.0, 0.0, 0.5, 3.0];
        let silu = x.map(|x| f64::from(x) / (1.0 + f64::from(-x).exp()) * 2.0);
        let mut gate = x;
        silu_mul(&mut gate, &[2.0; 5]);
        check(&gate, &silu);
        let gelu = x.map(|x| {
            let x = f64::from(x);
            let y = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            x * (1.0 + y.tanh())
        });
        let mut gate = x;
        gelu_tanh_mul(&mut gate, &[2.0; 5]);
        check(&gate, &gelu);
    }
}
