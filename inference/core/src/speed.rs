//! How fast a model is on a machine, what that means for an analysis, and which model a machine is enough for.
//!
//! Decides what to expect from figures others measured. Leaves measuring to `inference-engine`
//! and `inference-kernels`.
//!
//! Invariant: an expectation is of the usual analysis, [`PROMPT_TOKENS`] read and
//! [`ANSWER_TOKENS`] written, with nothing cached, guessed or forced: the work itself is sooner done.

use std::fmt;

/// Tokens of the usual prompt of an analysis.
pub const PROMPT_TOKENS: usize = 4096;
/// Tokens of the usual answer.
pub const ANSWER_TOKENS: usize = 300;
/// Seconds people wait for an analysis: longer, and they look for themselves.
const PATIENCE_SECONDS: f64 = 60.0;
/// Share of the limit of products that reading a prompt takes, attention and all else included.
const PREFILL_SHARE: f64 = 0.4;
/// Share of the memory's bandwidth that writing takes.
const DECODE_SHARE: f64 = 0.75;
/// Share of the memory that models may take, as the appliance has it.
const MEMORY_SHARE: f64 = 0.75;
/// Tokens of keys and values a machine should have room for: two analyses side by side.
const WINDOW_TOKENS: u64 = 2 * 8192;

/// How fast a model reads and writes, tokens a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Reading a prompt, on the average of [`PROMPT_TOKENS`].
    pub prefill: f64,
    /// Writing one answer.
    pub decode: f64,
}

impl Speed {
    /// Seconds that the usual analysis takes at most.
    pub fn analysis_seconds(&self) -> f64 {
        PROMPT_TOKENS as f64 / self.prefill + ANSWER_TOKENS as f64 / self.decode
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.analysis_seconds();
        write!(
            f,
            "a 4k-token analysis takes about {} s with this model on this machine",
            rounded(seconds)
        )
    }
}

/// Two digits are all a short measurement is good for.
fn rounded(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.1}")
    } else {
        format!("{seconds:.0}")
    }
}

/// What a machine has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Machine {
    /// Bytes of memory this process may use.
    pub memory_bytes: u64,
    /// Bytes read from memory in a second, by all threads.
    pub memory_bytes_per_second: f64,
    /// Multiplications and additions of bytes in a second, by all threads.
    pub whole_operations_per_second: f64,
}

/// Models of about one size, stored as `Q4_K_M`.
///
/// # Source
/// Tensor shapes and file sizes of Qwen2.5's models of these sizes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelClass {
    /// Its usual name.
    pub name: &'static str,
    /// Weights that each token of a prompt is multiplied with.
    pub multiplied: f64,
    /// Bytes of the file.
    pub bytes: u64,
    /// Bytes of keys and values of a token as 16-bit reals, nearly twice what they take as they are kept by default: a
    /// recommendation is to hold with either.
    pub kv_bytes: u64,
}

/// The classes a site chooses from, the smallest first.
pub const CLASSES: [ModelClass; 5] = [
    class("0.5B", 0.36e9, 398 << 20, 12 << 10),
    class("1.5B", 1.31e9, 986 << 20, 28 << 10),
    class("3B", 2.77e9, 1930 << 20, 36 << 10),
    class("7B", 6.53e9, 4683 << 20, 56 << 10),
    class("14B", 13.1e9, 8988 << 20, 192 << 10),
];

const fn class(name: &'static str, multiplied: f64, bytes: u64, kv_bytes: u64) -> ModelClass {
    ModelClass {
        name,
        multiplied,
        bytes,
        kv_bytes,
    }
}

impl ModelClass {
    /// Bytes it takes in memory: weights, and keys and values of two long analyses.
    pub fn memory_bytes(&self) -> u64 {
        self.bytes + self.bytes / 10 + WINDOW_TOKENS * self.kv_bytes
    }

    /// What to expect of it on `machine`.
    pub fn speed(&self, machine: &Machine) -> Speed {
        Speed {
            prefill: PREFILL_SHARE * machine.whole_operations_per_second / (2.0 * self.multiplied),
            decode: DECODE_SHARE * machine.memory_bytes_per_second / self.bytes as f64,
        }
    }

    /// Whether `machine` has the memory for it.
    pub fn fits(&self, machine: &Machine) -> bool {
        self.memory_bytes() as f64 <= MEMORY_SHARE * machine.memory_bytes as f64
    }
}

/// The largest class that fits the memory and answers before people look for themselves; where
/// none is that fast, the smallest that fits.
pub fn recommended(machine: &Machine) -> Option<ModelClass> {
    let fitting = || CLASSES.into_iter().filter(|class| class.fits(machine));
    let prompt = |class: &ModelClass| class.speed(machine).analysis_seconds() <= PATIENCE_SECONDS;
    fitting().rfind(prompt).or_else(|| fitting().next())
}

/// What [`recommended`] says, in words.
pub fn advice(machine: &Machine) -> String {
    let Some(class) = recommended(machine) else {
        return "this machine has too little memory for a model of its own; the rules need none"
            .to_owned();
    };
    let seconds = class.speed(machine).analysis_seconds();
    let name = class.name;
    if seconds > PATIENCE_SECONDS {
        return format!(
            "even a {name} model at Q4_K_M would take about {} s an analysis on this machine; the rules or the starter are a better choice",
            rounded(seconds)
        );
    }
    format!(
        "this machine suits models up to {name} at Q4_K_M, about {} s an analysis",
        rounded(seconds)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine of so many GiB, GB/s and GOP/s.
    fn machine(memory: u64, bandwidth: f64, operations: f64) -> Machine {
        Machine {
            memory_bytes: memory << 30,
            memory_bytes_per_second: bandwidth * 1e9,
            whole_operations_per_second: operations * 1e9,
        }
    }

    #[track_caller]
    fn check(machine: Machine, expected: Option<&str>) {
        assert_eq!(recommended(&machine).map(|class| class.name), expected);
    }

    #[test]
    fn the_largest_that_is_fast_enough_is_recommended() {
        check(machine(16, 40.0, 900.0), Some("1.5B"));
        check(machine(64, 200.0, 8000.0), Some("14B"));
    }

    #[test]
    fn what_does_not_fit_is_not_recommended() {
        check(machine(1, 200.0, 8000.0), Some("0.5B"));
        check(machine(8, 200.0, 8000.0), Some("7B"));
        check(machine(0, 200.0, 8000.0), None);
    }

    #[test]
    fn where_none_is_fast_enough_the_smallest_is_named_and_advised_against() {
        let slow = machine(16, 4.0, 20.0);
        check(slow, Some("0.5B"));
        assert!(
            advice(&slow).starts_with("even a 0.5B model"),
            "{}",
            advice(&slow)
        );
    }

    #[test]
    fn an_expectation_is_told_in_two_digits() {
        let speed = Speed {
            prefill: 409.6,
            decode: 27.5,
        };
        assert_eq!(
            speed.to_string(),
            "a 4k-token analysis takes about 21 s with this model on this machine"
        );
        assert_eq!(rounded(2.345), "2.3");
    }

    #[test]
    fn classes_grow() {
        for pair in CLASSES.windows(2) {
            assert!(pair[0].memory_bytes() < pair[1].memory_bytes());
            assert!(pair[0].multiplied < pair[1].multiplied);
        }
    }
}
