//! No instruction set at all: what runs everywhere and what others are compared with.

use super::Isa;
use crate::half;

/// Plain arithmetic on eight lanes.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

const LANES: usize = 8;

/// What `at` gives for each lane.
#[inline(always)]
fn lanes<T>(at: impl FnMut(usize) -> T) -> [T; LANES] {
    std::array::from_fn(at)
}

#[inline(always)]
fn bytes(lane: i32) -> [u8; 4] {
    lane.to_le_bytes()
}

#[inline(always)]
fn map_bytes(a: [i32; LANES], map: impl Fn(u8) -> u8) -> [i32; LANES] {
    a.map(|lane| i32::from_le_bytes(bytes(lane).map(&map)))
}

/// The two numbers of 16 bits in a lane.
#[inline(always)]
fn pair(lane: i32) -> [i32; 2] {
    let [a, b, c, d] = bytes(lane);
    [[a, b], [c, d]].map(|bytes| i32::from(i16::from_le_bytes(bytes)))
}

#[allow(
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    clippy::cast_possible_truncation,
    reason = "rounds what is within bounds; reads and writes what the trait's contract says is there"
)]
impl Isa for Portable {
    const LANES: usize = LANES;
    const TOKENS_MAX: usize = 1;
    const QUERIES_MAX: usize = 1;
    const WIDE_IS_SIGNED: bool = false;
    type Int = [i32; LANES];
    type Real = [f32; LANES];

    #[inline(always)]
    unsafe fn splat(value: i32) -> Self::Int {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn splat_real(value: f32) -> Self::Real {
        [value; LANES]
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self::Int {
        let bytes = from.cast::<[[u8; 4]; LANES]>().read_unaligned();
        bytes.map(i32::from_le_bytes)
    }

    #[inline(always)]
    unsafe fn splat4(from: *const i8) -> Self::Int {
        [i32::from_le_bytes(from.cast::<[u8; 4]>().read_unaligned()); LANES]
    }

    #[inline(always)]
    unsafe fn splat2(from: *const i16) -> Self::Int {
        Self::splat4(from.cast())
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self::Int {
        from.cast::<[i8; LANES]>().read_unaligned().map(i32::from)
    }

    #[inline(always)]
    unsafe fn load_i8_pairs(from: *const i8) -> Self::Int {
        let pairs = from.cast::<[[i8; 2]; LANES]>().read_unaligned();
        pairs.map(|[a, b]| i32::from(a) & 0xffff | i32::from(b) << 16)
    }

    #[inline(always)]
    unsafe fn load_u8_pairs(from: *const u8) -> Self::Int {
        let pairs = from.cast::<[[u8; 2]; LANES]>().read_unaligned();
        pairs.map(|[a, b]| i32::from(a) | i32::from(b) << 16)
    }

    #[inline(always)]
    unsafe fn load_real(from: *const f32) -> Self::Real {
        from.cast::<[f32; LANES]>().read_unaligned()
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> Self::Real {
        let halves = from.cast::<[[u8; 2]; LANES]>().read_unaligned();
        halves.map(|bytes| half::widen_bf16(u16::from_le_bytes(bytes)))
    }

    #[inline(always)]
    unsafe fn load_half(from: *const u8) -> Self::Real {
        let halves = from.cast::<[[u8; 2]; LANES]>().read_unaligned();
        halves.map(|bytes| half::widen(u16::from_le_bytes(bytes)))
    }

    #[inline(always)]
    unsafe fn load_exponent(from: *const u8) -> Self::Real {
        let exponents = from.cast::<[u8; LANES]>().read_unaligned();
        exponents.map(|exponent| f32::from_bits(u32::from(exponent) << 23))
    }

    #[inline(always)]
    unsafe fn bits(bytes: Self::Int, shift: usize, mask: u8) -> Self::Int {
        map_bytes(bytes, |byte| byte >> shift & mask)
    }

    #[inline(always)]
    unsafe fn bits_to(bytes: Self::Int, shift: usize, mask: u8, to: usize) -> Self::Int {
        map_bytes(bytes, |byte| (byte >> shift & mask) << to)
    }

    #[inline(always)]
    unsafe fn or(a: Self::Int, b: Self::Int) -> Self::Int {
        lanes(|lane| a[lane] | b[lane])
    }

    #[inline(always)]
    unsafe fn lookup(table: &[u8; 16], bytes: Self::Int) -> Self::Int {
        map_bytes(bytes, |byte| table[usize::from(byte & 15)])
    }

    #[inline(always)]
    unsafe fn dot(sum: Self::Int, codes: Self::Int, x: Self::Int) -> Self::Int {
        lanes(|lane| {
            let products = bytes(codes[lane]).into_iter().zip(bytes(x[lane]));
            let products = products.map(|(code, x)| i32::from(code) * i32::from(x.cast_signed()));
            sum[lane] + products.sum::<i32>()
        })
    }

    #[inline(always)]
    unsafe fn dot_wide(sum: Self::Int, codes: Self::Int, x: Self::Int) -> Self::Int {
        Self::dot(sum, codes, x)
    }

    #[inline(always)]
    unsafe fn dot_pairs(sum: Self::Int, a: Self::Int, b: Self::Int) -> Self::Int {
        lanes(|lane| {
            let ([a, c], [b, d]) = (pair(a[lane]), pair(b[lane]));
            sum[lane] + a * b + c * d
        })
    }

    #[inline(always)]
    unsafe fn to_real(a: Self::Int) -> Self::Real {
        a.map(|lane| lane as f32)
    }

    #[inline(always)]
    unsafe fn multiply(a: Self::Real, b: Self::Real) -> Self::Real {
        lanes(|lane| a[lane] * b[lane])
    }

    #[inline(always)]
    unsafe fn fused(a: Self::Real, b: Self::Real, c: Self::Real) -> Self::Real {
        lanes(|lane| a[lane] * b[lane] + c[lane])
    }

    #[inline(always)]
    unsafe fn fused_negative(a: Self::Real, b: Self::Real, c: Self::Real) -> Self::Real {
        lanes(|lane| c[lane] - a[lane] * b[lane])
    }

    #[inline(always)]
    unsafe fn add(a: Self::Real, b: Self::Real) -> Self::Real {
        lanes(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    unsafe fn subtract(a: Self::Real, b: Self::Real) -> Self::Real {
        lanes(|lane| a[lane] - b[lane])
    }

    #[inline(always)]
    unsafe fn maximum(a: Self::Real, b: Self::Real) -> Self::Real {
        lanes(|lane| if a[lane] > b[lane] { a[lane] } else { b[lane] })
    }

    #[inline(always)]
    unsafe fn larger(a: Self::Real, b: Self::Real) -> Self::Real {
        lanes(|lane| f32::from_bits(a[lane].to_bits().max(b[lane].to_bits())))
    }

    #[inline(always)]
    unsafe fn multiply_positive(a: Self::Real, b: Self::Real) -> Self::Real {
        lanes(|lane| {
            if a[lane] > 0.0 {
                a[lane] * b[lane]
            } else {
                0.0
            }
        })
    }

    #[inline(always)]
    unsafe fn raise(a: Self::Real, n: Self::Real) -> Self::Real {
        lanes(|lane| f32::from_bits(a[lane].to_bits().wrapping_add(n[lane].to_bits() << 23)))
    }

    #[inline(always)]
    unsafe fn store_rounded(to: *mut i16, a: Self::Real, b: Self::Real) {
        let mut rounded = [[[0_i16; 4]; 2]; LANES / 4];
        for (fours, number) in rounded.iter_mut().zip(0..) {
            for (four, reals) in fours.iter_mut().zip([a, b]) {
                *four = std::array::from_fn(|at| reals[4 * number + at].round_ties_even() as i16);
            }
        }
        to.cast::<[[[i16; 4]; 2]; LANES / 4]>()
            .write_unaligned(rounded);
    }

    #[inline(always)]
    unsafe fn store(to: *mut f32, a: Self::Real) {
        to.cast::<[f32; LANES]>().write_unaligned(a);
    }

    #[inline(always)]
    unsafe fn keep(to: *mut u8, a: Self::Int) {
        to.cast::<[[u8; 4]; LANES]>()
            .write_unaligned(a.map(i32::to_le_bytes));
    }

    #[inline(always)]
    unsafe fn prefetch(_from: *const u8) {}

    #[inline(always)]
    unsafe fn prefetch_far(_from: *const u8) {}
}
