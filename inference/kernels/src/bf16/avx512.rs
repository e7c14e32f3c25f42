//! Sums of pairs by AVX-512 BF16.

#![allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "loads of vectors by pointer, inside slices whose lengths were looked at"
)]

use std::arch::x86_64::{
    __m512, __m512bh, __m512i, _MM_HINT_T1, _mm_prefetch, _mm512_dpbf16_ps, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_ps, _mm512_storeu_ps,
};
use std::hint::black_box;
use std::sync::OnceLock;

use super::{PAIR_BYTES, TILE_ROWS};

/// Rows of a vector, of which a tile has two.
const LANES: usize = 16;
/// How far ahead weights are asked for: less leaves memory waiting, more is gone again when it is wanted.
const AHEAD: usize = 12 << 10;
/// Bytes of a line of the caches.
const LINE: usize = 64;

/// Whether this machine has what [`add_panel`] uses.
pub(super) fn is_here() -> bool {
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| {
        is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")
    })
}

/// As [`super::add_panel`].
#[inline(always)]
pub(super) fn add_panel(
    panel: &[u8],
    x: &[u16],
    columns: usize,
    first: usize,
    sums: &mut [[f32; TILE_ROWS]],
) {
    let pairs = panel.len() / PAIR_BYTES;
    assert!(is_here(), "a machine with AVX-512 BF16");
    assert!(first + 2 * pairs <= columns, "columns of the tokens");
    assert_eq!(x.len(), sums.len() * columns, "a place for every token");
    let mut done = 0;
    while done < sums.len() {
        let (x, left) = (x[done * columns + first..].as_ptr(), sums.len() - done);
        let (sums, from) = (&mut sums[done..], panel.as_ptr());
        // SAFETY: the features were found; the panel has so many pairs, and there are as many tokens as are taken.
        done += unsafe {
            match left {
                12.. => tokens::<12>(from, pairs, x, columns, first == 0, sums),
                6..12 => tokens::<6>(from, pairs, x, columns, first == 0, sums),
                4..6 => tokens::<4>(from, pairs, x, columns, first == 0, sums),
                2..4 => tokens::<2>(from, pairs, x, columns, first == 0, sums),
                _ => tokens::<1>(from, pairs, x, columns, first == 0, sums),
            }
        };
    }
}

/// As [`super::operations`].
pub(super) fn operations(steps: usize) -> usize {
    assert!(is_here(), "a machine with AVX-512 BF16");
    // SAFETY: the features were found.
    unsafe { sums_of_pairs(steps) }
}

/// Sums of pairs in registers, as many at once as hide how long one takes; gives the operations made.
#[target_feature(enable = "avx512f,avx512bf16")]
fn sums_of_pairs(steps: usize) -> usize {
    const SUMS: usize = 12;
    let (a, b) = (black_box(0x3f80_3f80), black_box(0x3f00_3f00));
    let (a, b) = (halves(_mm512_set1_epi32(a)), halves(_mm512_set1_epi32(b)));
    let mut sums = [_mm512_setzero_ps(); SUMS];
    for _ in 0..steps {
        for sum in &mut sums {
            *sum = _mm512_dpbf16_ps(*sum, a, b);
        }
    }
    black_box(sums);
    // Two products and two additions a lane.
    steps * SUMS * LANES * 4
}

/// Adds a panel times the first `M` tokens to their sums; gives `M`.
///
/// # Safety
/// The machine has the features; the panel has `pairs` pairs, `x` as many of `M` tokens `stride` apart, and there are as many sums.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn tokens<const M: usize>(
    panel: *const u8,
    pairs: usize,
    x: *const u16,
    stride: usize,
    begins: bool,
    sums: &mut [[f32; TILE_ROWS]],
) -> usize {
    let places = sums[..M].as_mut_ptr().cast::<f32>();
    let place = |m: usize, v: usize| places.wrapping_add(m * TILE_ROWS + v * LANES);
    let mut totals: [[__m512; 2]; M] = [[_mm512_setzero_ps(); 2]; M];
    if !begins {
        totals = std::array::from_fn(|m| std::array::from_fn(|v| _mm512_loadu_ps(place(m, v))));
    }
    for pair in 0..pairs {
        let at = panel.add(pair * PAIR_BYTES);
        if M <= 4 {
            // More find it in a cache, all but the first.
            _mm_prefetch::<_MM_HINT_T1>(at.wrapping_add(AHEAD).cast());
            _mm_prefetch::<_MM_HINT_T1>(at.wrapping_add(AHEAD + LINE).cast());
        }
        let weights = [
            _mm512_loadu_si512(at.cast()),
            _mm512_loadu_si512(at.add(PAIR_BYTES / 2).cast()),
        ];
        for (m, totals) in totals.iter_mut().enumerate() {
            let x = x.add(m * stride + 2 * pair);
            let x = _mm512_set1_epi32(x.cast::<i32>().read_unaligned());
            for (total, weights) in totals.iter_mut().zip(weights) {
                *total = _mm512_dpbf16_ps(*total, halves(weights), halves(x));
            }
        }
    }
    for (m, totals) in totals.into_iter().enumerate() {
        for (v, total) in totals.into_iter().enumerate() {
            _mm512_storeu_ps(place(m, v), total);
        }
    }
    M
}

#[inline]
#[target_feature(enable = "avx512f")]
fn halves(bits: __m512i) -> __m512bh {
    // SAFETY: any bits are a vector of BF16.
    unsafe { std::mem::transmute(bits) }
}
