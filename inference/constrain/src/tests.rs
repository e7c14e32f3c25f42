//! Facts about matchers over a vocabulary of single bytes and a few words.

use inference_core::{Constraint, TokenId};
use serde_json::json;

use super::*;

const END: TokenId = 260;

/// Bytes 0 to 255, then `foo`, `bar`, `{"`, `":`, then the end.
fn compiler() -> ConstraintCompiler {
    let mut bytes: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
    bytes.extend(["foo", "bar", "{\"", "\":", ""].map(|word| word.as_bytes().to_vec()));
    let words = bytes.clone();
    let encode = move |text: &str| {
        let mut tokens = Vec::new();
        let mut rest = text.as_bytes();
        while let Some(&byte) = rest.first() {
            let word = (256..260).find(|&word| rest.starts_with(&words[word]));
            let token = word.unwrap_or(usize::from(byte));
            rest = &rest[words[token].len()..];
            tokens.push(TokenId::try_from(token).expect("few"));
        }
        tokens
    };
    let control = vec![(END, "<|end|>".to_owned())];
    ConstraintCompiler::try_new(ConstraintVocabulary {
        bytes,
        control,
        ends: vec![END],
        encode: Box::new(encode),
    })
    .expect("is usable")
}

fn matcher(constraint: &Constraint) -> TokenMatcher {
    compiler().compile(constraint).expect("compiles")
}

fn write(matcher: &mut TokenMatcher, text: &[u8]) {
    for &byte in text {
        assert!(
            matcher.mask().expect("has a mask").allows(byte.into()),
            "{:?}",
            char::from(byte)
        );
        matcher.consume(byte.into()).expect("is allowed");
    }
}

#[track_caller]
fn check_refused(constraint: &Constraint, expected: &str) {
    let error = compiler()
        .compile(constraint)
        .expect_err("is wrong")
        .to_string();
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn a_regular_expression_allows_its_texts_alone() {
    let mut matcher = matcher(&Constraint::Regex("[ab]c?".to_owned()));
    let mask = matcher.mask().expect("has a mask");
    assert!(mask.allows(b'a'.into()) && mask.allows(b'b'.into()));
    assert!(!mask.allows(b'c'.into()) && !mask.allows(END) && !mask.allows(257));
    write(&mut matcher, b"a");
    assert!(matcher.mask().expect("has a mask").allows(END));
    write(&mut matcher, b"c");
    assert!(matcher.is_complete());
}

#[test]
fn text_that_must_come_is_forced_in_the_models_own_tokens() {
    let mut matcher = matcher(&Constraint::Lark(
        r#"start: "foobar" ("x" | "y")"#.to_owned(),
    ));
    assert_eq!(matcher.forced(), [256, 257]);
    matcher.consume(256).expect("is forced");
    matcher.consume(257).expect("is forced");
    assert_eq!(matcher.forced(), [0; 0]);
}

#[test]
fn guesses_are_judged_without_being_taken() {
    let mut matcher = matcher(&Constraint::Lark(
        r#"start: ("foo" | "x") "bar" "y""#.to_owned(),
    ));
    assert_eq!(matcher.valid_prefix(&[256, 257, b'y'.into(), 257]), 3);
    assert_eq!(matcher.valid_prefix(&[b'x'.into(), 256]), 1);
    assert_eq!(matcher.valid_prefix(&[257]), 0);
    assert_eq!(matcher.valid_prefix(&[]), 0);
    assert_eq!(matcher.valid_prefix(&[9999]), 0);
    write(&mut matcher, b"x");
}

#[test]
fn a_token_the_grammar_does_not_allow_is_an_error() {
    let mut matcher = matcher(&Constraint::Regex("a".to_owned()));
    assert!(matcher.consume(b'z'.into()).is_err());
}

#[test]
fn json_of_a_schema_is_compact_and_in_its_order() {
    let schema = json!({"type": "object", "additionalProperties": false, "required": ["b", "a"],
        "properties": {"b": {"type": "boolean"}, "a": {"enum": ["foo"]}}});
    let mut matcher = matcher(&Constraint::JsonSchema(schema));
    assert_eq!(matcher.forced(), [258, b'b'.into(), 259]);
    for token in matcher.forced() {
        matcher.consume(token).expect("is forced");
    }
    write(&mut matcher, b"t");
    for text in ["rue", ",", "\"", "a"] {
        write(&mut matcher, text.as_bytes());
    }
    for token in matcher.forced() {
        matcher.consume(token).expect("is forced");
    }
    assert!(matcher.is_complete());
}

#[test]
fn constraints_that_do_not_compile_are_refused() {
    check_refused(
        &Constraint::Lark("start: missing".to_owned()),
        "the grammar cannot be used as a constraint",
    );
    check_refused(
        &Constraint::Regex("(".to_owned()),
        "the regular expression cannot be used as a constraint",
    );
    check_refused(
        &Constraint::JsonSchema(json!({"type": "array", "uniqueItems": true})),
        "the JSON schema cannot be used as a constraint",
    );
    check_refused(
        &Constraint::Lark("x".repeat(2 << 20)),
        "the grammar cannot be used as a constraint: it has 2097152 bytes",
    );
}

#[test]
fn a_grammar_its_compiler_stumbles_over_is_refused() {
    // The compiler cuts what it quotes by bytes, inside a letter where this one has its length.
    for before in 0..4 {
        let limit = "x".repeat(before) + &"\u{1f600}".repeat(40);
        let schema = Constraint::JsonSchema(json!({ "type": "number", "minimum": limit }));
        check_refused(&schema, "the JSON schema cannot be used as a constraint");
    }
    matcher(&Constraint::JsonSchema(json!({ "type": "null" })));
}

#[test]
fn arrays_of_different_items_and_with_one_that_is_wanted_are_held_to() {
    let colors = json!({ "type": "array", "uniqueItems": true, "items": { "enum": ["r", "g"] } });
    let mut pair = matcher(&Constraint::JsonSchema(colors));
    write(&mut pair, br#"["g","#);
    assert_eq!(pair.forced(), br#""r"]"#.map(TokenId::from));
    let wanted = json!({ "type": "array", "items": { "enum": [1, 2] }, "contains": { "const": 2 }, "maxItems": 2 });
    let mut pair = matcher(&Constraint::JsonSchema(wanted));
    write(&mut pair, b"[1,");
    assert_eq!(pair.forced(), b"2]".map(TokenId::from));
}

#[test]
fn branches_that_overlap_are_refused_by_their_keyword() {
    let both = json!({ "oneOf": [{ "type": "integer" }, { "minimum": 2 }] });
    let error = compiler().compile(&Constraint::JsonSchema(both));
    let error = error.expect_err("is refused").to_string();
    assert!(error.contains("oneOf"), "{error}");
    for keyword in ["uniqueItems", "contains"] {
        let schema = json!({ "type": "array", (keyword): true, "prefixItems": [true] });
        let error = compiler().compile(&Constraint::JsonSchema(schema));
        let error = error.expect_err("is refused").to_string();
        assert!(error.contains(keyword), "{error}");
    }
}

/// Prints how long each schema of the suite takes; `cargo test -p inference-constrain suite -- --nocapture`.
#[test]
fn the_suites_schemas_compile_or_are_refused() {
    let suite = include_str!("../../openai/conformance/schemas.json");
    let suite: Vec<serde_json::Value> = serde_json::from_str(suite).expect("is JSON");
    let compiler = compiler();
    let mut slowest = (std::time::Duration::ZERO, String::new());
    let mut refused = 0;
    for entry in &suite {
        let start = std::time::Instant::now();
        let compiled = compiler.compile(&Constraint::JsonSchema(entry["schema"].clone()));
        let took = (start.elapsed(), entry["name"].to_string());
        slowest = slowest.max(took);
        refused += usize::from(compiled.is_err());
    }
    println!(
        "{} schemas, {refused} refused; slowest {slowest:?}",
        suite.len()
    );
    assert!(refused < suite.len() / 2);
}
