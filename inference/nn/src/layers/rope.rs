//! Rotary position embedding.

/// Rotates pairs of a head's values by angles that grow with the position.
///
/// # Source
/// `RoFormer` (arXiv:2104.09864). Pairs are neighbors (`x[2i]`, `x[2i + 1]`), as
/// GGUF files of the llama architecture permute queries and keys.
#[derive(Clone, Debug)]
pub(crate) struct Rope {
    /// Radians per position of each pair, `[rotated / 2]`; later values of a head stay as they are.
    frequencies: Vec<f64>,
}

impl Rope {
    /// Angles for `rotated` values of each head.
    ///
    /// `divisors` (`rope_freqs.weight`, one per pair) slow each pair down, `linear_factor` all.
    pub(crate) fn new(
        rotated: usize,
        base: f32,
        linear_factor: f32,
        divisors: Option<&[f32]>,
    ) -> Self {
        let frequency = |pair: usize| {
            let exponent = -(2.0 * pair as f64) / rotated as f64;
            let divisor = divisors
                .and_then(|divisors| divisors.get(pair))
                .map_or(1.0, |&divisor| f64::from(divisor));
            f64::from(base).powf(exponent) / divisor / f64::from(linear_factor)
        };
        Self {
            frequencies: (0..rotated / 2).map(frequency).collect(),
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
            (sine as f32, cosine as f32)
        }));
    }

    /// Rotates each head of `x`, `[heads, head_dim]`, by `angles`.
    pub(crate) fn rotate(x: &mut [f32], head_dim: usize, angles: &[(f32, f32)]) {
        for head in x.chunks_exact_mut(head_dim) {
            for (pair, (sine, cosine)) in head.as_chunks_mut::<2>().0.iter_mut().zip(angles) {
                let [x, y] = *pair;
                *pair = [x * cosine - y * sine, x * sine + y * cosine];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rope: &Rope, position: usize, expected: [f32; 4]) {
        let mut angles = Vec::new();
        rope.angles(position, &mut angles);
        let mut x = [1.0, 0.0, 1.0, 0.0];
        Rope::rotate(&mut x, 4, &angles);
        assert!(
            x.iter().zip(expected).all(|(x, e)| (x - e).abs() < 1e-6),
            "{x:?}"
        );
    }

    #[test]
    fn neighbors_turn_by_position_times_frequency() {
        let rope = Rope::new(4, 10_000.0, 1.0, None);
        check(&rope, 0, [1.0, 0.0, 1.0, 0.0]);
        check(
            &rope,
            1,
            [1.0_f32.cos(), 1.0_f32.sin(), 0.01_f32.cos(), 0.01_f32.sin()],
        );
    }

    #[test]
    fn divisors_and_linear_factor_slow_the_turning() {
        let rope = Rope::new(4, 10_000.0, 2.0, Some(&[1.0, 5.0]));
        check(
            &rope,
            10,
            [5.0_f32.cos(), 5.0_f32.sin(), 0.01_f32.cos(), 0.01_f32.sin()],
        );
    }

    #[test]
    fn values_past_the_rotated_ones_stay() {
        check(
            &Rope::new(2, 10_000.0, 1.0, None),
            1,
            [1.0_f32.cos(), 1.0_f32.sin(), 1.0, 0.0],
        );
    }
}
