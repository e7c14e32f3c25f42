//! Gated networks: two products of the same tokens, made one value by value, and a product of that.
//!
//! What is between lies longer in memory than anything else of a layer, and is used once. Where all
//! three matrices are packed, and there are not too many threads, it never gets there: a thread makes some rows
//! of it, of all tokens, and hands on their bytes.
//!
//! Invariant: either way gives the same bits.

use std::ops::Range;

use crate::matrix::{Matrix, Scratch, multiply_many};
use crate::packed::{self, Input, Path, Product};
use crate::pool;

/// Values that a thread activates at a time: some 20 µs, so that waking it pays.
const TASK_VALUES: usize = 1 << 14;

/// What is between.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// `[tokens, rows of gate]`, where it is reals.
    gate: Vec<f32>,
    up: Vec<f32>,
    /// The same as bytes.
    inner: Input,
}

/// `down` times what `activate` makes of `gate` and `up` times `x`.
///
/// `x` is `[tokens, columns of gate]`, `out` becomes `[tokens, rows of down]`. `activate` is given some rows of all
/// matrices, by their numbers, and what `gate` and `up` gave for these of some tokens, `[tokens, rows]`; what it leaves in the
/// first goes down.
///
/// # Panics
/// If shapes do not fit.
pub fn multiply_gated(
    [gate, up, down]: [&Matrix; 3],
    x: &[f32],
    activate: impl Fn(Range<usize>, &mut [f32], &mut [f32]) + Sync,
    out: &mut [f32],
    scratch: &mut Scratch,
) {
    let (columns, rows) = (gate.columns(), gate.rows());
    let tokens = x.len() / columns;
    assert_eq!(x.len(), tokens * columns, "whole tokens");
    assert_eq!(out.len(), tokens * down.rows(), "a place for every product");
    assert_eq!(rows, down.columns(), "what goes down is what went up");
    if let (Some(gate), Some(up), Some(down)) = (gate.packed(), up.packed(), down.packed())
        && gate.pairs_with(up)
        && packed::gated_is_fair(rows, down.unit())
    {
        let path = Path::best();
        let Scratch { inputs, gated, .. } = scratch;
        inputs.quantize(path, std::iter::once(gate), x, columns);
        let inner = &mut gated.inner;
        packed::multiply_gated(
            path,
            [gate, up],
            inputs.of(gate),
            activate,
            inner,
            down.unit(),
        );
        packed::prepare(path, down, inner);
        return packed::multiply(path, &[Product::new(down, inner, out)]);
    }
    let mut room = std::mem::take(&mut scratch.gated);
    room.gate.resize(tokens * rows, 0.0);
    room.up.resize(tokens * rows, 0.0);
    multiply_many(&[gate, up], x, &mut [&mut room.gate, &mut room.up], scratch);
    let each = (TASK_VALUES / rows).max(1) * rows;
    let pairs = room.gate.chunks_mut(each).zip(room.up.chunks_mut(each));
    pool::share_chunks(&mut pairs.collect::<Vec<_>>(), 1, |_, pair| {
        for (gate, up) in pair {
            activate(0..rows, gate, up);
        }
    });
    down.multiply(&room.gate, out, scratch);
    scratch.gated = room;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtype::Dtype;
    use crate::matrix::Activations;
    use crate::matrix::tests::{matrix, numbers};

    fn activate(rows: Range<usize>, gate: &mut [f32], up: &mut [f32]) {
        let numbers = rows.clone().cycle();
        for ((gate, up), row) in gate.iter_mut().zip(up).zip(numbers) {
            *gate = (*gate - row as f32) * *up;
        }
    }

    /// Against one product after the other, each of all rows.
    #[track_caller]
    fn check([gate, up, down]: [Dtype; 3], (columns, rows): (usize, usize), tokens: usize) {
        let packed = |dtype, rows, columns| {
            matrix(dtype, rows, columns).with_activations(Activations::Rounded)
        };
        let [gate, up] = [gate, up].map(|dtype| packed(dtype, rows, columns));
        let down = packed(down, 40, rows);
        let (x, scratch) = (numbers(tokens * columns, 7), &mut Scratch::default());
        let mut out = vec![f32::NAN; tokens * 40];
        let pool = pool::Pool::new(2).expect("starts");
        pool.install(|| {
            multiply_gated([&gate, &up, &down], &x, activate, &mut out, scratch);
        });
        let [mut gates, mut ups] = [(); 2].map(|()| vec![f32::NAN; tokens * rows]);
        gate.multiply(&x, &mut gates, scratch);
        up.multiply(&x, &mut ups, scratch);
        activate(0..rows, &mut gates, &mut ups);
        let mut expected = vec![f32::NAN; tokens * 40];
        down.multiply(&gates, &mut expected, scratch);
        let bits = |out: &[f32]| out.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&out), bits(&expected));
    }

    #[test]
    fn some_rows_at_a_time_give_what_all_at_once_give() {
        for tokens in [1, 7, 101] {
            check([Dtype::Q4K, Dtype::Q4K, Dtype::Q6K], (256, 1280), tokens);
            check([Dtype::Q8_0, Dtype::Q8_0, Dtype::Q4_0], (96, 160), tokens);
            check([Dtype::Q5_0, Dtype::Q5_0, Dtype::Q4K], (512, 1024), tokens);
        }
    }

    #[test]
    fn matrices_that_do_not_pair_give_the_same() {
        for tokens in [1, 7] {
            check([Dtype::Q4K, Dtype::Q6K, Dtype::Q6K], (256, 512), tokens);
            check([Dtype::Q8_0, Dtype::Q8_0, Dtype::F16], (64, 96), tokens);
            check([Dtype::F32, Dtype::F32, Dtype::Q8_0], (40, 64), tokens);
            check([Dtype::Bf16, Dtype::Bf16, Dtype::Bf16], (64, 96), tokens);
        }
    }
}
