//! Logits equal those of the reference implementation, position by position.
//!
//! `fixtures` are written by `recipes/make_fixtures.py`: tiny random models whose rounded
//! weights went through transformers in 32 bits. The tolerance covers the order of additions
//! and the four decimals of the references; logits spread over several units.

use std::path::PathBuf;

use inference_nn::{
    BlockId, Decoder, DecoderOptions, Logits, ModelError, ModelSource, Segment, load,
};
use serde_json::Value;

/// Largest difference allowed; a wrong layer moves logits by more than 0.1.
const TOLERANCE: f64 = 2e-3;

const MODELS: [&str; 5] = [
    "q8-tied",
    "f16-untied",
    "f32-tied",
    "f16-linear",
    "f16-llama3",
];

fn fixture(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(file)
}

/// A decoder and one sequence's blocks, out of order.
struct Sequence {
    decoder: Box<dyn Decoder>,
    blocks: Vec<BlockId>,
}

impl Sequence {
    fn new(name: &str) -> Self {
        let source = ModelSource::open(&fixture(&format!("{name}.gguf"))).expect("is sound");
        let decoder = load(&source, DecoderOptions::default()).expect("is supported");
        let blocks = (0..16).rev().map(BlockId).collect();
        Self { decoder, blocks }
    }

    fn forward(&mut self, tokens: &[u32], position: usize) -> Result<&mut [f32], ModelError> {
        self.decoder.forward(&[Segment {
            tokens,
            position,
            blocks: &self.blocks,
            logits: Logits::Last,
        }])
    }
}

struct Reference {
    tokens: Vec<u32>,
    positions: Vec<usize>,
    stride: usize,
    logits: Vec<Vec<f64>>,
}

fn reference(name: &str) -> Reference {
    let text = std::fs::read_to_string(fixture(&format!("{name}.json"))).expect("is there");
    let json: Value = serde_json::from_str(&text).expect("is JSON");
    let numbers = |key: &str| json[key].as_array().expect("is an array").clone();
    let number =
        |value: &Value| usize::try_from(value.as_u64().expect("is a number")).expect("fits");
    let reals = |row: &Value| {
        row.as_array()
            .expect("is an array")
            .iter()
            .filter_map(Value::as_f64)
            .collect()
    };
    Reference {
        tokens: numbers("tokens")
            .iter()
            .map(|token| u32::try_from(number(token)).expect("fits"))
            .collect(),
        positions: numbers("positions").iter().map(number).collect(),
        stride: number(&json["stride"]),
        logits: numbers("logits").iter().map(reals).collect(),
    }
}

#[track_caller]
fn check(what: &str, found: &[f32], stride: usize, expected: &[f64]) {
    let found: Vec<f64> = found
        .iter()
        .step_by(stride)
        .map(|&logit| f64::from(logit))
        .collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() < TOLERANCE,
            "{what}, logit {}: {found} for {expected}",
            number * stride
        );
    }
}

#[test]
fn logits_equal_the_reference_token_by_token() {
    for name in MODELS {
        let (mut sequence, reference) = (Sequence::new(name), reference(name));
        for (position, &token) in reference.tokens.iter().enumerate() {
            let logits = sequence.forward(&[token], position).expect("fits");
            if let Some(row) = reference.positions.iter().position(|&p| p == position) {
                check(
                    &format!("{name} at {position}"),
                    logits,
                    reference.stride,
                    &reference.logits[row],
                );
            }
        }
    }
}

#[test]
fn logits_equal_the_reference_in_chunks_of_any_size() {
    for name in MODELS {
        let (mut sequence, reference) = (Sequence::new(name), reference(name));
        for size in [2, 3, 5, 24] {
            for (row, &last) in reference.positions.iter().enumerate() {
                let mut logits = Vec::new();
                for (chunk, tokens) in reference.tokens[..=last].chunks(size).enumerate() {
                    logits = sequence
                        .forward(tokens, chunk * size)
                        .expect("fits")
                        .to_vec();
                }
                let what = format!("{name} at {last} in chunks of {size}");
                check(&what, &logits, reference.stride, &reference.logits[row]);
            }
        }
    }
}

#[test]
fn reading_again_from_the_middle_forgets_what_was_behind() {
    let (mut sequence, reference) = (Sequence::new("q8-tied"), reference("q8-tied"));
    sequence.forward(&reference.tokens[..10], 0).expect("fits");
    sequence.forward(&[1, 2, 3, 4, 5, 6, 7], 10).expect("fits");
    let logits = sequence.forward(&reference.tokens[10..], 10).expect("fits");
    check(
        "after reading again",
        logits,
        reference.stride,
        reference.logits.last().expect("has rows"),
    );
}

fn bits(logits: &[f32]) -> Vec<u32> {
    logits.iter().map(|logit| logit.to_bits()).collect()
}

#[test]
fn logits_are_the_same_to_the_last_bit_however_tokens_are_grouped() {
    let tokens: Vec<u32> = (0..150).map(|number| number * 7 % 331).collect();
    let mut whole = Sequence::new("q8-tied");
    let whole = bits(whole.forward(&tokens, 0).expect("fits"));
    let mut single = Sequence::new("q8-tied");
    let mut last = Vec::new();
    for (position, &token) in tokens.iter().enumerate() {
        last = bits(single.forward(&[token], position).expect("fits"));
    }
    assert_eq!(whole, last);
}

#[test]
fn logits_are_the_same_to_the_last_bit_whoever_is_in_the_batch() {
    let tokens: Vec<u32> = (0..150).map(|number| number * 7 % 331).collect();
    let mut alone = Sequence::new("q8-tied");
    let expected = bits(alone.forward(&tokens, 0).expect("fits"));
    let mut shared = Sequence::new("q8-tied");
    let mine: Vec<BlockId> = (20..30).map(BlockId).collect();
    let theirs: Vec<BlockId> = [20, 21, 50, 51].map(BlockId).to_vec();
    let segment = |tokens, position, blocks, logits| Segment {
        tokens,
        position,
        blocks,
        logits,
    };
    let stranger = segment(&tokens[5..42], 0, &shared.blocks, Logits::All);
    shared
        .decoder
        .forward(&[segment(&tokens[..70], 0, &mine, Logits::None), stranger])
        .expect("fits");
    // The second has the first two blocks in common with the first.
    let found = shared
        .decoder
        .forward(&[
            segment(&tokens[32..40], 32, &theirs, Logits::All),
            segment(&tokens[70..], 70, &mine, Logits::Last),
        ])
        .expect("fits");
    let vocab = found.len() / 9;
    assert_eq!(expected, bits(&found[8 * vocab..]));
    let fortieth = bits(&found[7 * vocab..8 * vocab]);
    assert_eq!(
        bits(alone.forward(&tokens[..40], 0).expect("fits")),
        fortieth
    );
}

#[test]
fn a_window_that_does_not_fit_is_refused_before_it_is_allocated() {
    let source = ModelSource::open(&fixture("q8-tied.gguf")).expect("is sound");
    let options = DecoderOptions {
        kv_bytes_max: 51_200,
        ..DecoderOptions::default()
    };
    let error = load(&source, options)
        .expect_err("does not fit")
        .to_string();
    assert_eq!(
        error,
        "keys and values of 256 tokens do not fit 51200 bytes; use a window of at most 96 tokens"
    );
}
