//! Facts about the engine, on a tiny random model: what it writes is noise, how it behaves is not.

mod consistency;
mod lifecycle;
mod scores;

use std::path::PathBuf;

use inference_core::engine::TokenLogprobs;
use inference_core::{
    ChatOptions, Constraint, Event, FinishReason, Outcome, PromptPart, Role, SamplingParams,
};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::*;

fn model_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../nn/tests/fixtures/q8-tied.gguf")
}

fn engine() -> LocalEngine {
    engine_with(&EngineOptions::default(), &mut Registry::default())
}

fn engine_with(options: &EngineOptions, registry: &mut Registry) -> LocalEngine {
    LocalEngine::load(&model_path(), options, &Metrics::register(registry)).expect("is usable")
}

fn request(text: &str, sampling: SamplingParams) -> GenerateRequest {
    GenerateRequest {
        prompt: Prompt::text(text),
        sampling,
        ..GenerateRequest::default()
    }
}

fn seeded(seed: u64, max_tokens: usize) -> SamplingParams {
    SamplingParams {
        seed: Some(seed),
        max_tokens: Some(max_tokens),
        ..SamplingParams::default()
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("starts")
        .block_on(future)
}

fn answer(engine: &LocalEngine, request: GenerateRequest) -> (String, Outcome) {
    block_on(engine.submit(request).expect("is taken").collect(|_| ())).expect("is answered")
}

#[test]
fn the_same_seed_gives_the_same_text_whatever_ran_before() {
    let engine = engine();
    let first = answer(&engine, request("the pod is", seeded(7, 40)));
    let other = answer(&engine, request("the pod is", seeded(8, 40)));
    answer(&engine, request("something else", seeded(9, 20)));
    let again = answer(&engine, request("the pod is", seeded(7, 40)));
    let cached = answer(&engine, request("the pod is", seeded(7, 40)));
    assert_ne!(first.0, other.0);
    assert_eq!(first.0, again.0);
    assert_eq!(first.0, cached.0);
}

#[test]
fn an_answer_under_a_schema_always_parses() {
    let engine = engine();
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["cause", "sure", "because"],
        "properties": {"cause": {"enum": ["OutOfMemory", "BadImage"]}, "sure": {"type": "boolean"},
                       "because": {"type": "array", "items": {"type": "string", "pattern": "^E[1-9]$"}, "maxItems": 3}}});
    for seed in 0..20 {
        let request = GenerateRequest {
            constraint: Some(Constraint::JsonSchema(schema.clone())),
            ..request("why", seeded(seed, 200))
        };
        let (text, outcome) = answer(&engine, request);
        let json: Value = serde_json::from_str(&text).expect("parses");
        assert_eq!(outcome.finish_reason, FinishReason::Stop);
        assert!(
            ["OutOfMemory", "BadImage"].contains(&json["cause"].as_str().expect("is text")),
            "{text}"
        );
        assert!(
            json["sure"].is_boolean() && json["because"].is_array(),
            "{text}"
        );
        assert!(outcome.usage.forced_tokens > 10, "{outcome:?}");
    }
}

#[test]
fn an_answer_under_a_grammar_is_one_of_its_texts() {
    let engine = engine();
    let lark = r#"start: "cause: " ("a" | "b") " because " /E[0-9]{1,2}/ "." "#;
    for seed in 0..10 {
        let constraint = Some(Constraint::Lark(lark.to_owned()));
        let (text, _) = answer(
            &engine,
            GenerateRequest {
                constraint,
                ..request("why", seeded(seed, 200))
            },
        );
        let rest = text
            .strip_prefix("cause: ")
            .and_then(|rest| rest.strip_suffix('.'))
            .expect("matches");
        let (cause, evidence) = rest.split_once(" because E").expect("matches");
        assert!(
            ["a", "b"].contains(&cause) && evidence.parse::<u8>().is_ok(),
            "{text}"
        );
    }
}

/// The pieces of text of an answer, the tokens and what is told of each.
fn pieces(
    engine: &LocalEngine,
    request: GenerateRequest,
) -> (String, Vec<TokenId>, Vec<TokenLogprobs>) {
    let mut stream = engine.submit(request).expect("is taken");
    let mut found = (String::new(), Vec::new(), Vec::new());
    while let Some(event) = block_on(stream.next()) {
        if let Event::Text {
            text,
            tokens,
            logprobs,
        } = event
        {
            found.0.push_str(&text);
            found.1.extend(tokens);
            found.2.extend(logprobs);
        }
    }
    found
}

#[test]
fn each_token_written_comes_with_its_probability_forced_or_not() {
    let engine = engine();
    let constraint = Some(Constraint::Lark(
        r#"start: "forced words " /[0-9]{9}/"#.to_owned(),
    ));
    for constraint in [None, constraint] {
        let plain = request(
            "why",
            SamplingParams {
                temperature: 0.7,
                ..seeded(3, 30)
            },
        );
        let plain = GenerateRequest {
            constraint,
            ..plain
        };
        let asked = GenerateRequest {
            logprobs: Some(4),
            ..plain.clone()
        };
        let (text, tokens, logprobs) = pieces(&engine, asked);
        assert_eq!(
            logprobs.iter().map(|told| told.token).collect::<Vec<_>>(),
            tokens
        );
        for told in &logprobs {
            assert!(told.logprob <= 0.0 && told.top.len() == 4, "{told:?}");
            assert!(told.top.is_sorted_by(|a, b| a.1 >= b.1), "{told:?}");
        }
        let (same, _, none) = pieces(&engine, plain);
        assert_eq!(same, text);
        assert!(none.is_empty());
    }
}

#[test]
fn an_answer_ends_at_its_limit_or_at_a_stop_string() {
    let engine = engine();
    let (text, outcome) = answer(&engine, request("the", seeded(1, 30)));
    assert_eq!(
        (outcome.finish_reason, outcome.usage.completion_tokens),
        (FinishReason::Length, 30)
    );
    let stop = text
        .chars()
        .filter(|&letter| letter != char::REPLACEMENT_CHARACTER)
        .nth(2)
        .expect("has letters")
        .to_string();
    let sampling = SamplingParams {
        stop: vec![stop.clone()],
        ..seeded(1, 30)
    };
    let (cut, outcome) = answer(&engine, request("the", sampling));
    assert_eq!(outcome.finish_reason, FinishReason::StopString);
    assert_eq!(Some(cut.as_str()), text.split(&stop).next());
}

#[test]
fn the_window_bounds_prompt_and_answer() {
    let engine = engine();
    let (_, outcome) = answer(
        &engine,
        request(
            "the",
            SamplingParams {
                max_tokens: None,
                ..seeded(3, 1)
            },
        ),
    );
    assert_eq!(outcome.finish_reason, FinishReason::Length);
    assert_eq!(
        outcome.usage.prompt_tokens + outcome.usage.completion_tokens,
        256
    );
    let error = engine
        .submit(request(&"x".repeat(300), seeded(1, 1)))
        .expect_err("is too long");
    assert_eq!(
        error,
        EngineError::TooLong {
            prompt_tokens: 300,
            context_length: 256
        }
    );
}

#[test]
fn what_cannot_run_is_refused_before_it_is_queued() {
    let engine = engine();
    let wrong = |request, expected: &str| {
        let error = engine.submit(request).expect_err("is wrong").to_string();
        assert!(error.starts_with(expected), "{error}");
    };
    wrong(request("", seeded(1, 1)), "the prompt is empty");
    wrong(
        request(
            "x",
            SamplingParams {
                top_p: 7.0,
                ..seeded(1, 1)
            },
        ),
        "top_p must be",
    );
    let constraint = Some(Constraint::Lark("start: nothing".to_owned()));
    wrong(
        GenerateRequest {
            constraint,
            ..request("x", seeded(1, 1))
        },
        "the grammar cannot be used",
    );
}

#[test]
fn control_tokens_in_messages_stay_text() {
    let engine = engine();
    let prompt = engine
        .chat_prompt(
            &[ChatMessage::new(Role::User, "a<|im_end|>b")],
            &ChatOptions::default(),
        )
        .expect("is laid out");
    let tokens = |prompt: &Prompt| {
        let control = prompt
            .parts
            .iter()
            .filter(|part| matches!(part, PromptPart::Tokens(_)));
        control.count()
    };
    // The turn's beginning and end, and the beginning of the answer.
    assert_eq!(tokens(&prompt), 3);
    assert!(
        prompt
            .parts
            .contains(&PromptPart::Text("user\na<|im_end|>b".to_owned())),
        "{prompt:?}"
    );
}

/// The metrics as they are scraped.
fn scraped(registry: &Registry) -> String {
    let mut text = String::new();
    encode(&mut text, registry).expect("is written");
    text
}

#[test]
fn requests_are_counted_by_outcome() {
    let mut registry = Registry::default();
    let engine = engine_with(&EngineOptions::default(), &mut registry);
    let name = engine.model().name.clone();
    answer(&engine, request("the", seeded(1, 4)));
    drop(engine);
    let text = scraped(&registry);
    for (metric, labels, value) in [
        (
            "vllm:request_success_total",
            ",finished_reason=\"length\"",
            1,
        ),
        (
            "anchorite_inference_requests_total",
            ",outcome=\"length\"",
            1,
        ),
        ("vllm:prompt_tokens_total", "", 1),
        ("vllm:generation_tokens_total", "", 4),
        ("vllm:prefix_cache_queries_total", "", 1),
        ("vllm:prefix_cache_hits_total", "", 0),
        ("vllm:time_to_first_token_seconds_count", "", 1),
        ("vllm:e2e_request_latency_seconds_count", "", 1),
        ("vllm:request_queue_time_seconds_count", "", 1),
        ("vllm:request_prefill_time_seconds_count", "", 1),
        ("vllm:request_decode_time_seconds_count", "", 1),
        ("vllm:num_requests_running", "", 0),
        ("vllm:num_requests_waiting", "", 0),
        ("anchorite_inference_drafted_tokens_total", "", 0),
    ] {
        let line = format!("{metric}{{model_name=\"{name}\"{labels}}} {value}");
        assert!(text.contains(&line), "{line} in {text}");
    }
    assert!(text.contains("vllm:inter_token_latency_seconds_bucket"));
    assert!(text.contains("anchorite_inference_batch_tokens_bucket"));
}

#[test]
fn a_file_that_is_no_model_is_refused_by_name() {
    let directory = tempfile::tempdir().expect("can be made");
    let path = directory.path().join("broken.gguf");
    std::fs::write(&path, b"not a model").expect("can be written");
    let metrics = Metrics::register(&mut Registry::default());
    let error = LocalEngine::load(&path, &EngineOptions::default(), &metrics)
        .expect_err("is broken")
        .to_string();
    assert!(
        error.contains("broken.gguf") && error.contains("does not start with `GGUF`"),
        "{error}"
    );
    let missing = LocalEngine::load(
        &directory.path().join("none.gguf"),
        &EngineOptions::default(),
        &metrics,
    );
    assert!(
        missing
            .expect_err("is missing")
            .to_string()
            .contains("cannot be read")
    );
}
