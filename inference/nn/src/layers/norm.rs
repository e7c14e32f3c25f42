//! Root mean square normalization.

use inference_kernels::elementwise::{rms_norm, rms_norm_in_place};
use inference_kernels::pool;

/// Values that a thread takes at a time: some microseconds of work.
const TASK_VALUES: usize = 1 << 14;

/// Scales each row to a root mean square of one, then by the weights.
///
/// # Source
/// Zhang and Sennrich (arXiv:1910.07467).
#[derive(Clone, Debug)]
pub(crate) struct RmsNorm {
    /// `[hidden]`
    pub(crate) weight: Vec<f32>,
    /// Added to the mean square, so that a row of zeros stays finite.
    pub(crate) eps: f32,
}

impl RmsNorm {
    /// Normalizes each row of `x` into `out`; both are `[tokens, hidden]`.
    pub(crate) fn apply(&self, x: &[f32], out: &mut [f32]) {
        let task = self.task();
        pool::share_chunks(out, task, |number, out| {
            let x = &x[number * task..][..out.len()];
            rms_norm(x, &self.weight, self.eps, out);
        });
    }

    /// Normalizes each row of `x`, `[rows, weight.len()]`: tokens, or heads of tokens.
    pub(crate) fn apply_in_place(&self, x: &mut [f32]) {
        pool::share_chunks(x, self.task(), |_, x| {
            rms_norm_in_place(x, &self.weight, self.eps);
        });
    }

    /// Values of a task: whole rows.
    fn task(&self) -> usize {
        TASK_VALUES.next_multiple_of(self.weight.len().max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_gets_a_root_mean_square_of_one_times_the_weights() {
        let norm = RmsNorm {
            weight: vec![1.0, 2.0],
            eps: 0.0,
        };
        let mut out = [0.0; 2];
        norm.apply(&[3.0, 4.0], &mut out);
        let scale = 1.0 / 12.5_f32.sqrt();
        assert!(
            (out[0] - 3.0 * scale).abs() < 1e-6 && (out[1] - 8.0 * scale).abs() < 1e-6,
            "{out:?}"
        );
        let mut x = [3.0, 4.0];
        norm.apply_in_place(&mut x);
        assert_eq!(x.map(f32::to_bits), out.map(f32::to_bits));
    }

    #[test]
    fn a_row_of_zeros_stays_finite() {
        let mut out = [1.0; 2];
        RmsNorm {
            weight: vec![1.0; 2],
            eps: 1e-6,
        }
        .apply(&[0.0; 2], &mut out);
        assert!(out.iter().all(|x| x.abs() < 1e-9), "{out:?}");
    }
}
