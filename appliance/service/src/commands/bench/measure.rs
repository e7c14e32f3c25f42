//! What is measured of a model, and how.
//!
//! Every figure is the median of several runs.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use inference_kernels::Dtype;
use inference_kernels::limits::memory_bytes;
use inference_nn::{DecoderOptions, ModelSource};

use super::passes::{Pass, STREAM_LENGTH, batch, blocks, read_on};
use super::report::{Batch, MachineReport, ModelReport, Phase};
use super::same::is_deterministic;
use crate::memory;
use crate::options::BenchOptions;

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
    let open = || ModelSource::open(file).with_context(|| format!("open {}", file.display()));
    let bytes = usize::try_from(open()?.weights_bytes())?;
    let bandwidth = memory_bytes(bytes).context("measure memory")?;
    let before = memory::resident().unwrap_or(0);
    let started = Instant::now();
    let source = open()?;
    let wanted = DecoderOptions {
        context_length_max: longest.max(STREAM_LENGTH),
        ..DecoderOptions::fast()
    };
    let mut decoder =
        inference_nn::load(&source, wanted).with_context(|| format!("load {}", file.display()))?;
    let load_seconds = started.elapsed().as_secs_f64();
    let decoder = decoder.as_mut();
    let mut report = ModelReport::new(decoder.info(), load_seconds, bandwidth);
    let started = Instant::now();
    read_on(decoder, 0, 1)?;
    report.first_token_seconds = started.elapsed().as_secs_f64();
    report.resident_bytes = memory::resident().map(|bytes| bytes.saturating_sub(before));
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
    let seconds = multiplying_seconds(&source, machine);
    let passes = (0..options.runs)
        .map(|_| Pass::run(decoder, &prompts, &contexts, decode))
        .collect::<anyhow::Result<Vec<_>>>()?;
    for (number, &tokens) in prompts.iter().enumerate() {
        let rate = median(passes.iter().map(|pass| pass.prefill[number]).collect());
        report.prefill.push(Phase {
            tokens,
            tokens_per_second: rate,
            share_of_limit: rate * seconds,
        });
    }
    let weights = report.weights_bytes - looked_up_bytes(&source);
    for (number, &tokens) in contexts.iter().enumerate() {
        let rate = median(passes.iter().map(|pass| pass.decode[number]).collect());
        let kept = (tokens + decode / 2) as u64 * decoder.info().kv_bytes_per_token;
        report.decode.push(Phase {
            tokens,
            tokens_per_second: rate,
            share_of_limit: rate * (weights + kept) as f64 / bandwidth,
        });
    }
    let room = decoder.info().blocks / blocks(STREAM_LENGTH);
    for streams in lengths(&options.streams) {
        if streams <= room {
            let rates = batch(decoder, streams, options.runs)?;
            report.batches.push(Batch {
                streams,
                tokens_per_second: median(rates),
            });
        }
    }
    report.deterministic = is_deterministic(decoder)?;
    Ok(report)
}

/// Seconds that a token of a prompt takes at least: to be multiplied with all weights but embedding and head.
fn multiplying_seconds(source: &ModelSource, machine: &MachineReport) -> f64 {
    const APART: [&str; 4] = [
        "token_embd.weight",
        "output.weight",
        "model.embed_tokens.weight",
        "lm_head.weight",
    ];
    let seconds = |name: &str, weights: usize, dtype: Option<Dtype>| {
        if APART.contains(&name) {
            return 0.0;
        }
        let reals = machine.f32_operations_per_second;
        let rate = match dtype {
            Some(Dtype::F32 | Dtype::F16) => reals,
            Some(Dtype::Bf16) => machine.bf16_operations_per_second.unwrap_or(reals),
            // Bare bytes are codes.
            Some(_) | None => machine.int8_operations_per_second,
        };
        2.0 * weights as f64 / rate
    };
    match source {
        ModelSource::Gguf(gguf) => gguf
            .tensors()
            .map(|tensor| seconds(&tensor.name, tensor.weights(), Some(tensor.dtype)))
            .sum(),
        ModelSource::Safetensors(files) => files
            .tensors()
            .map(|(name, tensor)| seconds(name, tensor.weights(), tensor.dtype))
            .sum(),
    }
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

/// The middle one of `rates`.
fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or(f64::NAN)
}
