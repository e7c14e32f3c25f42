//! A mixture of experts: each token goes through the few that a router picks.
//!
//! Invariant: a token's experts add up in the order of their numbers, whatever other tokens pick.
//!
//! # Source
//! Shazeer and others, "Outrageously large neural networks" (arXiv:1701.06538); Fedus and others, "Switch
//! Transformers" (arXiv:2101.03961).

use inference_kernels::elementwise;

use super::feed_forward::Gated;
use super::linear::Linear;
use super::packed;
use super::workspace::Workspace;
use crate::config::{DecoderConfig, ExpertsConfig, Routing};
use crate::error::ModelError;
use crate::names::{Names, Part};
use crate::weights::Weights;

/// A router and its experts.
#[derive(Debug)]
pub(super) struct Experts {
    config: ExpertsConfig,
    /// `[experts, hidden]`
    router: Linear,
    networks: Vec<Gated>,
}

impl Experts {
    pub(super) fn bind(
        weights: &Weights<'_>,
        names: Names,
        config: &DecoderConfig,
        experts: ExpertsConfig,
        number: usize,
    ) -> Result<Self, ModelError> {
        let hidden = config.hidden_size;
        let router = names.layer(number, Part::Router);
        let [gates, ups, downs] = if names.gguf {
            stacked(weights, names, hidden, experts, number)?
        } else if config.gpt_oss {
            packed::bind(weights, hidden, experts, number)?
        } else {
            separate(weights, hidden, experts, number)?
        };
        let gated = gates.into_iter().zip(ups).zip(downs);
        let gated = gated.map(|((gate, up), down)| Gated {
            gate,
            up,
            down,
            activation: config.activation,
        });
        Ok(Self {
            config: experts,
            router: Linear::bind(weights, &router, experts.num_experts, hidden)?,
            networks: gated.collect(),
        })
    }

    /// Takes `normed` and gives `normed`.
    pub(super) fn apply(&self, work: &mut Workspace) {
        let hidden = self.router.matrix.columns();
        std::mem::swap(&mut work.normed, &mut work.input);
        let tokens = work.input.len() / hidden;
        work.normed.clear();
        work.normed.resize(tokens * hidden, 0.0);
        let mut scores = vec![0.0; tokens * self.config.num_experts];
        self.router
            .multiply(&work.input, &mut scores, &mut work.scratch);
        let mut choices: Vec<Vec<(usize, f32)>> = vec![Vec::new(); self.config.num_experts];
        for (token, scores) in scores.chunks_exact_mut(self.config.num_experts).enumerate() {
            for (expert, weight) in route(self.config, scores) {
                choices[expert].push((token, weight));
            }
        }
        let chosen = self.networks.iter().zip(&choices);
        for (expert, tokens) in chosen.filter(|(_, tokens)| !tokens.is_empty()) {
            work.gathered.clear();
            for &(token, _) in tokens {
                let row = &work.input[token * hidden..][..hidden];
                work.gathered.extend_from_slice(row);
            }
            work.given.resize(tokens.len() * hidden, 0.0);
            expert.apply(&work.gathered, &mut work.given, &mut work.scratch);
            for (&(token, weight), given) in tokens.iter().zip(work.given.chunks_exact(hidden)) {
                let out = &mut work.normed[token * hidden..][..hidden];
                elementwise::add_scaled(out, weight, given);
            }
        }
    }
}

/// The experts of a token with their weights, best first; of equals the first.
fn route(config: ExpertsConfig, scores: &mut [f32]) -> Vec<(usize, f32)> {
    if matches!(config.routing, Routing::SoftmaxThenBest { .. }) {
        elementwise::softmax(scores, None);
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
    order.truncate(config.num_experts_per_tok);
    let mut best: Vec<f32> = order.iter().map(|expert| scores[*expert]).collect();
    match config.routing {
        Routing::SoftmaxThenBest { renormalize: false } => {}
        Routing::SoftmaxThenBest { renormalize: true } => {
            let sum: f32 = best.iter().sum();
            for weight in &mut best {
                *weight /= sum;
            }
        }
        Routing::BestThenSoftmax => elementwise::softmax(&mut best, None),
    }
    order.into_iter().zip(best).collect()
}

/// Gate, up and down of all experts.
pub(super) type Stacks = [Vec<Linear>; 3];

/// GGUF: one tensor each, `[experts, rows, columns]`, and biases `[experts, rows]`.
fn stacked(
    weights: &Weights<'_>,
    names: Names,
    hidden: usize,
    experts: ExpertsConfig,
    number: usize,
) -> Result<Stacks, ModelError> {
    let (count, inner) = (experts.num_experts, experts.moe_intermediate_size);
    let stack = |part, rows, columns| {
        let name = names.layer(number, part);
        let matrices = weights.stacked(&format!("{name}.weight"), count, rows, columns)?;
        let bias = format!("{name}.bias");
        let biases = match weights.find(&bias) {
            Some(_) => weights
                .vectors(&bias, count, rows)?
                .into_iter()
                .map(Some)
                .collect(),
            None => vec![None; count],
        };
        let linears = matrices.into_iter().zip(biases);
        Ok::<_, ModelError>(
            linears
                .map(|(matrix, bias)| Linear { matrix, bias })
                .collect(),
        )
    };
    Ok([
        stack(Part::ExpertGate, inner, hidden)?,
        stack(Part::ExpertUp, inner, hidden)?,
        stack(Part::ExpertDown, hidden, inner)?,
    ])
}

/// Checkpoints: a tensor for each expert.
fn separate(
    weights: &Weights<'_>,
    hidden: usize,
    experts: ExpertsConfig,
    number: usize,
) -> Result<Stacks, ModelError> {
    let inner = experts.moe_intermediate_size;
    let stack = |part, rows, columns| {
        (0..experts.num_experts)
            .map(|expert| {
                Linear::bind(weights, &Names::expert(number, expert, part), rows, columns)
            })
            .collect::<Result<Vec<_>, _>>()
    };
    Ok([
        stack(Part::ExpertGate, inner, hidden)?,
        stack(Part::ExpertUp, inner, hidden)?,
        stack(Part::ExpertDown, hidden, inner)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(routing: Routing, expected: [(usize, f32); 2]) {
        let config = ExpertsConfig {
            num_experts: 4,
            num_experts_per_tok: 2,
            moe_intermediate_size: 1,
            routing,
        };
        let found = route(config, &mut [0.0, 2_f32.ln(), 0.0, 5_f32.ln()]);
        for ((found, weight), (expected, share)) in found.into_iter().zip(expected) {
            assert_eq!(found, expected);
            assert!((weight - share).abs() < 1e-6, "{weight} for {share}");
        }
    }

    #[test]
    fn the_best_share_what_the_router_gives() {
        // Shares of all: 1, 2, 1 and 5 ninths.
        check(
            Routing::SoftmaxThenBest { renormalize: false },
            [(3, 5.0 / 9.0), (1, 2.0 / 9.0)],
        );
        let renormalized = [(3, 5.0 / 7.0), (1, 2.0 / 7.0)];
        check(Routing::SoftmaxThenBest { renormalize: true }, renormalized);
        check(Routing::BestThenSoftmax, renormalized);
    }
}
