//! Whether a model gives the same bits whatever the threads, the pieces and the company.

use anyhow::Context;
use inference_nn::{Decoder, Logits, Segment};

use super::passes::{blocks, table, tokens};

/// Tokens of the prompt that is read in several ways.
const TOKENS: usize = 48;
/// Tokens of a piece.
const PIECE: usize = 7;

/// Whether the logits after a prompt are equal to the last bit when it is read at once, by one
/// thread, and in pieces with another prompt beside it.
pub(super) fn is_deterministic(decoder: &mut dyn Decoder) -> anyhow::Result<bool> {
    let count = TOKENS.min(decoder.info().context_length);
    let all = tokens(decoder, 2 * count);
    let (prompt, other) = all.split_at(count);
    let needed = blocks(count);
    if decoder.info().blocks < 2 * needed {
        return Ok(true);
    }
    let tables = [table(0, needed), table(needed, needed)];
    let segment = |tokens, position, at: usize| Segment {
        tokens,
        position,
        blocks: &tables[at],
        logits: Logits::Last,
    };
    let whole = bits(decoder, &[segment(prompt, 0, 0)])?;
    let single = inference_nn::Pool::new(1).context("start a thread")?;
    let alone = single.install(|| bits(decoder, &[segment(prompt, 0, 0)]))?;
    let mut company = Vec::new();
    for (number, (own, other)) in prompt.chunks(PIECE).zip(other.chunks(PIECE)).enumerate() {
        let position = number * PIECE;
        let batch = [segment(other, position, 1), segment(own, position, 0)];
        company = bits(decoder, &batch)?;
    }
    let last = company.split_off(company.len() / 2);
    Ok(whole == alone && whole == last)
}

fn bits(decoder: &mut dyn Decoder, batch: &[Segment<'_>]) -> anyhow::Result<Vec<u32>> {
    let logits = decoder.forward(batch).context("read tokens")?;
    Ok(logits.iter().map(|logit| logit.to_bits()).collect())
}
