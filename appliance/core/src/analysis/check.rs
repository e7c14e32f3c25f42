//! Whether sentences name only what was captured.
//!
//! Decoding is constrained, yet free text remains. Here every sentence is
//! read for things that look like names, numbers or citations; a sentence with
//! one that the analysis does not hold is dropped and counted.

use std::collections::{HashMap, HashSet};

use super::Analysis;
use crate::evidence::EvidenceId;
use crate::snapshot::{KINDS, Kind};

/// Hyphenated English an engineer writes about clusters; not names.
const COMPOUND_WORDS: &[&str] = &[
    "back-off",
    "cluster-wide",
    "cross-namespace",
    "crash-loop",
    "crash-looping",
    "end-to-end",
    "follow-up",
    "full-disk",
    "image-pull",
    "in-cluster",
    "long-running",
    "next-check",
    "node-local",
    "non-zero",
    "not-ready",
    "on-call",
    "out-of-date",
    "out-of-memory",
    "per-pod",
    "pull-secret",
    "re-run",
    "read-only",
    "read-write",
    "recently-changed",
    "roll-back",
    "rolled-out",
    "run-time",
    "scale-down",
    "scale-up",
    "short-lived",
    "start-up",
    "time-out",
    "time-outs",
    "well-known",
];

/// Everything an analysis' text may name.
#[derive(Debug)]
pub struct Vocabulary {
    words: HashSet<String>,
    evidence: HashSet<EvidenceId>,
    /// Names of objects, in lower case, with the kinds they occur in.
    objects: HashMap<String, HashSet<String>>,
}

/// Sentences after the check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Sentences that hold, in order.
    pub kept: Vec<String>,
    /// How many were dropped.
    pub dropped: usize,
    /// Evidence the kept sentences cite.
    pub citations: Vec<EvidenceId>,
}

impl Vocabulary {
    /// What `card` holds: objects, evidence lines, labels, commands, causes.
    pub fn of(card: &Analysis) -> Self {
        let mut words = HashSet::new();
        let mut add = |text: &str| {
            for word in text.split(|c: char| c.is_whitespace() || "\"'`,;()[]{}=|<>".contains(c)) {
                add_word(&mut words, word);
            }
        };
        for alert in &card.incident.alerts {
            add(&alert.name);
            for (name, value) in alert.labels.iter().chain(&alert.annotations) {
                add(name);
                add(value);
            }
        }
        for evidence in &card.evidence {
            add(&evidence.object.name);
            add(evidence.object.namespace.as_deref().unwrap_or_default());
            add(&evidence.title);
            add(&evidence.query);
            evidence.lines.iter().for_each(|line| add(line));
        }
        let causes = card
            .causes
            .iter()
            .map(|cause| (&cause.cause, &cause.object));
        let ruled_out = card.ruled_out.iter().map(|out| (&out.cause, &out.object));
        for (cause, object) in causes.chain(ruled_out) {
            add(cause);
            add(&object.name);
            add(object.namespace.as_deref().unwrap_or_default());
        }
        card.next_checks
            .iter()
            .for_each(|check| add(&check.command));
        card.actions.iter().for_each(|action| add(&action.command));
        card.changes.iter().for_each(|change| add(&change.what));
        card.missing.iter().for_each(|missing| add(&missing.detail));
        add(&card.summary.text);
        Self {
            words,
            objects: objects_of(card),
            evidence: card.evidence.iter().map(|evidence| evidence.id).collect(),
        }
    }

    /// Splits `text` into sentences and keeps those that hold.
    pub fn check(&self, text: &str) -> Checked {
        let mut checked = Checked::default();
        for sentence in sentences(text) {
            if let Some(citations) = self.holds(&sentence) {
                checked.citations.extend(citations);
                checked.kept.push(sentence);
            } else {
                checked.dropped += 1;
            }
        }
        checked.citations.sort_unstable();
        checked.citations.dedup();
        checked
    }

    /// The sentence's citations if all it names is known.
    fn holds(&self, sentence: &str) -> Option<Vec<EvidenceId>> {
        let mut citations = Vec::new();
        let mut plain = String::with_capacity(sentence.len());
        let mut rest = sentence;
        while let Some(open) = rest.find('[') {
            let (before, bracket) = rest.split_at(open);
            let close = bracket.find(']')?;
            plain.push_str(before);
            for id in bracket[1..close]
                .split([',', ' ', ';'])
                .filter(|id| !id.is_empty())
            {
                let id = EvidenceId(id.strip_prefix('E')?.parse().ok()?);
                if !self.evidence.contains(&id) {
                    return None;
                }
                citations.push(id);
            }
            rest = &bracket[close + 1..];
        }
        plain.push_str(rest);
        let words = plain.split(|c: char| c.is_whitespace() || ",;()=|".contains(c));
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        if words
            .windows(2)
            .any(|pair| self.is_mismatch(pair[0], pair[1]))
        {
            return None;
        }
        for word in words {
            let quoted = word.starts_with(['`', '"', '\'']);
            let word = trim(word);
            if (quoted || looks_like_name(word)) && !self.knows(word) {
                return None;
            }
        }
        Some(citations)
    }

    /// `Deployment x` where x is known, but as something else.
    fn is_mismatch(&self, kind: &str, name: &str) -> bool {
        let kind = trim(kind);
        let Some(kinds) = self.objects.get(&trim(name).to_lowercase()) else {
            return false;
        };
        // Custom kinds are called by everyday words: Volume, Certificate, Backup.
        let is_kind = |known: &Kind| known.name == kind && !known.custom;
        KINDS.iter().any(is_kind) && !kinds.contains(kind)
    }

    fn knows(&self, word: &str) -> bool {
        let lower = word.to_lowercase();
        word.is_empty()
            || self.words.contains(&lower)
            || COMPOUND_WORDS.contains(&lower.as_str())
            || lower
                .strip_suffix("'s")
                .is_some_and(|stem| self.words.contains(stem))
    }
}

/// Every object the card speaks of, by name.
fn objects_of(card: &Analysis) -> HashMap<String, HashSet<String>> {
    let causes = card.causes.iter().map(|cause| &cause.object);
    let ruled_out = card.ruled_out.iter().map(|out| &out.object);
    let evidence = card.evidence.iter().map(|evidence| &evidence.object);
    let changes = card.changes.iter().map(|change| &change.object);
    let all = causes.chain(ruled_out).chain(evidence).chain(changes);
    let mut objects: HashMap<String, HashSet<String>> = HashMap::new();
    for object in all.chain(&card.subject) {
        let mut add = |kind: &str, name: &str| {
            let kinds = objects.entry(name.to_lowercase()).or_default();
            kinds.insert(kind.to_owned());
        };
        add(&object.kind, &object.name);
        if let Some(namespace) = &object.namespace {
            add("Namespace", namespace);
        }
    }
    objects
}

fn add_word(words: &mut HashSet<String>, word: &str) {
    let word = trim(word).to_lowercase();
    // `deployment/cart`, `host:8080` and `image:1.2` are known whole and in parts.
    for separator in ['/', ':', '@'] {
        for part in word.split(separator) {
            let part = trim(part);
            if !part.is_empty() && !words.contains(part) {
                words.insert(part.to_owned());
            }
        }
    }
    words.insert(word);
}

fn trim(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric() && c != '%')
}

/// Letters of a plain word, at most; longer ones are no English.
const WORD_CHARS_MAX: usize = 20;

/// Whether a word can only be an identifier or a figure: a digit in it, a
/// separator inside, or no end to it.
fn looks_like_name(word: &str) -> bool {
    let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
    inner.chars().count() > WORD_CHARS_MAX
        || inner.chars().any(|c| c.is_ascii_digit())
        || inner
            .chars()
            .any(|c| matches!(c, '-' | '_' | '.' | '/' | ':' | '@'))
}

/// Sentences end with `.`, `!` or `?` before white space; dots inside names do not.
pub(super) fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut current = String::new();
    for word in text.split_whitespace() {
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(word);
        if word.ends_with(['.', '!', '?']) {
            found.push(std::mem::take(&mut current));
        }
    }
    if !current.is_empty() {
        found.push(current);
    }
    found
}
