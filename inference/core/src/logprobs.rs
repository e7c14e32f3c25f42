//! How likely a token was, read off a model's logits.
//!
//! Pure: a log softmax over the raw logits, before sampling parameters and constraints, so
//! that the probabilities of a row sum to one whatever the request asked for.
//!
//! Invariant: the written token always has a finite log probability, in the top list or not.

use std::cmp::Ordering;

use crate::engine::TokenLogprobs;
use crate::prompt::TokenId;

/// What a token that cannot come is said to have; JSON knows no infinity.
pub const LOGPROB_MIN: f32 = -9999.0;

/// The log probability of `token` under `logits`, `[vocab_size]`, and the `top` likeliest tokens.
///
/// Logits that are not finite count as impossible.
#[allow(
    clippy::cast_possible_truncation,
    reason = "a log probability needs no more than 32 bits"
)]
pub fn token_logprobs(logits: &[f32], token: TokenId, top: usize) -> TokenLogprobs {
    let normalizer = log_sum_exp(logits);
    let logprob = |logit: f32| {
        let logprob = (f64::from(logit) - normalizer) as f32;
        if logprob.is_finite() {
            logprob.clamp(LOGPROB_MIN, 0.0)
        } else {
            LOGPROB_MIN
        }
    };
    let written = logits.get(token as usize).copied();
    TokenLogprobs {
        token,
        logprob: logprob(written.unwrap_or(f32::NEG_INFINITY)),
        top: likeliest(logits, top)
            .into_iter()
            .map(|(token, logit)| (token, logprob(logit)))
            .collect(),
    }
}

fn log_sum_exp(logits: &[f32]) -> f64 {
    let finite = || logits.iter().copied().filter(|logit| logit.is_finite());
    let most = f64::from(finite().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = finite().map(|logit| (f64::from(logit) - most).exp()).sum();
    most + sum.ln()
}

/// The `count` highest finite logits, the highest first; of equals, the lowest number.
fn likeliest(logits: &[f32], count: usize) -> Vec<(TokenId, f32)> {
    let order = |a: &(TokenId, f32), b: &(TokenId, f32)| -> Ordering {
        b.1.total_cmp(&a.1).then(a.0.cmp(&b.0))
    };
    let mut ranked: Vec<(TokenId, f32)> = (0..)
        .zip(logits.iter().copied())
        .filter(|(_, logit)| logit.is_finite())
        .collect();
    if count == 0 {
        return Vec::new();
    }
    if count < ranked.len() {
        ranked.select_nth_unstable_by(count - 1, order);
        ranked.truncate(count);
    }
    ranked.sort_unstable_by(order);
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_of_a_row_sum_to_one() {
        let logits = [1.5, -2.0, 0.25, 30.0, 29.0];
        let all = token_logprobs(&logits, 0, logits.len()).top;
        let sum: f64 = all
            .iter()
            .map(|(_, logprob)| f64::from(*logprob).exp())
            .sum();
        assert!((sum - 1.0).abs() < 1e-6, "{sum}");
    }

    #[test]
    fn the_written_token_is_told_even_outside_the_top() {
        let found = token_logprobs(&[0.0, 2.0, 1.0], 0, 1);
        assert_eq!(found.token, 0);
        assert_eq!(found.top.len(), 1);
        assert_eq!(found.top[0].0, 1);
        assert!(found.logprob < found.top[0].1);
    }

    #[test]
    fn the_top_is_sorted_and_equals_keep_the_order_of_their_numbers() {
        let top = token_logprobs(&[1.0, 3.0, 3.0, 2.0, f32::NAN], 0, 3).top;
        let tokens: Vec<TokenId> = top.iter().map(|(token, _)| *token).collect();
        assert_eq!(tokens, [1, 2, 3]);
    }

    #[test]
    fn impossible_tokens_get_the_least_finite_number() {
        for logits in [
            vec![f32::NEG_INFINITY, 0.0],
            vec![f32::NAN, 0.0],
            vec![f32::NAN; 2],
            vec![],
        ] {
            let found = token_logprobs(&logits, 0, 2);
            assert_eq!(found.logprob.to_bits(), LOGPROB_MIN.to_bits(), "{logits:?}");
        }
    }
}
