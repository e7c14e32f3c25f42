//! 16-bit reals.

/// The 32-bit real equal to the IEEE half-precision `bits`.
#[inline(always)]
pub(crate) fn widen(bits: u16) -> f32 {
    /// 2^112, the difference of the two formats' exponent biases.
    const REBIAS: f32 = f32::from_bits(0x7780_0000);
    let sign = u32::from(bits & 0x8000) << 16;
    let magnitude = u32::from(bits & 0x7fff) << 13;
    let special = if magnitude >= 0x7c00 << 13 {
        0x7f80_0000
    } else {
        0
    };
    f32::from_bits(sign | special | (f32::from_bits(magnitude) * REBIAS).to_bits())
}

/// The IEEE half-precision bits nearest to `x`, halves to even; too large becomes infinite.
#[inline(always)]
pub(crate) fn narrow(x: f32) -> u16 {
    /// 2^-112, the difference of the two formats' exponent biases.
    const REBIAS: f32 = f32::from_bits(0x0780_0000);
    /// 2^-24 * 2^23 / 2: added to a subnormal, its last bit becomes the last of the sum.
    const SUBNORMAL: f32 = 0.5;
    let sign = x.to_bits() >> 16 & 0x8000;
    let magnitude = x.to_bits() & 0x7fff_ffff;
    let rounded = if magnitude > 0x7f80_0000 {
        0x7e00
    } else if magnitude >= 0x4780_0000 {
        0x7c00
    } else if magnitude < 0x3880_0000 {
        (f32::from_bits(magnitude) + SUBNORMAL).to_bits() - SUBNORMAL.to_bits()
    } else {
        let bits = (f32::from_bits(magnitude) * REBIAS).to_bits();
        (bits + 0xfff + (bits >> 13 & 1)) >> 13
    };
    #[allow(
        clippy::cast_possible_truncation,
        reason = "both parts have at most 16 bits"
    )]
    let bits = (sign | rounded) as u16;
    bits
}

/// The 32-bit real equal to the upper half `bits` of one.
#[inline(always)]
pub(crate) fn widen_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// The upper half of the 32-bit real that is nearest to `x` among those, halves to even; what is not a number stays none.
#[inline(always)]
pub(crate) fn round_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    let rounded = if x.is_nan() {
        bits | 0x0040_0000
    } else {
        bits + 0x7fff + (bits >> 16 & 1)
    };
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the upper half has 16 bits"
    )]
    let upper = (rounded >> 16) as u16;
    upper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bits: u16, expected: f32) {
        assert_eq!(widen(bits).to_bits(), expected.to_bits(), "{bits:#06x}");
    }

    #[test]
    fn halves_widen_exactly() {
        check(0x0000, 0.0);
        check(0x8000, -0.0);
        check(0x3c00, 1.0);
        check(0xc000, -2.0);
        check(0x7bff, 65504.0);
        check(0x0001, 2.0_f32.powi(-24));
        check(0x03ff, 1023.0 * 2.0_f32.powi(-24));
        check(0x7c00, f32::INFINITY);
        check(0xfc00, f32::NEG_INFINITY);
        assert!(widen(0x7e00).is_nan());
    }

    #[test]
    fn reals_are_rounded_to_the_nearest_upper_half() {
        for bits in 0..=u16::MAX {
            let x = widen_bf16(bits);
            if x.is_nan() {
                assert!(widen_bf16(round_bf16(x)).is_nan(), "{bits:#06x}");
                continue;
            }
            assert_eq!(round_bf16(x), bits);
            if x.is_finite() {
                let near = |more: u32| round_bf16(f32::from_bits(x.to_bits() + more));
                let next = bits + 1;
                assert_eq!(near(0x7fff), bits, "{bits:#06x}");
                assert_eq!(near(0x8000), next & !1, "{bits:#06x}");
                assert_eq!(near(0x8001), next, "{bits:#06x}");
            }
        }
        assert!(widen_bf16(round_bf16(f32::from_bits(0x7f80_0001))).is_nan());
    }

    #[test]
    fn every_half_comes_back_from_its_real() {
        for bits in 0..=u16::MAX {
            if bits & 0x7fff <= 0x7c00 {
                assert_eq!(narrow(widen(bits)), bits, "{bits:#06x}");
            }
        }
        assert!(widen(narrow(f32::NAN)).is_nan());
    }

    #[test]
    fn reals_between_halves_go_to_the_nearest_and_then_to_the_even_one() {
        let check = |x: f32, expected: u16| assert_eq!(narrow(x), expected, "{x}");
        check(1.0 + 2.0_f32.powi(-11), 0x3c00);
        check(1.0 + 3.0 * 2.0_f32.powi(-11), 0x3c02);
        check(1.0 + 1.1 * 2.0_f32.powi(-11), 0x3c01);
        check(65519.0, 0x7bff);
        check(65520.0, 0x7c00);
        check(2.0_f32.powi(-25), 0);
        check(1.1 * 2.0_f32.powi(-25), 1);
        check(-1e-30, 0x8000);
    }
}
