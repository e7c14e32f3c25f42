//! A weight matrix as it lies in the file, and products with it.
//!
//! Invariant: the bytes were checked by [`crate::gguf`] to be whole rows inside the mapping.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use pulp::Arch;
use rayon::prelude::*;

use crate::error::ModelError;
use crate::gguf::{Dtype, Gguf};
use crate::kernels;
use crate::mapping::Mapping;

/// Multiplications below this are not worth waking a thread for (about 20 µs of work).
const PARALLEL_MIN: usize = 1 << 18;
/// Multiplications a thread takes at a time, so that faster threads take more.
const TASK: usize = 1 << 17;

thread_local! {
    /// Widened rows of the product being made on this thread.
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// A weight matrix of `rows` outputs and `columns` inputs.
#[derive(Clone, Debug)]
pub(crate) struct Matrix {
    mapping: Arc<Mapping>,
    range: Range<usize>,
    dtype: Dtype,
    rows: usize,
    columns: usize,
    arch: Arch,
}

impl Matrix {
    /// The tensor `name`, which must be `[rows, columns]`.
    pub(crate) fn bind(
        gguf: &Gguf,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Self, ModelError> {
        let info = gguf
            .tensor(name)
            .ok_or_else(|| ModelError::MissingTensor(name.to_owned()))?;
        let expected = vec![columns, rows];
        if info.dims != expected {
            return Err(ModelError::Shape {
                name: name.to_owned(),
                found: info.dims.clone(),
                expected,
            });
        }
        let (mapping, range) = (Arc::clone(gguf.mapping()), info.range.clone());
        Ok(Self {
            mapping,
            range,
            dtype: info.dtype,
            rows,
            columns,
            arch: Arch::new(),
        })
    }

    fn row_bytes(&self) -> usize {
        self.range.len() / self.rows
    }

    fn bytes(&self) -> &[u8] {
        &self.mapping[self.range.clone()]
    }

    /// Widens row `row` into `out`, which has `columns` places.
    pub(crate) fn widen_row(&self, row: usize, out: &mut [f32]) {
        let row_bytes = self.row_bytes();
        kernels::widen(
            self.dtype,
            &self.bytes()[row * row_bytes..][..row_bytes],
            out,
        );
    }

    /// The product with each token: `x` is `[tokens, columns]`, `out` becomes
    /// `[tokens, rows]`; `turned` is scratch.
    pub(crate) fn multiply(&self, x: &[f32], out: &mut [f32], turned: &mut Vec<f32>) {
        let tokens = x.len() / self.columns;
        if tokens == 1 {
            return self.multiply_turned(x, out);
        }
        turned.resize(tokens * self.rows, 0.0);
        self.multiply_turned(x, turned);
        turn(turned, tokens, out);
    }

    /// As [`multiply`](Self::multiply), into `[rows, tokens]`.
    fn multiply_turned(&self, x: &[f32], out: &mut [f32]) {
        let tokens = x.len() / self.columns;
        let work = tokens * self.rows * self.columns;
        if work < PARALLEL_MIN {
            return self.multiply_rows(0, x, out);
        }
        let rows = (TASK / (tokens * self.columns)).max(1).next_multiple_of(8);
        out.par_chunks_mut(rows * tokens)
            .enumerate()
            .for_each(|(task, out)| {
                self.multiply_rows(task * rows, x, out);
            });
    }

    /// The rows from `first` on that fill `out`.
    fn multiply_rows(&self, first: usize, x: &[f32], out: &mut [f32]) {
        let count = out.len() / (x.len() / self.columns);
        let row_bytes = self.row_bytes();
        let rows = &self.bytes()[first * row_bytes..][..count * row_bytes];
        SCRATCH.with_borrow_mut(|scratch| {
            kernels::multiply_rows(self.arch, self.dtype, rows, self.columns, x, out, scratch);
        });
    }
}

/// Turns `[rows, tokens]` into `[tokens, rows]`.
fn turn(turned: &[f32], tokens: usize, out: &mut [f32]) {
    let rows = turned.len() / tokens;
    for (row, values) in turned.chunks_exact(tokens).enumerate() {
        for (token, value) in values.iter().enumerate() {
            out[token * rows + row] = *value;
        }
    }
}

/// Reads a vector of weights, which are stored as reals of either width.
pub(crate) fn vector(gguf: &Gguf, name: &str, length: usize) -> Result<Vec<f32>, ModelError> {
    let info = gguf
        .tensor(name)
        .ok_or_else(|| ModelError::MissingTensor(name.to_owned()))?;
    if info.dims != [length] {
        let (found, expected) = (info.dims.clone(), vec![length]);
        return Err(ModelError::Shape {
            name: name.to_owned(),
            found,
            expected,
        });
    }
    let mut values = vec![0.0; length];
    kernels::widen(info.dtype, &gguf.mapping()[info.range.clone()], &mut values);
    Ok(values)
}

#[cfg(test)]
mod tests;
