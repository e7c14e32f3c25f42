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
