//! Measures what rounding costs a model: the perplexity of a text by how keys, values and activations are kept, and how
//! far the probabilities of its tokens move from those of 32-bit reals.
//!
//! ```sh
//! cargo run --release -p inference-engine --example perplexity -- models/starter/starter.gguf docs/architecture.md
//! ```
//!
//! The text is read in pieces of as many tokens as the third argument says, 1,024 without one.

#![allow(clippy::print_stdout, reason = "a command-line example")]

use std::path::{Path, PathBuf};

use anyhow::Context;
use inference_core::{Engine, Event, GenerateRequest, Prompt, SamplingParams, TokenId};
use inference_engine::{DecoderOptions, EngineOptions, KvDtype, LocalEngine, Metrics};
use inference_nn::Activations;
use prometheus_client::registry::Registry;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: perplexity MODEL.gguf TEXT [TOKENS]";
    let path = PathBuf::from(arguments.next().context(usage)?);
    let text = std::fs::read_to_string(arguments.next().context(usage)?)?;
    let length = arguments.next().map_or(Ok(1024), |text| text.parse())?;
    let exact = logprobs(&path, Activations::Exact, KvDtype::F32, &text, length).await?;
    println!(
        "{} tokens; perplexity {:.4} with 32-bit reals",
        exact.len(),
        perplexity(&exact)
    );
    println!("activations  keys and values  perplexity  mean shift of a token's log-probability");
    for (activations, name) in [(Activations::Exact, "f32"), (Activations::Rounded, "int8")] {
        for (kv_dtype, kv_name) in [
            (KvDtype::F32, "f32"),
            (KvDtype::F16, "f16"),
            (KvDtype::Q8_0, "q8_0"),
        ] {
            let found = logprobs(&path, activations, kv_dtype, &text, length).await?;
            let shifts = found.iter().zip(&exact).map(|(a, b)| (a - b).abs());
            let mean = shifts.sum::<f64>() / exact.len() as f64;
            println!(
                "{name:<11}  {kv_name:<15}  {:<10.4}  {mean:.6}",
                perplexity(&found)
            );
        }
    }
    Ok(())
}

fn perplexity(logprobs: &[f64]) -> f64 {
    (-logprobs.iter().sum::<f64>() / logprobs.len() as f64).exp()
}

/// The logarithm of the probability of each token of `text`, but the first of a piece.
async fn logprobs(
    path: &Path,
    activations: Activations,
    kv_dtype: KvDtype,
    text: &str,
    length: usize,
) -> anyhow::Result<Vec<f64>> {
    let options = EngineOptions {
        decoder: DecoderOptions {
            activations,
            kv_dtype,
            context_length_max: length + 1,
            ..DecoderOptions::fast()
        },
        ..EngineOptions::default()
    };
    let metrics = Metrics::register(&mut Registry::default());
    let engine = LocalEngine::load(path, &options, &metrics)?;
    let mut found = Vec::new();
    for piece in engine.tokenize(&Prompt::text(text)).chunks(length) {
        found.extend(piece_logprobs(&engine, piece).await?);
    }
    Ok(found)
}

async fn piece_logprobs(engine: &LocalEngine, piece: &[TokenId]) -> anyhow::Result<Vec<f64>> {
    let mut stream = engine.submit(GenerateRequest {
        prompt: Prompt::tokens(piece.to_vec()),
        sampling: SamplingParams::greedy(1),
        prompt_logprobs: true,
        ..GenerateRequest::default()
    })?;
    while let Some(event) = stream.next().await {
        match event {
            Event::Prompt { logprobs, .. } => {
                let logprobs = logprobs.iter().map(|token| f64::from(token.logprob));
                return Ok(logprobs.collect());
            }
            Event::Failed(error) => return Err(error.into()),
            Event::Text { .. } | Event::Done(_) => {}
        }
    }
    anyhow::bail!("the engine told nothing of the prompt")
}
