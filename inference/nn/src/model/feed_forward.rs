//! The feed-forward part of a layer: one gated network, or a mixture of them.

use std::ops::Range;

use inference_kernels::{Scratch, elementwise, multiply_gated};

use super::experts::Experts;
use super::linear::Linear;
use super::workspace::Workspace;
use crate::config::{Activation, DecoderConfig};
use crate::error::ModelError;
use crate::names::{Names, Part};
use crate::weights::Weights;

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
                gated.apply(&work.input, &mut work.normed, &mut work.scratch);
            }
            Self::Experts(experts) => experts.apply(work),
        }
    }
}

impl Gated {
    /// `x` and `out` are `[tokens, hidden]`.
    pub(super) fn apply(&self, x: &[f32], out: &mut [f32], scratch: &mut Scratch) {
        let matrices = [&self.gate, &self.up, &self.down].map(|linear| &linear.matrix);
        let activate = |rows: Range<usize>, gate: &mut [f32], up: &mut [f32]| {
            self.gate.add_bias_of(rows.clone(), gate);
            self.up.add_bias_of(rows, up);
            activate(self.activation, gate, up);
        };
        multiply_gated(matrices, x, activate, out, scratch);
        self.down.add_bias(out);
    }
}

/// `gate` becomes what goes down.
fn activate(activation: Activation, gate: &mut [f32], up: &[f32]) {
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
