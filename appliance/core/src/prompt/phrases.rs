//! The phrase tables of a small model: what it was trained to say.
//!
//! One file, `phrases.json`, is read here and by the recipe in
//! `models/starter/recipe`, so that what a grammar admits and what a model
//! learned cannot part. Which phrase is true of which line is decided in
//! [`super::sayable`].

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// A sign that a line of evidence can bear, and how it is called.
#[derive(Debug, Deserialize)]
struct Sign {
    /// The line holds one of these, in lower case.
    any: Vec<String>,
    /// Ways to call it.
    say: Vec<String>,
}

/// The tables.
#[derive(Debug, Deserialize)]
pub(super) struct Phrases {
    nouns: BTreeMap<String, String>,
    signs: Vec<Sign>,
    sentences: BTreeMap<String, Vec<String>>,
    when: BTreeMap<String, String>,
    gaps: Vec<String>,
    steps: BTreeMap<String, String>,
    fixes: BTreeMap<String, String>,
}

/// The tables as they ship.
pub(super) static PHRASES: LazyLock<Phrases> = LazyLock::new(|| {
    serde_json::from_str(include_str!("phrases.json")).expect("the embedded phrase tables parse")
});

impl Phrases {
    /// How evidence of a kind is called, with the word that leads to its object.
    pub(super) fn noun(&self, kind: &str) -> &str {
        self.nouns.get(kind).map_or("", String::as_str)
    }

    /// Ways to call what `line` bears, in the tables' order.
    pub(super) fn signs<'a>(&'a self, line: &str) -> impl Iterator<Item = &'a str> {
        let line = line.to_lowercase();
        self.signs
            .iter()
            .filter(move |sign| sign.any.iter().any(|part| line.contains(part)))
            .flat_map(|sign| sign.say.iter().map(String::as_str))
    }

    /// Wordings of a kind of sentence, with slots in braces.
    pub(super) fn wordings(&self, kind: &str) -> &[String] {
        self.sentences.get(kind).map_or(&[], Vec::as_slice)
    }

    /// The word for ages in `m`, `h` or `d`.
    pub(super) fn when(&self, unit: &str) -> Option<&str> {
        self.when.get(unit).map(String::as_str)
    }

    /// The source of that name, if its absence may be told.
    pub(super) fn gap(&self, source: &str) -> Option<&str> {
        let known = self.gaps.iter().find(|gap| *gap == source);
        known.map(String::as_str)
    }

    /// What a command of a next check does, in words.
    pub(super) fn step(&self, command: &str) -> Option<&str> {
        longest_prefix(&self.steps, command)
    }

    /// What a command of an action does, in words.
    pub(super) fn fix(&self, command: &str) -> Option<&str> {
        longest_prefix(&self.fixes, command)
    }
}

fn longest_prefix<'a>(table: &'a BTreeMap<String, String>, command: &str) -> Option<&'a str> {
    table
        .iter()
        .filter(|(prefix, _)| command.starts_with(prefix.as_str()))
        .max_by_key(|(prefix, _)| prefix.len())
        .map(|(_, phrase)| phrase.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_hold_plain_words_only() {
        let said = PHRASES.signs.iter().flat_map(|sign| &sign.say);
        let wordings = PHRASES.sentences.values().flatten();
        let phrases = said
            .chain(PHRASES.steps.values())
            .chain(PHRASES.fixes.values())
            .chain(wordings);
        for phrase in phrases {
            let plain = |c: char| c.is_ascii_alphanumeric() || " -,.{}".contains(c);
            assert!(phrase.chars().all(plain), "{phrase:?}");
        }
    }

    #[test]
    fn signs_are_sought_in_lower_case() {
        for part in PHRASES.signs.iter().flat_map(|sign| &sign.any) {
            assert_eq!(part, &part.to_lowercase());
        }
    }

    #[test]
    fn the_longest_command_decides_the_phrase() {
        let fix = PHRASES.fix("kubectl rollout undo deployment/@W1");
        assert_eq!(fix, Some("roll back"));
        assert_eq!(PHRASES.step("helm status"), None);
    }
}
