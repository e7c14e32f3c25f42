//! What passes a model to measure it, timed.
//!
//! Tokens are made up: speed does not depend on them. One prompt as long as the longest that is asked for is
//! read, and the speed told at each length it passes, so that no token is read for one figure alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::Context;
use inference_nn::{BLOCK_TOKENS, BlockId, Decoder, Logits, Segment};

/// Tokens of each stream's prompt.
const STREAM_PROMPT: usize = 16;
/// Tokens that each stream generates.
const STREAM_TOKENS: usize = 16;
/// Tokens of each stream in all.
pub(super) const STREAM_LENGTH: usize = STREAM_PROMPT + STREAM_TOKENS;
/// Tokens read in one step, as the engine does on a machine that is fast enough.
const STEP: usize = 512;

/// What reading one prompt told, tokens per second.
pub(super) struct Pass {
    /// At the end of each prompt.
    pub(super) prefill: Vec<f64>,
    /// Behind each context.
    pub(super) decode: Vec<f64>,
}

impl Pass {
    /// Reads on from length to length; what is generated behind a context is written over.
    pub(super) fn run(
        decoder: &mut dyn Decoder,
        prompts: &[usize],
        contexts: &[usize],
        decode: usize,
    ) -> anyhow::Result<Self> {
        let stops: BTreeSet<usize> = prompts.iter().chain(contexts).copied().collect();
        let (mut reading, mut position) = (Duration::ZERO, 0);
        let (mut read_at, mut generated_at) = (BTreeMap::new(), BTreeMap::new());
        for stop in stops {
            let started = Instant::now();
            read_on(decoder, position, stop)?;
            reading += started.elapsed();
            position = stop;
            read_at.insert(stop, stop as f64 / reading.as_secs_f64());
            if contexts.contains(&stop) {
                generated_at.insert(stop, generate(decoder, stop, decode)?);
            }
        }
        Ok(Self {
            prefill: prompts.iter().map(|length| read_at[length]).collect(),
            decode: contexts.iter().map(|length| generated_at[length]).collect(),
        })
    }
}

/// Reads the tokens of the prompt from `start` to `end`.
pub(super) fn read_on(decoder: &mut dyn Decoder, start: usize, end: usize) -> anyhow::Result<()> {
    let table = table(0, blocks(end));
    let tokens = tokens(decoder, end);
    for position in (start..end).step_by(STEP) {
        let next = (position + STEP).min(end);
        let wanted = if next < end {
            Logits::None
        } else {
            Logits::Last
        };
        let tokens = &tokens[position..next];
        read(decoder, &[segment(tokens, position, &table, wanted)])?;
    }
    Ok(())
}

/// Tokens per second of `count` tokens behind `context` tokens that were read.
fn generate(decoder: &mut dyn Decoder, context: usize, count: usize) -> anyhow::Result<f64> {
    let table = table(0, blocks(context + count));
    let tokens = tokens(decoder, count);
    let started = Instant::now();
    for (number, token) in tokens.iter().enumerate() {
        let token = std::slice::from_ref(token);
        read(
            decoder,
            &[segment(token, context + number, &table, Logits::Last)],
        )?;
    }
    Ok(count as f64 / started.elapsed().as_secs_f64())
}

/// Tokens per second of `streams` streams together, in each of `runs` runs.
pub(super) fn batch(
    decoder: &mut dyn Decoder,
    streams: usize,
    runs: u32,
) -> anyhow::Result<Vec<f64>> {
    let tokens = tokens(decoder, STREAM_LENGTH);
    let tables: Vec<_> = (0..streams)
        .map(|stream| table(stream * blocks(STREAM_LENGTH), blocks(STREAM_LENGTH)))
        .collect();
    for table in &tables {
        let prompt = &tokens[..STREAM_PROMPT];
        read(decoder, &[segment(prompt, 0, table, Logits::None)])?;
    }
    let together = |_| {
        let started = Instant::now();
        for position in STREAM_PROMPT..STREAM_LENGTH {
            let token = &tokens[position..=position];
            let one = |table| segment(token, position, table, Logits::Last);
            let batch: Vec<_> = tables.iter().map(|table| one(table)).collect();
            read(decoder, &batch)?;
        }
        Ok((streams * STREAM_TOKENS) as f64 / started.elapsed().as_secs_f64())
    };
    (0..runs).map(together).collect()
}

fn read(decoder: &mut dyn Decoder, batch: &[Segment<'_>]) -> anyhow::Result<()> {
    decoder.forward(batch).context("read tokens")?;
    Ok(())
}

fn segment<'a>(
    tokens: &'a [u32],
    position: usize,
    blocks: &'a [BlockId],
    logits: Logits,
) -> Segment<'a> {
    Segment {
        tokens,
        position,
        blocks,
        logits,
    }
}

/// Blocks that so many tokens take.
pub(super) fn blocks(tokens: usize) -> usize {
    tokens.div_ceil(BLOCK_TOKENS)
}

/// The `count` blocks from `first` on.
pub(super) fn table(first: usize, count: usize) -> Vec<BlockId> {
    (first..first + count)
        .filter_map(|block| u32::try_from(block).ok())
        .map(BlockId)
        .collect()
}

/// Tokens of the vocabulary in no particular order.
pub(super) fn tokens(decoder: &dyn Decoder, count: usize) -> Vec<u32> {
    let vocabulary = decoder.info().vocab_size;
    (0..count)
        .filter_map(|number| u32::try_from(number * 7919 % vocabulary).ok())
        .collect()
}
