//! What a model answered, read against the prompt it answered to.

use serde::Deserialize;

use super::{Analysis, Confidence, Summary};
use crate::analysis::check::{Checked, Vocabulary};
use crate::evidence::EvidenceId;
use crate::prompt::Prompt;

/// Who wrote what the model did not.
const RULES: &str = "rules";

/// The answer as it stands on the wire; everything in it is untrusted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireReply {
    cause: String,
    because: Vec<EvidenceId>,
    against: Vec<EvidenceId>,
    confidence: Confidence,
    summary: String,
    next_check: String,
    action: String,
}

/// Why an answer was not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// It is not the JSON object that was asked for.
    #[error("the answer is not the JSON object asked for: {0}")]
    Malformed(String),
    /// It chose something the prompt did not offer.
    #[error("the answer chose {0:?}, which was not offered")]
    NotOffered(String),
    /// A model whose sentences would follow the rules' own found another cause, or none.
    #[error("the answer is about {0:?} and not about the cause the rules state; the card stands")]
    OtherCause(String),
    /// No sentence was left after the check.
    #[error("no sentence of the answer held: {dropped} dropped")]
    NothingLeft {
        /// Sentences that named something unknown.
        dropped: usize,
    },
}

/// What the check of an answer counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReplyReport {
    /// Sentences kept.
    pub sentences: usize,
    /// Sentences dropped because they named or cited something unknown.
    pub dropped: usize,
    /// Whether the model preferred another candidate, or none.
    pub disagreed: bool,
}

/// An answer that was read: it chose what was offered, and its sentences were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The chosen candidate in the card's order, from 1; none fits where absent.
    pub cause: Option<usize>,
    /// Evidence cited for the choice.
    pub because: Vec<EvidenceId>,
    /// Evidence cited against it.
    pub against: Vec<EvidenceId>,
    /// How sure the model is.
    pub confidence: Confidence,
    /// Its sentences that hold.
    pub checked: Checked,
    next_check: Option<usize>,
    action: Option<usize>,
}

impl Reading {
    /// Reads the model's answer `text` to `prompt`, which was written for `card`.
    ///
    /// # Errors
    /// [`ReplyError`] when it is not the object asked for, or chose what was
    /// not offered. That no sentence holds is no error here.
    pub fn of(card: &Analysis, prompt: &Prompt, text: &str) -> Result<Self, ReplyError> {
        let reply: WireReply =
            serde_json::from_str(text).map_err(|error| ReplyError::Malformed(error.to_string()))?;
        for id in reply.because.iter().chain(&reply.against) {
            if !prompt.choices.evidence.contains(id) {
                return Err(ReplyError::NotOffered(id.to_string()));
            }
        }
        Ok(Self {
            cause: number(&reply.cause, 'C', &prompt.choices.causes)?,
            next_check: number(&reply.next_check, 'N', &prompt.choices.next_checks)?,
            action: number(&reply.action, 'A', &prompt.choices.actions)?,
            checked: Vocabulary::of(card).check(&prompt.aliases.reveal(&reply.summary)),
            because: reply.because,
            against: reply.against,
            confidence: reply.confidence,
        })
    }
}

/// Words `card` with the model's answer `text` to `prompt`.
///
/// The rules' ranking is the floor: among candidates of equal confidence the
/// model's choice comes first; any other disagreement only lowers the first
/// candidate's confidence by one word. The model raises nothing. Where the
/// prompt has a lead, the summary opens with it, order, confidence and the
/// evidence cited for the cause stay, and an answer about another cause is refused.
///
/// # Errors
/// [`ReplyError`] when the answer cannot be used; the card then stands as it is.
pub fn apply_reply(
    card: &Analysis,
    prompt: &Prompt,
    text: &str,
    model: &str,
) -> Result<(Analysis, ReplyReport), ReplyError> {
    let reading = Reading::of(card, prompt, text)?;
    let Reading { checked, cause, .. } = reading;
    if checked.kept.is_empty() {
        return Err(ReplyError::NothingLeft {
            dropped: checked.dropped,
        });
    }
    let mut worded = card.clone();
    let disagreed = match &prompt.lead {
        Some(_) if cause != card.causes.first().map(|_| 1) => {
            return Err(ReplyError::OtherCause(cause_word(cause)));
        }
        Some(_) => false,
        None => weigh(&mut worded, cause, reading.confidence),
    };
    move_to_front(&mut worded.next_checks, reading.next_check);
    move_to_front(&mut worded.actions, reading.action);
    let mut citations = checked.citations;
    let against = &reading.against;
    match &prompt.lead {
        // The rules choose better what the cause rests on than a small model does.
        Some(_) => citations.extend(&card.summary.citations),
        None => citations.extend(reading.because.iter().filter(|id| !against.contains(id))),
    }
    citations.sort_unstable();
    citations.dedup();
    let sentences = checked.kept.len();
    let text: Vec<String> = prompt.lead.iter().cloned().chain(checked.kept).collect();
    worded.summary = Summary {
        text: text.join(" "),
        by: match &prompt.lead {
            Some(_) => format!("{RULES}, model:{model}"),
            None => format!("model:{model}"),
        },
        citations,
    };
    let report = ReplyReport {
        sentences,
        dropped: checked.dropped,
        disagreed,
    };
    Ok((worded, report))
}

fn cause_word(cause: Option<usize>) -> String {
    format!("C{}", cause.unwrap_or(0))
}

/// `C2` is 2, `C0` is none.
fn number(word: &str, letter: char, offered: &[usize]) -> Result<Option<usize>, ReplyError> {
    let parsed = word
        .strip_prefix(letter)
        .and_then(|digits| digits.parse::<usize>().ok());
    match parsed {
        Some(0) => Ok(None),
        Some(number) if offered.contains(&number) => Ok(Some(number)),
        _ => Err(ReplyError::NotOffered(word.to_owned())),
    }
}

/// Lets the model break a tie or lower confidence; says whether it disagreed.
fn weigh(card: &mut Analysis, choice: Option<usize>, confidence: Confidence) -> bool {
    let Some(first) = card.causes.first().map(|cause| cause.confidence) else {
        return false;
    };
    match choice {
        Some(1) => {
            card.causes[0].confidence = first.min(confidence).max(first.lowered());
            false
        }
        Some(number)
            if card.causes.get(number - 1).map(|cause| cause.confidence) == Some(first) =>
        {
            let chosen = card.causes.remove(number - 1);
            card.causes.insert(0, chosen);
            true
        }
        _ => {
            card.causes[0].confidence = first.lowered();
            true
        }
    }
}

fn move_to_front<T>(items: &mut Vec<T>, number: Option<usize>) {
    if let Some(number) = number.filter(|number| (1..=items.len()).contains(number)) {
        let item = items.remove(number - 1);
        items.insert(0, item);
    }
}
