//! A weight matrix as it lies in the file, and products with it.
//!
//! Invariant: the bytes were found to be whole rows when the matrix was made.

use std::cell::RefCell;

use pulp::Arch;

use crate::bytes::Bytes;
use crate::dtype::Dtype;
use crate::error::KernelError;
use crate::packed::{self, Input, Packed, Path, Product};
use crate::pool;
use crate::{bf16, exact, gated, widen};

/// Multiplications below this are not worth waking a thread for (about 20 µs of work).
const PARALLEL_MIN: usize = 1 << 18;
/// Multiplications a thread takes at a time, so that faster threads take more.
const TASK: usize = 1 << 17;

thread_local! {
    /// Widened rows of the product being made on this thread.
    static WIDENED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// What activations are multiplied as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activations {
    /// 32-bit reals: results differ from a reference by the order of additions only.
    #[default]
    Exact,
    /// Rounded to what the machine multiplies fastest with the weights.
    ///
    /// Where these are quantized: signed bytes with a scale for each 32 (or 256, for the `K` types and `IQ4_XS`) of them, times packed
    /// weights in whole numbers. Every activation moves by at most 1/254 of the largest near it, so a product of `n` columns by about
    /// `0.002 / sqrt(n)` of the sum of the products' magnitudes, 1/254 at worst. Where they are BF16 and the machine has
    /// instructions for it: BF16, so that every activation moves by at most 1/512 of itself. Reals elsewhere.
    Rounded,
}

/// Memory that products reuse, one for each caller.
#[derive(Debug, Default)]
pub struct Scratch {
    /// `[rows, tokens]` before it is turned.
    turned: Vec<f32>,
    /// Activations in BF16.
    halves: Vec<u16>,
    pub(crate) inputs: Inputs,
    /// What is between the products of a gated network.
    pub(crate) gated: gated::Room,
}

/// Activations quantized for all matrices they are multiplied with.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// With a scale for each 32.
    blocks: Input,
    /// With a scale for each 256.
    super_blocks: Input,
}

impl Inputs {
    /// Quantizes `x`, `[tokens, columns]`, as products with `matrices` on `path` need it.
    pub(crate) fn quantize<'a>(
        &mut self,
        path: Path,
        matrices: impl Iterator<Item = &'a Packed>,
        x: &[f32],
        columns: usize,
    ) {
        let mut done = [false; 2];
        for packed in matrices {
            let unit = packed.unit();
            let (input, done) = if unit == 256 {
                (&mut self.super_blocks, &mut done[1])
            } else {
                (&mut self.blocks, &mut done[0])
            };
            if !*done {
                input.quantize(x, columns, unit);
                *done = true;
            }
            packed::prepare(path, packed, input);
        }
    }

    /// The activations as `packed` takes them.
    pub(crate) fn of(&self, packed: &Packed) -> &Input {
        if packed.unit() == 256 {
            &self.super_blocks
        } else {
            &self.blocks
        }
    }
}

/// A weight matrix of `rows` outputs and `columns` inputs.
#[derive(Clone, Debug)]
pub struct Matrix {
    bytes: Bytes,
    dtype: Dtype,
    rows: usize,
    columns: usize,
    arch: Arch,
    form: Form,
}

/// What products are made with.
#[derive(Clone, Debug)]
enum Form {
    /// The weights as they are stored.
    Stored,
    /// The weights once more, for activations that are bytes.
    Bytes(Packed),
    /// The weights once more, for activations in BF16.
    Halves(bf16::Packed),
}

impl Matrix {
    /// The matrix stored row by row in `bytes`.
    ///
    /// # Errors
    /// [`KernelError`] if the shape is empty, a row is no whole number of blocks, or `bytes` has another length.
    pub fn new(
        bytes: Bytes,
        dtype: Dtype,
        rows: usize,
        columns: usize,
    ) -> Result<Self, KernelError> {
        let weights = rows.checked_mul(columns).and_then(|n| n.checked_mul(4));
        if rows == 0 || columns == 0 || weights.is_none() {
            return Err(KernelError::Shape { rows, columns });
        }
        if !columns.is_multiple_of(dtype.block_weights()) {
            return Err(KernelError::Blocks { columns, dtype });
        }
        let expected = rows * dtype.row_bytes(columns);
        if bytes.len() != expected {
            return Err(KernelError::Length {
                rows,
                columns,
                dtype,
                expected,
                found: bytes.len(),
            });
        }
        Ok(Self {
            bytes,
            dtype,
            rows,
            columns,
            arch: Arch::new(),
            form: Form::Stored,
        })
    }

    /// The same matrix, made ready for `activations`.
    ///
    /// For [`Activations::Rounded`] weights are packed into memory of their own, and what they were packed from is
    /// [released](crate::Storage::release). Types without packed form on this machine stay as they are.
    #[must_use]
    pub fn with_activations(mut self, activations: Activations) -> Self {
        let packed = match (activations, self.dtype) {
            (Activations::Exact, _) => None,
            (Activations::Rounded, Dtype::Bf16) => {
                bf16::Packed::new(&self.bytes, self.rows, self.columns).map(Form::Halves)
            }
            (Activations::Rounded, dtype) => {
                Packed::new(dtype, &self.bytes, self.rows, self.columns).map(Form::Bytes)
            }
        };
        self.form = packed.unwrap_or(Form::Stored);
        if self.packed_bytes() > 0 {
            self.bytes.release();
        }
        self
    }

    /// The same without what it was packed from, if it was packed: one that gives products alone.
    ///
    /// For weights that lie in no file, whose memory nothing else would give back.
    #[must_use]
    pub fn without_stored(mut self) -> Self {
        if !matches!(self.form, Form::Stored) {
            self.bytes = Bytes::from(Vec::new());
        }
        self
    }

    /// Whether weights of `dtype` are packed on this machine for [`Activations::Rounded`].
    pub fn packs(dtype: Dtype) -> bool {
        match dtype {
            Dtype::F32 | Dtype::F16 => false,
            Dtype::Bf16 => bf16::is_here(),
            _ => true,
        }
    }

    /// Bytes of memory of its own, besides those it was made from.
    pub fn packed_bytes(&self) -> usize {
        match &self.form {
            Form::Stored => 0,
            Form::Bytes(packed) => packed.bytes(),
            Form::Halves(packed) => packed.bytes(),
        }
    }

    /// The weights for activations that are bytes, if it was made ready for these.
    pub(crate) fn packed(&self) -> Option<&Packed> {
        match &self.form {
            Form::Bytes(packed) => Some(packed),
            Form::Stored | Form::Halves(_) => None,
        }
    }

    /// Outputs.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Inputs.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How the weights are stored.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Widens row `row` into `out`, which has `columns` places.
    ///
    /// # Panics
    /// If there is no such row, or none is [stored](Self::without_stored).
    pub fn widen_row(&self, row: usize, out: &mut [f32]) {
        let row_bytes = self.dtype.row_bytes(self.columns);
        let bytes = &self.bytes[row * row_bytes..][..row_bytes];
        widen::widen(self.dtype, bytes, out);
    }

    /// The product with each token: `x` is `[tokens, columns]`, `out` becomes `[tokens, rows]`.
    ///
    /// # Panics
    /// If the lengths of `x` and `out` do not fit.
    pub fn multiply(&self, x: &[f32], out: &mut [f32], scratch: &mut Scratch) {
        let tokens = x.len() / self.columns;
        assert_eq!(x.len(), tokens * self.columns, "whole tokens");
        assert_eq!(out.len(), tokens * self.rows, "a place for every product");
        multiply_many(&[self], x, &mut [out], scratch);
    }

    /// The product with reals; `turned` is room.
    fn multiply_exact(&self, x: &[f32], out: &mut [f32], turned: &mut Vec<f32>) {
        let tokens = x.len() / self.columns;
        if tokens <= 1 {
            return self.multiply_turned(x, out);
        }
        turned.resize(tokens * self.rows, 0.0);
        self.multiply_turned(x, turned);
        turn(turned, tokens, out);
    }

    /// As [`multiply_exact`](Self::multiply_exact), into `[rows, tokens]`.
    fn multiply_turned(&self, x: &[f32], out: &mut [f32]) {
        let tokens = x.len() / self.columns;
        let work = tokens * self.rows * self.columns;
        if work < PARALLEL_MIN {
            return self.multiply_rows(0, x, out);
        }
        let rows = (TASK / (tokens * self.columns)).max(1).next_multiple_of(8);
        pool::share_chunks(out, rows * tokens, |task, out| {
            self.multiply_rows(task * rows, x, out);
        });
    }

    /// The rows from `first` on that fill `out`.
    fn multiply_rows(&self, first: usize, x: &[f32], out: &mut [f32]) {
        let tokens = x.len() / self.columns;
        if tokens == 0 {
            return;
        }
        let row_bytes = self.dtype.row_bytes(self.columns);
        let rows = &self.bytes[first * row_bytes..][..out.len() / tokens * row_bytes];
        WIDENED.with_borrow_mut(|widened| {
            exact::multiply_rows(self.arch, self.dtype, rows, self.columns, x, out, widened);
        });
    }
}

/// The products of several matrices with the same tokens: `x` is `[tokens, columns]`, each of `outs` becomes `[tokens, rows]`.
///
/// # Panics
/// If there are not as many outputs as matrices, or lengths do not fit.
pub fn multiply_many(
    matrices: &[&Matrix],
    x: &[f32],
    outs: &mut [&mut [f32]],
    scratch: &mut Scratch,
) {
    assert_eq!(matrices.len(), outs.len(), "an output for every matrix");
    let columns = matrices.first().map_or(1, |matrix| matrix.columns);
    assert!(
        matrices.iter().all(|matrix| matrix.columns == columns),
        "matrices of one width"
    );
    assert_eq!(x.len() % columns, 0, "whole tokens");
    let path = Path::best();
    let packed = matrices.iter().filter_map(|matrix| matrix.packed());
    let Scratch {
        turned,
        halves,
        inputs,
        ..
    } = scratch;
    inputs.quantize(path, packed, x, columns);
    let in_halves = |matrix: &&Matrix| matches!(matrix.form, Form::Halves(_));
    if matrices.iter().any(in_halves) {
        bf16::round(x, halves);
    }
    let (mut of_bytes, mut of_halves) = (Vec::with_capacity(matrices.len()), Vec::new());
    for (matrix, out) in matrices.iter().zip(outs) {
        match &matrix.form {
            Form::Stored => matrix.multiply_exact(x, out, turned),
            Form::Bytes(packed) => of_bytes.push(Product::new(packed, inputs.of(packed), out)),
            Form::Halves(packed) => of_halves.push(bf16::Product::new(packed, out)),
        }
    }
    packed::multiply(path, &of_bytes);
    bf16::multiply(&of_halves, halves);
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

#[cfg(test)]
pub(crate) mod tests;
