//! Products with a matrix, with a bias where the file has one.

use std::ops::Range;

use inference_kernels::{Matrix, Scratch, elementwise, multiply_many};

use crate::error::ModelError;
use crate::weights::Weights;

/// A matrix and the bias of its outputs.
#[derive(Clone, Debug)]
pub(super) struct Linear {
    /// `[rows, columns]`
    pub(super) matrix: Matrix,
    /// `[rows]`
    pub(super) bias: Option<Vec<f32>>,
}

impl Linear {
    /// The matrix `name.weight` and the vector `name.bias`, if there is one.
    pub(super) fn bind(
        weights: &Weights<'_>,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            matrix: weights.matrix(&format!("{name}.weight"), rows, columns)?,
            bias: weights.optional(&format!("{name}.bias"), rows)?,
        })
    }

    /// `x` is `[tokens, columns]`, `out` becomes `[tokens, rows]`.
    pub(super) fn multiply(&self, x: &[f32], out: &mut [f32], scratch: &mut Scratch) {
        self.matrix.multiply(x, out, scratch);
        self.add_bias(out);
    }

    /// Adds the bias to each row of `out`.
    pub(super) fn add_bias(&self, out: &mut [f32]) {
        self.add_bias_of(0..self.matrix.rows(), out);
    }

    /// Adds the bias of the outputs `range` to each row of `out`, which has these alone.
    pub(super) fn add_bias_of(&self, range: Range<usize>, out: &mut [f32]) {
        if let Some(bias) = &self.bias {
            let bias = &bias[range];
            for row in out.chunks_exact_mut(bias.len()) {
                elementwise::add(row, bias);
            }
        }
    }
}

impl From<Matrix> for Linear {
    fn from(matrix: Matrix) -> Self {
        Self { matrix, bias: None }
    }
}

/// The products of several with the same tokens.
pub(super) fn multiply_all<const N: usize>(
    linears: [&Linear; N],
    x: &[f32],
    mut outs: [&mut [f32]; N],
    scratch: &mut Scratch,
) {
    multiply_many(&linears.map(|linear| &linear.matrix), x, &mut outs, scratch);
    for (linear, out) in linears.into_iter().zip(outs) {
        linear.add_bias(out);
    }
}
