//! Facts about beginnings and ends: cancelling, waiting, panics, draining, stopping.

use std::sync::atomic::{AtomicUsize, Ordering};

use inference_core::Priority;
use inference_nn::{DecoderInfo, ModelError, Segment};

use super::*;

/// A decoder that takes 5 ms a step, panics at prompts that begin with `!` and knows nothing behind those that begin
/// with `?`, over the tiny model.
#[derive(Debug)]
struct Slow(Box<dyn Decoder>);

impl Decoder for Slow {
    fn info(&self) -> &DecoderInfo {
        self.0.info()
    }

    fn forward(&mut self, batch: &[Segment<'_>]) -> Result<&mut [f32], ModelError> {
        // The tiny model's alphabet is that of bytes.
        let begins = |segment: &Segment<'_>, byte: u8| {
            segment.position == 0 && segment.tokens[0] == TokenId::from(byte)
        };
        let asked = batch.iter().any(|segment| begins(segment, b'!'));
        assert!(!asked, "asked to panic");
        thread::sleep(Duration::from_millis(5));
        let vocab_size = self.info().vocab_size;
        let logits = self.0.forward(batch)?;
        let mut start = 0;
        for segment in batch {
            let end = start + segment.logits.rows(segment.tokens.len()) * vocab_size;
            if begins(segment, b'?') {
                logits[start..end].fill(f32::NAN);
            }
            start = end;
        }
        Ok(logits)
    }
}

fn slow_engine(change: impl FnOnce(&mut EngineOptions)) -> LocalEngine {
    slow_engine_in(change, &mut Registry::default())
}

fn slow_engine_in(change: impl FnOnce(&mut EngineOptions), registry: &mut Registry) -> LocalEngine {
    let mut options = EngineOptions::default();
    change(&mut options);
    let (decoder, text) = model::load(&model_path(), &options).expect("is usable");
    let metrics = Metrics::register(registry);
    let pool = inference_nn::Pool::new(2).expect("starts");
    LocalEngine::start(pool, Box::new(Slow(decoder)), text, &options, &metrics).expect("starts")
}

/// Waits, for as long as it takes, until nothing runs.
fn until_idle(engine: &LocalEngine) {
    while !engine.health().is_idle() {
        thread::sleep(Duration::from_millis(1));
    }
}

fn complete(stream: Generation) -> Result<(String, Outcome), EngineError> {
    block_on(stream.collect(|_| ()))
}

#[test]
fn a_dropped_stream_ends_its_request() {
    let mut registry = Registry::default();
    let engine = slow_engine_in(|options| options.sequences_max = 1, &mut registry);
    let submit = || engine.submit(request("the", seeded(1, 200)));
    let mut running = submit().expect("is taken");
    let waiting = submit().expect("is taken");
    let first = block_on(running.next());
    assert!(matches!(first, Some(Event::Text { .. })), "{first:?}");
    drop((running, waiting));
    until_idle(&engine);
    let text = scraped(&registry);
    let name = &engine.model().name;
    let line = format!(
        "anchorite_inference_requests_total{{model_name=\"{name}\",outcome=\"cancelled\"}} 2"
    );
    assert!(text.contains(&line), "{text}");
    assert!(!text.contains("vllm:request_success_total{"), "{text}");
}

#[test]
fn a_thousand_cancelled_requests_leave_no_block_in_use() {
    let mut registry = Registry::default();
    let engine = engine_with(&EngineOptions::default(), &mut registry);
    for number in 0..1000 {
        let prompt = format!("{number} the pod {number} is {}", "x".repeat(number % 60));
        let mut stream = engine
            .submit(request(&prompt, seeded(1, 100)))
            .expect("waits until there is room");
        if number % 3 == 0 {
            block_on(stream.next());
        }
    }
    until_idle(&engine);
    let text = scraped(&registry);
    let name = &engine.model().name;
    let line = format!("vllm:kv_cache_usage_perc{{model_name=\"{name}\"}} 0.0");
    assert!(text.contains(&line), "{text}");
}

#[test]
fn incidents_overtake_chats_that_wait() {
    let engine = slow_engine(|options| options.sequences_max = 1);
    let running = engine
        .submit(request("x", seeded(1, 20)))
        .expect("is taken");
    let order = Arc::new(AtomicUsize::new(0));
    let place = |stream: Generation| {
        let order = Arc::clone(&order);
        thread::spawn(move || {
            complete(stream).expect("is answered");
            order.fetch_add(1, Ordering::SeqCst)
        })
    };
    let chat = place(
        engine
            .submit(request("y", seeded(1, 100)))
            .expect("is taken"),
    );
    let urgent = GenerateRequest {
        priority: Priority::Incident,
        ..request("z", seeded(1, 20))
    };
    let incident = place(engine.submit(urgent).expect("is taken"));
    complete(running).expect("is answered");
    assert!(incident.join().expect("ends") < chat.join().expect("ends"));
}

#[test]
fn a_full_queue_refuses_after_a_while() {
    let engine = slow_engine(|options| {
        options.sequences_max = 1;
        options.queue_capacity = 8;
        options.queue_patience = Duration::ZERO;
    });
    let taken: Vec<_> = (0..30)
        .map(|_| engine.submit(request("x", seeded(1, 200))))
        .collect();
    let refused = taken
        .iter()
        .find_map(|taken| taken.as_ref().err())
        .expect("is full at last");
    assert!(
        matches!(refused, EngineError::QueueFull { waiting: 7 }),
        "{refused:?}"
    );
    assert!(!engine.health().is_idle());
}

#[test]
fn a_full_queue_waits_before_it_refuses() {
    let engine = slow_engine(|options| {
        options.sequences_max = 1;
        options.queue_capacity = 2;
        options.queue_patience = Duration::from_mins(10);
    });
    let streams: Vec<_> = (0..6)
        .map(|_| engine.submit(request("x", seeded(1, 3))).expect("waits"))
        .collect();
    for stream in streams {
        complete(stream).expect("is answered");
    }
}

#[test]
fn a_panic_ends_its_request_alone() {
    let engine = slow_engine(|_| ());
    let alone = answer(&engine, request("x", seeded(1, 50)));
    let neighbour = engine
        .submit(request("x", seeded(1, 50)))
        .expect("is taken");
    let broken = engine.submit(request("!", seeded(1, 5))).expect("is taken");
    let failed = complete(broken);
    assert!(matches!(failed, Err(EngineError::Failed(_))), "{failed:?}");
    assert_eq!(complete(neighbour).expect("is answered").0, alone.0);
    assert_eq!(answer(&engine, request("x", seeded(1, 50))).0, alone.0);
}

#[test]
fn an_answer_that_fails_leaves_those_written_beside_it_alone() {
    let engine = slow_engine(|_| ());
    let sampled = |seed| request("x", seeded(seed, 20));
    let alone: Vec<_> = (0..6)
        .map(|seed| answer(&engine, sampled(seed)).0)
        .collect();
    let submit = |request| engine.submit(request).expect("is taken");
    let streams: Vec<_> = (0..6)
        .map(|seed| {
            let broken = submit(request("?", seeded(seed, 5)));
            (submit(sampled(seed)), broken)
        })
        .collect();
    for ((stream, broken), alone) in streams.into_iter().zip(alone) {
        let failed = complete(broken);
        assert!(matches!(failed, Err(EngineError::Failed(_))), "{failed:?}");
        assert_eq!(complete(stream).expect("is answered").0, alone);
    }
}

#[test]
fn draining_ends_what_is_there_and_takes_nothing_new() {
    let engine = slow_engine(|options| options.sequences_max = 2);
    let streams: Vec<_> = (0..4)
        .map(|seed| {
            engine
                .submit(request("x", seeded(seed, 20)))
                .expect("is taken")
        })
        .collect();
    assert!(engine.drain(Duration::from_mins(10)));
    let refused = engine.submit(request("x", seeded(1, 1)));
    assert_eq!(refused.err(), Some(EngineError::Stopped));
    for stream in streams {
        let (_, outcome) = complete(stream).expect("is answered");
        assert_eq!(outcome.usage.completion_tokens, 20);
    }
}

#[test]
fn draining_ends_at_its_deadline() {
    let engine = slow_engine(|_| ());
    let stream = engine
        .submit(request("x", seeded(1, 200)))
        .expect("is taken");
    assert!(!engine.drain(Duration::ZERO));
    drop(engine);
    assert_eq!(complete(stream).err(), Some(EngineError::Stopped));
}

#[test]
fn dropping_the_engine_ends_what_runs_and_what_waits() {
    let engine = slow_engine(|options| options.sequences_max = 1);
    let submit = |text| {
        engine
            .submit(request(text, seeded(1, 200)))
            .expect("is taken")
    };
    let streams = [submit("x"), submit("y")];
    drop(engine);
    for stream in streams {
        assert_eq!(complete(stream).err(), Some(EngineError::Stopped));
    }
}
