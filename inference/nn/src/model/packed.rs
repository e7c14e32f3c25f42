//! Experts of gpt-oss's checkpoints: gate and up row by row in turns, in four bits or the wrong way round.
//!
//! GGUF stores them as the kernels read them; checkpoints do not, so they are laid out anew in memory.
//!
//! # Source
//! `integrations/mxfp4.py` of transformers; OCP Microscaling Formats, version 1.0.

use inference_kernels::{Bytes, Dtype, Matrix};

use super::experts::Stacks;
use super::linear::Linear;
use crate::config::ExpertsConfig;
use crate::error::ModelError;
use crate::weights::Weights;

/// Weights that share a power of two.
const BLOCK: usize = 32;
/// Bytes of their codes.
const CODES: usize = BLOCK / 2;

/// Rows of one expert's matrix as the kernels read them.
struct Rows {
    dtype: Dtype,
    columns: usize,
    bytes: Vec<u8>,
}

/// Gate, up and down of all experts of layer `number`.
pub(super) fn bind(
    weights: &Weights<'_>,
    hidden: usize,
    experts: ExpertsConfig,
    number: usize,
) -> Result<Stacks, ModelError> {
    let (count, inner) = (experts.num_experts, experts.moe_intermediate_size);
    let name = |part: &str| format!("model.layers.{number}.mlp.experts.{part}");
    let both = read(weights, &name("gate_up_proj"), [count, 2 * inner, hidden])?;
    let both_bias = weights.vectors(&name("gate_up_proj_bias"), count, 2 * inner)?;
    let down = read(weights, &name("down_proj"), [count, hidden, inner])?;
    let down_bias = weights.vectors(&name("down_proj_bias"), count, hidden)?;
    let turn = |first: usize| {
        let experts = both.iter().zip(&both_bias);
        experts
            .map(|(rows, bias)| rows.every_second(first, bias, weights))
            .collect::<Result<Vec<_>, _>>()
    };
    let (gates, ups) = (turn(0)?, turn(1)?);
    let downs = down.into_iter().zip(down_bias);
    let downs = downs
        .map(|(rows, bias)| rows.linear(bias, weights))
        .collect::<Result<_, _>>()?;
    Ok([gates, ups, downs])
}

impl Rows {
    fn linear(self, bias: Vec<f32>, weights: &Weights<'_>) -> Result<Linear, ModelError> {
        let rows = bias.len();
        let matrix = Matrix::new(Bytes::from(self.bytes), self.dtype, rows, self.columns)?;
        Ok(Linear {
            matrix: weights.ready(matrix).without_stored(),
            bias: Some(bias),
        })
    }

    /// Every second row from `first` on.
    fn every_second(
        &self,
        first: usize,
        bias: &[f32],
        weights: &Weights<'_>,
    ) -> Result<Linear, ModelError> {
        let width = self.dtype.row_bytes(self.columns);
        let rows = self.bytes.chunks_exact(width).skip(first).step_by(2);
        let picked = Self {
            dtype: self.dtype,
            columns: self.columns,
            bytes: rows.flatten().copied().collect(),
        };
        let bias = bias.iter().skip(first).step_by(2).copied();
        picked.linear(bias.collect(), weights)
    }
}

/// The matrices `name`, `[rows, columns]` each, of all experts.
fn read(
    weights: &Weights<'_>,
    name: &str,
    [count, rows, columns]: [usize; 3],
) -> Result<Vec<Rows>, ModelError> {
    if weights.find(&format!("{name}_blocks")).is_none() {
        return turned(weights, name, [count, rows, columns]);
    }
    if !columns.is_multiple_of(BLOCK) {
        return Err(ModelError::Unsupported(format!(
            "rows of {columns} weights of `{name}` are no whole number of blocks of {BLOCK}"
        )));
    }
    let blocks = columns / BLOCK;
    let codes = weights.shaped(&format!("{name}_blocks"), &[count, rows, blocks, CODES])?;
    let scales = weights.shaped(&format!("{name}_scales"), &[count, rows, blocks])?;
    for tensor in [&codes, &scales] {
        if tensor.dtype.is_some() {
            return Err(ModelError::Unsupported(format!(
                "the tensor `{}` must hold bytes",
                tensor.name
            )));
        }
    }
    let expert = codes.bytes().chunks_exact(rows * blocks * CODES);
    let expert = expert.zip(scales.bytes().chunks_exact(rows * blocks));
    let packed = expert.map(|(codes, scales)| Rows {
        dtype: Dtype::Mxfp4,
        columns,
        bytes: repack(codes, scales),
    });
    let packed = packed.collect();
    codes.release();
    scales.release();
    Ok(packed)
}

/// Blocks as GGUF has them: the power of two, then codes `i` and `i + 16` in one byte. Checkpoints
/// have codes `2 i` and `2 i + 1` in one.
fn repack(codes: &[u8], scales: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(codes.len() + scales.len());
    for (codes, scale) in codes.as_chunks::<CODES>().0.iter().zip(scales) {
        let code = |at: usize| (codes[at / 2] >> (at % 2 * 4)) & 15;
        bytes.push(*scale);
        bytes.extend((0..CODES).map(|at| code(at) | code(at + CODES) << 4));
    }
    bytes
}

/// Plain numbers, which checkpoints store as `[columns, rows]`.
fn turned(
    weights: &Weights<'_>,
    name: &str,
    [count, rows, columns]: [usize; 3],
) -> Result<Vec<Rows>, ModelError> {
    let tensor = weights.shaped(name, &[count, columns, rows])?;
    let dtype = tensor.weights()?;
    let size = dtype.block_bytes();
    let turn = |expert: &[u8]| {
        let mut bytes = vec![0; expert.len()];
        for (column, values) in expert.chunks_exact(rows * size).enumerate() {
            for (row, value) in values.chunks_exact(size).enumerate() {
                bytes[(row * columns + column) * size..][..size].copy_from_slice(value);
            }
        }
        Rows {
            dtype,
            columns,
            bytes,
        }
    };
    let experts = tensor.bytes().chunks_exact(rows * columns * size);
    let turned = experts.map(turn).collect();
    tensor.release();
    Ok(turned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_move_where_gguf_has_them() {
        // Code `i` is `i % 16`, so that each byte holds neighbors.
        let codes: Vec<u8> = (0..16)
            .map(|at| (2 * at % 16) | (((2 * at + 1) % 16) << 4))
            .collect();
        let found = repack(&codes, &[127]);
        assert_eq!(found[0], 127);
        let expected: Vec<u8> = (0..16).map(|at| at | (at << 4)).collect();
        assert_eq!(found[1..], expected);
    }
}
