//! How fast pairs turn: the base and the ways to stretch it over longer texts.

use std::f64::consts::PI;

use crate::error::ModelError;

/// How fast the pairs of a head turn.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RopeConfig {
    pub(crate) theta: f32,
    /// Values of a head that are turned.
    pub(crate) dimensions: usize,
    pub(crate) scaling: RopeScaling,
}

/// How the rotation is stretched over longer texts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum RopeScaling {
    None,
    /// All pairs turn slower by this.
    Linear(f32),
    /// Pair by pair, `[dimensions / 2]`: the `rope_freqs.weight` of GGUF.
    Divisors(Vec<f32>),
    /// Slow pairs turn slower, fast ones stay, with a smooth change between (Llama 3.1).
    Llama3 {
        factor: f32,
        low_freq_factor: f32,
        high_freq_factor: f32,
        original: usize,
    },
    Yarn(Yarn),
    /// One set of divisors for windows up to the original one, another for longer (Phi-3).
    LongRope {
        /// `[dimensions / 2]`
        short: Vec<f32>,
        /// `[dimensions / 2]`
        long: Vec<f32>,
        original: usize,
        attention_factor: f32,
    },
}

/// YaRN's settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Yarn {
    pub(crate) factor: f32,
    pub(crate) original: usize,
    pub(crate) beta_fast: f32,
    pub(crate) beta_slow: f32,
    /// Sines and cosines are multiplied by this.
    pub(crate) attention_factor: f32,
    /// Whether the range between kept and slowed pairs begins and ends at whole pairs.
    pub(crate) truncate: bool,
}

impl RopeConfig {
    /// Judges the configuration for heads of `head_dim` values.
    pub(super) fn fits(&self, head_dim: usize) -> bool {
        let pairs = self.dimensions / 2;
        let divisors = |divisors: &[f32]| {
            divisors.len() == pairs && divisors.iter().all(|d| d.is_finite() && *d > 0.0)
        };
        let scaled = match &self.scaling {
            RopeScaling::None => true,
            RopeScaling::Linear(factor) => *factor > 0.0,
            RopeScaling::Divisors(values) => divisors(values),
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original,
            } => {
                *factor > 0.0
                    && *low_freq_factor > 0.0
                    && high_freq_factor > low_freq_factor
                    && *original > 0
            }
            RopeScaling::Yarn(yarn) => {
                yarn.factor > 0.0
                    && yarn.original > 0
                    && yarn.beta_fast > 0.0
                    && yarn.beta_slow > 0.0
                    && self.theta > 1.0
            }
            RopeScaling::LongRope { short, long, .. } => divisors(short) && divisors(long),
        };
        scaled
            && self.theta > 0.0
            && self.dimensions > 0
            && self.dimensions <= head_dim
            && self.dimensions.is_multiple_of(2)
    }

    /// Refuses what cannot be computed.
    pub(crate) fn check(&self, head_dim: usize) -> Result<(), ModelError> {
        if self.fits(head_dim) {
            return Ok(());
        }
        Err(ModelError::Unsupported(format!(
            "the rotary positions do not fit heads of {head_dim} values: {self:?}"
        )))
    }

    pub(super) fn magnitude(&self) -> f64 {
        f64::from(match &self.scaling {
            RopeScaling::Yarn(yarn) => yarn.attention_factor,
            RopeScaling::LongRope {
                attention_factor, ..
            } => *attention_factor,
            _ => 1.0,
        })
    }

    /// Radians per position of each pair, in a window of `window` tokens.
    pub(super) fn frequencies(&self, window: usize) -> Vec<f64> {
        let plain =
            |pair: usize| f64::from(self.theta).powf(-2.0 * pair as f64 / self.dimensions as f64);
        let divided = |divisors: &[f32]| {
            let pairs = divisors.iter().enumerate();
            pairs
                .map(|(pair, &divisor)| plain(pair) / f64::from(divisor))
                .collect()
        };
        let pairs = 0..self.dimensions / 2;
        match &self.scaling {
            RopeScaling::None => pairs.map(plain).collect(),
            RopeScaling::Linear(factor) => {
                pairs.map(|pair| plain(pair) / f64::from(*factor)).collect()
            }
            RopeScaling::Divisors(divisors) => divided(divisors),
            RopeScaling::LongRope {
                short,
                long,
                original,
                ..
            } => divided(if window > *original { long } else { short }),
            RopeScaling::Llama3 {
                factor,
                low_freq_factor,
                high_freq_factor,
                original,
            } => pairs
                .map(|pair| {
                    let frequency = plain(pair);
                    let turns = *original as f64 * frequency / (2.0 * PI);
                    let (low, high) = (f64::from(*low_freq_factor), f64::from(*high_freq_factor));
                    let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                    frequency * (kept + (1.0 - kept) / f64::from(*factor))
                })
                .collect(),
            RopeScaling::Yarn(yarn) => {
                let (low, high) = yarn.range(self.dimensions, self.theta);
                pairs
                    .map(|pair| {
                        let slowed = ((pair as f64 - low) / (high - low)).clamp(0.0, 1.0);
                        plain(pair) * (1.0 - slowed + slowed / f64::from(yarn.factor))
                    })
                    .collect()
            }
        }
    }
}

impl Yarn {
    /// The multiplier of sines and cosines where a model does not say it.
    pub(crate) fn attention_factor(factor: f32) -> f32 {
        if factor <= 1.0 {
            1.0
        } else {
            0.1 * factor.ln() + 1.0
        }
    }

    /// The pairs between which turning changes from kept to slowed.
    fn range(&self, dimensions: usize, theta: f32) -> (f64, f64) {
        let pair = |turns: f32| {
            let wave = self.original as f64 / (f64::from(turns) * 2.0 * PI);
            dimensions as f64 * wave.ln() / (2.0 * f64::from(theta).ln())
        };
        let (mut low, mut high) = (pair(self.beta_fast), pair(self.beta_slow));
        if self.truncate {
            (low, high) = (low.floor(), high.ceil());
        }
        (low, high) = (low.max(0.0), high.min(dimensions as f64 - 1.0));
        // As in the reference, so that the division stays finite.
        if high <= low {
            high = low + 0.001;
        }
        (low, high)
    }
}
