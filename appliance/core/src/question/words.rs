//! How the rules' answers put things: times, lists, evidence on one line.
//!
//! Invariant: text from outside comes out on one line and never ends a
//! sentence by itself.

use jiff::Timestamp;

use crate::analysis::{Confidence, Evidence, Risk};
use crate::evidence::EvidenceKind;

/// Items of a list in an answer; the rest is on the screen.
pub(super) const ITEMS_MAX: usize = 4;

/// What an item shows, and of which object.
pub(super) fn shown(item: &Evidence) -> String {
    let title = line(&item.title);
    if item.kind == EvidenceKind::Alert || title.contains(&item.object.name) {
        return title;
    }
    format!("{} {}: {title}", item.object.kind, item.object.name)
}

pub(super) fn sureness(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "with high confidence",
        Confidence::Medium => "with medium confidence",
        Confidence::Low => "with low confidence",
    }
}

pub(super) fn listed(words: &[&str]) -> String {
    let shown = words
        .iter()
        .take(ITEMS_MAX)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match words.len().saturating_sub(ITEMS_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Untrusted text on one line, without an end that would double ours.
pub(super) fn line(text: &str) -> String {
    let clean: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    clean
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .trim_end_matches(['.', ';', ','])
        .to_owned()
}

pub(super) fn sentence(text: &str) -> String {
    format!("{}.", line(text))
}

pub(super) fn word(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
    }
}

/// `3 min before the alert`.
pub(super) fn relative(at: Timestamp, onset: Option<Timestamp>) -> String {
    match onset {
        None => format!("at {at}"),
        Some(onset) if at <= onset => format!("{} before the alert", age(at, onset)),
        Some(onset) => format!("{} after the alert", age(onset, at)),
    }
}

/// How long from `from` to `to`, in the largest whole unit.
pub(super) fn age(from: Timestamp, to: Timestamp) -> String {
    let seconds = to.duration_since(from).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
