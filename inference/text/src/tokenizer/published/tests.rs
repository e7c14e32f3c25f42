//! Facts about tokenizers of published models.
//!
//! `fixtures/published.py` writes the expected tokens and says how.

use std::sync::LazyLock;

use inference_core::PromptPart;
use proptest::prelude::*;
use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Golden {
    name: String,
    tokenizer: Json,
    config: Json,
    bos: TokenId,
    eos: TokenId,
    /// Special tokens read as text.
    text: Vec<(String, Vec<TokenId>)>,
    /// Special tokens looked for.
    chat: Vec<(String, Vec<TokenId>)>,
}

static GOLDENS: LazyLock<Vec<Golden>> = LazyLock::new(|| {
    let packed = include_bytes!("../../../fixtures/published.json.zst");
    let text = zstd::decode_all(packed.as_slice()).expect("is packed well");
    serde_json::from_slice(&text).expect("is JSON")
});

fn read(tokenizer: &Json, config: &Json) -> Result<Tokenizer, TextError> {
    let [tokenizer, config] = [tokenizer, config].map(|json| json.to_string().into_bytes());
    Tokenizer::from_files(&TokenizerFiles {
        tokenizer: &tokenizer,
        tokenizer_config: Some(&config),
        ..TokenizerFiles::default()
    })
}

/// The tokens of `text` with special tokens looked for.
fn chat(tokenizer: &Tokenizer, text: &str) -> Vec<TokenId> {
    let mut tokens = Vec::new();
    let mut place = Place::Start;
    for part in tokenizer.split_control(text, '\u{FDD0}') {
        match part {
            PromptPart::Tokens(ids) => tokens.extend(ids),
            PromptPart::Text(text) => tokenizer.encode_part(&text, place, &mut tokens),
        }
        place = Place::BehindToken;
    }
    tokens
}

#[test]
fn texts_and_chats_give_the_tokens_the_tokenizers_library_gives() {
    for golden in GOLDENS.iter() {
        let tokenizer = read(&golden.tokenizer, &golden.config).expect("is usable");
        for (text, expected) in &golden.text {
            assert_eq!(
                tokenizer.encode(text),
                *expected,
                "{} {text:?}",
                golden.name
            );
        }
        for (text, expected) in &golden.chat {
            assert_eq!(
                chat(&tokenizer, text),
                *expected,
                "{} {text:?}",
                golden.name
            );
        }
    }
}

#[test]
fn special_tokens_and_the_template_come_from_the_files_beside() {
    for golden in GOLDENS.iter() {
        let tokenizer = read(&golden.tokenizer, &golden.config).expect("is usable");
        let prompt = inference_core::Prompt::text("the");
        assert_eq!(
            tokenizer.encode_prompt(&prompt)[0],
            golden.bos,
            "{}",
            golden.name
        );
        assert_eq!(tokenizer.ends()[0], golden.eos, "{}", golden.name);
        assert_eq!(tokenizer.bytes(golden.eos), b"");
        let config = golden.config.to_string();
        let files = TokenizerFiles {
            tokenizer_config: Some(config.as_bytes()),
            ..TokenizerFiles::default()
        };
        assert_eq!(
            files.template().expect("is well formed").as_deref(),
            Some("yes")
        );
    }
}

#[test]
fn the_bytes_of_the_tokens_are_the_bytes_of_the_text() {
    for golden in GOLDENS.iter().filter(|golden| golden.name != "qwen-2.5") {
        let tokenizer = read(&golden.tokenizer, &golden.config).expect("is usable");
        let text = "the pod\n\nnaïve 漢 😀<tool>";
        let bytes: Vec<u8> = tokenizer
            .encode_continuation(text)
            .iter()
            .flat_map(|&token| tokenizer.bytes(token).to_vec())
            .collect();
        assert_eq!(String::from_utf8_lossy(&bytes), text, "{}", golden.name);
    }
}

#[track_caller]
fn check_refused(change: impl Fn(&mut Json), expected: &str) {
    let mut json = GOLDENS[0].tokenizer.clone();
    change(&mut json);
    let error = read(&json, &GOLDENS[0].config)
        .expect_err("is refused")
        .to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn files_that_make_no_sense_are_refused() {
    check_refused(
        |json| json["model"]["type"] = json!("WordPiece"),
        "`WordPiece` is not supported",
    );
    check_refused(
        |json| json["model"]["vocab"] = json!([1]),
        "vocabulary is not one of spellings",
    );
    check_refused(
        |json| json["model"]["vocab"]["far"] = json!(4_000_000_000_u32),
        "numbers a token 4000000000",
    );
    check_refused(
        |json| json["model"]["vocab"]["far"] = json!(1_000_000),
        "numbers a token 1000000",
    );
    check_refused(
        |json| json["model"]["merges"] = json!([["zz", "qq"]]),
        "out of vocabulary",
    );
    check_refused(
        |json| json["added_tokens"][0]["id"] = json!(-1),
        "has no content or no number",
    );
    check_refused(
        |json| json["pre_tokenizer"] = json!({"type": "Nonsense"}),
        "tokenizer.json is not usable",
    );
    check_refused(
        |json| json["pre_tokenizer"] = json!({"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": false}),
        "tokenizer.json is not usable",
    );
}

/// Changes one value of `json`, the one at `place`, counted in depth.
fn mutate(json: &mut Json, place: &mut usize, value: &Json) -> bool {
    if *place == 0 {
        *json = value.clone();
        return true;
    }
    *place -= 1;
    match json {
        Json::Array(items) => items.iter_mut().any(|item| mutate(item, place, value)),
        Json::Object(entries) => entries
            .values_mut()
            .any(|entry| mutate(entry, place, value)),
        _ => false,
    }
}

fn any_value() -> impl Strategy<Value = Json> {
    prop_oneof![
        Just(json!(null)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<bool>().prop_map(|truth| json!(truth)),
        ".{0,6}".prop_map(|text| json!(text)),
        Just(json!([])),
        Just(json!({})),
        Just(json!("(a+)+$")),
        Just(json!([[0, "a"]])),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_files_are_refused_or_usable_and_never_break(golden in 0_usize..5, place in 0_usize..400, far in 0_usize..4000, deep in any::<bool>(), value in any_value()) {
        let mut json = GOLDENS[golden].tokenizer.clone();
        let mut place = if deep { place + far } else { place };
        mutate(&mut json, &mut place, &value);
        if let Ok(tokenizer) = read(&json, &GOLDENS[golden].config) {
            tokenizer.encode("the pod <tool> 漢 12345\n  x");
        }
    }

    #[test]
    fn damaged_bytes_are_refused_or_usable_and_never_break(golden in 0_usize..5, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = GOLDENS[golden].tokenizer.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let files = TokenizerFiles { tokenizer: &bytes, ..TokenizerFiles::default() };
        if let Ok(tokenizer) = Tokenizer::from_files(&files) {
            tokenizer.encode("the pod");
        }
    }
}
