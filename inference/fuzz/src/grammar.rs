//! Constraints: JSON schemas, Lark grammars, regular expressions, from their text to what may be written.

use std::sync::LazyLock;

use inference_constrain::{ConstraintCompiler, ConstraintVocabulary, TokenMatcher};
use inference_core::{Constraint, TokenId};

use crate::Target;

/// A letter that says which kind, then the constraint.
pub(crate) const GRAMMAR: Target = Target {
    name: "grammar",
    run: |data| {
        let Some((kind, text)) = data.split_first() else {
            return;
        };
        let text = String::from_utf8_lossy(text).into_owned();
        let constraint = match kind {
            b'L' => Constraint::Lark(text),
            b'R' => Constraint::Regex(text),
            _ => match serde_json::from_str(&text) {
                Ok(schema) => Constraint::JsonSchema(schema),
                Err(_) => return,
            },
        };
        if let Ok(mut matcher) = COMPILER.compile(&constraint) {
            write(&mut matcher);
        }
    },
    samples: || {
        SAMPLES
            .iter()
            .map(|sample| sample.as_bytes().to_vec())
            .collect()
    },
    words: &[
        "\"$ref\":\"#\"",
        "\"anyOf\":[{},{}]",
        "\"pattern\":\"^(a|b)*$\"",
        "\"minItems\":1000000",
        "\"maxLength\":",
        "\"multipleOf\":0.1",
        "\"additionalProperties\":false",
        "\"format\":\"date-time\"",
        "{1000,100000}",
        "(a+)+$",
        "\\p{L}",
        "%json {}",
        "[lazy]",
        "\u{6f22}",
    ],
};

const SAMPLES: [&str; 8] = [
    r#"J{"type":"object","properties":{"cause":{"type":"string","maxLength":20},"at":{"type":"integer","minimum":0}},"required":["cause"],"additionalProperties":false}"#,
    r##"J{"$defs":{"n":{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#/$defs/n"},{"type":"null"}]}}}},"$ref":"#/$defs/n"}"##,
    r#"J{"type":"array","items":{"enum":["a",1,null]},"minItems":1,"maxItems":3}"#,
    r#"J{"oneOf":[{"type":"integer"},{"type":"string","pattern":"^[a-z]+$"}]}"#,
    "Lstart: call+\ncall: \"f(\" ARG (\",\" ARG)* \")\"\nARG: /[a-z]{1,5}/\n",
    "Lstart: %json {\"type\":\"object\"} | \"no\"\n",
    "R(yes|no)( [0-9]{1,3})?",
    "R[^\"\\\\]*\\.(rs|py)",
];

/// Tokens that are written of a grammar at most.
const STEPS: usize = 24;
const END: TokenId = 256;

/// Over single bytes.
static COMPILER: LazyLock<ConstraintCompiler> = LazyLock::new(compiler);

/// A compiler over a vocabulary of single bytes and an end.
pub(crate) fn compiler() -> ConstraintCompiler {
    let mut bytes: Vec<Vec<u8>> = (0..=u8::MAX).map(|byte| vec![byte]).collect();
    bytes.push(Vec::new());
    ConstraintCompiler::try_new(ConstraintVocabulary {
        bytes,
        control: vec![(END, "<|end|>".to_owned())],
        ends: vec![END],
        encode: Box::new(|text| text.bytes().map(TokenId::from).collect()),
    })
    .expect("single bytes are a vocabulary")
}

/// Writes what the grammar allows, its forced tokens or the first of the others, and sees that it takes them.
fn write(matcher: &mut TokenMatcher) {
    for step in 0..STEPS {
        if matcher.is_complete() {
            return;
        }
        let forced = matcher.forced();
        let token = match forced.first() {
            Some(&token) => Some(token),
            None => match matcher.mask() {
                Err(_) => return,
                Ok(mask) => (0..=END)
                    .cycle()
                    .skip(step * 37)
                    .take(257)
                    .find(|&token| mask.allows(token)),
            },
        };
        let Some(token) = token else {
            return;
        };
        assert!(matcher.consume(token).is_ok(), "what may come is not taken");
        if token == END {
            return;
        }
    }
}
