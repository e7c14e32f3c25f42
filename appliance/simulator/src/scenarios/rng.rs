//! Chance by seed, the same for all time.
//!
//! The generator is written out here (splitmix64) because scenarios must not
//! change when a library's generator does.

/// A deterministic source of chance.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ 0x5DEE_CE66_D1CE_4E5B)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number in `from..until`; `from` if the range is empty.
    pub(crate) fn range(&mut self, from: i64, until: i64) -> i64 {
        let width = u64::try_from(until - from).unwrap_or(0).max(1);
        from + i64::try_from(self.next() % width).unwrap_or(0)
    }

    /// A number in 0..1.
    #[allow(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// One of `choices`, which must not be empty.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let index = usize::try_from(self.next() % choices.len() as u64).unwrap_or(0);
        &choices[index]
    }

    /// A text of `length` characters of `alphabet` (ASCII).
    pub(crate) fn text(&mut self, alphabet: &str, length: usize) -> String {
        let letters = alphabet.as_bytes();
        (0..length)
            .map(|_| char::from(*self.pick(letters)))
            .collect()
    }

    /// The characters Kubernetes makes name suffixes of.
    pub(crate) fn suffix(&mut self, length: usize) -> String {
        self.text("bcdfghjklmnpqrstvwxz2456789", length)
    }

    /// A UUID of version 4.
    pub(crate) fn uuid(&mut self) -> String {
        let hex = "0123456789abcdef";
        format!(
            "{}-{}-4{}-{}{}-{}",
            self.text(hex, 8),
            self.text(hex, 4),
            self.text(hex, 3),
            self.text("89ab", 1),
            self.text(hex, 3),
            self.text(hex, 12)
        )
    }
}
