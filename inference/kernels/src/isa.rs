//! Instruction sets behind one interface, so that every kernel is written once.
//!
//! Vectors are of `LANES` rows: a lane of 32 bits holds four codes, a sum, or a real of one row.
//!
//! Invariant: whole-number results are equal on every instruction set, and so are reals on
//! those that multiply and add in one step.

#![allow(
    unsafe_code,
    clippy::missing_safety_doc,
    reason = "vector intrinsics; the contract of every method is that of the trait"
)]

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx2;
#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
#[cfg(target_arch = "aarch64")]
pub(crate) mod neon;
mod path;
pub(crate) mod portable;
#[cfg(test)]
mod tests;

pub(crate) use self::path::{Kernel, Path};

/// Vectors of one instruction set.
///
/// # Safety
/// Methods may only run on a machine that has the instruction set, and only inlined into a
/// function that is compiled for it. Pointers must be readable (for `store` writable) for as many bytes
/// as the method names; no alignment is needed.
pub(crate) trait Isa: Copy {
    /// Lanes of 32 bits.
    const LANES: usize;
    /// Most tokens that share a pass over a tile: their sums fill the registers.
    const TOKENS_MAX: usize;
    /// Most queries that share a pass over keys or values: twice as many sums fill the registers.
    const QUERIES_MAX: usize;
    /// [`dot_wide`](Self::dot_wide) takes 128 off every code itself.
    const WIDE_IS_SIGNED: bool;
    /// Whole numbers or bytes.
    type Int: Copy;
    /// Reals.
    type Real: Copy;

    unsafe fn splat(value: i32) -> Self::Int;
    unsafe fn splat_real(value: f32) -> Self::Real;
    /// `4 * LANES` bytes.
    unsafe fn load(from: *const u8) -> Self::Int;
    /// Four bytes into every lane.
    unsafe fn splat4(from: *const i8) -> Self::Int;
    /// Two numbers of 16 bits into every lane.
    unsafe fn splat2(from: *const i16) -> Self::Int;
    /// `LANES` signed bytes, one for each lane.
    unsafe fn load_i8(from: *const i8) -> Self::Int;
    /// `2 * LANES` signed bytes as numbers of 16 bits, two for each lane.
    unsafe fn load_i8_pairs(from: *const i8) -> Self::Int;
    /// `2 * LANES` bytes as numbers of 16 bits, two for each lane.
    unsafe fn load_u8_pairs(from: *const u8) -> Self::Int;
    /// `LANES` reals.
    unsafe fn load_real(from: *const f32) -> Self::Real;
    /// `LANES` upper halves of 32-bit reals.
    unsafe fn load_bf16(from: *const u8) -> Self::Real;
    /// `LANES` half-precision reals.
    unsafe fn load_half(from: *const u8) -> Self::Real;
    /// `LANES` biased exponents of powers of two.
    unsafe fn load_exponent(from: *const u8) -> Self::Real;
    /// Bits `shift` and up of every byte, as many as `mask` has.
    unsafe fn bits(bytes: Self::Int, shift: usize, mask: u8) -> Self::Int;
    /// As [`bits`](Self::bits), moved up to bit `to`.
    unsafe fn bits_to(bytes: Self::Int, shift: usize, mask: u8, to: usize) -> Self::Int;
    unsafe fn or(a: Self::Int, b: Self::Int) -> Self::Int;
    /// Every byte's entry of `table`; bytes are below 16.
    unsafe fn lookup(table: &[u8; 16], bytes: Self::Int) -> Self::Int;
    /// Adds to every lane four products of `codes` from 0 to 63 and signed `x`.
    unsafe fn dot(sum: Self::Int, codes: Self::Int, x: Self::Int) -> Self::Int;
    /// As [`dot`](Self::dot) with codes from 0 to 255.
    unsafe fn dot_wide(sum: Self::Int, codes: Self::Int, x: Self::Int) -> Self::Int;
    /// Adds to every lane two products of 16-bit numbers.
    unsafe fn dot_pairs(sum: Self::Int, a: Self::Int, b: Self::Int) -> Self::Int;
    unsafe fn to_real(a: Self::Int) -> Self::Real;
    unsafe fn multiply(a: Self::Real, b: Self::Real) -> Self::Real;
    /// `a * b + c` of reals.
    unsafe fn fused(a: Self::Real, b: Self::Real, c: Self::Real) -> Self::Real;
    /// `c - a * b` of reals.
    unsafe fn fused_negative(a: Self::Real, b: Self::Real, c: Self::Real) -> Self::Real;
    unsafe fn add(a: Self::Real, b: Self::Real) -> Self::Real;
    unsafe fn subtract(a: Self::Real, b: Self::Real) -> Self::Real;
    /// `a` where it is above `b`, `b` elsewhere: what is not a number in `a` is passed over.
    unsafe fn maximum(a: Self::Real, b: Self::Real) -> Self::Real;
    /// The larger of two that are not negative; what is not a number is above all.
    unsafe fn larger(a: Self::Real, b: Self::Real) -> Self::Real;
    /// `a * b` where `a` is above zero, zero elsewhere, whatever `b` is.
    unsafe fn multiply_positive(a: Self::Real, b: Self::Real) -> Self::Real;
    /// Adds to the exponent of `a` the whole number in the lowest bits of `n`; both it and the result are within bounds.
    unsafe fn raise(a: Self::Real, n: Self::Real) -> Self::Real;
    /// Writes `LANES` reals.
    unsafe fn store(to: *mut f32, a: Self::Real);
    /// Writes the whole numbers of 16 bits that are nearest to `LANES` reals of each: four of `a`, four of `b`, and so on.
    unsafe fn store_rounded(to: *mut i16, a: Self::Real, b: Self::Real);
    /// Writes `4 * LANES` bytes.
    unsafe fn keep(to: *mut u8, a: Self::Int);
    /// Asks for the line at `from`, which need not be readable.
    unsafe fn prefetch(from: *const u8);
    /// As [`prefetch`](Self::prefetch), for the second-level cache, which waits for many more lines at once than the nearest.
    unsafe fn prefetch_far(from: *const u8);
}
