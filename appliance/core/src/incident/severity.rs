//! Ranks the words sites use for severity.

/// Rank of a severity word: 4 critical, 3 error, 2 warning, 1 info, 0 none.
/// A word we do not know ranks as a warning: it was important enough to send.
pub fn severity_rank(word: &str) -> u8 {
    match word.trim().to_ascii_lowercase().as_str() {
        "critical" | "page" | "emergency" | "fatal" | "disaster" | "p1" => 4,
        "error" | "major" | "high" | "p2" => 3,
        "info" | "informational" | "information" | "notice" | "low" | "p5" => 1,
        "none" => 0,
        _ => 2,
    }
}
