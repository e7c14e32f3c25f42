//! Chooses the next token from a model's logits.
//!
//! Pure: chance comes from a counter-based generator keyed by the request's
//! seed and the token's position in the answer, so that the same seed gives the same
//! text whatever else the engine does.
//!
//! Order: bias and penalties, mask, `top_k`, temperature, `typical_p`, `top_p`, `min_p`, draw.
//! Invariant: a masked token or one whose logit is NaN is never chosen.

mod exp;
mod rng;
mod runs;
#[cfg(test)]
mod tests;
mod weights;

use std::collections::{BTreeMap, BTreeSet};

use self::exp::exp;
use self::runs::Runs;
use crate::mask::TokenMask;
use crate::prompt::TokenId;
use crate::request::SamplingParams;

/// Candidates that are ranked first, and how many times as many each time they are too few.
const RANKED: usize = 64;

/// Chooses the tokens of one answer.
#[derive(Clone, Debug)]
pub struct Sampler {
    params: SamplingParams,
    seed: u64,
    /// Tokens of the prompt, kept only if repetition is penalized.
    prompt: BTreeSet<TokenId>,
    /// How often each token was written.
    written: BTreeMap<TokenId, u32>,
    /// Tokens written so far.
    position: u64,
    candidates: Vec<Candidate>,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    token: TokenId,
    /// Logit first, weight relative to the likeliest later.
    weight: f32,
}

impl Sampler {
    /// A sampler for an answer to `prompt`; `seed` counts if the parameters have none.
    pub fn new(params: SamplingParams, seed: u64, prompt: &[TokenId]) -> Self {
        let penalized = (params.repetition_penalty - 1.0).abs() > f32::EPSILON;
        let prompt = if penalized {
            prompt.iter().copied().collect()
        } else {
            BTreeSet::new()
        };
        let seed = params.seed.unwrap_or(seed);
        Self {
            params,
            seed,
            prompt,
            written: BTreeMap::new(),
            position: 0,
            candidates: Vec::new(),
        }
    }

    /// Notes that `token` was written, sampled or forced.
    pub fn accept(&mut self, token: TokenId) {
        *self.written.entry(token).or_default() += 1;
        self.position += 1;
    }

    /// The next token; `None` if nothing is allowed. `logits` are used up.
    /// Does not [`accept`](Self::accept) the token.
    pub fn sample(&mut self, logits: &mut [f32], mask: Option<&TokenMask>) -> Option<TokenId> {
        self.adjust(logits);
        let runs = Runs::of(logits, mask)?;
        if self.params.is_greedy() {
            return runs.likeliest();
        }
        let uniform = rng::uniform(self.seed, self.position);
        let params = &self.params;
        if params.top_k == 0 && params.typical_p >= 1.0 && params.top_p >= 1.0 {
            let weights = runs.weigh(params.temperature, params.min_p);
            return weights.draw(uniform);
        }
        self.keep(runs);
        self.draw(uniform)
    }

    fn adjust(&self, logits: &mut [f32]) {
        let SamplingParams {
            repetition_penalty,
            presence_penalty,
            frequency_penalty,
            ..
        } = self.params;
        for token in self
            .prompt
            .iter()
            .filter(|token| !self.written.contains_key(*token))
        {
            repel(logits, *token, repetition_penalty, 0.0);
        }
        for (&token, &count) in &self.written {
            repel(
                logits,
                token,
                repetition_penalty,
                presence_penalty + frequency_penalty * count as f32,
            );
        }
        for (&token, &bias) in &self.params.logit_bias {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit += bias;
            }
        }
    }

    /// Makes candidates of the tokens one of which is drawn.
    fn keep(&mut self, runs: Runs<'_>) {
        let SamplingParams {
            temperature,
            top_p,
            top_k,
            min_p,
            typical_p,
            ..
        } = self.params;
        if top_k == 0 && typical_p >= 1.0 {
            let weights = runs.weigh(temperature, 0.0);
            let total = weights.total();
            let wanted = total * f64::from(top_p);
            self.gather(weights.all_but(total - wanted));
            self.keep_nucleus(wanted);
        } else {
            self.gather(runs.top(top_k));
            self.keep_top();
            self.weigh();
            if typical_p < 1.0 {
                self.rank_by_typicality();
                let kept = self.nucleus(typical_p);
                self.candidates.truncate(kept);
            }
            if top_p < 1.0 {
                self.keep_nucleus(self.total() * f64::from(top_p));
            }
        }
        self.candidates
            .retain(|candidate| candidate.weight >= min_p);
    }

    fn gather(&mut self, tokens: impl Iterator<Item = (TokenId, f32)>) {
        let candidates = tokens.map(|(token, weight)| Candidate { token, weight });
        self.candidates.clear();
        self.candidates.extend(candidates);
    }

    /// Keeps the `top_k` likeliest: by their logits, so that no others are weighed.
    fn keep_top(&mut self) {
        let top_k = self.params.top_k;
        if top_k > 0 && top_k < self.candidates.len() {
            self.rank(0, top_k);
            self.candidates.truncate(top_k);
        }
    }

    /// Turns logits into weights relative to the likeliest, which has weight 1.
    fn weigh(&mut self) {
        let most = self
            .candidates
            .iter()
            .map(|candidate| candidate.weight)
            .fold(f32::NEG_INFINITY, f32::max);
        for candidate in &mut self.candidates {
            candidate.weight = exp((candidate.weight - most) / self.params.temperature);
        }
    }

    /// The likeliest first, of equals the lowest number, from candidate `start`, before which all are likelier, up to
    /// candidate `end`; the others behind them in no order.
    fn rank(&mut self, start: usize, end: usize) {
        let order = |a: &Candidate, b: &Candidate| {
            b.weight.total_cmp(&a.weight).then(a.token.cmp(&b.token))
        };
        let rest = &mut self.candidates[start..];
        let count = end - start;
        if count < rest.len() {
            rest.select_nth_unstable_by(count, order);
        }
        rest[..count].sort_unstable_by(order);
    }

    /// Keeps the likeliest that reach the weight `wanted`, at least one. Most of the weight is with few of a large
    /// vocabulary, so no more are ranked than it takes.
    fn keep_nucleus(&mut self, wanted: f64) {
        let (mut ranked, mut sum) = (0, 0.0);
        while ranked < self.candidates.len() {
            let end = (RANKED * ranked.max(1)).min(self.candidates.len());
            self.rank(ranked, end);
            for (number, candidate) in self.candidates[..end].iter().enumerate().skip(ranked) {
                sum += f64::from(candidate.weight);
                if sum >= wanted {
                    self.candidates.truncate(number + 1);
                    return;
                }
            }
            ranked = end;
        }
    }

    /// The one whose surprise is nearest to the expected surprise first.
    fn rank_by_typicality(&mut self) {
        let total = self.total();
        let surprise = |weight: f32| -(f64::from(weight) / total).ln();
        let expected: f64 = self
            .candidates
            .iter()
            .filter(|candidate| candidate.weight > 0.0)
            .map(|candidate| f64::from(candidate.weight) / total * surprise(candidate.weight))
            .sum();
        let distance = |candidate: &Candidate| (surprise(candidate.weight) - expected).abs();
        self.candidates.sort_unstable_by(|a, b| {
            distance(a)
                .total_cmp(&distance(b))
                .then(a.token.cmp(&b.token))
        });
    }

    /// How many of the ranked candidates reach `share` of the weight, at least one.
    fn nucleus(&self, share: f32) -> usize {
        let wanted = self.total() * f64::from(share);
        let mut sum = 0.0;
        let before = self.candidates.iter().take_while(|candidate| {
            sum += f64::from(candidate.weight);
            sum < wanted
        });
        before.count() + 1
    }

    fn total(&self) -> f64 {
        self.candidates
            .iter()
            .map(|candidate| f64::from(candidate.weight))
            .sum()
    }

    fn draw(&self, uniform: f64) -> Option<TokenId> {
        let mut left = uniform * self.total();
        for candidate in &self.candidates {
            left -= f64::from(candidate.weight);
            if left < 0.0 {
                return Some(candidate.token);
            }
        }
        // Rounding may leave a crumb; it belongs to the last token of any weight.
        self.candidates
            .iter()
            .rev()
            .find(|candidate| candidate.weight > 0.0)
            .map(|candidate| candidate.token)
    }
}

/// Penalizes one token: divides towards "less likely", then subtracts.
fn repel(logits: &mut [f32], token: TokenId, repetition: f32, subtract: f32) {
    if let Some(logit) = logits.get_mut(token as usize) {
        *logit = if *logit > 0.0 {
            *logit / repetition
        } else {
            *logit * repetition
        } - subtract;
    }
}
