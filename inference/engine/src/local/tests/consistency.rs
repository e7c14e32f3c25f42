//! An answer depends on its request alone: not on company, cache, eviction, cancels, guesses
//! or the length of steps. A seeded fuzzer tries many of these at once.

use inference_core::Priority;

use super::*;

/// A small generator, so that a failure can be repeated by its seed.
struct Random(u64);

impl Random {
    fn below(&mut self, count: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % count
    }

    fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        let count = u64::try_from(of.len()).expect("few");
        of[usize::try_from(self.below(count)).expect("few")].clone()
    }
}

/// Everything a client sees of an answer but what it took.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    text: String,
    tokens: Vec<TokenId>,
    logprobs: Vec<TokenLogprobs>,
    finish_reason: FinishReason,
    completion_tokens: usize,
}

/// The answer; adds the tokens found in the cache and those guessed to `usage`.
fn seen(mut stream: Generation, usage: &mut [usize; 2]) -> Seen {
    let (mut text, mut tokens, mut logprobs) = (String::new(), Vec::new(), Vec::new());
    loop {
        match block_on(stream.next()).expect("goes on") {
            Event::Prompt {
                tokens: read,
                logprobs: told,
            } => {
                tokens.extend(read);
                logprobs.extend(told);
            }
            Event::Text {
                text: piece,
                tokens: more,
                logprobs: told,
            } => {
                text.push_str(&piece);
                tokens.extend(more);
                logprobs.extend(told);
            }
            Event::Done(outcome) => {
                usage[0] += outcome.usage.cached_tokens;
                usage[1] += outcome.usage.accepted_tokens;
                return Seen {
                    text,
                    tokens,
                    logprobs,
                    finish_reason: outcome.finish_reason,
                    completion_tokens: outcome.usage.completion_tokens,
                };
            }
            Event::Failed(error) => panic!("{error}"),
        }
    }
}

fn some_request(random: &mut Random) -> GenerateRequest {
    let beginnings = [
        "the pod is the pod is the pod is the pod is ",
        "the pod is not ready since the image of it",
        "node",
    ];
    let ends = [
        "",
        " a a a a a",
        " why? 0123456789 0123456789",
        "0123456789 01",
    ];
    let prompt = random.pick(&beginnings).to_owned() + random.pick(&ends);
    let length = 5 + usize::try_from(random.below(70)).expect("small");
    let sampling = match random.below(4) {
        0 | 1 => SamplingParams::greedy(length),
        2 => seeded(random.below(9), length),
        _ => SamplingParams {
            temperature: 0.4,
            top_p: 0.8,
            frequency_penalty: 0.3,
            repetition_penalty: 1.1,
            stop: vec!["e e".to_owned()],
            ..seeded(random.below(9), length)
        },
    };
    let lark = r#"start: "{\"cause\":\"" ("pod" | "node") "\",\"list\":[" /[0-9 ]{1,9}/ ("," /[0-9 ]{1,9}/)* "]}""#;
    let regex = "(the pod is [a-d0-3 ]*;){1,9}";
    let constraint = match random.below(3) {
        0 => Some(Constraint::Lark(lark.to_owned())),
        1 => Some(Constraint::Regex(regex.to_owned())),
        _ => None,
    };
    GenerateRequest {
        constraint,
        logprobs: random.pick(&[None, None, Some(2)]),
        prompt_logprobs: random.below(5) == 0,
        thoughts: (random.below(4) == 0).then(|| ThoughtLimit {
            tokens: length / 3,
            open: None,
            close: " the pod".to_owned(),
        }),
        ..request(&prompt, sampling)
    }
}

/// Options under which the pool has `blocks` blocks.
fn options_with(blocks: u64) -> EngineOptions {
    let (decoder, _) = model::load(&model_path(), &EngineOptions::default()).expect("is usable");
    let mut options = EngineOptions::default();
    options.decoder.kv_bytes_max = decoder.info().kv_bytes_per_token * BLOCK_TOKENS as u64 * blocks;
    options.queue_patience = Duration::from_mins(10);
    options
}

/// What `requests` are answered one after the other, step by step, without guesses.
fn alone(requests: &[GenerateRequest]) -> Vec<Seen> {
    let options = EngineOptions {
        sequences_max: 1,
        speculation: false,
        step_tokens: NonZero::new(512),
        ..options_with(64)
    };
    let engine = engine_with(&options, &mut Registry::default());
    let answers = requests.iter().map(|request| {
        let stream = engine.submit(request.clone()).expect("is taken");
        seen(stream, &mut [0; 2])
    });
    answers.collect()
}

fn was_preempted(registry: &Registry) -> bool {
    scraped(registry)
        .lines()
        .any(|line| line.starts_with("vllm:num_preemptions_total{") && !line.ends_with(" 0"))
}

#[test]
fn an_answer_depends_on_its_request_alone() {
    let mut random = Random(2026);
    let requests: Vec<GenerateRequest> = (0..14).map(|_| some_request(&mut random)).collect();
    let expected = alone(&requests);
    let mut usage = [0; 2];
    let mut preempted = false;
    for round in 0..8 {
        let mut registry = Registry::default();
        let options = EngineOptions {
            sequences_max: random.pick(&[1, 3, 8]),
            speculation: round % 4 != 3,
            prefix_cache: round % 3 != 2,
            threads: NonZero::new(random.pick(&[1, 2, 3])),
            step_tokens: NonZero::new(random.pick(&[1, 7, 40, 512])),
            // The window of 256 tokens takes 16 blocks.
            ..options_with(random.pick(&[16, 20, 64]))
        };
        let engine = engine_with(&options, &mut registry);
        let mut streams = Vec::new();
        for _ in 0..24 {
            let number = usize::try_from(random.below(14)).expect("small");
            // The more urgent make others give their blocks up.
            let mut stream = engine
                .submit(GenerateRequest {
                    priority: random.pick(&Priority::ALL),
                    ..requests[number].clone()
                })
                .expect("is taken");
            match random.below(6) {
                // A neighbour that is cancelled, at once or in the middle.
                0 => drop(stream),
                1 => drop(block_on(stream.next())),
                _ => streams.push((number, stream)),
            }
        }
        for (number, stream) in streams {
            let found = seen(stream, &mut usage);
            let request = &requests[number];
            assert_eq!(found, expected[number], "{request:?} under {options:?}");
        }
        preempted |= was_preempted(&registry);
    }
    // All of it happened.
    assert!(usage[0] > 0 && usage[1] > 0, "{usage:?}");
    assert!(preempted);
}

/// Answers of one step are written by several threads.
#[test]
fn answers_sampled_side_by_side_are_those_sampled_alone() {
    let kinds: [fn(&mut SamplingParams); 5] = [
        |_| (),
        |sampling| sampling.top_k = 5,
        |sampling| sampling.top_p = 0.7,
        |sampling| sampling.min_p = 0.1,
        |sampling| sampling.typical_p = 0.5,
    ];
    let requests: Vec<GenerateRequest> = (0..15)
        .map(|number| {
            let mut sampling = seeded(number, 30);
            kinds[usize::try_from(number % 5).expect("small")](&mut sampling);
            GenerateRequest {
                constraint: (number % 3 == 0).then(|| Constraint::Regex("[a-z ]+".to_owned())),
                logprobs: (number % 4 == 0).then_some(2),
                ..request("the pod is", sampling)
            }
        })
        .collect();
    let expected = alone(&requests);
    for threads in [1, 2, 4] {
        let options = EngineOptions {
            threads: NonZero::new(threads),
            ..options_with(128)
        };
        let engine = engine_with(&options, &mut Registry::default());
        let submit = |request: &GenerateRequest| engine.submit(request.clone()).expect("is taken");
        let streams: Vec<Generation> = requests.iter().map(submit).collect();
        for (stream, expected) in streams.into_iter().zip(&expected) {
            assert_eq!(&seen(stream, &mut [0; 2]), expected, "{threads} threads");
        }
    }
}

/// Guesses out of the prompt hold what the grammar forces; an answer must not read the logits of the wrong one.
#[test]
fn guesses_that_hold_forced_tokens_change_nothing() {
    let requests: Vec<GenerateRequest> = (0..8)
        .map(|seed| GenerateRequest {
            constraint: Some(Constraint::Regex("([ab] is the pod ){9}".to_owned())),
            ..request(
                "a is the pod b is the pod a is the pod a is the pod b is the pod ",
                seeded(seed, 80),
            )
        })
        .collect();
    let expected = alone(&requests);
    let engine = engine_with(&options_with(64), &mut Registry::default());
    let mut usage = [0; 2];
    for (request, expected) in requests.iter().zip(&expected) {
        let stream = engine.submit(request.clone()).expect("is taken");
        assert_eq!(&seen(stream, &mut usage), expected);
    }
    assert!(usage[1] > 0, "nothing was guessed right");
}
