//! The logits of a vocabulary in short runs, with the highest of each.
//!
//! Loops over all tokens become vectors here, and a run is looked at no further where its highest is too low.
//!
//! Invariant: a token that is masked, or whose logit is NaN or minus infinity, counts as minus infinity and is never
//! given.

use super::weights::{Scale, Weights};
use crate::mask::TokenMask;
use crate::prompt::TokenId;

/// Tokens of a word of a mask.
const WORD: usize = 32;

/// Words of a run: with the largest vocabularies there are about as many runs as tokens in one.
const WORDS: usize = 16;

/// Tokens of a run.
pub(super) const RUN: usize = WORD * WORDS;

/// The logits of the tokens that may come, at least one.
pub(super) struct Runs<'a> {
    /// `[vocab_size]`, numbers or minus infinity.
    logits: &'a mut [f32],
    /// Of each [`RUN`] neighbors.
    highest: Vec<f32>,
    /// Of all.
    most: f32,
}

impl<'a> Runs<'a> {
    /// `logits` without what `mask` does not allow; `None` if nothing is left. Infinite logits become the highest number.
    pub(super) fn of(logits: &'a mut [f32], mask: Option<&TokenMask>) -> Option<Self> {
        let runs = logits.chunks_mut(RUN);
        let highest: Vec<f32> = match mask {
            None => runs.map(|run| restrict(run, |_| u32::MAX)).collect(),
            Some(mask) => (0..)
                .step_by(WORDS)
                .zip(runs)
                .map(|(first, run)| restrict(run, |word| mask.word(first + word)))
                .collect(),
        };
        let most = highest.iter().copied().fold(f32::NEG_INFINITY, higher);
        (most > f32::NEG_INFINITY).then_some(Self {
            logits,
            highest,
            most,
        })
    }

    /// The token with the highest logit; of equals, the lowest number.
    #[allow(
        clippy::float_cmp,
        reason = "the highest is one of those it is sought among"
    )]
    pub(super) fn likeliest(&self) -> Option<TokenId> {
        let run = self.highest.iter().position(|&logit| logit == self.most)?;
        let start = run * RUN;
        let found = self.logits[start..]
            .iter()
            .position(|&logit| logit == self.most)?;
        TokenId::try_from(start + found).ok()
    }

    /// The tokens that may be among the `count` likeliest and their logits, in order: all of those, and a few more.
    pub(super) fn top(&self, count: usize) -> impl Iterator<Item = (TokenId, f32)> {
        // As many runs as are wanted have a token that is as likely.
        let mut highest = self.highest.clone();
        let floor = match count.checked_sub(1) {
            Some(last) if last < highest.len() => {
                *highest
                    .select_nth_unstable_by(last, |a, b| b.total_cmp(a))
                    .1
            }
            _ => f32::NEG_INFINITY,
        };
        let runs = (0..).step_by(RUN).zip(self.logits.chunks(RUN));
        let above = runs
            .zip(&self.highest)
            .filter(move |(_, highest)| **highest >= floor);
        above.flat_map(move |((start, run), _)| {
            (start..)
                .zip(run.iter().copied())
                .filter(move |&(_, logit)| logit >= floor && logit > f32::NEG_INFINITY)
        })
    }

    /// The weights of all tokens; those below `min_p` become none.
    pub(super) fn weigh(self, temperature: f32, min_p: f32) -> Weights<'a> {
        let scale = Scale {
            most: self.most,
            temperature,
            min_p,
        };
        Weights::of(self.logits, &self.highest, scale)
    }
}

/// Gives what may not come minus infinity; gives the highest of the rest. `word` says which of 32 neighbors may.
#[inline]
fn restrict(run: &mut [f32], word: impl Fn(usize) -> u32) -> f32 {
    let (words, rest) = run.as_chunks_mut::<WORD>();
    let count = words.len();
    let mut lanes = [f32::NEG_INFINITY; WORD];
    for (number, logits) in words.iter_mut().enumerate() {
        restrict_word(logits, word(number), &mut lanes);
    }
    if !rest.is_empty() {
        restrict_word(rest, word(count), &mut lanes);
    }
    lanes.into_iter().fold(f32::NEG_INFINITY, higher)
}

#[inline]
fn restrict_word(logits: &mut [f32], word: u32, highest: &mut [f32; WORD]) {
    if word == 0 {
        return logits.fill(f32::NEG_INFINITY);
    }
    for (bit, (logit, highest)) in logits.iter_mut().zip(highest).enumerate() {
        let number = if *logit < f32::MAX { *logit } else { f32::MAX };
        let allowed = (word & (1 << bit) != 0) & !logit.is_nan();
        *logit = if allowed { number } else { f32::NEG_INFINITY };
        *highest = higher(*highest, *logit);
    }
}

/// The higher of two numbers that are not NaN.
#[inline]
fn higher(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}
