//! Follow-up questions about one incident, answered from its analysis.
//!
//! A fixed family of questions is read and answered by code: the answer is in
//! the analysis, and code does not misquote it. Anything else is
//! [`Question::Other`]: a model that was not trained on aliases may answer it
//! from the same evidence (see [`FreeQuestion`]); where there is none, the
//! question is declined in words.
//!
//! Invariant: an answer cites only evidence of the analysis, and names only
//! what the analysis holds. The question itself is untrusted text and is never
//! repeated in an answer.

mod answer;
mod free;
mod read;
#[cfg(test)]
mod tests;
mod topic;
mod words;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::analysis::Analysis;
use crate::evidence::EvidenceId;

pub use self::free::FreeQuestion;
pub use self::topic::Topic;

/// Characters of a question, at most.
pub const QUESTION_CHARS_MAX: usize = 500;

/// What a question asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// "What changed?"
    Changes,
    /// "What should I check next?"
    NextCheck,
    /// "How do I fix it?"
    Repair,
    /// "Is it still happening?"
    StillHappening,
    /// "Since when?"
    SinceWhen,
    /// "How do you know?"
    Grounds,
    /// "What is affected?"
    Affected,
    /// "What could you not see?"
    Missing,
    /// "Why not the database?"
    WhyNot(Topic),
    /// Anything else.
    Other,
}

/// An answer to a follow-up question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Plain text with citations as `[E1]`.
    pub text: String,
    /// Evidence the text cites.
    pub citations: Vec<EvidenceId>,
    /// `rules` or `model:<name>`.
    pub by: String,
    /// Whether the question was not answered, and the text says why.
    pub declined: bool,
}

impl Question {
    /// Reads `text`, which may name objects of `analysis`.
    pub fn read(text: &str, analysis: &Analysis) -> Self {
        read::read(text, analysis)
    }

    /// The answer of the rules; `None` for [`Question::Other`].
    ///
    /// `now` is when it is asked: an analysis is a look at one moment.
    pub fn answer(&self, analysis: &Analysis, now: Timestamp) -> Option<Answer> {
        answer::answer(self, analysis, now)
    }
}

impl Answer {
    /// What is said where no model can answer; `loaded` is the one that is there, if any.
    pub fn declined(loaded: Option<&str>) -> Self {
        let model = loaded.map_or_else(
            || "no model is loaded".to_owned(),
            |name| format!("the model {name} words causes and nothing else"),
        );
        let text = format!(
            "I cannot answer this: {model}. I can say what changed, why not something you name, what to check next, \
             how to repair it, since when it goes on, whether it still does, what is affected, what speaks for the \
             cause, and what could not be seen. For free questions import an instruction-tuned model of 1.5 billion \
             weights or more with `anchorite model import`."
        );
        Self {
            text,
            citations: Vec::new(),
            by: "rules".to_owned(),
            declined: true,
        }
    }
}
