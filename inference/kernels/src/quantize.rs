//! Reals as whole numbers of a few bits: what their scale is and how they are rounded.

/// 1.5 * 2^23: the lowest bits of a sum with it are the nearest whole number, halves to even.
const ROUND: f32 = 12_582_912.0;

/// The largest magnitude; not a number if anything is not finite, so that it is seen in what is made of it.
#[inline(always)]
pub(crate) fn extent(x: &[f32]) -> f32 {
    /// The bits of infinity: those of what is finite are below, and in the order of magnitudes.
    const INFINITE: u32 = f32::INFINITY.to_bits();
    let magnitudes = x.iter().map(|x| x.abs().to_bits());
    match magnitudes.fold(0, u32::max) {
        INFINITE.. => f32::NAN,
        most => f32::from_bits(most),
    }
}

/// The nearest whole number of a real between -127 and 127.
#[inline(always)]
#[allow(
    clippy::cast_possible_truncation,
    reason = "the lowest byte is the number"
)]
pub(crate) fn round(x: f32) -> i8 {
    (x + ROUND).to_bits() as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_to_the_even_number() {
        assert_eq!([-2.5, -0.5, 1.5, 126.6].map(round), [-2, 0, 2, 127]);
    }

    #[test]
    fn what_is_not_finite_has_no_extent() {
        assert_eq!(extent(&[1.0, -3.0, 2.0]).to_bits(), 3.0_f32.to_bits());
        assert!(extent(&[1.0, f32::NEG_INFINITY]).is_nan());
        assert!(extent(&[f32::NAN, 1.0]).is_nan());
    }
}
