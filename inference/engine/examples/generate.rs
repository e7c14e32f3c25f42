//! Writes a model's answer to a prompt and how fast it was.
//!
//!     cargo run --release -p inference-engine --example generate -- model.gguf "Once upon a time" [grammar.lark]
//!
//! With a grammar the answer matches it. The prompt goes through the model's chat template.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line example"
)]

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use inference_core::{
    ChatMessage, ChatOptions, Constraint, Engine, Event, GenerateRequest, Role, SamplingParams,
};
use inference_engine::{EngineOptions, LocalEngine, Metrics};
use prometheus_client::registry::Registry;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = PathBuf::from(
        arguments
            .next()
            .context("usage: generate MODEL.gguf PROMPT [GRAMMAR.lark]")?,
    );
    let text = arguments
        .next()
        .context("the second argument is the prompt")?;
    let constraint = arguments
        .next()
        .map(std::fs::read_to_string)
        .transpose()?
        .map(Constraint::Lark);
    let start = Instant::now();
    let engine = LocalEngine::load(
        &path,
        &EngineOptions::default(),
        &Metrics::register(&mut Registry::default()),
    )?;
    eprintln!("loaded {:?} in {:?}", engine.model(), start.elapsed());
    let request = GenerateRequest {
        prompt: engine.chat_prompt(
            &[ChatMessage::new(Role::User, text)],
            &ChatOptions::default(),
        )?,
        sampling: SamplingParams::greedy(128),
        constraint,
        ..GenerateRequest::default()
    };
    let start = Instant::now();
    let mut generation = engine.submit(request)?;
    let mut first = None;
    while let Some(event) = generation.next().await {
        match event {
            Event::Prompt { .. } => {}
            Event::Text { text, .. } => {
                first.get_or_insert_with(|| start.elapsed());
                print!("{text}");
                std::io::stdout().flush()?;
            }
            Event::Done(outcome) => {
                println!();
                let first = first.unwrap_or_default();
                let seconds = start.elapsed().saturating_sub(first).as_secs_f64();
                let rate = outcome.usage.completion_tokens as f64 / seconds;
                eprintln!("{outcome:?}; first text after {first:?}, then {rate:.1} tokens/s");
            }
            Event::Failed(error) => return Err(error.into()),
        }
    }
    Ok(())
}
