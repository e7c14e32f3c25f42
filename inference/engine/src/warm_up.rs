//! The first tokens a model reads: brings its weights into memory, and says how fast it is.
//!
//! Without it the first request would pay for reading the file, and nobody would know what to
//! expect. Takes a second or less, whatever the model.

use std::time::{Duration, Instant};

use inference_core::speed::PROMPT_TOKENS;
use inference_core::{Speed, TokenId};
use inference_nn::{BLOCK_TOKENS, BlockId, Decoder, Logits, ModelError, Segment};

use crate::pace::Pace;

/// Tokens read first, for the pages of the file.
const FIRST_TOKENS: usize = 16;
/// Tokens read for the clock: enough to keep the kernels busy, fewer where that takes long.
const READ_TOKENS: std::ops::RangeInclusive<usize> = 16..=64;
/// How long reading them may take.
const READ_MAX: Duration = Duration::from_millis(300);
/// Tokens read one by one.
const ANSWER_TOKENS: usize = 4;

/// Lets `decoder`, whose blocks nobody uses yet, read a few tokens.
pub(crate) fn run(decoder: &mut dyn Decoder, pace: &mut Pace) -> Result<Speed, ModelError> {
    let info = decoder.info();
    let room = info.context_length.min(info.blocks * BLOCK_TOKENS);
    let most = room.saturating_sub(ANSWER_TOKENS);
    let most = most.clamp(1, *READ_TOKENS.end());
    // In the middle of the usual prompt attention costs what it costs on average.
    let middle = (PROMPT_TOKENS / 2).min(room.saturating_sub(most + ANSWER_TOKENS));
    let blocks: Vec<BlockId> = (0..)
        .map(BlockId)
        .take(
            (middle + most + ANSWER_TOKENS)
                .div_ceil(BLOCK_TOKENS)
                .min(info.blocks),
        )
        .collect();
    let tokens: Vec<TokenId> = vec![0; most];
    let mut read = |tokens: &[TokenId], position: usize| {
        let start = Instant::now();
        let segment = Segment {
            tokens,
            position,
            blocks: &blocks,
            logits: Logits::Last,
        };
        decoder.forward(&[segment])?;
        Ok::<_, ModelError>(start.elapsed())
    };
    let first = FIRST_TOKENS.min(most);
    let slowest = read(&tokens[..first], 0)?;
    let prompt = readable(first, slowest).min(most);
    let prefill = read(&tokens[..prompt], middle)?;
    pace.observe(prompt, prefill);
    let answer = ANSWER_TOKENS.min(room - middle - prompt);
    let mut decode = Duration::ZERO;
    for position in middle + prompt..middle + prompt + answer {
        decode += read(&tokens[..1], position)?;
    }
    let rate = |tokens: usize, time: Duration| tokens as f64 / time.as_secs_f64().max(1e-9);
    Ok(Speed {
        prefill: rate(prompt, prefill),
        decode: rate(answer, decode),
    })
}

/// Tokens to read for the clock, where `tokens` took `time` while the file came in.
fn readable(tokens: usize, time: Duration) -> usize {
    let fitting = tokens as f64 * READ_MAX.as_secs_f64() / time.as_secs_f64().max(1e-9);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, and what is too large is cut to the end of the range"
    )]
    let fitting = fitting as usize / 16 * 16;
    fitting.clamp(*READ_TOKENS.start(), *READ_TOKENS.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_models_read_fewer_tokens_for_the_clock() {
        assert_eq!(readable(16, Duration::from_millis(10)), 64);
        assert_eq!(readable(16, Duration::from_millis(120)), 32);
        assert_eq!(readable(16, Duration::from_secs(9)), 16);
    }
}
