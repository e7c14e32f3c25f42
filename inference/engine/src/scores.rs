//! How likely the tokens of a prompt were, gathered as it passes the model.
//!
//! Which rows pass when is the worker's to say; here they are only put in order. A prompt that is
//! given up and read again is scored once.

use inference_core::TokenId;
use inference_core::engine::TokenLogprobs;
use inference_core::logprobs::token_logprobs;

/// The probabilities of a prompt's tokens so far.
#[derive(Debug)]
pub(crate) struct PromptScores {
    tokens: Vec<TokenId>,
    /// Of the second token, the third and so on: the first follows nothing.
    scored: Vec<TokenLogprobs>,
    /// How many others to tell beside each.
    top: usize,
}

impl PromptScores {
    /// Nothing of the prompt `tokens` was read yet.
    pub(crate) fn new(tokens: Vec<TokenId>, top: usize) -> Self {
        Self {
            tokens,
            scored: Vec::new(),
            top,
        }
    }

    /// The first of the tokens from `position` on, `known` in number, whose logits are missing.
    pub(crate) fn missing(&self, position: usize, known: usize) -> Option<usize> {
        let next = self.scored.len().max(position);
        (next < position + known && next + 1 < self.tokens.len()).then_some(next)
    }

    /// Takes the logits after each token from `position` on, `[tokens, vocab_size]`.
    pub(crate) fn take(&mut self, position: usize, rows: &[f32], vocab_size: usize) {
        for (at, row) in (position..).zip(rows.chunks_exact(vocab_size.max(1))) {
            if at != self.scored.len() {
                continue;
            }
            if let Some(&next) = self.tokens.get(at + 1) {
                self.scored.push(token_logprobs(row, next, self.top));
            }
        }
    }

    /// The prompt and what is known of it.
    pub(crate) fn finish(self) -> (Vec<TokenId>, Vec<TokenLogprobs>) {
        (self.tokens, self.scored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of a vocabulary of four in which token `n` is the likeliest in row `n`.
    fn rows(count: usize) -> Vec<f32> {
        (0..count * 4)
            .map(|at| if at % 4 == at / 4 % 4 { 5.0 } else { 0.0 })
            .collect()
    }

    #[test]
    fn a_prompt_read_twice_is_scored_once() {
        let mut scores = PromptScores::new(vec![3, 0, 1, 2], 1);
        assert_eq!(scores.missing(0, 2), Some(0));
        scores.take(0, &rows(4)[..8], 4);
        assert_eq!(scores.missing(0, 2), None);
        assert_eq!(scores.missing(0, 4), Some(2));
        scores.take(0, &rows(4), 4);
        assert_eq!(scores.missing(2, 2), None);
        let (tokens, scored) = scores.finish();
        assert_eq!(tokens.len(), 4);
        let found: Vec<TokenId> = scored.iter().map(|score| score.top[0].0).collect();
        assert_eq!(found, [0, 1, 2]);
        assert!(scored.iter().all(|score| score.token == score.top[0].0));
    }
}
