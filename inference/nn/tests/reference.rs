//! Logits equal those of the reference implementation, position by position.
//!
//! `fixtures` are written by `recipes/make_fixtures.py`: tiny random models whose rounded
//! weights went through transformers in 32 bits. The tolerance covers the order of additions
//! and the four decimals of the references; logits spread over several units.

use std::path::PathBuf;

use inference_nn::{Decoder, DecoderOptions, Gguf, load};
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

fn decoder(name: &str) -> Box<dyn Decoder> {
    let gguf = Gguf::open(&fixture(&format!("{name}.gguf"))).expect("is sound");
    load(&gguf, DecoderOptions::default()).expect("is supported")
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
        let (mut decoder, reference) = (decoder(name), reference(name));
        for (position, &token) in reference.tokens.iter().enumerate() {
            let logits = decoder.forward(&[token], position).expect("fits");
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
        let (mut decoder, reference) = (decoder(name), reference(name));
        for size in [2, 3, 5, 24] {
            for (row, &last) in reference.positions.iter().enumerate() {
                for (chunk, tokens) in reference.tokens[..=last].chunks(size).enumerate() {
                    decoder.read(tokens, chunk * size).expect("fits");
                }
                let what = format!("{name} at {last} in chunks of {size}");
                check(
                    &what,
                    decoder.logits(),
                    reference.stride,
                    &reference.logits[row],
                );
            }
        }
    }
}

#[test]
fn reading_again_from_the_middle_forgets_what_was_behind() {
    let (mut decoder, reference) = (decoder("q8-tied"), reference("q8-tied"));
    decoder.read(&reference.tokens[..10], 0).expect("fits");
    decoder.read(&[1, 2, 3, 4, 5, 6, 7], 10).expect("fits");
    let logits = decoder.forward(&reference.tokens[10..], 10).expect("fits");
    check(
        "after reading again",
        logits,
        reference.stride,
        reference.logits.last().expect("has rows"),
    );
}

#[test]
fn logits_are_the_same_to_the_last_bit_however_tokens_are_grouped() {
    let tokens: Vec<u32> = (0..150).map(|number| number * 7 % 331).collect();
    let mut whole = decoder("q8-tied");
    let whole = whole.forward(&tokens, 0).expect("fits").to_vec();
    let mut single = decoder("q8-tied");
    for (position, &token) in tokens.iter().enumerate() {
        single.read(&[token], position).expect("fits");
    }
    let bits = |logits: &[f32]| {
        logits
            .iter()
            .map(|logit| logit.to_bits())
            .collect::<Vec<_>>()
    };
    assert_eq!(bits(&whole), bits(single.logits()));
}

#[test]
fn what_cannot_be_read_is_refused() {
    let mut decoder = decoder("q8-tied");
    for (tokens, position, expected) in [
        (vec![], 0, "there is no token to read"),
        (vec![1], 1, "position 1 follows nothing; 0 were read"),
        (vec![1; 257], 0, "257 tokens pass the window of 256"),
        (vec![331], 0, "token 331 is not in the vocabulary"),
    ] {
        assert_eq!(
            decoder
                .read(&tokens, position)
                .expect_err("is wrong")
                .to_string(),
            expected
        );
    }
}

#[test]
fn a_window_that_does_not_fit_is_refused_before_it_is_allocated() {
    let gguf = Gguf::open(&fixture("q8-tied.gguf")).expect("is sound");
    let options = DecoderOptions {
        kv_bytes_max: 51_200,
        ..DecoderOptions::default()
    };
    let error = load(&gguf, options).expect_err("does not fit").to_string();
    assert_eq!(
        error,
        "keys and values of 256 tokens do not fit 51200 bytes; use a window of at most 100 tokens"
    );
}
