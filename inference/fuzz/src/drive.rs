//! Drives a target with changed samples, the same ones for the same seed.

use crate::Target;
use crate::mutate::{Random, mutate};

/// What a drive did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Inputs that were read.
    pub runs: u64,
}

/// Names the input that broke a target, on the way out.
struct Naming {
    target: &'static str,
    seed: u64,
}

impl Drop for Naming {
    #[allow(clippy::print_stderr, reason = "this is how a finding is told")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("found by {} with the seed {}", self.target, self.seed);
        }
    }
}

/// Lets `target` read its samples, and then changed ones from `seed` on, for as long as `goes_on` says, which is told how many were read.
///
/// # Panics
/// If the target finds something wrong with us; the seed of that input is told.
pub fn drive(target: Target, seed: u64, mut goes_on: impl FnMut(u64) -> bool) -> Report {
    let samples = (target.samples)();
    for sample in &samples {
        (target.run)(sample);
    }
    let mut runs = 0;
    while goes_on(runs) {
        let naming = Naming {
            target: target.name,
            seed: seed.wrapping_add(runs),
        };
        let mut random = Random::new(naming.seed);
        (target.run)(&mutate(&samples, target.words, &mut random));
        runs += 1;
    }
    Report { runs }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TARGETS;

    /// Inputs of each target: a second or so each in a test build.
    const RUNS: u64 = 300;

    #[test]
    fn nothing_breaks_on_damaged_input() {
        for target in TARGETS {
            let report = drive(target, 1, |runs| runs < RUNS);
            assert_eq!(report.runs, RUNS, "{}", target.name);
        }
    }

    /// What was found once: the target and the seed.
    const FOUND: [(&str, u64); 2] = [
        // A piece of text had the number of a mark.
        ("tokenizer_json", 5_002_383),
        // A merge gave a text longer than any token.
        ("vocabulary", 5_002_332),
    ];

    #[test]
    fn what_was_found_stays_mended() {
        for (name, seed) in FOUND {
            let target = crate::target(name).expect("is there");
            assert_eq!(drive(target, seed, |runs| runs < 1).runs, 1);
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_input() {
        let samples = [b"one two three".to_vec(), b"four".to_vec()];
        let input = |seed| mutate(&samples, &["word"], &mut Random::new(seed));
        let inputs: Vec<Vec<u8>> = (0..50).map(input).collect();
        assert_eq!(inputs, (0..50).map(input).collect::<Vec<_>>());
        assert!(inputs.iter().any(|input| !samples.contains(input)));
    }
}
