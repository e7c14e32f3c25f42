//! AVX2 with FMA: every x86 server since 2013 (Intel) and 2017 (AMD); with AVX-VNNI
//! on recent machines that lack AVX-512.

use std::arch::x86_64::{
    __m256, __m256i, _CMP_GT_OQ, _MM_HINT_T0, _MM_HINT_T1, _mm_cvtsi32_si128, _mm_loadl_epi64,
    _mm_loadu_si128, _mm_prefetch, _mm256_abs_epi8, _mm256_add_epi32, _mm256_add_ps, _mm256_and_ps,
    _mm256_and_si256, _mm256_broadcastsi128_si256, _mm256_castps_si256, _mm256_castsi256_ps,
    _mm256_cmp_ps, _mm256_cvtepi8_epi16, _mm256_cvtepi8_epi32, _mm256_cvtepi32_ps,
    _mm256_cvtepu8_epi16, _mm256_cvtepu8_epi32, _mm256_cvtepu16_epi32, _mm256_cvtph_ps,
    _mm256_cvtps_epi32, _mm256_dpbusd_avx_epi32, _mm256_fmadd_ps, _mm256_fnmadd_ps,
    _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_max_epu32,
    _mm256_max_ps, _mm256_mul_ps, _mm256_or_si256, _mm256_packs_epi32, _mm256_set1_epi8,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_shuffle_epi8,
    _mm256_sign_epi8, _mm256_sll_epi16, _mm256_slli_epi32, _mm256_srl_epi16, _mm256_storeu_ps,
    _mm256_storeu_si256, _mm256_sub_ps, _mm256_xor_si256,
};

use super::Isa;

/// Eight lanes, 16 registers; `VNNI` says that bytes are multiplied in one step.
#[derive(Clone, Copy)]
pub(crate) struct Avx2<const VNNI: bool>;

impl<const VNNI: bool> Avx2<VNNI> {
    /// Whether this machine has what the methods use.
    pub(crate) fn is_here() -> bool {
        is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("f16c")
            && is_x86_feature_detected!("fma")
            && (!VNNI || is_x86_feature_detected!("avxvnni"))
    }
}

#[inline(always)]
#[allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "shifts are constants below 8"
)]
unsafe fn shift_right(bytes: __m256i, by: usize) -> __m256i {
    if by == 0 {
        return bytes;
    }
    _mm256_srl_epi16(bytes, _mm_cvtsi32_si128(by as i32))
}

#[allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "intrinsics under the trait's contract; shifts are constants below 8"
)]
impl<const VNNI: bool> Isa for Avx2<VNNI> {
    const LANES: usize = 8;
    const TOKENS_MAX: usize = 4;
    const QUERIES_MAX: usize = 4;
    const WIDE_IS_SIGNED: bool = !VNNI;
    type Int = __m256i;
    type Real = __m256;

    #[inline(always)]
    unsafe fn splat(value: i32) -> Self::Int {
        _mm256_set1_epi32(value)
    }

    #[inline(always)]
    unsafe fn splat_real(value: f32) -> Self::Real {
        _mm256_set1_ps(value)
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self::Int {
        _mm256_loadu_si256(from.cast())
    }

    #[inline(always)]
    unsafe fn splat4(from: *const i8) -> Self::Int {
        _mm256_set1_epi32(from.cast::<i32>().read_unaligned())
    }

    #[inline(always)]
    unsafe fn splat2(from: *const i16) -> Self::Int {
        _mm256_set1_epi32(from.cast::<i32>().read_unaligned())
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self::Int {
        _mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast()))
    }

    #[inline(always)]
    unsafe fn load_i8_pairs(from: *const i8) -> Self::Int {
        _mm256_cvtepi8_epi16(_mm_loadu_si128(from.cast()))
    }

    #[inline(always)]
    unsafe fn load_u8_pairs(from: *const u8) -> Self::Int {
        _mm256_cvtepu8_epi16(_mm_loadu_si128(from.cast()))
    }

    #[inline(always)]
    unsafe fn load_real(from: *const f32) -> Self::Real {
        _mm256_loadu_ps(from)
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> Self::Real {
        let halves = _mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast()));
        _mm256_castsi256_ps(_mm256_slli_epi32::<16>(halves))
    }

    #[inline(always)]
    unsafe fn load_half(from: *const u8) -> Self::Real {
        _mm256_cvtph_ps(_mm_loadu_si128(from.cast()))
    }

    #[inline(always)]
    unsafe fn load_exponent(from: *const u8) -> Self::Real {
        let exponents = _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast()));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponents))
    }

    #[inline(always)]
    unsafe fn bits(bytes: Self::Int, shift: usize, mask: u8) -> Self::Int {
        _mm256_and_si256(shift_right(bytes, shift), _mm256_set1_epi8(mask as i8))
    }

    #[inline(always)]
    unsafe fn bits_to(bytes: Self::Int, shift: usize, mask: u8, to: usize) -> Self::Int {
        let moved = if shift >= to {
            shift_right(bytes, shift - to)
        } else {
            _mm256_sll_epi16(bytes, _mm_cvtsi32_si128((to - shift) as i32))
        };
        _mm256_and_si256(moved, _mm256_set1_epi8((mask << to) as i8))
    }

    #[inline(always)]
    unsafe fn or(a: Self::Int, b: Self::Int) -> Self::Int {
        _mm256_or_si256(a, b)
    }

    #[inline(always)]
    unsafe fn lookup(table: &[u8; 16], bytes: Self::Int) -> Self::Int {
        let table = _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast()));
        _mm256_shuffle_epi8(table, bytes)
    }

    #[inline(always)]
    unsafe fn dot(sum: Self::Int, codes: Self::Int, x: Self::Int) -> Self::Int {
        if VNNI {
            return _mm256_dpbusd_avx_epi32(sum, codes, x);
        }
        // Two products of at most 63 * 127 fit 16 bits.
        let pairs = _mm256_maddubs_epi16(codes, x);
        _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)))
    }

    #[inline(always)]
    unsafe fn dot_wide(sum: Self::Int, codes: Self::Int, x: Self::Int) -> Self::Int {
        if VNNI {
            return _mm256_dpbusd_avx_epi32(sum, codes, x);
        }
        // Codes less 128, their signs moved to `x`: two products of at most 128 * 127 fit 16 bits.
        let signed = _mm256_xor_si256(codes, _mm256_set1_epi8(-128));
        Self::dot(sum, _mm256_abs_epi8(signed), _mm256_sign_epi8(x, signed))
    }

    #[inline(always)]
    unsafe fn dot_pairs(sum: Self::Int, a: Self::Int, b: Self::Int) -> Self::Int {
        _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
    }

    #[inline(always)]
    unsafe fn to_real(a: Self::Int) -> Self::Real {
        _mm256_cvtepi32_ps(a)
    }

    #[inline(always)]
    unsafe fn multiply(a: Self::Real, b: Self::Real) -> Self::Real {
        _mm256_mul_ps(a, b)
    }

    #[inline(always)]
    unsafe fn fused(a: Self::Real, b: Self::Real, c: Self::Real) -> Self::Real {
        _mm256_fmadd_ps(a, b, c)
    }

    #[inline(always)]
    unsafe fn fused_negative(a: Self::Real, b: Self::Real, c: Self::Real) -> Self::Real {
        _mm256_fnmadd_ps(a, b, c)
    }

    #[inline(always)]
    unsafe fn add(a: Self::Real, b: Self::Real) -> Self::Real {
        _mm256_add_ps(a, b)
    }

    #[inline(always)]
    unsafe fn subtract(a: Self::Real, b: Self::Real) -> Self::Real {
        _mm256_sub_ps(a, b)
    }

    #[inline(always)]
    unsafe fn maximum(a: Self::Real, b: Self::Real) -> Self::Real {
        _mm256_max_ps(a, b)
    }

    #[inline(always)]
    unsafe fn larger(a: Self::Real, b: Self::Real) -> Self::Real {
        let bits = _mm256_max_epu32(_mm256_castps_si256(a), _mm256_castps_si256(b));
        _mm256_castsi256_ps(bits)
    }

    #[inline(always)]
    unsafe fn multiply_positive(a: Self::Real, b: Self::Real) -> Self::Real {
        let positive = _mm256_cmp_ps::<_CMP_GT_OQ>(a, _mm256_setzero_ps());
        _mm256_and_ps(_mm256_mul_ps(a, b), positive)
    }

    #[inline(always)]
    unsafe fn raise(a: Self::Real, n: Self::Real) -> Self::Real {
        let exponent = _mm256_slli_epi32::<23>(_mm256_castps_si256(n));
        _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), exponent))
    }

    #[inline(always)]
    unsafe fn store_rounded(to: *mut i16, a: Self::Real, b: Self::Real) {
        let rounded = _mm256_packs_epi32(_mm256_cvtps_epi32(a), _mm256_cvtps_epi32(b));
        _mm256_storeu_si256(to.cast(), rounded);
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, a: Self::Real) {
        _mm256_storeu_ps(to, a);
    }

    #[inline(always)]
    unsafe fn keep(to: *mut u8, a: Self::Int) {
        _mm256_storeu_si256(to.cast(), a);
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
