//! What this machine can do at most: the measure of everything else here.
//!
//! Work runs on the current thread pool, as products do. The best of several short runs is
//! taken, since others can only take time away.

#![allow(
    unsafe_code,
    reason = "calls functions compiled for instruction sets that were found on the machine"
)]

use std::hint::black_box;
use std::time::Instant;

use memmap2::{Advice, MmapMut};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::isa::Isa;
use crate::isa::portable::Portable;
#[cfg(target_arch = "x86_64")]
use crate::isa::{avx2::Avx2, avx512::Avx512};
use crate::packed::Path;

/// Bytes read to measure memory: several times the caches of most machines.
const BYTES: usize = 512 << 20;
/// Bytes a thread reads at a time.
const SHARE: usize = 1 << 20;
/// Runs of which the best counts.
const RUNS: usize = 5;
/// Sums that are independent of each other: latency times units of current cores.
const SUMS: usize = 12;
/// Steps of a run, some milliseconds.
const STEPS: usize = 1 << 19;

/// Bytes read from memory in a second, by all threads together.
///
/// # Errors
/// What the system says if there is no memory to read.
pub fn memory_bandwidth() -> std::io::Result<f64> {
    let mut bytes = MmapMut::map_anon(BYTES)?;
    // As packed weights have them: with small pages, translating addresses would be measured.
    #[cfg(target_os = "linux")]
    let _ = bytes.advise(Advice::HugePage);
    bytes.fill(1);
    // SAFETY: any four bytes are a real.
    let (_, reals, _) = unsafe { bytes.align_to::<f32>() };
    Ok(best(|| {
        let sum: f32 = reals
            .par_chunks(SHARE / 4)
            .map(|reals| Arch::new().dispatch(Sum(reals)))
            .sum();
        black_box(sum);
        BYTES as f64
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

/// Multiplications and additions of bytes in a second, by all threads together.
pub fn whole_operations() -> f64 {
    best(|| {
        let lanes: usize = rayon::broadcast(|_| whole(Path::best())).iter().sum();
        (lanes * 4 * 2 * SUMS * STEPS) as f64
    })
}

/// Multiplications and additions of 32-bit reals in a second, by all threads together.
pub fn real_operations() -> f64 {
    best(|| {
        let lanes: usize = rayon::broadcast(|_| real(Path::best())).iter().sum();
        (lanes * 2 * SUMS * STEPS) as f64
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

/// Generates what runs a loop on the instruction set of a path, and gives its lanes.
macro_rules! on_path {
    ($name:ident, $steps:ident) => {
        fn $name(path: Path) -> usize {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,fma,f16c")]
            unsafe fn avx512() -> usize {
                // SAFETY: the caller saw that the machine has these features.
                unsafe { $steps::<Avx512>() }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
            unsafe fn avx_vnni() -> usize {
                // SAFETY: the caller saw that the machine has these features.
                unsafe { $steps::<Avx2<true>>() }
            }
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,f16c")]
            unsafe fn avx2() -> usize {
                // SAFETY: the caller saw that the machine has these features.
                unsafe { $steps::<Avx2<false>>() }
            }
            match path {
                // SAFETY: needs no instruction set.
                Path::Portable => unsafe { $steps::<Portable>() },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: paths are made by `Path::all` after the features were found.
                Path::Avx2 => unsafe { avx2() },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Path::AvxVnni => unsafe { avx_vnni() },
                #[cfg(target_arch = "x86_64")]
                // SAFETY: as above.
                Path::Avx512 => unsafe { avx512() },
            }
        }
    };
}

on_path!(whole, whole_steps);
on_path!(real, real_steps);

/// # Safety
/// The machine has `S`, and the caller is compiled for it.
#[inline(always)]
unsafe fn whole_steps<S: Isa>() -> usize {
    // SAFETY: passed on.
    unsafe {
        let (codes, x) = (
            S::splat(black_box(0x0102_0304)),
            S::splat(black_box(0x0101_0101)),
        );
        let mut sums = [S::splat(black_box(0)); SUMS];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = S::dot(*sum, codes, x);
            }
        }
        let _ = black_box(sums);
    }
    S::LANES
}

/// # Safety
/// The machine has `S`, and the caller is compiled for it.
#[inline(always)]
unsafe fn real_steps<S: Isa>() -> usize {
    // SAFETY: passed on.
    unsafe {
        let (a, b) = (
            S::splat_real(black_box(0.5)),
            S::splat_real(black_box(0.25)),
        );
        let mut sums = [S::splat_real(black_box(0.0)); SUMS];
        for _ in 0..STEPS {
            for sum in &mut sums {
                *sum = S::fused(a, b, *sum);
            }
        }
        let _ = black_box(sums);
    }
    S::LANES
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instruction_set_counts_its_lanes() {
        let lanes = [8, 8, 8, 16];
        for path in Path::all() {
            let expected = lanes[path as usize];
            assert_eq!((whole(path), real(path)), (expected, expected), "{path:?}");
        }
        assert!(whole_operations() > 0.0 && real_operations() > 0.0);
    }
}
