//! With activations of bytes a decoder says nearly the same, and the same bits however it is asked.

use std::path::PathBuf;

use inference_nn::{
    Activations, BlockId, Decoder, DecoderOptions, Logits, ModelSource, Segment, load,
};

const TOKENS: u32 = 150;

fn decoder(activations: Activations) -> Box<dyn Decoder> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/q8-tied.gguf");
    let options = DecoderOptions {
        activations,
        ..DecoderOptions::default()
    };
    load(&ModelSource::open(&path).expect("is sound"), options).expect("is supported")
}

/// Logits after the last of some tokens, read `each` at a time.
fn logits(activations: Activations, each: usize) -> Vec<f32> {
    let mut decoder = decoder(activations);
    let tokens: Vec<u32> = (0..TOKENS).map(|number| number * 7 % 331).collect();
    let blocks: Vec<_> = (0..16).map(BlockId).collect();
    let mut last = Vec::new();
    for (number, tokens) in tokens.chunks(each).enumerate() {
        let segment = Segment {
            tokens,
            position: number * each,
            blocks: &blocks,
            logits: Logits::Last,
        };
        last = decoder.forward(&[segment]).expect("fits").to_vec();
    }
    last
}

#[test]
fn logits_move_little_against_their_spread() {
    let exact = logits(Activations::Exact, 150);
    let bytes = logits(Activations::Rounded, 150);
    let spread = |values: &[f32]| {
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let squares = values.iter().map(|value| (value - mean).powi(2));
        (squares.sum::<f32>() / values.len() as f32).sqrt()
    };
    let differences: Vec<_> = exact.iter().zip(&bytes).map(|(a, b)| a - b).collect();
    let (error, spread) = (spread(&differences), spread(&exact));
    assert!(error > 0.0, "bytes were not used");
    assert!(error < 0.05 * spread, "{error} of {spread}");
}

#[test]
fn logits_are_the_same_to_the_last_bit_however_tokens_are_grouped() {
    let bits = |each| -> Vec<u32> {
        let logits = logits(Activations::Rounded, each);
        logits.iter().map(|logit| logit.to_bits()).collect()
    };
    let whole = bits(150);
    for each in [1, 7, 64] {
        assert_eq!(whole, bits(each), "{each} at a time");
    }
}
