//! What is measured of a model, and how.
//!
//! Every figure is the median of several runs. Tokens are made up: speed does not depend on them.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use inference_nn::{
    Activations, BLOCK_TOKENS, BlockId, Decoder, DecoderOptions, Logits, ModelSource, Segment,
};

use super::report::{Batch, MachineReport, ModelReport, Phase};
use super::same::is_deterministic;
use crate::options::BenchOptions;

/// Tokens of each stream's prompt.
const STREAM_PROMPT: usize = 32;
/// Tokens that each stream generates.
const STREAM_TOKENS: usize = 16;
/// Tokens read in one step, as the engine does on a machine that is fast enough.
const STEP: usize = 512;

/// Measures the model in `file` on the current threads of `machine`.
pub(super) fn measure(
    file: &Path,
    options: &BenchOptions,
    machine: &MachineReport,
) -> anyhow::Result<ModelReport> {
    let lengths = |tokens: &[u32]| {
        tokens
            .iter()
            .map(|tokens| *tokens as usize)
            .collect::<Vec<_>>()
    };
    let (prompts, contexts) = (lengths(&options.prefill), lengths(&options.context));
    let decode = options.decode as usize;
    let longest = contexts.iter().map(|context| context + decode);
    let longest = longest.chain(prompts.iter().copied()).max().unwrap_or(0);
    let started = Instant::now();
    let source = ModelSource::open(file).with_context(|| format!("open {}", file.display()))?;
    let wanted = DecoderOptions {
        context_length_max: longest.max(STREAM_PROMPT + STREAM_TOKENS),
        activations: Activations::Int8,
        ..DecoderOptions::default()
    };
    let mut decoder =
        inference_nn::load(&source, wanted).with_context(|| format!("load {}", file.display()))?;
    let decoder = decoder.as_mut();
    let mut report = ModelReport::new(decoder.info(), started.elapsed().as_secs_f64());
    let window = decoder.info().context_length;
    let fitting = |lengths: Vec<usize>, more: usize| {
        let fitting = lengths
            .into_iter()
            .filter(move |length| length + more <= window);
        fitting.collect::<Vec<_>>()
    };
    let (prompts, contexts) = (fitting(prompts, 0), fitting(contexts, decode));
    ensure!(
        !prompts.is_empty() && !contexts.is_empty(),
        "all that is asked passes the window of {window} tokens; ask for fewer with --prefill, --context and --decode"
    );
    let operations = 2.0 * multiplied(&source, report.parameters) as f64;
    for tokens in prompts {
        let rate = repeat(options.runs, || prefill(decoder, tokens))?;
        report.prefill.push(Phase {
            tokens,
            tokens_per_second: rate,
            share_of_limit: rate * operations / machine.int8_operations_per_second,
        });
    }
    let weights = report.weights_bytes - looked_up_bytes(&source);
    for tokens in contexts {
        prefill(decoder, tokens)?;
        let rate = repeat(options.runs, || generate(decoder, tokens, decode))?;
        let kept = (tokens + decode / 2) as u64 * decoder.info().kv_bytes_per_token;
        report.decode.push(Phase {
            tokens,
            tokens_per_second: rate,
            share_of_limit: rate * (weights + kept) as f64 / machine.memory_bytes_per_second,
        });
    }
    let room = decoder.info().blocks / blocks(STREAM_PROMPT + STREAM_TOKENS);
    for streams in lengths(&options.streams) {
        if streams <= room {
            report.batches.push(batch(decoder, streams, options.runs)?);
        }
    }
    report.deterministic = is_deterministic(decoder)?;
    Ok(report)
}

/// Weights that every token of a prompt is multiplied with: all but embedding and head.
fn multiplied(source: &ModelSource, parameters: u64) -> u64 {
    let ModelSource::Gguf(gguf) = source else {
        return parameters;
    };
    let apart = ["token_embd.weight", "output.weight"];
    let apart = apart.iter().filter_map(|name| gguf.tensor(name));
    parameters - apart.map(|tensor| tensor.weights() as u64).sum::<u64>()
}

/// Bytes of an embedding that is not the head as well: of those a token reads one row.
fn looked_up_bytes(source: &ModelSource) -> u64 {
    let ModelSource::Gguf(gguf) = source else {
        return 0;
    };
    match (
        gguf.tensor("token_embd.weight"),
        gguf.tensor("output.weight"),
    ) {
        (Some(embedding), Some(_)) => embedding.range.len() as u64,
        _ => 0,
    }
}

/// The median of what `run` gives in `runs` runs.
fn repeat(runs: u32, mut run: impl FnMut() -> anyhow::Result<f64>) -> anyhow::Result<f64> {
    let mut values = (0..runs)
        .map(|_| run())
        .collect::<anyhow::Result<Vec<_>>>()?;
    values.sort_by(f64::total_cmp);
    Ok(values.get(values.len() / 2).copied().unwrap_or(f64::NAN))
}

/// Tokens per second of reading a prompt of `count` tokens.
fn prefill(decoder: &mut dyn Decoder, count: usize) -> anyhow::Result<f64> {
    let table = table(0, blocks(count));
    let tokens = tokens(decoder, count);
    let started = Instant::now();
    for (step, tokens) in tokens.chunks(STEP).enumerate() {
        let wanted = if (step + 1) * STEP < count {
            Logits::None
        } else {
            Logits::Last
        };
        read(decoder, &[segment(tokens, step * STEP, &table, wanted)])?;
    }
    Ok(count as f64 / started.elapsed().as_secs_f64())
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

/// Tokens per second of `streams` streams together.
fn batch(decoder: &mut dyn Decoder, streams: usize, runs: u32) -> anyhow::Result<Batch> {
    let length = STREAM_PROMPT + STREAM_TOKENS;
    let tokens = tokens(decoder, length);
    let tables: Vec<_> = (0..streams)
        .map(|stream| table(stream * blocks(length), blocks(length)))
        .collect();
    for table in &tables {
        read(
            decoder,
            &[segment(&tokens[..STREAM_PROMPT], 0, table, Logits::None)],
        )?;
    }
    let tokens_per_second = repeat(runs, || {
        let started = Instant::now();
        for position in STREAM_PROMPT..length {
            let token = &tokens[position..=position];
            let one = |table| segment(token, position, table, Logits::Last);
            let batch: Vec<_> = tables.iter().map(|table| one(table)).collect();
            read(decoder, &batch)?;
        }
        Ok((streams * STREAM_TOKENS) as f64 / started.elapsed().as_secs_f64())
    })?;
    Ok(Batch {
        streams,
        tokens_per_second,
    })
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
