//! What this machine can do at most: the measure of everything else here.
//!
//! Work runs on the current thread pool, as products do. Runs last about a millisecond, so that on a busy
//! machine some pass undisturbed, and the best counts, since others can only take time away. More are made until some
//! agree with the best or the time for it is spent.

#![allow(
    unsafe_code,
    reason = "kernels by instruction set, and bytes seen as reals"
)]

mod caches;

use std::hint::black_box;
use std::time::{Duration, Instant};

use memmap2::{Advice, MmapMut};
use pulp::{Arch, Simd, WithSimd};

pub use self::caches::bytes_beyond_caches;
use crate::isa::{Isa, Kernel, Path};
use crate::{bf16, pool};

/// Bytes a thread reads at a time.
const SHARE: usize = 1 << 20;
/// Shares that are timed together, about a millisecond.
const PART: usize = 32;
/// Times that all parts are read at most; of each the best counts, and of the memory their sum, since what
/// caches hold of it is the same share of every reading.
const ROUNDS_MAX: usize = 8;
/// Runs that are made in any case, and how many must agree with the best.
const RUNS_MIN: usize = 8;
const AGREEING: usize = 3;
/// How far from the best is agreement.
const NEAR: f64 = 0.97;
/// What each figure may take where runs do not agree.
const PATIENCE: Duration = Duration::from_millis(200);
/// What reading the memory round by round may take: some rounds on a busy machine, too.
const ROUNDS_PATIENCE: Duration = Duration::from_millis(600);
/// Sums that are independent of each other: latency times units of current cores.
const SUMS: usize = 12;
/// Steps of a run, half a millisecond.
const STEPS: usize = 1 << 18;

/// What the threads of a machine can do at most in a second, all together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Bytes read from memory.
    pub memory_bytes: f64,
    /// Multiplications and additions of bytes.
    pub whole_operations: f64,
    /// Multiplications and additions of BF16, where the machine has instructions for them.
    pub half_operations: Option<f64>,
    /// Multiplications and additions of 32-bit reals.
    pub real_operations: f64,
}

impl Limits {
    /// Measures on the current thread pool, reading `bytes` bytes of memory for the first figure:
    /// with fewer than the [caches hold](bytes_beyond_caches), theirs is measured. Takes about 0.3 s for half a gigabyte,
    /// under a second on a busy machine.
    ///
    /// # Errors
    /// What the system says if there is no memory to read.
    pub fn measure(bytes: usize) -> std::io::Result<Self> {
        Ok(Self {
            memory_bytes: memory_bytes(bytes)?,
            whole_operations: whole_operations(STEPS),
            half_operations: half_operations(STEPS),
            real_operations: real_operations(STEPS),
        })
    }
}

/// Bytes read in a second, `length` of them over and over: from memory, but for what the caches hold of so many.
///
/// # Errors
/// What the system says if there is no memory to read.
pub fn memory_bytes(length: usize) -> std::io::Result<f64> {
    let mut bytes = MmapMut::map_anon(length.max(SHARE))?;
    // As packed weights have them: with small pages, translating addresses would be measured.
    #[cfg(target_os = "linux")]
    let _ = bytes.advise(Advice::HugePage);
    // By many threads, as weights are: the first to write decides where a page lies.
    pool::share_chunks(&mut bytes, SHARE, |_, part| part.fill(1));
    // SAFETY: any four bytes are a real.
    let (_, reals, _) = unsafe { bytes.align_to::<f32>() };
    let shares: Vec<_> = reals.chunks(SHARE / 4).collect();
    let parts: Vec<_> = shares.chunks(PART).collect();
    let mut bests = vec![f64::INFINITY; parts.len()];
    let begun = Instant::now();
    for round in 0..ROUNDS_MAX {
        if round > 0 && begun.elapsed() > ROUNDS_PATIENCE {
            break;
        }
        for (part, best) in parts.iter().zip(&mut bests) {
            let started = Instant::now();
            let sum = |share: usize| Arch::new().dispatch(Sum(part[share]));
            let sum: f32 = pool::collect(part.len(), sum).into_iter().sum();
            black_box(sum);
            *best = best.min(started.elapsed().as_secs_f64());
        }
    }
    Ok(size_of_val(reals) as f64 / undisturbed(&mut bests).max(1e-9))
}

/// Seconds of all parts together, where others disturbed some in every round: what took longer than half of the
/// parts counts as that half's longest. What caches hold may be faster.
fn undisturbed(seconds: &mut [f64]) -> f64 {
    seconds.sort_by(f64::total_cmp);
    let most = seconds.get(seconds.len().saturating_sub(1) / 2).copied();
    let most = most.unwrap_or(f64::INFINITY);
    seconds.iter().map(|seconds| seconds.min(most)).sum()
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
    by_each_thread(|| {
        let started = Instant::now();
        let lanes = Path::best().run(Whole(steps));
        rate(lanes * 4 * 2 * SUMS * steps, started)
    })
}

fn half_operations(steps: usize) -> Option<f64> {
    bf16::is_here().then(|| {
        by_each_thread(|| {
            let started = Instant::now();
            rate(bf16::operations(steps).unwrap_or(0), started)
        })
    })
}

fn real_operations(steps: usize) -> f64 {
    by_each_thread(|| {
        let started = Instant::now();
        let lanes = Path::best().run(Real(steps));
        rate(lanes * 2 * SUMS * steps, started)
    })
}

/// What all threads do together, each of which computes without needing the others.
fn by_each_thread(run: impl Fn() -> f64 + Sync) -> f64 {
    best(|_| pool::collect(pool::threads(), |_| run()))
}

fn rate(done: usize, since: Instant) -> f64 {
    done as f64 / since.elapsed().as_secs_f64().max(1e-9)
}

/// The sum of the best rates of several runs of `run`, which is told its number and gives some rates each time.
fn best(mut run: impl FnMut(usize) -> Vec<f64>) -> f64 {
    let started = Instant::now();
    let mut bests: Vec<f64> = Vec::new();
    let mut sums = Vec::new();
    loop {
        let rates = run(sums.len());
        bests.resize(rates.len(), 0.0);
        sums.push(rates.iter().sum());
        for (best, rate) in bests.iter_mut().zip(rates) {
            *best = best.max(rate);
        }
        let best: f64 = bests.iter().sum();
        let agreeing = sums.iter().filter(|&&sum: &&f64| sum >= NEAR * best);
        let enough = sums.len() >= RUNS_MIN && agreeing.count() >= AGREEING;
        if enough || started.elapsed() > PATIENCE {
            return best;
        }
    }
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
    fn one_undisturbed_run_of_each_thread_is_enough() {
        let disturbed = |run: usize| match run {
            5 => vec![10.0, 1.0],
            7 => vec![1.0, 10.0],
            _ => vec![1.0, 1.0],
        };
        assert!((best(disturbed) - 20.0).abs() < 1e-9);
    }

    #[test]
    fn half_of_the_parts_may_be_disturbed() {
        assert!((undisturbed(&mut [9.0, 2.0, 1.0, 7.0]) - 7.0).abs() < 1e-9);
        assert!((undisturbed(&mut [3.0]) - 3.0).abs() < 1e-9);
        assert!(undisturbed(&mut []).abs() < 1e-9);
    }

    #[test]
    fn runs_end_when_some_agree() {
        let mut runs = 0;
        let found = best(|run| {
            runs = run + 1;
            vec![if run == 2 { 5.1 } else { 5.0 }]
        });
        assert!((found - 5.1).abs() < 1e-9);
        assert_eq!(runs, RUNS_MIN);
    }

    #[test]
    fn every_limit_is_positive() {
        let limits = Limits {
            memory_bytes: memory_bytes(SHARE + 5).expect("there is a mebibyte"),
            whole_operations: whole_operations(64),
            half_operations: half_operations(64),
            real_operations: real_operations(64),
        };
        assert!(limits.memory_bytes > 0.0, "{limits:?}");
        assert!(limits.whole_operations > 0.0, "{limits:?}");
        assert!(limits.real_operations > 0.0, "{limits:?}");
        assert_eq!(limits.half_operations.is_some(), bf16::is_here());
        assert!(limits.half_operations.is_none_or(|halves| halves > 0.0));
    }
}
