//! Measures an engine: throughput by streams, time to the first token with and without the
//! prefix cache, how soon a cancelled request is gone, memory after a thousand of them, how
//! many guesses are right, and what choosing tokens costs where many answers are written at once.
//!
//! ```sh
//! python inference/engine/examples/random_model.py models/starter/starter.gguf random.gguf
//! cargo run --release -p inference-engine --example measure -- random.gguf
//! cargo run --release -p inference-engine --example measure -- random.gguf draws
//! ```

#![allow(
    clippy::print_stdout,
    reason = "an example speaks to whoever runs it; logs are for the product"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context;
use inference_core::{
    Engine, Event, GenerateRequest, Generation, Outcome, Prompt, SamplingParams, TokenId,
};
use inference_engine::{DecoderOptions, EngineOptions, LocalEngine, Metrics};
use prometheus_client::registry::Registry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let path = PathBuf::from(
        std::env::args_os()
            .nth(1)
            .context("usage: measure MODEL.gguf [draws]")?,
    );
    let draws_alone = std::env::args_os()
        .nth(2)
        .is_some_and(|part| part == "draws");
    let options = EngineOptions {
        decoder: DecoderOptions {
            kv_bytes_max: 1 << 30,
            ..DecoderOptions::fast()
        },
        queue_capacity: 2000,
        ..EngineOptions::default()
    };
    if draws_alone {
        return draws(&path, &options).await;
    }
    let engine = load(&path, &options)?;
    println!("{:?}", engine.model());
    throughput(&engine).await?;
    first_token(&engine).await?;
    cancellation(&engine).await?;
    memory(&engine).await?;
    drop(engine);
    guesses(&path, &options).await?;
    draws(&path, &options).await
}

fn load(path: &std::path::Path, options: &EngineOptions) -> anyhow::Result<LocalEngine> {
    let metrics = Metrics::register(&mut Registry::default());
    Ok(LocalEngine::load(path, options, &metrics)?)
}

/// Tokens that no other `seed` has at the same places.
fn noise(engine: &LocalEngine, seed: usize, length: usize) -> Vec<TokenId> {
    let count = engine.model().vocab_size;
    (0..length)
        .map(|at| (seed * 7919 + at * 104_729 + 300) % (count - 300))
        .filter_map(|token| TokenId::try_from(token + 100).ok())
        .collect()
}

fn submit(
    engine: &LocalEngine,
    tokens: Vec<TokenId>,
    max_tokens: usize,
) -> anyhow::Result<Generation> {
    // The end has no bias that would keep it from coming, so that some answers are shorter.
    Ok(engine.submit(GenerateRequest {
        prompt: Prompt::tokens(tokens),
        sampling: SamplingParams {
            seed: Some(7),
            max_tokens: Some(max_tokens),
            ..SamplingParams::default()
        },
        ..GenerateRequest::default()
    })?)
}

async fn finish(mut stream: Generation) -> anyhow::Result<Outcome> {
    while let Some(event) = stream.next().await {
        match event {
            Event::Prompt { .. } | Event::Text { .. } => {}
            Event::Done(outcome) => return Ok(outcome),
            Event::Failed(error) => return Err(error.into()),
        }
    }
    anyhow::bail!("the stream ended early")
}

/// Waits for answers that are written side by side and tells how fast they were.
async fn finish_all(what: &str, running: Vec<Generation>) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut tokens = 0;
    for stream in running {
        tokens += finish(stream).await?.usage.completion_tokens;
    }
    let rate = tokens as f64 / start.elapsed().as_secs_f64();
    println!("{what}: {rate:7.1} tokens/s in all, {tokens} tokens");
    Ok(())
}

async fn throughput(engine: &LocalEngine) -> anyhow::Result<()> {
    for streams in [1, 4, 8, 16] {
        let running: Vec<Generation> = (0..streams)
            .map(|number| submit(engine, noise(engine, 1000 * streams + number, 64), 96))
            .collect::<Result<_, _>>()?;
        finish_all(&format!("{streams:2} streams"), running).await?;
    }
    Ok(())
}

async fn first_token(engine: &LocalEngine) -> anyhow::Result<()> {
    let prompt = noise(engine, 5, 2000);
    for (what, tail) in [("cold", 1), ("prefix cached", 2)] {
        let mut tokens = prompt.clone();
        tokens.extend(noise(engine, tail, 40));
        let start = Instant::now();
        let outcome = finish(submit(engine, tokens, 1)?).await?;
        println!(
            "first token, {what}: {:?}, {} of {} prompt tokens cached",
            start.elapsed(),
            outcome.usage.cached_tokens,
            outcome.usage.prompt_tokens
        );
    }
    Ok(())
}

/// Waits until nothing runs; gives how long it took.
async fn until_idle(engine: &LocalEngine) -> Duration {
    let start = Instant::now();
    while !engine.health().is_idle() {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    start.elapsed()
}

async fn cancellation(engine: &LocalEngine) -> anyhow::Result<()> {
    for (what, length, wait) in [("decoding", 20, 300), ("reading a prompt", 6000, 300)] {
        let mut slowest = Duration::ZERO;
        for number in 0..10 {
            let stream = submit(engine, noise(engine, 90 + number, length), 1000)?;
            tokio::time::sleep(Duration::from_millis(wait)).await;
            drop(stream);
            slowest = slowest.max(until_idle(engine).await);
        }
        println!("cancelled while {what}: gone after at most {slowest:?}");
    }
    Ok(())
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap_or_default();
    line.trim()
        .trim_end_matches(" kB")
        .trim()
        .parse()
        .unwrap_or(0)
}

async fn memory(engine: &LocalEngine) -> anyhow::Result<()> {
    for round in 0..3 {
        let before = resident_kib();
        let start = Instant::now();
        for number in 0..1000 {
            let tokens = noise(engine, 10_000 * round + number, 20 + number % 50);
            let mut stream = submit(engine, tokens, 500)?;
            if number % 10 == 0 {
                stream.next().await;
            }
        }
        until_idle(engine).await;
        println!(
            "1000 cancelled requests in {:?}: {} MiB resident before, {} MiB after",
            start.elapsed(),
            before >> 10,
            resident_kib() >> 10
        );
    }
    Ok(())
}

async fn guesses(path: &std::path::Path, options: &EngineOptions) -> anyhow::Result<()> {
    let evidence = "E1 pod payments/api-7d9f8c6b5-x2x4q container app terminated reason OOMKilled exit code 137\n\
                    E2 event BackOff pod payments/api-7d9f8c6b5-x2x4q restarting failed container app\n";
    let prompt = format!("{evidence}\nThe evidence again:\n{evidence}\nThe evidence again:\n");
    for speculation in [false, true] {
        let options = EngineOptions {
            speculation,
            ..options.clone()
        };
        let engine = load(path, &options)?;
        let start = Instant::now();
        let outcome = finish(engine.submit(GenerateRequest {
            prompt: Prompt::text(prompt.clone()),
            sampling: SamplingParams::greedy(150),
            ..GenerateRequest::default()
        })?)
        .await?;
        let usage = outcome.usage;
        println!(
            "copying, speculation {speculation}: {} tokens in {:?}, {} drafted, {} accepted",
            usage.completion_tokens,
            start.elapsed(),
            usage.drafted_tokens,
            usage.accepted_tokens
        );
    }
    Ok(())
}

/// Answers behind next to no prompt and without guesses, so that a step is the model's part and choosing tokens.
/// A random model finds many tokens alike, so that `top_p` ranks more than it does anywhere else.
async fn draws(path: &std::path::Path, options: &EngineOptions) -> anyhow::Result<()> {
    let options = EngineOptions {
        speculation: false,
        ..options.clone()
    };
    let engine = load(path, &options)?;
    let plain = SamplingParams {
        seed: Some(7),
        max_tokens: Some(96),
        ..SamplingParams::default()
    };
    let kinds = [
        ("likeliest", SamplingParams::greedy(96)),
        ("drawn", plain.clone()),
        (
            "top_k 40",
            SamplingParams {
                top_k: 40,
                ..plain.clone()
            },
        ),
        (
            "top_p 0.95",
            SamplingParams {
                top_p: 0.95,
                ..plain
            },
        ),
    ];
    for (what, sampling) in kinds {
        for streams in [1, 16] {
            let running: Vec<Generation> = (0..streams)
                .map(|number| {
                    engine.submit(GenerateRequest {
                        prompt: Prompt::tokens(noise(&engine, number, 2)),
                        sampling: sampling.clone(),
                        ..GenerateRequest::default()
                    })
                })
                .collect::<Result<_, _>>()?;
            finish_all(&format!("{what}, {streams:2} streams"), running).await?;
        }
    }
    Ok(())
}
