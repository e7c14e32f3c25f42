//! The first tokens a model reads: brings its weights into memory, and says how fast it is.
//!
//! Without it the first request would pay for reading the file.

use std::time::Instant;

use inference_core::TokenId;
use inference_nn::{BLOCK_TOKENS, BlockId, Decoder, Logits, ModelError, Segment};

use crate::pace::Pace;

/// Tokens read at once: enough to keep the kernels busy.
const PROMPT_TOKENS: usize = 64;
/// Tokens read one by one.
const ANSWER_TOKENS: usize = 4;
/// The prompt people are told the time for.
const USUAL_PROMPT_TOKENS: usize = 4096;

/// Lets `decoder`, whose blocks nobody uses yet, read a few tokens.
pub(crate) fn run(decoder: &mut dyn Decoder, pace: &mut Pace) -> Result<(), ModelError> {
    let info = decoder.info();
    let room = info.context_length.min(info.blocks * BLOCK_TOKENS);
    let prompt = PROMPT_TOKENS.min(room.saturating_sub(ANSWER_TOKENS)).max(1);
    let blocks: Vec<BlockId> = (0..)
        .map(BlockId)
        .take(
            (prompt + ANSWER_TOKENS)
                .div_ceil(BLOCK_TOKENS)
                .min(info.blocks),
        )
        .collect();
    let tokens: Vec<TokenId> = vec![0; prompt];
    // Once for the pages of the file, once for the clock.
    read(decoder, &tokens, 0, &blocks)?;
    let start = Instant::now();
    read(decoder, &tokens, 0, &blocks)?;
    let prefill = start.elapsed();
    pace.observe(prompt, prefill);
    let start = Instant::now();
    let answer = ANSWER_TOKENS.min(room - prompt);
    for position in prompt..prompt + answer {
        read(decoder, &tokens[..1], position, &blocks)?;
    }
    let rate = |tokens: usize, seconds: f64| tokens as f64 / seconds.max(1e-9);
    let prefill_rate = rate(prompt, prefill.as_secs_f64());
    tracing::info!(
        prefill_tokens_per_second = prefill_rate.round(),
        decode_tokens_per_second = rate(answer, start.elapsed().as_secs_f64()).round(),
        seconds_for_4096_tokens = (USUAL_PROMPT_TOKENS as f64 / prefill_rate * 10.0).round() / 10.0,
        "model warmed up"
    );
    Ok(())
}

fn read(
    decoder: &mut dyn Decoder,
    tokens: &[TokenId],
    position: usize,
    blocks: &[BlockId],
) -> Result<(), ModelError> {
    let segment = Segment {
        tokens,
        position,
        blocks,
        logits: Logits::Last,
    };
    decoder.forward(&[segment]).map(drop)
}
