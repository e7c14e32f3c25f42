//! Facts about the engine, on a tiny random model: what it writes is noise, how it behaves is not.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use inference_core::engine::TokenLogprobs;
use inference_core::{
    ChatOptions, Constraint, Event, FinishReason, Outcome, Priority, PromptPart, Role,
    SamplingParams,
};
use inference_nn::{DecoderInfo, ModelError, Segment};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};

use super::*;

fn model_path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../nn/tests/fixtures/q8-tied.gguf")
}

fn engine() -> LocalEngine {
    let metrics = Metrics::register(&mut Registry::default());
    LocalEngine::load(&model_path(), &EngineOptions::default(), metrics).expect("is usable")
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
    assert_eq!(first, again);
    assert_eq!(first.0, cached.0);
    assert!(cached.1.usage.cached_tokens > 0, "{:?}", cached.1);
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

#[test]
fn a_dropped_stream_frees_the_engine_at_once() {
    let engine = slow_engine(200);
    let mut stream = engine
        .submit(request("the", seeded(1, 200)))
        .expect("is taken");
    let first = block_on(stream.next());
    assert!(matches!(first, Some(Event::Text { .. })), "{first:?}");
    drop(stream);
    let queued = engine
        .submit(request("the", seeded(1, 200)))
        .expect("is taken");
    drop(queued);
    let start = Instant::now();
    answer(&engine, request("the", seeded(1, 1)));
    // All of the first answer would have taken 200 steps of 5 ms.
    assert!(
        start.elapsed() < Duration::from_millis(500),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn incidents_overtake_chats_that_wait() {
    let engine = slow_engine(200);
    let running = engine
        .submit(request("x", seeded(1, 20)))
        .expect("is taken");
    let order = Arc::new(AtomicUsize::new(0));
    let place = |stream: Generation| {
        let order = Arc::clone(&order);
        thread::spawn(move || {
            block_on(stream.collect(|_| ())).expect("is answered");
            order.fetch_add(1, Ordering::SeqCst)
        })
    };
    let chat = place(
        engine
            .submit(request("y", seeded(1, 20)))
            .expect("is taken"),
    );
    let urgent = GenerateRequest {
        priority: Priority::Incident,
        ..request("z", seeded(1, 20))
    };
    let incident = place(engine.submit(urgent).expect("is taken"));
    block_on(running.collect(|_| ())).expect("is answered");
    assert!(incident.join().expect("ends") < chat.join().expect("ends"));
}

#[test]
fn a_full_queue_refuses() {
    let engine = slow_engine(8);
    let taken: Vec<_> = (0..30)
        .map(|_| engine.submit(request("x", seeded(1, 100))))
        .collect();
    let refused = taken
        .iter()
        .find_map(|taken| taken.as_ref().err())
        .expect("is full at last");
    assert!(
        matches!(refused, EngineError::QueueFull { waiting: 7 }),
        "{refused:?}"
    );
    assert!(engine.health().busy || engine.health().waiting > 0);
}

#[test]
fn a_panic_ends_its_request_alone() {
    let engine = slow_engine(8);
    let failed = block_on(
        engine
            .submit(request("!", seeded(1, 5)))
            .expect("is taken")
            .collect(|_| ()),
    );
    assert!(matches!(failed, Err(EngineError::Failed(_))), "{failed:?}");
    let (_, outcome) = answer(&engine, request("x", seeded(1, 5)));
    assert_eq!(outcome.usage.completion_tokens, 5);
}

#[test]
fn dropping_the_engine_ends_what_runs_and_what_waits() {
    let engine = slow_engine(8);
    let running = engine
        .submit(request("x", seeded(1, 200)))
        .expect("is taken");
    let waiting = engine
        .submit(request("y", seeded(1, 200)))
        .expect("is taken");
    drop(engine);
    for stream in [running, waiting] {
        assert_eq!(
            block_on(stream.collect(|_| ())).expect_err("is stopped"),
            EngineError::Stopped
        );
    }
}

#[test]
fn requests_are_counted_by_outcome() {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let engine =
        LocalEngine::load(&model_path(), &EngineOptions::default(), metrics).expect("is usable");
    answer(&engine, request("the", seeded(1, 4)));
    drop(engine);
    let mut text = String::new();
    encode(&mut text, &registry).expect("is written");
    for line in [
        "anchorite_inference_requests_total{outcome=\"length\"} 1",
        "anchorite_inference_prompt_tokens_total 1",
        "anchorite_inference_generation_tokens_total 4",
        "anchorite_inference_time_to_first_token_seconds_count 1",
        "anchorite_inference_time_per_output_token_seconds_count 4",
        "anchorite_inference_queue_length 0",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn a_file_that_is_no_model_is_refused_by_name() {
    let directory = tempfile::tempdir().expect("can be made");
    let path = directory.path().join("broken.gguf");
    std::fs::write(&path, b"not a model").expect("can be written");
    let metrics = || Metrics::register(&mut Registry::default());
    let error = LocalEngine::load(&path, &EngineOptions::default(), metrics())
        .expect_err("is broken")
        .to_string();
    assert!(
        error.contains("broken.gguf") && error.contains("does not start with `GGUF`"),
        "{error}"
    );
    let missing = LocalEngine::load(
        &directory.path().join("none.gguf"),
        &EngineOptions::default(),
        metrics(),
    );
    assert!(
        missing
            .expect_err("is missing")
            .to_string()
            .contains("cannot be read")
    );
}

/// A decoder that takes 5 ms a token and panics at `!`, over the tiny model.
#[derive(Debug)]
struct Slow(Box<dyn Decoder>);

impl Decoder for Slow {
    fn info(&self) -> &DecoderInfo {
        self.0.info()
    }

    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<&mut [f32], ModelError> {
        // `!` is the first printable byte, so token 33 of the byte alphabet.
        assert!(
            batch[0].position > 0 || batch[0].tokens[0] != 33,
            "asked to panic"
        );
        thread::sleep(Duration::from_millis(5));
        self.0.forward(batch)
    }
}

fn slow_engine(queue_capacity: usize) -> LocalEngine {
    let options = EngineOptions {
        queue_capacity,
        ..EngineOptions::default()
    };
    let (decoder, text) = model::load(&model_path(), &options).expect("is usable");
    let metrics = Metrics::register(&mut Registry::default());
    LocalEngine::start(Box::new(Slow(decoder)), text, &options, metrics).expect("starts")
}

#[test]
fn control_tokens_are_written_out_for_those_who_ask() {
    let engine = engine();
    let mark = engine.control_token("<|im_start|>").expect("is there");
    let text = |control_text| {
        let request = GenerateRequest {
            constraint: Some(Constraint::Lark(format!(r#"start: "a" <[{mark}]> "b""#))),
            control_text,
            ..request("why", seeded(1, 20))
        };
        answer(&engine, request).0
    };
    assert_eq!(text(true), "a<|im_start|>b");
    assert_eq!(text(false), "ab");
    assert_eq!(engine.control_token("<|im_start"), None);
}
