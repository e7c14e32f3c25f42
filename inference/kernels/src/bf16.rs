//! Weights of BF16 times activations rounded to BF16, where the machine multiplies pairs of them in one step.
//!
//! Weights are packed once into tiles of rows that vectors read side by side; activations, two columns at a time, are
//! broadcast to all rows. A panel of a tile's columns stays in the nearest cache while a strip of tokens passes by.
//!
//! Invariant: a row and a token are added up in the order of the columns, however many of either are in the call.

#![allow(
    unsafe_code,
    reason = "tiles and outputs are handed to threads by their numbers; kernels read by pointer"
)]

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use crate::arena::Piece;
use crate::disjoint::Disjoint;
use crate::half::round_bf16;
use crate::pool;
use crate::vectorized::vectorized;

/// Rows of a tile: two vectors.
const TILE_ROWS: usize = 32;
/// Bytes of two columns of a tile.
const PAIR_BYTES: usize = 4 * TILE_ROWS;
/// Pairs of columns that stay in the nearest cache while tokens pass by: 12 kB.
const PANEL_PAIRS: usize = 96;
/// Most tokens of a strip: their sums take 12 kB.
const STRIP: usize = 96;
/// Bytes of rounded tokens that a strip keeps in the second-level cache.
const STRIP_BYTES: usize = 512 << 10;
/// Multiplications below this are not worth waking a thread for.
const PARALLEL_MIN: usize = 1 << 19;
/// Values that a thread rounds at a time: some microseconds of work.
const TASK_VALUES: usize = 1 << 15;

/// A packed matrix.
#[derive(Clone)]
pub(crate) struct Packed {
    rows: usize,
    columns: usize,
    /// `[tiles, columns / 2, TILE_ROWS, 2]`; rows that the last tile lacks are zero.
    tiles: Arc<Piece>,
}

impl Packed {
    /// Packs `rows` stored rows of `columns` weights. `None` if the machine [does not](is_here) multiply BF16, rows are of no whole
    /// number of pairs, or there is no memory for it.
    pub(crate) fn new(bytes: &[u8], rows: usize, columns: usize) -> Option<Self> {
        if !is_here() || !columns.is_multiple_of(2) {
            return None;
        }
        let (row_bytes, tile_bytes) = (2 * columns, columns / 2 * PAIR_BYTES);
        let count = rows.div_ceil(TILE_ROWS);
        let mut piece = Piece::new(count * tile_bytes).ok()?;
        let tiles = Disjoint::new(&mut piece[..]);
        // Whoever packs a tile is likely to multiply it.
        pool::share_runs(&[count], |_, number| {
            // SAFETY: tiles do not overlap, and every number is given once.
            let tile = unsafe { tiles.part(number * tile_bytes, tile_bytes) };
            let rows = &bytes[number * TILE_ROWS * row_bytes..];
            let rows = &rows[..rows.len().min(TILE_ROWS * row_bytes)];
            pack_tile(rows, row_bytes, tile);
        });
        Some(Self {
            rows,
            columns,
            tiles: Arc::new(piece),
        })
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.tiles.len()
    }

    fn tile_count(&self) -> usize {
        self.rows.div_ceil(TILE_ROWS)
    }

    fn tile(&self, number: usize) -> &[u8] {
        let bytes = self.columns / 2 * PAIR_BYTES;
        &self.tiles[number * bytes..][..bytes]
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packed({} bytes of BF16)", self.tiles.len())
    }
}

/// Some columns of all rows at a time, so that what is written stays in the nearest cache.
fn pack_tile(rows: &[u8], row_bytes: usize, tile: &mut [u8]) {
    const LINE: usize = 64;
    for (number, pairs) in tile.chunks_mut(LINE / 4 * PAIR_BYTES).enumerate() {
        for (row, stored) in rows.chunks_exact(row_bytes).enumerate() {
            let stored = stored[number * LINE..].as_chunks::<4>().0;
            for (pair, stored) in pairs.chunks_exact_mut(PAIR_BYTES).zip(stored) {
                pair[4 * row..][..4].copy_from_slice(stored);
            }
        }
    }
}

/// Whether this machine multiplies BF16 by instructions of its own: AVX-512 BF16, which Intel has from Cooper Lake on
/// and AMD from Zen 4 on.
pub(crate) fn is_here() -> bool {
    #[cfg(target_arch = "x86_64")]
    return avx512::is_here();
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Multiplications and additions that `steps` steps of a loop of nothing else make; `None` where the machine has no instructions for them.
pub(crate) fn operations(steps: usize) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    return is_here().then(|| avx512::operations(steps));
    #[cfg(not(target_arch = "x86_64"))]
    {
        let _ = steps;
        None
    }
}

/// Fills `rounded` with `x` rounded to BF16, halves to even.
pub(crate) fn round(x: &[f32], rounded: &mut Vec<u16>) {
    rounded.resize(x.len(), 0);
    pool::share_chunks(rounded, TASK_VALUES, |task, rounded| {
        let x = &x[task * TASK_VALUES..][..rounded.len()];
        vectorized(
            #[inline(always)]
            || {
                for (rounded, x) in rounded.iter_mut().zip(x) {
                    *rounded = round_bf16(*x);
                }
            },
        );
    });
}

/// A packed matrix and where its products go.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    packed: &'a Packed,
    /// `[tokens, rows]`
    out: Disjoint<'a>,
}

impl<'a> Product<'a> {
    /// `out` is of as many tokens as are multiplied, `[tokens, rows]`.
    pub(crate) fn new(packed: &'a Packed, out: &'a mut [f32]) -> Self {
        let out = Disjoint::new(out);
        Self { packed, out }
    }
}

/// Makes `products` with the tokens `x`, `[tokens, columns]`; sums below the normal reals become zero, as the instruction has it.
///
/// # Panics
/// If lengths do not fit each other.
pub(crate) fn multiply(products: &[Product<'_>], x: &[u16]) {
    for Product { packed, out } in products {
        let tokens = x.len() / packed.columns;
        assert_eq!(x.len(), tokens * packed.columns, "whole tokens");
        assert_eq!(out.len(), tokens * packed.rows, "a place for every product");
    }
    let tasks: Vec<_> = products
        .iter()
        .map(|product| product.packed.tile_count())
        .collect();
    let run = |product: usize, tile| multiply_tile(&products[product], x, tile);
    let rows: usize = products.iter().map(|product| product.packed.rows).sum();
    if rows * x.len() < PARALLEL_MIN {
        for (product, tasks) in tasks.into_iter().enumerate() {
            (0..tasks).for_each(|tile| run(product, tile));
        }
    } else {
        pool::share_runs(&tasks, run);
    }
}

/// A tile times all tokens.
fn multiply_tile(Product { packed, out }: &Product<'_>, x: &[u16], number: usize) {
    let (columns, tile) = (packed.columns, packed.tile(number));
    let most = STRIP.min((STRIP_BYTES / (2 * columns)).max(24));
    let mut sums = [[0.0; TILE_ROWS]; STRIP];
    let rows = TILE_ROWS.min(packed.rows - number * TILE_ROWS);
    for (strip, x) in x.chunks(most * columns).enumerate() {
        let sums = &mut sums[..x.len() / columns];
        for first in (0..columns / 2).step_by(PANEL_PAIRS) {
            let last = (first + PANEL_PAIRS).min(columns / 2);
            let panel = &tile[first * PAIR_BYTES..last * PAIR_BYTES];
            add_panel(panel, x, columns, 2 * first, sums);
        }
        for (token, sums) in sums.iter().enumerate() {
            let start = (strip * most + token) * packed.rows + number * TILE_ROWS;
            // SAFETY: every tile is in one task, which writes each token's products once.
            unsafe { out.part(start, rows) }.copy_from_slice(&sums[..rows]);
        }
    }
}

/// Adds to the sums of each of the tokens `x`, `[tokens, columns]`, its products with a panel, whose columns are those from `first`
/// on; the first panel begins the sums.
#[inline(always)]
fn add_panel(panel: &[u8], x: &[u16], columns: usize, first: usize, sums: &mut [[f32; TILE_ROWS]]) {
    #[cfg(target_arch = "x86_64")]
    avx512::add_panel(panel, x, columns, first, sums);
    #[cfg(not(target_arch = "x86_64"))]
    unreachable!(
        "{} bytes at {first} of {columns}, {} values, {} sums: not a machine that packs BF16",
        panel.len(),
        x.len(),
        sums.len()
    );
}
