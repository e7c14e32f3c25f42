//! The exponential that turns logits into weights.
//!
//! Plain arithmetic, so that loops over it become vectors and every machine gives the same bits.

/// Where the exponential is as small as normal numbers are.
pub(super) const LEAST: f32 = -87.3;

/// The exponential of `x`, which is not positive: within 2 units of the last place, and zero where it is no normal
/// number.
///
/// # Source
/// Cody and Waite's reduction to `[-ln 2 / 2, ln 2 / 2]`; coefficients of Cephes' `expf`.
#[allow(
    clippy::inline_always,
    reason = "a loop becomes vectors only if it calls nothing"
)]
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// 1.5 * 2^23: adding it rounds to a whole number, which its lowest bits then hold.
    const ROUND: f32 = 12_582_912.0;
    let kept = if x > LEAST { x } else { LEAST };
    let shifted = kept * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = kept - n * 0.693_359_4 + n * 2.121_944_4e-4;
    let p = 1.987_569_2e-4;
    let p = p * r + 1.398_2e-3;
    let p = p * r + 8.333_452e-3;
    let p = p * r + 4.166_579_6e-2;
    let p = p * r + 1.666_666_5e-1;
    let p = p * r + 0.5;
    let p = p * r * r + r + 1.0;
    let result = f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23));
    if x > LEAST { result } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_within_two_units_of_the_last_place() {
        for step in -8730_i16..=0 {
            let x = f32::from(step) * 0.01;
            let (found, expected) = (f64::from(exp(x)), f64::from(x).exp());
            assert!(
                x <= -87.3 || (found / expected - 1.0).abs() < 2.4e-7,
                "{x}: {found} for {expected}"
            );
        }
        assert_eq!(exp(0.0).to_bits(), 1.0_f32.to_bits());
        for x in [-87.4, -1e30, f32::NEG_INFINITY] {
            assert_eq!(exp(x).to_bits(), 0.0_f32.to_bits(), "{x}");
        }
    }
}
