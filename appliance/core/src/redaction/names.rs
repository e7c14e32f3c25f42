//! Which names stand before a secret.

use std::sync::LazyLock;

use regex::Regex;

/// The end of a secret's name. What stands before it does not matter
/// (`DB_PASSWORD`); what follows does (`passwordFile` names no secret).
pub(super) const PATTERN: &str = r"passw(?:or)?d|passwd|passphrase|pwd|secret|token|credentials?|(?:api|access|secret|private|account|signing|encryption|master|shared|session)[_.-]?key|auth[_-]?key|_auth|sessionid|session[_-]id|connection[_-]?string";

static NAME: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(&format!(r"^(?i:[A-Za-z0-9_./-]*(?:{PATTERN})_?[0-9]*)$"))
        .expect("the pattern is constant and tested")
});

/// Names that end like a secret's and are none.
const HARMLESS: &[&str] = &["pwd", "oldpwd"];

/// Whether a variable, key or flag of this name holds a secret.
pub fn is_secret_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    name.len() <= 256 && !HARMLESS.contains(&lower.as_str()) && NAME.is_match(name)
}
