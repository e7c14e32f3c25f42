//! Whether sentences name only what was captured.
//!
//! Decoding is constrained, yet free text remains. Here every sentence is
//! read for things that look like names, numbers or citations; a sentence with
//! one that the analysis does not hold is dropped and counted.

mod words;

use std::collections::{HashMap, HashSet};

use self::words::{AFTER_KIND, COMPOUND_WORDS};
use super::Analysis;
use crate::evidence::EvidenceId;
use crate::snapshot::{KINDS, Kind};

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
        if self.names_unknown_of_kind(&plain) {
            return None;
        }
        let words = plain.split(|c: char| c.is_whitespace() || ",;()=|–—…".contains(c));
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

    /// `Deployment x` where nothing is called x, and x is no word that follows a kind.
    fn names_unknown_of_kind(&self, sentence: &str) -> bool {
        let words: Vec<&str> = sentence.split_whitespace().collect();
        words.windows(2).any(|pair| {
            let name = trim(pair[1]);
            let lower = name.to_lowercase();
            let follows = AFTER_KIND.contains(&lower.as_str())
                || lower.ends_with("ed")
                || lower.ends_with("ing");
            is_kind(pair[0])
                && name.starts_with(char::is_lowercase)
                && !follows
                && !self.knows(name)
        })
    }

    /// `Deployment x` where x is known, but as something else.
    fn is_mismatch(&self, kind: &str, name: &str) -> bool {
        let kind = trim(kind);
        let Some(kinds) = self.objects.get(&trim(name).to_lowercase()) else {
            return false;
        };
        is_kind(kind) && !kinds.contains(kind)
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

/// Whether a word is a kind of Kubernetes itself. Custom kinds are called by
/// everyday words: Volume, Certificate, Backup.
fn is_kind(word: &str) -> bool {
    let is_it = |kind: &Kind| kind.name == word && !kind.custom;
    KINDS.iter().any(is_it)
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
/// separator or an invisible mark inside, letters of two scripts, or no end to it.
fn looks_like_name(word: &str) -> bool {
    let inner = word.trim_matches(|c: char| !c.is_alphanumeric());
    let is_inside = |c: char| c.is_alphanumeric() || matches!(c, '\'' | '’');
    inner.chars().count() > WORD_CHARS_MAX
        || inner.chars().any(|c| c.is_numeric() || !is_inside(c))
        || inner.chars().any(|c| c.is_ascii_alphabetic()) && inner.chars().any(is_foreign)
}

/// A letter of no Latin alphabet: beside Latin ones it disguises a name.
fn is_foreign(c: char) -> bool {
    /// The last of Latin Extended-B.
    const LATIN_LAST: char = '\u{24F}';
    c.is_alphabetic() && c > LATIN_LAST
}

/// Sentences end with `.`, `!` or `?` before white space; dots inside names do not.
pub(crate) fn sentences(text: &str) -> Vec<String> {
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
