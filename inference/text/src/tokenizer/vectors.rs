//! Vocabularies of well-known models against what llama.cpp makes of texts.
//!
//! `fixtures/vocabularies.py` writes the expected tokens and says how. A file
//! of whole vocabularies, which it writes too, is read where `ANCHORITE_VOCABULARIES` names one.

use serde::Deserialize;

use super::Tokenizer;
use crate::vocabulary::{TokenKind, Vocabulary};

/// Texts that differ: llama.cpp takes U+3000 for white space where the published expression takes it for a sign.
const KNOWN: [(&str, char); 1] = [("deepseek-llm", '\u{3000}')];

#[derive(Deserialize)]
struct Golden {
    name: String,
    vocabulary: Spelled,
    /// How many of the cases, in front, are llama.cpp's own.
    own: usize,
    cases: Vec<(String, Vec<u32>)>,
}

#[derive(Deserialize)]
struct Spelled {
    model: String,
    pre: Option<String>,
    tokens: Vec<String>,
    kinds: Vec<i64>,
    scores: Vec<f32>,
    merges: Vec<String>,
    bos: Option<u32>,
    eos: Option<u32>,
    unknown: Option<u32>,
    add_bos: Option<bool>,
    add_space_prefix: Option<bool>,
}

impl Spelled {
    fn vocabulary(self) -> Vocabulary {
        Vocabulary {
            model: self.model,
            pre: self.pre,
            tokens: self.tokens,
            kinds: self
                .kinds
                .iter()
                .map(|&kind| TokenKind::from_number(kind))
                .collect(),
            scores: self.scores,
            merges: self.merges,
            bos: self.bos,
            eos: self.eos,
            unknown: self.unknown,
            add_bos: self.add_bos,
            add_space_prefix: self.add_space_prefix,
            ..Vocabulary::default()
        }
    }
}

fn goldens() -> Vec<Golden> {
    let packed = match std::env::var_os("ANCHORITE_VOCABULARIES") {
        Some(path) => std::fs::read(path).expect("is there"),
        None => include_bytes!("../../fixtures/vocabularies.json.zst").to_vec(),
    };
    let text = zstd::decode_all(packed.as_slice()).expect("is packed well");
    serde_json::from_slice(&text).expect("is JSON")
}

#[test]
fn texts_give_the_tokens_llama_cpp_gives() {
    let mut wrong = Vec::new();
    let [mut own, mut drawn, mut excused] = [0, 0, 0];
    for golden in goldens() {
        let tokenizer = Tokenizer::try_new(&golden.vocabulary.vocabulary()).expect("is usable");
        own += golden.own;
        drawn += golden.cases.len() - golden.own;
        for (number, (text, expected)) in golden.cases.iter().enumerate() {
            let tokens = tokenizer.encode(text);
            let known = |(name, sign): &(&str, char)| golden.name == *name && text.contains(*sign);
            if tokens != *expected && number >= golden.own && KNOWN.iter().any(known) {
                excused += 1;
            } else if tokens != *expected {
                let spell = |tokens: &[u32]| {
                    tokens
                        .iter()
                        .filter_map(|&token| tokenizer.spelling(token))
                        .collect::<Vec<_>>()
                        .join("|")
                };
                wrong.push(format!(
                    "{} {number} {text:?}: {} instead of {}",
                    golden.name,
                    spell(&tokens),
                    spell(expected)
                ));
            }
        }
    }
    println!("{own} vectors of llama.cpp and {drawn} texts at random: {excused} excused");
    assert!(
        wrong.is_empty(),
        "{} wrong: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(40)]
    );
}
