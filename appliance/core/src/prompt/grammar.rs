//! What the model may answer, as a Lark grammar in llguidance's dialect.
//!
//! The answer is one compact JSON object, cause first: text written before the
//! cause would decide it. Candidates, evidence ids, checks, actions and (for
//! aliased prompts) names are those of the prompt and nothing else.

use super::aliases::Aliases;
use super::lines::Choice;
use super::words::{KINDS, WORDS};
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

/// The grammar of an answer within `choices`.
pub(super) fn lark(choices: &Choices, aliases: &Aliases) -> String {
    let numbered = |letter: char, numbers: &[usize]| -> Vec<String> {
        let mut words: Vec<String> = numbers.iter().map(|n| format!("{letter}{n}")).collect();
        words.push(format!("{letter}0"));
        words
    };
    let ids: Vec<String> = choices.evidence.iter().map(ToString::to_string).collect();
    let id_list = if ids.is_empty() {
        "ids: \"\"".to_owned()
    } else {
        format!(
            "ids: (id (\",\" id){{0,5}})?\nid: {}",
            alternatives(ids.iter().map(|id| format!("\\\"{id}\\\"")))
        )
    };
    format!(
        concat!(
            "start: \"{{\\\"cause\\\":\\\"\" cause \"\\\",\\\"because\\\":[\" ids \"],\\\"against\\\":[\" ids ",
            "\"],\\\"confidence\\\":\\\"\" confidence \"\\\",\\\"summary\\\":\\\"\" SUMMARY ",
            "\"\\\",\\\"next_check\\\":\\\"\" check \"\\\",\\\"action\\\":\\\"\" action \"\\\"}}\"\n",
            "cause: {causes}\n",
            "confidence: \"high\" | \"medium\" | \"low\"\n",
            "check: {checks}\n",
            "action: {actions}\n",
            "{id_list}\n",
            "SUMMARY: /{summary}/\n",
        ),
        causes = alternatives(numbered('C', &choices.causes)),
        checks = alternatives(numbered('N', &choices.next_checks)),
        actions = alternatives(numbered('A', &choices.actions)),
        id_list = id_list,
        summary = summary_pattern(&ids, aliases),
    )
}

fn alternatives(words: impl IntoIterator<Item = String>) -> String {
    let quoted: Vec<String> = words
        .into_iter()
        .map(|word| format!("\"{word}\""))
        .collect();
    quoted.join(" | ")
}

/// Sentences. With aliases they are made of known words, of names behind their
/// kind, and of citations: a small model cannot be trusted to spell or to copy.
fn summary_pattern(ids: &[String], aliases: &Aliases) -> String {
    let names: Vec<&str> = aliases.iter().collect();
    if names.is_empty() {
        return format!("[A-Z][^\"\\\\\\x00-\\x1F]{{20,{SUMMARY_CHARS_MAX}}}");
    }
    let capitalized = WORDS.iter().map(|word| {
        let (first, rest) = word.split_at(1);
        format!("{}{rest}", first.to_uppercase())
    });
    let named = format!("({}) ({})", KINDS.join("|"), names.join("|"));
    let first = format!("({}|{named})", capitalized.collect::<Vec<_>>().join("|"));
    let mut pieces = vec![WORDS.join("|"), named];
    pieces.extend(ids.iter().map(|id| format!("\\[{id}\\]")));
    let sentence = format!("{first}(,? ({})){{2,24}}\\.", pieces.join("|"));
    format!("{sentence}( {sentence}){{0,2}}")
}
