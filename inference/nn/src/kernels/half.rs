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
}
