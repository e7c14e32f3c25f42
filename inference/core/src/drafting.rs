//! Guesses the tokens to come from what was read and written: answers often copy.
//!
//! Decides what to guess and how much. Whether a guess was right is the sampler's to say, so
//! that an answer is the same with guesses and without.
//!
//! # Source
//! Saxena, "Prompt lookup decoding" (github.com/apoorvumang/prompt-lookup-decoding).

#[cfg(test)]
mod tests;

use crate::prompt::TokenId;

/// Longest and shortest run of tokens that is looked up. Values copied out of evidence are
/// short, so runs are too.
const RUN_MAX: usize = 4;
const RUN_MIN: usize = 2;
/// Most tokens guessed at once: beyond, reading them costs more than it saves.
const DRAFT_MAX: usize = 12;
/// Below this many right guesses a try, guessing costs more than it saves.
const WORTHWHILE: f32 = 0.6;
/// Tokens written without guessing before it is tried again, and how many are guessed then.
const PROBE_AFTER: usize = 32;
const PROBE: usize = 4;
/// How much the last try counts against those before.
const WEIGHT: f32 = 0.4;

/// Guesses the tokens of one answer.
#[derive(Clone, Debug)]
pub struct PromptLookup {
    /// Guesses expected to be right in one try.
    expected: f32,
    /// Tokens written since the last try.
    since_try: usize,
}

impl Default for PromptLookup {
    fn default() -> Self {
        Self {
            expected: PROBE as f32,
            since_try: 0,
        }
    }
}

impl PromptLookup {
    /// Guesses at most `most` tokens behind `tokens`, the prompt and the answer so far.
    pub fn draft(&self, tokens: &[TokenId], most: usize) -> Vec<TokenId> {
        let length = self.length().min(most);
        match continuation(tokens) {
            Some(start) if length > 0 => (0..length)
                // Past the end, what is copied is the copy itself.
                .scan(Vec::with_capacity(length), |copy: &mut Vec<TokenId>, at| {
                    let behind = (start + at).checked_sub(tokens.len());
                    let token = behind.map_or_else(|| tokens[start + at], |at| copy[at]);
                    copy.push(token);
                    Some(token)
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Notes that `written` tokens came, after a try in which `accepted` of `drafted` were right.
    pub fn observe(&mut self, written: usize, drafted: usize, accepted: usize) {
        self.since_try += written;
        if drafted == 0 {
            return;
        }
        self.since_try = 0;
        // All right means that more would have been.
        let worth = if accepted == drafted {
            2 * accepted
        } else {
            accepted
        };
        self.expected += WEIGHT * (worth as f32 - self.expected);
    }

    /// How many tokens to guess now; 0 where guessing does not pay.
    fn length(&self) -> usize {
        if self.expected < WORTHWHILE {
            return if self.since_try >= PROBE_AFTER {
                PROBE
            } else {
                0
            };
        }
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a few dozen"
        )]
        let expected = self.expected.round() as usize;
        (expected + 1).min(DRAFT_MAX)
    }
}

/// Where the tokens go on behind the longest, then latest, earlier run equal to the last ones.
fn continuation(tokens: &[TokenId]) -> Option<usize> {
    let mut best = (RUN_MIN - 1, None);
    for end in (1..tokens.len()).rev() {
        let run = tokens[..end]
            .iter()
            .rev()
            .zip(tokens.iter().rev())
            .take(RUN_MAX)
            .take_while(|(a, b)| a == b)
            .count();
        if run > best.0 {
            best = (run, Some(end));
            if run == RUN_MAX {
                break;
            }
        }
    }
    best.1
}
