//! How the work of a call is shared among threads.

#![allow(
    unsafe_code,
    reason = "runs kernels by pointer, each on tiles and tokens of its own"
)]

use std::cell::RefCell;
use std::marker::PhantomData;
use std::ops::Range;

use super::format::{Format, TILE_ROWS, with_format};
use super::passes::{FEW, Room, tiles};
use super::{Input, Packed};
use crate::disjoint::Disjoint;
use crate::isa::{Isa, Kernel, Path};
use crate::pool;

/// Multiplications below this are not worth waking a thread for.
const PARALLEL_MIN: usize = 1 << 19;
/// Multiplications a thread takes at a time, so that faster threads take more.
const TASK: usize = 1 << 19;

/// Tiles that are taken together: a thread that takes a task waits until all it wrote is written, so that what
/// it wrote of the others is written meanwhile.
const TILES: usize = 4;
/// Tasks of each thread that are enough to be fair.
const FAIR: usize = 4;
/// Fewest rows of a gated product that a thread takes at a time, whole tiles.
const GATED_ROWS: usize = 128;

thread_local! {
    /// Some rows of a gated product's gate, then of what goes up.
    static GATED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    static ROOM: RefCell<Room> = const { RefCell::new(Room::new()) };
}

/// A packed matrix and the tokens it is multiplied with.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    packed: &'a Packed,
    input: &'a Input,
    out: Disjoint<'a>,
    /// Tiles that a thread takes at a time.
    share: usize,
}

impl<'a> Product<'a> {
    /// `packed` times the tokens of `input`, [prepared](prepare) for it; `out` becomes `[tokens, rows]`.
    pub(crate) fn new(packed: &'a Packed, input: &'a Input, out: &'a mut [f32]) -> Self {
        assert_eq!(
            input.columns, packed.columns,
            "tokens of the matrix's width"
        );
        assert_eq!(
            out.len(),
            input.tokens * packed.rows,
            "a place for every product"
        );
        // Enough for a task, and some more where that leaves every thread its part. Few tokens wait for memory, where
        // what is left to one thread in the end is waited for by all.
        let work = input.tokens * packed.columns * TILE_ROWS;
        let fair = packed.tile_count() / (FAIR * pool::threads());
        let share = (TASK / work.max(1)).max(fair.min(TILES)).max(1);
        Self {
            packed,
            input,
            out: Disjoint::new(out),
            share: if input.tokens <= FEW { 1 } else { share },
        }
    }

    /// Multiplications.
    fn work(&self) -> usize {
        self.out.len() * self.packed.columns
    }

    fn tasks(&self) -> usize {
        self.packed.tile_count().div_ceil(self.share)
    }

    fn job(&self, task: usize) -> Job<'a> {
        let first = task * self.share;
        Job {
            packed: self.packed,
            input: self.input,
            out: self.out,
            stride: self.packed.rows,
            base: 0,
            first,
            count: self.share.min(self.packed.tile_count() - first),
        }
    }
}

/// Products of some tiles with all tokens.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) packed: &'a Packed,
    pub(super) input: &'a Input,
    /// `[tokens, stride]`, of the rows from `base` on.
    out: Disjoint<'a>,
    stride: usize,
    base: usize,
    pub(super) first: usize,
    pub(super) count: usize,
}

impl Job<'_> {
    /// The packed units of tile `tile`.
    pub(super) fn tile(&self, tile: usize) -> &[u8] {
        let bytes = self.packed.tile_bytes;
        &self.packed.tiles[tile * bytes..][..bytes]
    }

    /// Writes the products of tile `tile` with the tokens from `token` on.
    pub(super) fn write(&self, tile: usize, token: usize, sums: &[[f32; TILE_ROWS]]) {
        let rows = TILE_ROWS.min(self.packed.rows - tile * TILE_ROWS);
        for (number, sums) in sums.iter().enumerate() {
            let start = (token + number) * self.stride + tile * TILE_ROWS - self.base;
            // SAFETY: every tile is in one job, which writes each token's products once.
            let out = unsafe { self.out.part(start, rows) };
            // Nearly always a whole tile, which is copied without asking for its length.
            match <&mut [f32; TILE_ROWS]>::try_from(&mut *out) {
                Ok(out) => *out = *sums,
                Err(_) => out.copy_from_slice(&sums[..rows]),
            }
        }
    }
}

/// Makes what a product of `packed` with the tokens of `input`, quantized for its unit, needs.
pub(crate) fn prepare(path: Path, packed: &Packed, input: &mut Input) {
    with_format!(packed.dtype, F => input.prepare::<F>(F::WIDE && path.wide_is_signed()));
}

/// Makes `products`; threads that are done with their parts of one go on with the next.
pub(crate) fn multiply(path: Path, products: &[Product<'_>]) {
    let run = |product: usize, task| run_any(path, products[product].job(task));
    let tasks: Vec<_> = products.iter().map(Product::tasks).collect();
    let work: usize = products.iter().map(Product::work).sum();
    if work < PARALLEL_MIN {
        for (product, tasks) in tasks.into_iter().enumerate() {
            (0..tasks).for_each(|task| run(product, task));
        }
    } else {
        pool::share_runs(&tasks, run);
    }
}

/// Whether all threads would have their part of a gated product of `rows` rows that is quantized for `unit`: what is
/// taken at a time is large, and many threads would wait for a few.
pub(crate) fn gated_is_fair(rows: usize, unit: usize) -> bool {
    let (tasks, threads) = (rows.div_ceil(unit.max(GATED_ROWS)), pool::threads());
    // At most a fifth of all threads' time.
    4 * tasks.div_ceil(threads) * threads <= 5 * tasks
}

/// Multiplies `gate` and `up`, of one type, with the tokens of `input`, [prepared](prepare) for them, and quantizes
/// what `activate` makes of both, `[tokens, rows]`, into `out` with a scale for every `unit`.
///
/// Some rows at a time, of all tokens: what lies between the products stays in the caches of the thread.
pub(crate) fn multiply_gated(
    path: Path,
    [gate, up]: [&Packed; 2],
    input: &Input,
    activate: impl Fn(Range<usize>, &mut [f32], &mut [f32]) + Sync,
    out: &mut Input,
    unit: usize,
) {
    let (tokens, rows) = (input.tokens, gate.rows);
    assert_eq!(
        (gate.dtype, rows, gate.columns),
        (up.dtype, up.rows, input.columns),
        "matrices of one shape and the tokens' width"
    );
    let places = out.begin(tokens, rows, unit);
    let each = unit.max(GATED_ROWS);
    let part = |task: usize| {
        let base = task * each;
        let part = base..(base + each).min(rows);
        GATED.with_borrow_mut(|room| {
            room.resize(2 * tokens * part.len(), 0.0);
            let (gates, ups) = room.split_at_mut(tokens * part.len());
            for (packed, out) in [(gate, &mut *gates), (up, &mut *ups)] {
                let job = Job {
                    packed,
                    input,
                    out: Disjoint::new(out),
                    stride: part.len(),
                    base,
                    first: base / TILE_ROWS,
                    count: part.len().div_ceil(TILE_ROWS),
                };
                run_any(path, job);
            }
            activate(part.clone(), gates, ups);
            // SAFETY: every row is in one task.
            unsafe { places.quantize(0, base, part.len(), gates) };
        });
    };
    let tasks = rows.div_ceil(each);
    if 2 * tokens * rows * input.columns < PARALLEL_MIN {
        (0..tasks).for_each(part);
    } else {
        pool::share_runs(&[tasks], |_, task| part(task));
    }
}

fn run_any(path: Path, job: Job<'_>) {
    ROOM.with_borrow_mut(|room| {
        with_format!(job.packed.dtype, F => path.run(Tiles::<F>(job, room, PhantomData)));
    });
}

/// A job's tiles, of the packed type `F`.
struct Tiles<'a, F>(Job<'a>, &'a mut Room, PhantomData<F>);

impl<F: Format> Kernel for Tiles<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Isa>(self) {
        // SAFETY: passed on.
        unsafe { tiles::<S, F>(self.0, self.1) }
    }
}
