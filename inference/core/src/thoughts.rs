//! When a model has thought enough.
//!
//! Counts the tokens of the thoughts at the beginning of an answer and says when their closing mark is to be
//! written for the model. Pure: what a token's text is, and whether a grammar agrees, is the engine's to say.
//!
//! Invariant: once thoughts are closed, by the model or for it, nothing is ever due again.

use crate::prompt::TokenId;

/// Tokens of an answer among which its thoughts begin, if there are any: white space may stand before the mark.
const OPENING_TOKENS: usize = 8;

/// When thoughts are cut short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThoughtLimit {
    /// Most tokens of the thoughts, marks not counted.
    pub tokens: usize,
    /// The mark that opens them; `None` if the prompt ends with it.
    pub open: Option<String>,
    /// The mark that closes them.
    pub close: String,
}

/// Counts the thoughts of one answer.
#[derive(Clone, Debug)]
pub struct ThoughtCounter {
    left: usize,
    open: Vec<TokenId>,
    close: Vec<TokenId>,
    /// The newest tokens, as many as the longer mark has.
    recent: Vec<TokenId>,
    written: usize,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Before,
    Inside,
    After,
}

impl ThoughtCounter {
    /// Allows `tokens` tokens between the marks; an empty `open` means that the prompt has opened the thoughts.
    pub fn new(tokens: usize, open: Vec<TokenId>, close: Vec<TokenId>) -> Self {
        let place = match (open.is_empty(), close.is_empty()) {
            (_, true) => Place::After,
            (true, false) => Place::Inside,
            (false, false) => Place::Before,
        };
        Self {
            left: tokens,
            open,
            close,
            recent: Vec::new(),
            written: 0,
            place,
        }
    }

    /// The tokens to write now instead of what the model would: the rest of the closing mark. Empty while thoughts may go on.
    pub fn due(&self) -> &[TokenId] {
        if self.place != Place::Inside || self.left > 0 {
            return &[];
        }
        let begun = (1..self.close.len())
            .rev()
            .find(|&length| self.recent.ends_with(&self.close[..length]));
        &self.close[begun.unwrap_or(0)..]
    }

    /// Notes that `token` was written.
    pub fn note(&mut self, token: TokenId) {
        if self.place == Place::After {
            return;
        }
        let longest = self.open.len().max(self.close.len());
        self.recent.push(token);
        let behind = self.recent.len().saturating_sub(longest);
        self.recent.drain(..behind);
        self.written += 1;
        self.place = match self.place {
            Place::Before => self.before(),
            Place::Inside if self.recent.ends_with(&self.close) => Place::After,
            Place::Inside => {
                self.left = self.left.saturating_sub(1);
                Place::Inside
            }
            Place::After => Place::After,
        };
    }

    fn before(&self) -> Place {
        if self.recent.ends_with(&self.open) {
            Place::Inside
        } else if self.written >= OPENING_TOKENS + self.open.len() {
            Place::After
        } else {
            Place::Before
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: TokenId = 1;
    const CLOSE: [TokenId; 2] = [7, 8];

    /// Writes `own` tokens of a model unless others are due; gives what was written.
    #[track_caller]
    fn check(limit: usize, open: &[TokenId], own: &[TokenId], expected: &[TokenId]) {
        let mut counter = ThoughtCounter::new(limit, open.to_vec(), CLOSE.to_vec());
        let mut own = own.iter();
        let mut written = Vec::new();
        while let Some(token) = counter.due().first().or_else(|| own.next()).copied() {
            counter.note(token);
            written.push(token);
        }
        assert_eq!(written, expected);
    }

    #[test]
    fn thoughts_end_at_the_limit_and_the_answer_goes_on() {
        check(2, &[OPEN], &[OPEN, 3, 4, 5, 6], &[OPEN, 3, 4, 7, 8, 5, 6]);
        check(2, &[], &[3, 4, 5, 6], &[3, 4, 7, 8, 5, 6]);
        check(0, &[], &[3], &[7, 8, 3]);
    }

    #[test]
    fn thoughts_that_end_by_themselves_are_left_alone() {
        check(9, &[OPEN], &[OPEN, 3, 7, 8, 5], &[OPEN, 3, 7, 8, 5]);
        check(
            9,
            &[],
            &[7, 8, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5],
            &[7, 8, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5],
        );
    }

    #[test]
    fn an_answer_without_thoughts_has_none_to_close() {
        let own = [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, OPEN, 3, 3, 3];
        check(1, &[OPEN], &own, &own);
    }

    #[test]
    fn a_mark_that_is_half_written_at_the_limit_is_completed() {
        check(2, &[OPEN], &[OPEN, 3, 7, 5], &[OPEN, 3, 7, 8, 5]);
    }
}
