//! Which of the known questions a text asks.
//!
//! English, by the words people use at night: short, without grammar. The
//! first form that fits decides; what fits none is left to a model.

use super::{Question, Topic};
use crate::analysis::Analysis;

/// Phrases that open a question for something else than the stated cause.
const WHY_NOT: &[&str] = &[
    "why not",
    "why isn't",
    "why is it not",
    "why isnt",
    "could it be",
    "can it be",
    "might it be",
    "isn't it",
    "isnt it",
    "is it not",
    "is it the",
    "is it a",
    "is this the",
    "was it the",
    "what about",
    "how about",
    "rule out",
    "ruled out",
    "sure it is not",
    "sure it's not",
];

/// Forms of the other questions, in the order they are tried.
const FORMS: &[(Question, &[&str])] = &[
    (
        Question::StillHappening,
        &[
            "still happening",
            "still going",
            "still broken",
            "still failing",
            "still firing",
            "still down",
            "still there",
            "still an issue",
            "still a problem",
            "is it over",
            "is it resolved",
            "is it fixed",
            "has it recovered",
            "did it recover",
            "recovered",
            "ongoing",
        ],
    ),
    (
        Question::SinceWhen,
        &[
            "since when",
            "when did",
            "how long",
            "what time",
            "when was the start",
            "when has",
        ],
    ),
    (
        Question::Repair,
        &[
            "how do i fix",
            "how to fix",
            "how can i fix",
            "how do we fix",
            "fix it",
            "fix this",
            "repair",
            "mitigate",
            "remedy",
            "roll back",
            "rollback",
            "what should i do",
            "what do i do",
            "what can i do",
        ],
    ),
    (
        Question::Changes,
        &[
            "what changed",
            "what has changed",
            "what was changed",
            "changes",
            "any change",
            "who changed",
            "what was deployed",
            "any deploy",
            "recent deploy",
            "recent rollout",
            "what is different",
            "what's different",
        ],
    ),
    (
        Question::NextCheck,
        &[
            "check next",
            "look next",
            "do next",
            "next check",
            "next step",
            "what next",
            "what now",
            "where should i look",
            "where do i look",
            "what should i check",
            "what should i look",
            "how can i verify",
            "how do i verify",
            "how do i confirm",
            "investigate",
        ],
    ),
    (
        Question::Missing,
        &[
            "could you not see",
            "couldn't you see",
            "what is missing",
            "what's missing",
            "blind spot",
            "not captured",
            "what don't you know",
            "what do you not know",
        ],
    ),
    (
        Question::Affected,
        &[
            "affected",
            "impact",
            "blast radius",
            "who is hit",
            "what is hit",
            "which pods",
            "which alerts",
            "how many alerts",
        ],
    ),
    (
        Question::Grounds,
        &[
            "how do you know",
            "how sure",
            "are you sure",
            "why do you think",
            "what speaks for",
            "what evidence",
            "which evidence",
            "show evidence",
            "show me the evidence",
            "proof",
            "how confident",
            "why this cause",
            "why is it",
            "what is the cause",
            "what's the cause",
            "root cause",
            "what happened",
        ],
    ),
];

/// Reads `text`; objects of `analysis` may be named in it.
pub(super) fn read(text: &str, analysis: &Analysis) -> Question {
    let text = plain(text);
    for (question, phrases) in FORMS {
        let known = phrases.iter().any(|phrase| holds(&text, phrase));
        if known && !asks_why_not(&text) {
            return question.clone();
        }
    }
    if asks_why_not(&text) {
        let words: Vec<&str> = text.split(' ').collect();
        let topic = Topic::of(&words, analysis);
        if !topic.is_empty() {
            return Question::WhyNot(topic);
        }
    }
    FORMS
        .iter()
        .find(|(_, phrases)| phrases.iter().any(|phrase| holds(&text, phrase)))
        .map_or(Question::Other, |(question, _)| question.clone())
}

fn asks_why_not(text: &str) -> bool {
    WHY_NOT.iter().any(|phrase| holds(text, phrase))
}

/// Whether `phrase` stands in `text` at word boundaries.
fn holds(text: &str, phrase: &str) -> bool {
    format!(" {text} ").contains(&format!(" {phrase} "))
}

/// Lower case, one blank between words, no punctuation around them.
fn plain(text: &str) -> String {
    let text = text.to_lowercase().replace('\u{2019}', "'");
    let words = text
        .split(|c: char| c.is_whitespace() || "?!,;:()\"".contains(c))
        .map(|word| word.trim_matches(['.', '\'', '`']))
        .filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}
