//! Gated networks: two products of the same tokens, made one value by value, and a product of that.
//!
//! What is between lies longer in memory than anything else of a layer, and is used once. Where all
//! three matrices are packed it never gets there: a thread makes some rows of it, of all tokens, and hands on
//! their bytes.
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
    if let (Some(gate), Some(up), Some(down)) = (&gate.packed, &up.packed, &down.packed)
        && gate.pairs_with(up)
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
