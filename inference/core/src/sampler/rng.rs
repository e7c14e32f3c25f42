//! A counter-based random generator: the same key and counter give the same
//! number, in any order and on any machine.
//!
//! # Source
//! Philox4x32-10, Salmon and others, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011).

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// A number in `[0, 1)` with 53 random bits.
pub(super) fn uniform(key: u64, counter: u64) -> f64 {
    let words = philox([low(counter), high(counter), 0, 0], [low(key), high(key)]);
    let bits = (u64::from(words[0]) << 32 | u64::from(words[1])) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..ROUNDS {
        let first = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let second = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            high(second) ^ counter[1] ^ key[0],
            low(second),
            high(first) ^ counter[3] ^ key[1],
            low(first),
        ];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the low word is what is asked for"
)]
fn low(value: u64) -> u32 {
    value as u32
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "32 bits remain after the shift"
)]
fn high(value: u64) -> u32 {
    (value >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_answers_of_the_reference_implementation_hold() {
        // `kat_vectors` of Random123.
        assert_eq!(
            philox([0; 4], [0; 2]),
            [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]
        );
        assert_eq!(
            philox([0xffff_ffff; 4], [0xffff_ffff; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let numbers: Vec<f64> = (0..10_000).map(|counter| uniform(7, counter)).collect();
        for tenth in 0..10 {
            let least = f64::from(tenth) / 10.0;
            let count = numbers
                .iter()
                .filter(|&&number| number >= least && number < least + 0.1)
                .count();
            assert!((900..1100).contains(&count), "{count} numbers from {least}");
        }
    }
}
