//! Names for answers and calls, unique within the process and hard to guess.

use std::hash::{BuildHasher, Hasher, RandomState};

use inference_core::ToolFormat;

/// A random number.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A name that begins with `prefix`, e.g. `chatcmpl-`.
pub(crate) fn unique(prefix: &str) -> String {
    let low = random() & 0xFFFF_FFFF;
    format!("{prefix}{:016x}{low:08x}", random())
}

/// A name for a call. Mistral's templates accept nothing but nine letters or digits.
pub(crate) fn call(format: ToolFormat) -> String {
    if format != ToolFormat::Mistral {
        return unique("call_");
    }
    let mut number = random();
    let mut digit = || {
        let digit = u32::try_from(number % 36).unwrap_or_default();
        number /= 36;
        char::from_digit(digit, 36).unwrap_or('0')
    };
    (0..9).map(|_| digit()).collect()
}
