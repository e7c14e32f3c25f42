//! The feed-forward part of a layer: one gated network, or a mixture of them.

use inference_kernels::{Scratch, elementwise, pool};

use super::experts::Experts;
use super::linear::{Linear, multiply_all};
use super::workspace::Workspace;
use crate::config::{Activation, DecoderConfig};
use crate::error::ModelError;
use crate::names::{Names, Part};
use crate::weights::Weights;

/// Values that a task takes: some 20 µs, so that waking a thread pays.
const PIECE: usize = 1 << 14;
/// The slope of gpt-oss's sigmoid.
const SLOPE: f32 = 1.702;

/// The feed-forward part of a layer.
#[derive(Debug)]
pub(super) enum FeedForward {
    Dense(Gated),
    Experts(Experts),
}

/// A gated network.
#[derive(Clone, Debug)]
pub(super) struct Gated {
    /// `[intermediate, hidden]`
    pub(super) gate: Linear,
    /// `[intermediate, hidden]`
    pub(super) up: Linear,
    /// `[hidden, intermediate]`
    pub(super) down: Linear,
    pub(super) activation: Activation,
}

impl FeedForward {
    pub(super) fn bind(
        weights: &Weights<'_>,
        names: Names,
        config: &DecoderConfig,
        number: usize,
    ) -> Result<Self, ModelError> {
        if let Some(experts) = config.experts.filter(|_| config.layers[number].experts) {
            return Experts::bind(weights, names, config, experts, number).map(Self::Experts);
        }
        let name = |part| names.layer(number, part);
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let [gate, up] = if config.fused {
            let name = format!("{}.weight", name(Part::GateUp));
            weights
                .below(&name, [inner, inner], hidden)?
                .map(Linear::from)
        } else {
            [
                Linear::bind(weights, &name(Part::Gate), inner, hidden)?,
                Linear::bind(weights, &name(Part::Up), inner, hidden)?,
            ]
        };
        Ok(Self::Dense(Gated {
            gate,
            up,
            down: Linear::bind(weights, &name(Part::Down), hidden, inner)?,
            activation: config.activation,
        }))
    }

    /// Takes `normed` and gives `normed`.
    pub(super) fn apply(&self, work: &mut Workspace) {
        match self {
            Self::Dense(gated) => {
                std::mem::swap(&mut work.normed, &mut work.input);
                work.normed.resize(work.input.len(), 0.0);
                gated.apply(
                    &work.input,
                    &mut work.normed,
                    (&mut work.gate, &mut work.up),
                    &mut work.scratch,
                );
            }
            Self::Experts(experts) => experts.apply(work),
        }
    }
}

impl Gated {
    /// `x` and `out` are `[tokens, hidden]`; `gate` and `up` are room for what is between.
    pub(super) fn apply(
        &self,
        x: &[f32],
        out: &mut [f32],
        (gate, up): (&mut Vec<f32>, &mut Vec<f32>),
        scratch: &mut Scratch,
    ) {
        let tokens = x.len() / self.gate.matrix.columns();
        gate.resize(tokens * self.gate.matrix.rows(), 0.0);
        up.resize(tokens * self.up.matrix.rows(), 0.0);
        multiply_all([&self.gate, &self.up], x, [gate, up], scratch);
        activate(self.activation, gate, up);
        self.down.multiply(gate, out, scratch);
    }
}

/// `gate` becomes what goes down, piece by piece on all threads.
fn activate(activation: Activation, gate: &mut [f32], up: &[f32]) {
    pool::share_chunks(gate, PIECE, |number, gate| {
        activate_piece(activation, gate, &up[number * PIECE..][..gate.len()]);
    });
}

fn activate_piece(activation: Activation, gate: &mut [f32], up: &[f32]) {
    match activation {
        Activation::Silu => elementwise::silu_mul(gate, up),
        Activation::GeluTanh => elementwise::gelu_tanh_mul(gate, up),
        Activation::ClampedSwiglu { limit } => {
            for (gate, up) in gate.iter_mut().zip(up) {
                let (x, up) = (gate.min(limit), up.clamp(-limit, limit));
                *gate = x / (1.0 + (-SLOPE * x).exp()) * (up + 1.0);
            }
        }
    }
}
