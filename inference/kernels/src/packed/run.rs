//! How the work of a call is shared among threads.

#![allow(
    unsafe_code,
    reason = "runs kernels by pointer, each on tiles and tokens of its own"
)]

use std::marker::PhantomData;

use rayon::prelude::*;

use super::format::{Format, TILE_ROWS, with_format};
use super::micro::{self, Tokens};
use super::{Input, Packed};
use crate::disjoint::Disjoint;
use crate::isa::{Isa, Kernel, Path};

/// Bytes of quantized tokens that a pass over the tiles keeps in the second-level cache.
const TOKENS_BYTES: usize = 384 << 10;
/// Multiplications below this are not worth waking a thread for.
const PARALLEL_MIN: usize = 1 << 19;
/// Multiplications a thread takes at a time, so that faster threads take more.
const TASK: usize = 1 << 21;

/// Products of some tiles with all tokens.
#[derive(Clone, Copy)]
struct Job<'a> {
    packed: &'a Packed,
    input: &'a Input,
    out: Disjoint<'a>,
    first: usize,
    count: usize,
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
    (0..tasks)
        .into_par_iter()
        .for_each(|task| run_any(path, job(task)));
}

fn run_any(path: Path, job: Job<'_>) {
    with_format!(job.packed.dtype, F => path.run(Tiles::<F>(job, PhantomData)));
}

/// A job's tiles, of the packed type `F`.
struct Tiles<'a, F>(Job<'a>, PhantomData<F>);

impl<F: Format> Kernel for Tiles<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<S: Isa>(self) {
        // SAFETY: passed on.
        unsafe { tiles::<S, F>(self.0) }
    }
}

/// Tokens pass in strips that stay in the cache while all tiles of the job go by.
///
/// # Safety
/// The machine has `S`, and the caller is compiled for it.
#[inline(always)]
unsafe fn tiles<S: Isa, F: Format>(job: Job<'_>) {
    let most = tokens_max::<S, F>();
    let strip = (TOKENS_BYTES / job.packed.columns).max(24) / most * most;
    let mut begin = 0;
    while begin < job.input.tokens {
        let end = (begin + strip).min(job.input.tokens);
        for tile in job.first..job.first + job.count {
            let mut token = begin;
            while token < end {
                // SAFETY: passed on; tile and tokens are there.
                token += unsafe { pass::<S, F>(&job, tile, token, end) };
            }
        }
        begin = end;
    }
}

/// Most tokens of a pass; units of 256 columns need registers for whole totals too.
const fn tokens_max<S: Isa, F: Format>() -> usize {
    if F::UNIT == 256 && S::TOKENS_MAX > 4 {
        4
    } else {
        S::TOKENS_MAX
    }
}

/// One tile times a few tokens from `token` on; gives how many.
///
/// # Safety
/// As [`tiles`]; there are such a tile and such tokens.
#[inline(always)]
unsafe fn pass<S: Isa, F: Format>(job: &Job<'_>, tile: usize, token: usize, end: usize) -> usize {
    let (packed, input) = (job.packed, job.input);
    let columns = packed.columns;
    let at = packed.tiles[tile * packed.tile_bytes..][..packed.tile_bytes].as_ptr();
    let groups = columns / F::GROUP;
    let x = Tokens {
        columns,
        codes: input.codes[token * columns..].as_ptr(),
        scales: input.scales[token * (columns / F::UNIT)..].as_ptr(),
        corrections: input.corrections.as_ptr().wrapping_add(token * groups),
        products: input.products.as_ptr().wrapping_add(token * groups),
        group_sums: input.group_sums.as_ptr().wrapping_add(token * groups),
    };
    let mut out = [[0.0; TILE_ROWS]; 6];
    let (left, most) = (end - token, tokens_max::<S, F>());
    // SAFETY: the tile holds packed units of `F` (made by `pack` for this type); `input` was quantized
    // for its columns and prepared for `F`, and has at least as many tokens as are taken.
    let count = unsafe {
        if left >= 6 && most >= 6 {
            micro::tile::<S, F, 6>(at, x, &mut out);
            6
        } else if left >= 4 && most >= 4 {
            micro::tile::<S, F, 4>(at, x, &mut out);
            4
        } else if left >= 2 && S::TOKENS_MAX >= 6 {
            micro::tile::<S, F, 2>(at, x, &mut out);
            2
        } else {
            micro::tile::<S, F, 1>(at, x, &mut out);
            1
        }
    };
    let rows = TILE_ROWS.min(packed.rows - tile * TILE_ROWS);
    for (number, out) in out[..count].iter().enumerate() {
        let start = (token + number) * packed.rows + tile * TILE_ROWS;
        // SAFETY: every tile and token is in one job and one pass.
        unsafe { job.out.part(start, rows) }.copy_from_slice(&out[..rows]);
    }
    count
}
