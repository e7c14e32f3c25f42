//! AVX-512 with VNNI: Intel from Ice Lake on, AMD from Zen 4 on.

use std::arch::asm;
use std::arch::x86_64::{
    __m512, __m512i, _CMP_GT_OQ, _MM_HINT_T0, _MM_HINT_T1, _mm_cvtsi32_si128, _mm_loadu_si128,
    _mm_prefetch, _mm256_loadu_si256, _mm512_add_epi32, _mm512_add_ps, _mm512_and_si512,
    _mm512_broadcast_i32x4, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_cmp_ps_mask,
    _mm512_cvtepi8_epi16, _mm512_cvtepi8_epi32, _mm512_cvtepi32_ps, _mm512_cvtepu8_epi16,
    _mm512_cvtepu8_epi32, _mm512_cvtepu16_epi32, _mm512_cvtph_ps, _mm512_cvtps_epi32,
    _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_fnmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512,
    _mm512_maskz_mul_ps, _mm512_max_epu32, _mm512_max_ps, _mm512_mul_ps, _mm512_or_si512,
    _mm512_packs_epi32, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_shuffle_epi8, _mm512_sll_epi16, _mm512_slli_epi32, _mm512_srl_epi16, _mm512_storeu_ps,
    _mm512_storeu_si512, _mm512_sub_ps,
};

use super::Isa;

/// 16 lanes, 32 registers, products of bytes in one step.
#[derive(Clone, Copy)]
pub(crate) struct Avx512;

impl Avx512 {
    /// Whether this machine has what the methods use.
    pub(crate) fn is_here() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni")
            && is_x86_feature_detected!("f16c")
            && is_x86_feature_detected!("fma")
    }
}

/// Adds to every lane of `sum` two products of 16-bit numbers.
///
/// The compiler makes two instructions of the intrinsic, which give the sum sooner; here a dozen sums are on their
/// way at once, and ports are what is short.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
#[allow(
    unsafe_code,
    reason = "no intrinsic is compiled to the one instruction"
)]
fn multiply_pairs(mut sum: __m512i, a: __m512i, b: __m512i) -> __m512i {
    // SAFETY: the instruction reads and writes the registers named.
    unsafe {
        asm!(
            "vpdpwssd {sum}, {a}, {b}",
            sum = inout(zmm_reg) sum,
            a = in(zmm_reg) a,
            b = in(zmm_reg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}

#[inline(always)]
#[allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "shifts are constants below 8"
)]
unsafe fn shift_right(bytes: __m512i, by: usize) -> __m512i {
    if by == 0 {
        return bytes;
    }
    _mm512_srl_epi16(bytes, _mm_cvtsi32_si128(by as i32))
}

#[allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "intrinsics under the trait's contract; shifts are constants below 8"
)]
impl Isa for Avx512 {
    const LANES: usize = 16;
    const TOKENS_MAX: usize = 6;
    const QUERIES_MAX: usize = 8;
    const WIDE_IS_SIGNED: bool = false;
    type Int = __m512i;
    type Real = __m512;

    #[inline(always)]
    unsafe fn splat(value: i32) -> Self::Int {
        _mm512_set1_epi32(value)
    }

    #[inline(always)]
    unsafe fn splat_real(value: f32) -> Self::Real {
        _mm512_set1_ps(value)
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self::Int {
        _mm512_loadu_si512(from.cast())
    }

    #[inline(always)]
    unsafe fn splat4(from: *const i8) -> Self::Int {
        _mm512_set1_epi32(from.cast::<i32>().read_unaligned())
    }

    #[inline(always)]
    unsafe fn splat2(from: *const i16) -> Self::Int {
        _mm512_set1_epi32(from.cast::<i32>().read_unaligned())
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self::Int {
        _mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast()))
    }

    #[inline(always)]
    unsafe fn load_i8_pairs(from: *const i8) -> Self::Int {
        _mm512_cvtepi8_epi16(_mm256_loadu_si256(from.cast()))
    }

    #[inline(always)]
    unsafe fn load_u8_pairs(from: *const u8) -> Self::Int {
        _mm512_cvtepu8_epi16(_mm256_loadu_si256(from.cast()))
    }

    #[inline(always)]
    unsafe fn load_real(from: *const f32) -> Self::Real {
        _mm512_loadu_ps(from)
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> Self::Real {
        let halves = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
        _mm512_castsi512_ps(_mm512_slli_epi32::<16>(halves))
    }

    #[inline(always)]
    unsafe fn load_half(from: *const u8) -> Self::Real {
        _mm512_cvtph_ps(_mm256_loadu_si256(from.cast()))
    }

    #[inline(always)]
    unsafe fn load_exponent(from: *const u8) -> Self::Real {
        let exponents = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()));
        _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponents))
    }

    #[inline(always)]
    unsafe fn bits(bytes: Self::Int, shift: usize, mask: u8) -> Self::Int {
        _mm512_and_si512(shift_right(bytes, shift), _mm512_set1_epi8(mask as i8))
    }

    #[inline(always)]
    unsafe fn bits_to(bytes: Self::Int, shift: usize, mask: u8, to: usize) -> Self::Int {
        let moved = if shift >= to {
            shift_right(bytes, shift - to)
        } else {
            _mm512_sll_epi16(bytes, _mm_cvtsi32_si128((to - shift) as i32))
        };
        _mm512_and_si512(moved, _mm512_set1_epi8((mask << to) as i8))
    }

    #[inline(always)]
    unsafe fn or(a: Self::Int, b: Self::Int) -> Self::Int {
        _mm512_or_si512(a, b)
    }

    #[inline(always)]
    unsafe fn lookup(table: &[u8; 16], bytes: Self::Int) -> Self::Int {
        let table = _mm512_broadcast_i32x4(_mm_loadu_si128(table.as_ptr().cast()));
        _mm512_shuffle_epi8(table, bytes)
    }

    #[inline(always)]
    unsafe fn dot(sum: Self::Int, codes: Self::Int, x: Self::Int) -> Self::Int {
        _mm512_dpbusd_epi32(sum, codes, x)
    }

    #[inline(always)]
    unsafe fn dot_wide(sum: Self::Int, codes: Self::Int, x: Self::Int) -> Self::Int {
        _mm512_dpbusd_epi32(sum, codes, x)
    }

    #[inline(always)]
    unsafe fn dot_pairs(sum: Self::Int, a: Self::Int, b: Self::Int) -> Self::Int {
        multiply_pairs(sum, a, b)
    }

    #[inline(always)]
    unsafe fn to_real(a: Self::Int) -> Self::Real {
        _mm512_cvtepi32_ps(a)
    }

    #[inline(always)]
    unsafe fn multiply(a: Self::Real, b: Self::Real) -> Self::Real {
        _mm512_mul_ps(a, b)
    }

    #[inline(always)]
    unsafe fn fused(a: Self::Real, b: Self::Real, c: Self::Real) -> Self::Real {
        _mm512_fmadd_ps(a, b, c)
    }

    #[inline(always)]
    unsafe fn fused_negative(a: Self::Real, b: Self::Real, c: Self::Real) -> Self::Real {
        _mm512_fnmadd_ps(a, b, c)
    }

    #[inline(always)]
    unsafe fn add(a: Self::Real, b: Self::Real) -> Self::Real {
        _mm512_add_ps(a, b)
    }

    #[inline(always)]
    unsafe fn subtract(a: Self::Real, b: Self::Real) -> Self::Real {
        _mm512_sub_ps(a, b)
    }

    #[inline(always)]
    unsafe fn maximum(a: Self::Real, b: Self::Real) -> Self::Real {
        _mm512_max_ps(a, b)
    }

    #[inline(always)]
    unsafe fn larger(a: Self::Real, b: Self::Real) -> Self::Real {
        let bits = _mm512_max_epu32(_mm512_castps_si512(a), _mm512_castps_si512(b));
        _mm512_castsi512_ps(bits)
    }

    #[inline(always)]
    unsafe fn multiply_positive(a: Self::Real, b: Self::Real) -> Self::Real {
        let positive = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, _mm512_setzero_ps());
        _mm512_maskz_mul_ps(positive, a, b)
    }

    #[inline(always)]
    unsafe fn raise(a: Self::Real, n: Self::Real) -> Self::Real {
        let exponent = _mm512_slli_epi32::<23>(_mm512_castps_si512(n));
        _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a), exponent))
    }

    #[inline(always)]
    unsafe fn store_rounded(to: *mut i16, a: Self::Real, b: Self::Real) {
        let rounded = _mm512_packs_epi32(_mm512_cvtps_epi32(a), _mm512_cvtps_epi32(b));
        _mm512_storeu_si512(to.cast(), rounded);
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, a: Self::Real) {
        _mm512_storeu_ps(to, a);
    }

    #[inline(always)]
    unsafe fn keep(to: *mut u8, a: Self::Int) {
        _mm512_storeu_si512(to.cast(), a);
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        _mm_prefetch::<_MM_HINT_T0>(from.cast());
    }

    #[inline(always)]
    unsafe fn prefetch_far(from: *const u8) {
        _mm_prefetch::<_MM_HINT_T1>(from.cast());
    }
}
