//! What the model may answer, as a Lark grammar in llguidance's dialect.
//!
//! The answer is one compact JSON object, cause first: text written before the
//! cause would decide it. Candidates, evidence ids, checks, actions and (for
//! aliased prompts) names are those of the prompt and nothing else.

use super::lines::Choice;
use super::sayable::{Sayable, Sentence};
use crate::evidence::EvidenceId;

/// Characters of a summary, at most: four sentences of an engineer.
const SUMMARY_CHARS_MAX: usize = 720;

/// What the prompt's kept lines let the model choose among.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Candidate numbers, from 1, in the card's order.
    pub causes: Vec<usize>,
    /// Evidence ids.
    pub evidence: Vec<EvidenceId>,
    /// Next-check numbers, from 1.
    pub next_checks: Vec<usize>,
    /// Action numbers, from 1.
    pub actions: Vec<usize>,
}

impl Choices {
    pub(super) fn of<'a>(choices: impl Iterator<Item = &'a Choice>) -> Self {
        let mut all = Self::default();
        for choice in choices {
            match *choice {
                Choice::None => {}
                Choice::Cause(number) => all.causes.push(number),
                Choice::Evidence(id) => all.evidence.push(id),
                Choice::NextCheck(number) => all.next_checks.push(number),
                Choice::Action(number) => all.actions.push(number),
            }
        }
        all
    }
}

/// The grammar of an answer within `choices`: in free words, or, for a small
/// model, in sentences that are `sayable` of the candidate it has chosen.
pub(super) fn lark(choices: &Choices, sayable: &Sayable) -> String {
    let mut rules = vec![
        "confidence: \"high\" | \"medium\" | \"low\"".to_owned(),
        format!(
            "check: {}",
            alternatives(numbered('N', &choices.next_checks))
        ),
        format!("action: {}", alternatives(numbered('A', &choices.actions))),
        ids(&choices.evidence),
    ];
    if sayable.is_empty() {
        let causes = alternatives(numbered('C', &choices.causes));
        rules.push(format!("start: {}", answer("cause", "SUMMARY")));
        rules.push(format!("cause: {causes}"));
        rules.push(format!(
            "SUMMARY: /[A-Z][^\"\\\\\\x00-\\x1F]{{20,{SUMMARY_CHARS_MAX}}}/"
        ));
        return rules.join("\n") + "\n";
    }
    let mut answers = Vec::new();
    for (number, sentences) in sayable.choices() {
        let name = format!("SENTENCE_{number}");
        answers.push(answer(
            &format!("\"C{number}\""),
            &format!("SUMMARY_{number}"),
        ));
        let wordings: Vec<String> = sentences.iter().map(sentence).collect();
        rules.push(format!("{name}: {}", wordings.join("\n  | ")));
        rules.push(format!(
            "SUMMARY_{number}: {name} (\" \" {name} (\" \" {name})?)?"
        ));
    }
    rules.insert(0, format!("start: {}", answers.join("\n  | ")));
    rules.join("\n") + "\n"
}

/// One answer: cause first, then what it rests on, then the words.
fn answer(cause: &str, summary: &str) -> String {
    format!(
        concat!(
            "\"{{\\\"cause\\\":\\\"\" {cause} \"\\\",\\\"because\\\":[\" ids \"],\\\"against\\\":[\" ids ",
            "\"],\\\"confidence\\\":\\\"\" confidence \"\\\",\\\"summary\\\":\\\"\" {summary} ",
            "\"\\\",\\\"next_check\\\":\\\"\" check \"\\\",\\\"action\\\":\\\"\" action \"\\\"}}\"",
        ),
        cause = cause,
        summary = summary,
    )
}

fn numbered(letter: char, numbers: &[usize]) -> Vec<String> {
    let mut words: Vec<String> = numbers.iter().map(|n| format!("{letter}{n}")).collect();
    words.push(format!("{letter}0"));
    words
}

fn ids(evidence: &[EvidenceId]) -> String {
    if evidence.is_empty() {
        return "ids: \"\"".to_owned();
    }
    let quoted = evidence.iter().map(|id| format!("\\\"{id}\\\""));
    format!("ids: (id (\",\" id){{0,5}})?\nid: {}", alternatives(quoted))
}

fn alternatives(words: impl IntoIterator<Item = String>) -> String {
    let quoted: Vec<String> = words
        .into_iter()
        .map(|word| format!("\"{word}\""))
        .collect();
    quoted.join(" | ")
}

/// A wording with its slots; plain words, so nothing needs escaping.
fn sentence(parts: &Sentence) -> String {
    let parts = parts.iter().map(|ways| {
        let ways = alternatives(ways.iter().filter(|way| !way.is_empty()).cloned());
        format!("({ways})")
    });
    let parts: Vec<String> = parts.filter(|part| part != "()").collect();
    parts.join(" ")
}
