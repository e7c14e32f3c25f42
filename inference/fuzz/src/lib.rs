//! Hostile input for everything of inference that reads foreign bytes.
//!
//! A [`Target`] is a function that takes any bytes and panics where something is wrong with us, with samples to begin
//! from. They are driven three ways: by `cargo test` for a moment, by this crate's program for as long as
//! one likes (`cargo run --release -p inference-fuzz -- all 60`), and by libFuzzer, which is guided by what code a
//! sample reaches (`libfuzzer/`).
//!
//! Invariant: the same bytes do the same whoever drives, so that what one finds another repeats.

mod body;
mod drive;
mod grammar;
mod models;
mod mutate;
mod text;

pub use self::drive::{Report, drive};

/// One reader of foreign bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Reads any bytes. Panics if what comes of them is wrong.
    pub run: fn(&[u8]),
    /// Samples that are sound.
    pub samples: fn() -> Vec<Vec<u8>>,
    /// Words that mean something to the reader.
    pub words: &'static [&'static str],
}

/// Every target.
pub const TARGETS: [Target; 8] = [
    models::GGUF,
    models::CHECKPOINT,
    text::TOKENIZER_JSON,
    text::TEKKEN,
    text::VOCABULARY,
    text::TEMPLATE,
    grammar::GRAMMAR,
    body::BODY,
];

/// The target called `name`.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// Lets the target called `name` read `data`; for libFuzzer.
///
/// # Panics
/// If there is no such target, or if it finds something wrong with us.
#[allow(clippy::panic, reason = "a wrong name is a mistake of the harness")]
pub fn run(name: &str, data: &[u8]) {
    match target(name) {
        Some(target) => (target.run)(data),
        None => panic!("there is no target `{name}`"),
    }
}
