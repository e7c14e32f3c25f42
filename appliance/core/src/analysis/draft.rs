//! The summary of an answer while it is being written.
//!
//! People may watch the model write, yet nothing may be shown that the check
//! would drop: text is let through one whole sentence at a time.

use super::check::Vocabulary;
use crate::analysis::Analysis;
use crate::prompt::Prompt;

/// What stands before the summary in an answer.
const SUMMARY_KEY: &str = "\"summary\":\"";

/// Follows an answer piece by piece.
#[derive(Debug)]
pub struct SummaryDraft<'a> {
    prompt: &'a Prompt,
    vocabulary: Vocabulary,
    answer: String,
    /// How an answer begins that may follow the rules' own sentence.
    opening: Option<&'static str>,
    /// Sentences already let through or dropped.
    settled: usize,
}

impl<'a> SummaryDraft<'a> {
    /// Follows the answer to `prompt`, which was written for `card`.
    pub fn new(card: &Analysis, prompt: &'a Prompt) -> Self {
        Self {
            prompt,
            vocabulary: Vocabulary::of(card),
            answer: String::new(),
            opening: prompt.lead.as_ref().map(|_| {
                if card.causes.is_empty() {
                    "{\"cause\":\"C0\""
                } else {
                    "{\"cause\":\"C1\""
                }
            }),
            settled: 0,
        }
    }

    /// Adds a piece of the answer; gives the sentences it completed that hold.
    pub fn push(&mut self, piece: &str) -> Vec<String> {
        self.answer.push_str(piece);
        let Some(start) = self.answer.find(SUMMARY_KEY) else {
            return Vec::new();
        };
        if self
            .opening
            .is_some_and(|opening| !self.answer.starts_with(opening))
        {
            return Vec::new();
        }
        let rest = &self.answer[start + SUMMARY_KEY.len()..];
        let (text, closed) = match rest.find('"') {
            Some(end) => (&rest[..end], true),
            None => (rest, false),
        };
        let sentences = crate::analysis::sentences(&self.prompt.aliases.reveal(text));
        // The last one may still grow, unless the summary is closed.
        let complete = sentences.len() - usize::from(!closed && !sentences.is_empty());
        let fresh = sentences
            .get(self.settled..complete)
            .unwrap_or_default()
            .join(" ");
        self.settled = self.settled.max(complete);
        self.vocabulary.check(&fresh).kept
    }
}
