//! How many tokens a step may have, so that it lasts neither long nor too short.
//!
//! A long step keeps cancellation, other answers and newcomers waiting; a short one wastes
//! the work of unpacking weights. Only the length of steps depends on this, never what is written.

use std::time::Duration;

/// What a step should last at most: people notice half a second.
const TARGET: Duration = Duration::from_millis(300);
/// Bounds of a step. Below, kernels are not busy; above, nothing is won.
const TOKENS_MIN: usize = 32;
const TOKENS_MAX: usize = 512;
/// Before anything was measured.
const TOKENS_FIRST: usize = 128;
/// How much the last step counts against those before.
const WEIGHT: f64 = 0.3;

/// How many tokens a step may have.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    fixed: Option<usize>,
    /// Tokens a second, of steps large enough to tell.
    rate: Option<f64>,
}

impl Pace {
    /// Steps of `fixed` tokens, or as many as the time allows.
    pub(crate) fn new(fixed: Option<usize>) -> Self {
        Self { fixed, rate: None }
    }

    /// Tokens for the next step.
    pub(crate) fn budget(&self) -> usize {
        if let Some(fixed) = self.fixed {
            return fixed.max(1);
        }
        let Some(rate) = self.rate else {
            return TOKENS_FIRST;
        };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is positive and far below the limit"
        )]
        let fitting = (rate * TARGET.as_secs_f64()) as usize;
        // Whole tiles of any kernel.
        fitting.clamp(TOKENS_MIN, TOKENS_MAX) / 16 * 16
    }

    /// Notes that a step of `tokens` tokens took `elapsed`.
    pub(crate) fn observe(&mut self, tokens: usize, elapsed: Duration) {
        if tokens < TOKENS_MIN || elapsed.is_zero() {
            return;
        }
        let rate = tokens as f64 / elapsed.as_secs_f64();
        let before = self.rate.unwrap_or(rate);
        self.rate = Some(before + WEIGHT * (rate - before));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_model_gets_short_steps_and_a_fast_one_long_steps() {
        let budget = |millis| {
            let mut pace = Pace::new(None);
            pace.observe(128, Duration::from_millis(millis));
            pace.budget()
        };
        assert_eq!(budget(10_000), TOKENS_MIN);
        assert_eq!(budget(1), TOKENS_MAX);
        assert_eq!(budget(128), 288);
        assert_eq!(Pace::new(Some(7)).budget(), 7);
    }
}
