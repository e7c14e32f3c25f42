//! What is measured, and how.
//!
//! Every figure is the median of several runs. Tokens are made up: speed does not depend on them.

use std::time::Instant;

use anyhow::{Context, ensure};
use inference_kernels::limits;
use inference_nn::{
    Activations, BLOCK_TOKENS, BlockId, Decoder, DecoderOptions, Logits, ModelSource, Segment,
};

use super::report::{Batch, Limits, Model, Phase, Report};
use crate::options::BenchOptions;

/// Streams that are decoded together.
const STREAMS: [usize; 3] = [4, 8, 16];
/// Tokens of each stream's prompt.
const STREAM_PROMPT: usize = 32;
/// Tokens that each stream generates.
const STREAM_TOKENS: usize = 16;

/// Measures the machine and the model, on the current threads.
pub(super) fn measure(options: &BenchOptions, threads: usize) -> anyhow::Result<Report> {
    let limits = Limits {
        memory_bytes_per_second: limits::memory_bandwidth().context("measure memory")?,
        int8_operations_per_second: limits::whole_operations(),
        f32_operations_per_second: limits::real_operations(),
    };
    let started = Instant::now();
    let source = ModelSource::open(&options.model)
        .with_context(|| format!("open {}", options.model.display()))?;
    let (prefill, decode) = (options.prefill as usize, options.decode as usize);
    let window = (prefill + decode).max(STREAM_PROMPT + STREAM_TOKENS);
    let options_of_decoder = DecoderOptions {
        context_length_max: window,
        activations: Activations::Int8,
        ..DecoderOptions::default()
    };
    let mut decoder = inference_nn::load(&source, options_of_decoder)
        .with_context(|| format!("load {}", options.model.display()))?;
    let model = Model::new(decoder.info(), started.elapsed().as_secs_f64());
    ensure!(
        prefill + decode <= decoder.info().context_length,
        "{} tokens pass the window of {}; ask for fewer with --prefill and --decode",
        prefill + decode,
        decoder.info().context_length
    );
    let runs = (0..options.runs)
        .map(|_| run(decoder.as_mut(), prefill, decode))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let prefill_rate = median(runs.iter().map(|(prefill, _)| *prefill));
    let decode_rate = median(runs.iter().map(|(_, decode)| *decode));
    let room = decoder.info().blocks / blocks(STREAM_PROMPT + STREAM_TOKENS);
    let batches = STREAMS
        .into_iter()
        .filter(|streams| *streams <= room)
        .map(|streams| batch(decoder.as_mut(), streams, options.runs))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let operations = 2.0 * multiplied(&source, model.parameters) as f64;
    let bytes = model.weights_bytes - looked_up_bytes(&source);
    Ok(Report {
        instruction_set: inference_kernels::instruction_set().to_owned(),
        threads,
        prefill: Phase {
            tokens: prefill,
            tokens_per_second: prefill_rate,
            share_of_limit: prefill_rate * operations / limits.int8_operations_per_second,
        },
        decode: Phase {
            tokens: decode,
            tokens_per_second: decode_rate,
            share_of_limit: decode_rate * bytes as f64 / limits.memory_bytes_per_second,
        },
        batches,
        model,
        limits,
    })
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

/// Tokens per second of one prompt of `prefill` tokens and of `decode` tokens after it.
fn run(decoder: &mut dyn Decoder, prefill: usize, decode: usize) -> anyhow::Result<(f64, f64)> {
    let table = table(0, blocks(prefill + decode));
    let tokens = tokens(decoder, prefill + decode);
    let started = Instant::now();
    read(decoder, &[segment(&tokens[..prefill], 0, &table)])?;
    let prefill_rate = prefill as f64 / started.elapsed().as_secs_f64();
    let started = Instant::now();
    for position in prefill..prefill + decode {
        let token = &tokens[position..=position];
        read(decoder, &[segment(token, position, &table)])?;
    }
    let decode_rate = decode as f64 / started.elapsed().as_secs_f64();
    Ok((prefill_rate, decode_rate))
}

/// Tokens per second of `streams` streams together.
fn batch(decoder: &mut dyn Decoder, streams: usize, runs: u32) -> anyhow::Result<Batch> {
    let length = STREAM_PROMPT + STREAM_TOKENS;
    let tokens = tokens(decoder, length);
    let tables: Vec<_> = (0..streams)
        .map(|stream| table(stream * blocks(length), blocks(length)))
        .collect();
    for table in &tables {
        read(decoder, &[segment(&tokens[..STREAM_PROMPT], 0, table)])?;
    }
    let rates = (0..runs)
        .map(|_| {
            let started = Instant::now();
            for position in STREAM_PROMPT..length {
                let token = &tokens[position..=position];
                let batch: Vec<_> = tables
                    .iter()
                    .map(|table| segment(token, position, table))
                    .collect();
                read(decoder, &batch)?;
            }
            Ok((streams * STREAM_TOKENS) as f64 / started.elapsed().as_secs_f64())
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Batch {
        streams,
        tokens_per_second: median(rates.into_iter()),
    })
}

fn read(decoder: &mut dyn Decoder, batch: &[Segment<'_>]) -> anyhow::Result<()> {
    decoder.forward(batch).context("read tokens")?;
    Ok(())
}

fn segment<'a>(tokens: &'a [u32], position: usize, blocks: &'a [BlockId]) -> Segment<'a> {
    Segment {
        tokens,
        position,
        blocks,
        logits: Logits::Last,
    }
}

fn blocks(tokens: usize) -> usize {
    tokens.div_ceil(BLOCK_TOKENS)
}

fn table(first: usize, count: usize) -> Vec<BlockId> {
    (first..first + count)
        .filter_map(|block| u32::try_from(block).ok())
        .map(BlockId)
        .collect()
}

/// Tokens of the vocabulary in no particular order.
fn tokens(decoder: &dyn Decoder, count: usize) -> Vec<u32> {
    let vocabulary = decoder.info().vocab_size;
    (0..count)
        .filter_map(|number| u32::try_from(number * 7919 % vocabulary).ok())
        .collect()
}

/// The middle one; not a number where there are none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
