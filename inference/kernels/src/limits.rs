//! What this machine can do at most: the measure of everything else here.
//!
//! Work runs on the current thread pool, as products do. The best of several short runs is
//! taken, since others can only take time away.

#![allow(
    unsafe_code,
    reason = "kernels by instruction set, and bytes seen as reals"
)]

use std::hint::black_box;
use std::time::Instant;

use memmap2::{Advice, MmapMut};
use pulp::{Arch, Simd, WithSimd};

use crate::isa::{Isa, Kernel, Path};
use crate::pool;

/// Bytes that [`Limits::measure`] reads for a figure to publish: several times the caches of most machines.
pub const BYTES: usize = 512 << 20;
/// Bytes a thread reads at a time.
const SHARE: usize = 1 << 20;
/// Runs of which the best counts.
const RUNS: usize = 5;
/// Sums that are independent of each other: latency times units of current cores.
const SUMS: usize = 12;
/// Steps of a run, some milliseconds.
const STEPS: usize = 1 << 19;

/// What the threads of a machine can do at most in a second, all together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Bytes read from memory.
    pub memory_bytes: f64,
    /// Multiplications and additions of bytes.
    pub whole_operations: f64,
    /// Multiplications and additions of 32-bit reals.
    pub real_operations: f64,
}

impl Limits {
    /// Measures on the current thread pool, reading `bytes` bytes of memory for the first figure:
    /// with fewer than the caches hold, theirs is measured. Takes about 0.3 s for [`BYTES`].
    ///
    /// # Errors
    /// What the system says if there is no memory to read.
    pub fn measure(bytes: usize) -> std::io::Result<Self> {
        Ok(Self {
            memory_bytes: memory_bytes(bytes)?,
            whole_operations: whole_operations(STEPS),
            real_operations: real_operations(STEPS),
        })
    }
}

fn memory_bytes(length: usize) -> std::io::Result<f64> {
    let mut bytes = MmapMut::map_anon(length.max(SHARE))?;
    // As packed weights have them: with small pages, translating addresses would be measured.
    #[cfg(target_os = "linux")]
    let _ = bytes.advise(Advice::HugePage);
    // By many threads, as weights are: the first to write decides where a page lies.
    pool::share_chunks(&mut bytes, SHARE, |_, part| part.fill(1));
    // SAFETY: any four bytes are a real.
    let (_, reals, _) = unsafe { bytes.align_to::<f32>() };
    Ok(best(|| {
        let shares: Vec<_> = reals.chunks(SHARE / 4).collect();
        let sum = |share: usize| Arch::new().dispatch(Sum(shares[share]));
        let sum: f32 = pool::collect(shares.len(), sum).into_iter().sum();
        black_box(sum);
        size_of_val(reals) as f64
    }))
}

/// Adds reals up in as many sums as it takes to wait for memory alone.
struct Sum<'a>(&'a [f32]);

impl WithSimd for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let mut sums = [simd.splat_f32s(0.0); 8];
        for values in S::as_simd_f32s(self.0).0.as_chunks::<8>().0 {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = simd.add_f32s(*sum, *value);
            }
        }
        sums.into_iter().map(|sum| simd.reduce_sum_f32s(sum)).sum()
    }
}

fn whole_operations(steps: usize) -> f64 {
    best(|| {
        let lanes = pool::collect(pool::threads(), |_| Path::best().run(Whole(steps)));
        (lanes.iter().sum::<usize>() * 4 * 2 * SUMS * steps) as f64
    })
}

fn real_operations(steps: usize) -> f64 {
    best(|| {
        let lanes = pool::collect(pool::threads(), |_| Path::best().run(Real(steps)));
        (lanes.iter().sum::<usize>() * 2 * SUMS * steps) as f64
    })
}

/// The best rate of several runs of `run`, which says how much it did.
fn best(run: impl Fn() -> f64) -> f64 {
    let rates = (0..RUNS).map(|_| {
        let started = Instant::now();
        let done = run();
        done / started.elapsed().as_secs_f64().max(1e-9)
    });
    rates.fold(0.0, f64::max)
}

/// So many products of bytes in registers; gives its lanes.
struct Whole(usize);

impl Kernel for Whole {
    type Output = usize;

    #[inline(always)]
    unsafe fn run<S: Isa>(self) -> usize {
        // SAFETY: passed on.
        unsafe {
            let (codes, x) = (
                S::splat(black_box(0x0102_0304)),
                S::splat(black_box(0x0101_0101)),
            );
            let mut sums = [S::splat(black_box(0)); SUMS];
            for _ in 0..self.0 {
                for sum in &mut sums {
                    *sum = S::dot(*sum, codes, x);
                }
            }
            let _ = black_box(sums);
        }
        S::LANES
    }
}

/// So many products of reals in registers; gives its lanes.
struct Real(usize);

impl Kernel for Real {
    type Output = usize;

    #[inline(always)]
    unsafe fn run<S: Isa>(self) -> usize {
        // SAFETY: passed on.
        unsafe {
            let (a, b) = (
                S::splat_real(black_box(0.5)),
                S::splat_real(black_box(0.25)),
            );
            let mut sums = [S::splat_real(black_box(0.0)); SUMS];
            for _ in 0..self.0 {
                for sum in &mut sums {
                    *sum = S::fused(a, b, *sum);
                }
            }
            let _ = black_box(sums);
        }
        S::LANES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_counts_its_lanes() {
        for path in Path::all() {
            let expected = match path.as_str() {
                "avx512-vnni" => 16,
                "portable" | "avx2" | "avx-vnni" => 8,
                _ => 4,
            };
            let found = (path.run(Whole(8)), path.run(Real(8)));
            assert_eq!(found, (expected, expected), "{path:?}");
        }
    }

    #[test]
    fn every_limit_is_positive() {
        let limits = Limits {
            memory_bytes: memory_bytes(SHARE + 5).expect("there is a mebibyte"),
            whole_operations: whole_operations(64),
            real_operations: real_operations(64),
        };
        assert!(limits.memory_bytes > 0.0, "{limits:?}");
        assert!(limits.whole_operations > 0.0, "{limits:?}");
        assert!(limits.real_operations > 0.0, "{limits:?}");
    }
}
