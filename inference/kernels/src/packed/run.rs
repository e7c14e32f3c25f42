//! How the work of a call is shared among threads.

#![allow(
    unsafe_code,
    reason = "runs kernels by pointer, each on tiles and tokens of its own"
)]

use std::cell::RefCell;
use std::marker::PhantomData;

use super::format::{Format, TILE_ROWS, with_format};
use super::passes::{Room, tiles};
use super::{Input, Packed};
use crate::disjoint::Disjoint;
use crate::isa::{Isa, Kernel, Path};
use crate::pool;

/// Multiplications below this are not worth waking a thread for.
const PARALLEL_MIN: usize = 1 << 19;
/// Multiplications a thread takes at a time, so that faster threads take more.
const TASK: usize = 1 << 19;

thread_local! {
    static ROOM: RefCell<Room> = const { RefCell::new(Room::new()) };
}

/// Products of some tiles with all tokens.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) packed: &'a Packed,
    pub(super) input: &'a Input,
    out: Disjoint<'a>,
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
        let all = self.packed.rows;
        let rows = TILE_ROWS.min(all - tile * TILE_ROWS);
        for (number, sums) in sums.iter().enumerate() {
            let start = (token + number) * all + tile * TILE_ROWS;
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

/// Multiplies `packed` with the tokens of `input`, quantized for its unit; `out` becomes `[tokens, rows]`.
pub(crate) fn multiply(path: Path, packed: &Packed, input: &mut Input, out: &mut [f32]) {
    assert_eq!(
        input.columns, packed.columns,
        "tokens of the matrix's width"
    );
    assert_eq!(
        out.len(),
        input.tokens * packed.rows,
        "a place for every product"
    );
    with_format!(packed.dtype, F => input.prepare::<F>(F::WIDE && path.wide_is_signed()));
    let (input, tiles) = (&*input, packed.tile_count());
    let out = Disjoint::new(out);
    let work = input.tokens * packed.columns * TILE_ROWS;
    let share = if work * tiles < PARALLEL_MIN {
        tiles
    } else {
        (TASK / work.max(1)).max(1)
    };
    let job = |task: usize| Job {
        packed,
        input,
        out,
        first: task * share,
        count: share.min(tiles - task * share),
    };
    let tasks = tiles.div_ceil(share);
    if tasks == 1 {
        return run_any(path, job(0));
    }
    pool::share(tasks, |task| run_any(path, job(task)));
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
