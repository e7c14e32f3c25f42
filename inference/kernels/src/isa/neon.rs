//! NEON of 64-bit ARM, at three levels: without products of bytes in one step (Cortex-A72),
//! with `sdot` (from ARMv8.2 on: Graviton 2, Ampere Altra), with `usdot` (`i8mm`: Graviton 3, Grace).
//!
//! `sdot` and `usdot` are written as assembly, since their intrinsics are not stable in Rust 1.95.

use std::arch::aarch64::{
    float32x4_t, int8x8_t, int8x16_t, int32x4_t, uint8x8_t, uint8x16_t, uint16x4_t, vaddq_f32,
    vaddq_s32, vaddq_u32, vandq_u8, vandq_u32, vbslq_f32, vcgtq_f32, vcgtzq_f32, vcombine_s16,
    vcreate_s8, vcreate_u8, vcvt_f32_f16, vcvtnq_s32_f32, vcvtq_f32_s32, vdupq_n_f32, vdupq_n_s8,
    vdupq_n_s32, vdupq_n_u8, veorq_u8, vfmaq_f32, vfmsq_f32, vget_high_s8, vget_high_s16,
    vget_low_s8, vget_low_s16, vget_low_u16, vmaxq_u32, vmovl_s8, vmovl_s16, vmovl_u8, vmovl_u16,
    vmull_s8, vmull_s16, vmulq_f32, vorrq_s32, vpadalq_s16, vpaddq_s16, vpaddq_s32, vqmovn_s32,
    vqtbl1q_u8, vreinterpret_f16_u16, vreinterpretq_f32_u32, vreinterpretq_s8_s32,
    vreinterpretq_s8_u8, vreinterpretq_s16_s32, vreinterpretq_s32_s16, vreinterpretq_s32_u8,
    vreinterpretq_s32_u16, vreinterpretq_u8_s32, vreinterpretq_u32_f32, vshlq_n_u32, vshlq_u8,
    vst1q_f32, vst1q_s16, vst1q_u8, vsubq_f32,
};
use std::arch::{asm, is_aarch64_feature_detected};

use super::Isa;

/// No products of bytes in one step.
pub(crate) const PLAIN: u8 = 0;
/// `sdot`.
pub(crate) const DOT: u8 = 1;
/// `usdot` as well.
pub(crate) const MIXED: u8 = 2;

/// Four lanes, 32 registers; `LEVEL` says how bytes are multiplied.
#[derive(Clone, Copy)]
pub(crate) struct Neon<const LEVEL: u8>;

impl<const LEVEL: u8> Neon<LEVEL> {
    /// Whether this machine has what the methods use.
    pub(crate) fn is_here() -> bool {
        is_aarch64_feature_detected!("neon")
            && (LEVEL < DOT || is_aarch64_feature_detected!("dotprod"))
            && (LEVEL < MIXED || is_aarch64_feature_detected!("i8mm"))
    }
}

/// Bytes moved up by `by` bits, or down where it is negative.
#[inline(always)]
#[allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "intrinsics under the trait's contract"
)]
unsafe fn shift(bytes: int32x4_t, by: i8) -> uint8x16_t {
    vshlq_u8(vreinterpretq_u8_s32(bytes), vdupq_n_s8(by))
}

/// The signed products of four bytes, added to each lane.
#[inline(always)]
#[allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "intrinsics under the trait's contract"
)]
unsafe fn signed<const LEVEL: u8>(mut sum: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    if LEVEL >= DOT {
        asm!(
            "sdot {sum:v}.4s, {a:v}.16b, {b:v}.16b",
            sum = inout(vreg) sum, a = in(vreg) a, b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags)
        );
        return sum;
    }
    // Two products of at most 128 * 127 fit 16 bits.
    let low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
    let high = vmull_s8(vget_high_s8(a), vget_high_s8(b));
    vpadalq_s16(sum, vpaddq_s16(low, high))
}

/// Products of four bytes without sign and four with, added to each lane; only at `MIXED`.
#[inline(always)]
#[allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    reason = "an instruction under the trait's contract"
)]
unsafe fn mixed(mut sum: int32x4_t, codes: int32x4_t, x: int32x4_t) -> int32x4_t {
    asm!(
        "usdot {sum:v}.4s, {codes:v}.16b, {x:v}.16b",
        sum = inout(vreg) sum, codes = in(vreg) codes, x = in(vreg) x,
        options(pure, nomem, nostack, preserves_flags)
    );
    sum
}

#[allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "intrinsics under the trait's contract; shifts are constants below 8"
)]
impl<const LEVEL: u8> Isa for Neon<LEVEL> {
    const LANES: usize = 4;
    const TOKENS_MAX: usize = 6;
    const QUERIES_MAX: usize = 8;
    const WIDE_IS_SIGNED: bool = LEVEL < MIXED;
    type Int = int32x4_t;
    type Real = float32x4_t;

    #[inline(always)]
    unsafe fn splat(value: i32) -> Self::Int {
        vdupq_n_s32(value)
    }

    #[inline(always)]
    unsafe fn splat_real(value: f32) -> Self::Real {
        vdupq_n_f32(value)
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self::Int {
        vreinterpretq_s32_u8(from.cast::<uint8x16_t>().read_unaligned())
    }

    #[inline(always)]
    unsafe fn splat4(from: *const i8) -> Self::Int {
        vdupq_n_s32(from.cast::<i32>().read_unaligned())
    }

    #[inline(always)]
    unsafe fn splat2(from: *const i16) -> Self::Int {
        vdupq_n_s32(from.cast::<i32>().read_unaligned())
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self::Int {
        let bytes = u64::from(from.cast::<u32>().read_unaligned());
        vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(bytes))))
    }

    #[inline(always)]
    unsafe fn load_i8_pairs(from: *const i8) -> Self::Int {
        vreinterpretq_s32_s16(vmovl_s8(from.cast::<int8x8_t>().read_unaligned()))
    }

    #[inline(always)]
    unsafe fn load_u8_pairs(from: *const u8) -> Self::Int {
        vreinterpretq_s32_u16(vmovl_u8(from.cast::<uint8x8_t>().read_unaligned()))
    }

    #[inline(always)]
    unsafe fn load_real(from: *const f32) -> Self::Real {
        from.cast::<float32x4_t>().read_unaligned()
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> Self::Real {
        let halves = vmovl_u16(from.cast::<uint16x4_t>().read_unaligned());
        vreinterpretq_f32_u32(vshlq_n_u32::<16>(halves))
    }

    #[inline(always)]
    unsafe fn load_half(from: *const u8) -> Self::Real {
        let halves = from.cast::<uint16x4_t>().read_unaligned();
        vcvt_f32_f16(vreinterpret_f16_u16(halves))
    }

    #[inline(always)]
    unsafe fn load_exponent(from: *const u8) -> Self::Real {
        let bytes = u64::from(from.cast::<u32>().read_unaligned());
        let exponents = vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(bytes))));
        vreinterpretq_f32_u32(vshlq_n_u32::<23>(exponents))
    }

    #[inline(always)]
    unsafe fn bits(bytes: Self::Int, from: usize, mask: u8) -> Self::Int {
        Self::bits_to(bytes, from, mask, 0)
    }

    #[inline(always)]
    unsafe fn bits_to(bytes: Self::Int, from: usize, mask: u8, to: usize) -> Self::Int {
        let moved = shift(bytes, to as i8 - from as i8);
        vreinterpretq_s32_u8(vandq_u8(moved, vdupq_n_u8(mask << to)))
    }

    #[inline(always)]
    unsafe fn or(a: Self::Int, b: Self::Int) -> Self::Int {
        vorrq_s32(a, b)
    }

    #[inline(always)]
    unsafe fn lookup(table: &[u8; 16], bytes: Self::Int) -> Self::Int {
        let table = table.as_ptr().cast::<uint8x16_t>().read_unaligned();
        vreinterpretq_s32_u8(vqtbl1q_u8(table, vreinterpretq_u8_s32(bytes)))
    }

    #[inline(always)]
    unsafe fn dot(sum: Self::Int, codes: Self::Int, x: Self::Int) -> Self::Int {
        signed::<LEVEL>(sum, vreinterpretq_s8_s32(codes), vreinterpretq_s8_s32(x))
    }

    #[inline(always)]
    unsafe fn dot_wide(sum: Self::Int, codes: Self::Int, x: Self::Int) -> Self::Int {
        if LEVEL == MIXED {
            return mixed(sum, codes, x);
        }
        let codes = veorq_u8(vreinterpretq_u8_s32(codes), vdupq_n_u8(0x80));
        signed::<LEVEL>(sum, vreinterpretq_s8_u8(codes), vreinterpretq_s8_s32(x))
    }

    #[inline(always)]
    unsafe fn dot_pairs(sum: Self::Int, a: Self::Int, b: Self::Int) -> Self::Int {
        let (a, b) = (vreinterpretq_s16_s32(a), vreinterpretq_s16_s32(b));
        let low = vmull_s16(vget_low_s16(a), vget_low_s16(b));
        let high = vmull_s16(vget_high_s16(a), vget_high_s16(b));
        vaddq_s32(sum, vpaddq_s32(low, high))
    }

    #[inline(always)]
    unsafe fn to_real(a: Self::Int) -> Self::Real {
        vcvtq_f32_s32(a)
    }

    #[inline(always)]
    unsafe fn multiply(a: Self::Real, b: Self::Real) -> Self::Real {
        vmulq_f32(a, b)
    }

    #[inline(always)]
    unsafe fn fused(a: Self::Real, b: Self::Real, c: Self::Real) -> Self::Real {
        vfmaq_f32(c, a, b)
    }

    #[inline(always)]
    unsafe fn fused_negative(a: Self::Real, b: Self::Real, c: Self::Real) -> Self::Real {
        vfmsq_f32(c, a, b)
    }

    #[inline(always)]
    unsafe fn add(a: Self::Real, b: Self::Real) -> Self::Real {
        vaddq_f32(a, b)
    }

    #[inline(always)]
    unsafe fn subtract(a: Self::Real, b: Self::Real) -> Self::Real {
        vsubq_f32(a, b)
    }

    #[inline(always)]
    unsafe fn maximum(a: Self::Real, b: Self::Real) -> Self::Real {
        vbslq_f32(vcgtq_f32(a, b), a, b)
    }

    #[inline(always)]
    unsafe fn larger(a: Self::Real, b: Self::Real) -> Self::Real {
        let (a, b) = (vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b));
        vreinterpretq_f32_u32(vmaxq_u32(a, b))
    }

    #[inline(always)]
    unsafe fn multiply_positive(a: Self::Real, b: Self::Real) -> Self::Real {
        let product = vreinterpretq_u32_f32(vmulq_f32(a, b));
        vreinterpretq_f32_u32(vandq_u32(product, vcgtzq_f32(a)))
    }

    #[inline(always)]
    unsafe fn raise(a: Self::Real, n: Self::Real) -> Self::Real {
        let exponent = vshlq_n_u32::<23>(vreinterpretq_u32_f32(n));
        vreinterpretq_f32_u32(vaddq_u32(vreinterpretq_u32_f32(a), exponent))
    }

    #[inline(always)]
    unsafe fn store_rounded(to: *mut i16, a: Self::Real, b: Self::Real) {
        let [a, b] = [a, b].map(|reals| vqmovn_s32(vcvtnq_s32_f32(reals)));
        vst1q_s16(to, vcombine_s16(a, b));
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, a: Self::Real) {
        vst1q_f32(to, a);
    }

    #[inline(always)]
    unsafe fn keep(to: *mut u8, a: Self::Int) {
        vst1q_u8(to, vreinterpretq_u8_s32(a));
    }

    #[inline(always)]
    unsafe fn prefetch(from: *const u8) {
        asm!("prfm pldl1keep, [{from}]", from = in(reg) from, options(nostack, preserves_flags, readonly));
    }

    #[inline(always)]
    unsafe fn prefetch_far(from: *const u8) {
        asm!("prfm pldl2keep, [{from}]", from = in(reg) from, options(nostack, preserves_flags, readonly));
    }
}
