//! Every architecture gives the logits of transformers and of llama.cpp, position by position.
//!
//! `models` is written by `recipes/make_models.py` and `llama_logits.py`. Weights have at most eight significant bits, so
//! that all plain types hold the same numbers; what is compared are logits of 40 positions, windows of 8 among them.

use inference_kernels::Dtype;
use inference_nn::{BlockId, DecoderOptions, Logits, ModelSource, Safetensors, Segment, load};

#[path = "support/tiny.rs"]
mod tiny;

use tiny::Tiny;

/// Largest mean squared error of logits, as a share of their mean square.
const NMSE_MAX: f64 = 1e-6;
/// `Q8_0` rounds weights to 1 in 64 of the largest of 32.
const NMSE_Q8_0_MAX: f64 = 2e-2;
/// llama.cpp rounds Gemma's gate to 16 bits.
const NMSE_LLAMA_CPP_MAX: f64 = 1e-6;

/// Whose logits the GGUF must give, where they differ from those of transformers, and why.
const GGUF_REFERENCES: [(&str, &str); 1] = [
    // llama.cpp's converter leaves Mistral's window out.
    ("mistral", "llama_cpp.f32"),
];
/// Where llama.cpp computes something else than transformers, whom we follow.
const LLAMA_CPP_DIFFERS: [&str; 2] = [
    // It does not slide.
    "phi3", // It rounds the range of YaRN to whole pairs.
    "gpt-oss",
];

/// Logits of all positions, read at once.
fn logits(source: &ModelSource, tokens: &[u32]) -> Vec<f32> {
    let mut decoder = load(source, DecoderOptions::default()).expect("is supported");
    let blocks: Vec<BlockId> = (0..4).rev().map(BlockId).collect();
    let segment = Segment {
        tokens,
        position: 0,
        blocks: &blocks,
        logits: Logits::All,
    };
    decoder.forward(&[segment]).expect("fits").to_vec()
}

/// The largest difference, and the mean squared one as a share of the mean square.
fn compare(found: &[f32], expected: &[f32]) -> (f64, f64) {
    assert_eq!(found.len(), expected.len());
    let pairs = || {
        found
            .iter()
            .zip(expected)
            .map(|(f, e)| (f64::from(*f), f64::from(*e)))
    };
    let most = pairs().map(|(f, e)| (f - e).abs()).fold(0.0, f64::max);
    let error: f64 = pairs().map(|(f, e)| (f - e).powi(2)).sum();
    let whole: f64 = pairs().map(|(_, e)| e.powi(2)).sum();
    (most, error / whole)
}

#[track_caller]
fn check(what: &str, source: &ModelSource, tokens: &[u32], expected: &[f32], nmse_max: f64) -> f64 {
    let (most, nmse) = compare(&logits(source, tokens), expected);
    assert!(
        nmse < nmse_max,
        "{what}: NMSE {nmse:.1e}, at most {most:.1e} off"
    );
    most
}

/// The checkpoint `tiny` as the part for text of one that sees: `prefix` before the names of its decoder, `head` of its head.
fn seeing(tiny: &Tiny, prefix: &str, head: &str) -> ModelSource {
    let text: serde_json::Value =
        serde_json::from_slice(&tiny.config("config.json")).expect("is JSON");
    let config = serde_json::json!({
        "model_type": "seeing", "text_config": text, "vision_config": { "hidden_size": 8 }, "mm_tokens_per_image": 4,
    });
    let mut tensors = tiny.tensors(Dtype::F32);
    for tensor in &mut tensors {
        let rest = tensor
            .name
            .strip_prefix("model.")
            .map(|rest| format!("{prefix}{rest}"));
        tensor.name = rest.unwrap_or_else(|| format!("{head}{}", tensor.name));
    }
    for name in [
        "vision_tower.encoder.weight",
        "model.multi_modal_projector.linear.weight",
    ] {
        tensors.push(tiny::writer::StoredTensor {
            name: name.to_owned(),
            shape: vec![2],
            dtype: "F32",
            bytes: vec![0; 8],
        });
    }
    let weights = tiny::writer::checkpoint(&tensors);
    let files = Safetensors::from_bytes(config.to_string().as_bytes(), weights).expect("is sound");
    assert_eq!(files.left_out(), 2);
    ModelSource::Safetensors(files)
}

#[test]
fn of_a_checkpoint_that_sees_the_part_for_text_gives_the_same_logits() {
    for name in ["gemma3", "mistral-nemo"] {
        let tiny = Tiny::open(name);
        let expected = tiny.logits("logits.f32").expect("is there");
        for (prefix, head) in [
            ("language_model.model.", "language_model."),
            ("model.language_model.", ""),
        ] {
            let source = seeing(&tiny, prefix, head);
            check(name, &source, &tiny.tokens(), &expected, NMSE_MAX);
        }
    }
}

#[test]
fn checkpoints_give_the_logits_of_transformers() {
    for name in tiny::all() {
        let tiny = Tiny::open(&name);
        let expected = tiny.logits("logits.f32").expect("is there");
        for (config, dtype) in [
            ("config.json", Dtype::F32),
            ("config-4.json", Dtype::Bf16),
            ("config.json", Dtype::F16),
        ] {
            let source = tiny.checkpoint(config, dtype);
            let what = format!("{name}, {config}, {}", dtype.as_str());
            check(&what, &source, &tiny.tokens(), &expected, NMSE_MAX);
        }
    }
}

#[test]
fn gguf_files_give_the_same_logits() {
    for name in tiny::all() {
        let tiny = Tiny::open(&name);
        let reference = GGUF_REFERENCES.iter().find(|(of, _)| *of == name);
        let reference = reference.map_or("logits.f32", |(_, file)| file);
        let expected = tiny.logits(reference).expect("is there");
        for (dtype, nmse_max) in [
            (Dtype::F32, NMSE_MAX),
            (Dtype::F16, NMSE_MAX),
            (Dtype::Bf16, NMSE_MAX),
            (Dtype::Q8_0, NMSE_Q8_0_MAX),
        ] {
            let Some(source) = tiny.gguf(dtype) else {
                continue;
            };
            let what = format!("{name}, GGUF, {}", dtype.as_str());
            check(&what, &source, &tiny.tokens(), &expected, nmse_max);
        }
    }
}

#[test]
fn gguf_files_give_the_logits_of_llama_cpp() {
    let mut compared = 0;
    for name in tiny::all() {
        let tiny = Tiny::open(&name);
        let Some(expected) = tiny.logits("llama_cpp.f32") else {
            continue;
        };
        let source = tiny.gguf(Dtype::F32).expect("llama.cpp had one");
        let (most, nmse) = compare(&logits(&source, &tiny.tokens()), &expected);
        let differs = LLAMA_CPP_DIFFERS.contains(&name.as_str());
        assert_eq!(
            nmse > NMSE_LLAMA_CPP_MAX,
            differs,
            "{name}: NMSE {nmse:.1e}, at most {most:.1e} off"
        );
        compared += 1;
    }
    assert!(compared >= 14, "{compared} models");
}

/// The table of `docs/models.md`: `cargo test -p inference-nn --test models matrix -- --nocapture`.
#[test]
fn matrix() {
    println!(
        "| Model | safetensors F32 | BF16 | GGUF F32 | Q8_0 | llama.cpp |\n|---|---|---|---|---|---|"
    );
    for name in tiny::all() {
        let tiny = Tiny::open(&name);
        let tokens = tiny.tokens();
        let transformers = tiny.logits("logits.f32").expect("is there");
        let off = |source: Option<ModelSource>, expected: Option<Vec<f32>>| match (source, expected)
        {
            (Some(source), Some(expected)) => {
                format!("{:.1e}", compare(&logits(&source, &tokens), &expected).0)
            }
            _ => "–".to_owned(),
        };
        let cells = [
            off(
                Some(tiny.checkpoint("config.json", Dtype::F32)),
                Some(transformers.clone()),
            ),
            off(
                Some(tiny.checkpoint("config-4.json", Dtype::Bf16)),
                Some(transformers.clone()),
            ),
            off(tiny.gguf(Dtype::F32), Some(transformers.clone())),
            off(tiny.gguf(Dtype::Q8_0), Some(transformers.clone())),
            off(tiny.gguf(Dtype::F32), tiny.logits("llama_cpp.f32")),
        ];
        println!("| {name} | {} |", cells.join(" | "));
    }
}
