//! Constraints into matchers.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use inference_core::schema::prepare;
use inference_core::{Constraint, EngineError};
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use serde_json::{Value, json};
use toktrie::InferenceCapabilities;

use crate::matcher::TokenMatcher;
use crate::vocabulary::ConstraintVocabulary;

/// Longest grammar, bytes; real ones, lists of names of an incident included, stay below a tenth.
const GRAMMAR_BYTES_MAX: usize = 1 << 20;

/// Compiles constraints for one model.
pub struct ConstraintCompiler {
    factory: ParserFactory,
}

impl ConstraintCompiler {
    /// A compiler over `vocabulary`.
    ///
    /// # Errors
    /// [`EngineError::Failed`] if the vocabulary has no end token or cannot be indexed.
    pub fn try_new(vocabulary: ConstraintVocabulary) -> Result<Self, EngineError> {
        let count = vocabulary.bytes.len();
        if vocabulary.ends.is_empty() || vocabulary.ends.iter().any(|&end| end as usize >= count) {
            return Err(EngineError::Failed(
                "the vocabulary has no usable end token".to_owned(),
            ));
        }
        let environment = vocabulary.into_environment();
        let capabilities = InferenceCapabilities {
            ff_tokens: true,
            ..InferenceCapabilities::default()
        };
        let slices = llguidance::earley::SlicedBiasComputer::general_slices();
        let mut factory =
            ParserFactory::new(&environment, capabilities, &slices).map_err(|error| {
                EngineError::Failed(format!("cannot index the vocabulary: {error}"))
            })?;
        factory.quiet();
        // Grammar and text would end up in error messages shown to others.
        factory.limits_mut().verbose_errors = false;
        Ok(Self { factory })
    }

    /// A matcher for `constraint`, at its beginning.
    ///
    /// # Errors
    /// [`EngineError::Constraint`] if it does not compile or cannot be held exactly.
    pub fn compile(&self, constraint: &Constraint) -> Result<TokenMatcher, EngineError> {
        let what = match constraint {
            Constraint::Lark(_) => "grammar",
            Constraint::JsonSchema(_) => "JSON schema",
            Constraint::Regex(_) => "regular expression",
        };
        let refuse = |reason: String| EngineError::Constraint {
            what,
            reason: plain(reason),
        };
        let grammar = match constraint {
            Constraint::Lark(lark) => {
                bounded(lark.len()).map(|()| TopLevelGrammar::from_lark(lark.clone()))
            }
            Constraint::Regex(regex) => {
                bounded(regex.len()).map(|()| TopLevelGrammar::from_regex(regex))
            }
            Constraint::JsonSchema(schema) => bounded(schema.to_string().len())
                .map(|()| TopLevelGrammar::from_json_schema(compact(prepare(schema)))),
        };
        let grammar = grammar.map_err(refuse)?;
        // A compiler that stumbles over a grammar refuses it: the request is wrong for us, and nothing else is.
        let compiled = catch_unwind(AssertUnwindSafe(|| {
            Matcher::new(self.factory.create_parser(grammar))
        }));
        let matcher = compiled.map_err(|_| refuse("its compiler cannot read it".to_owned()))?;
        match matcher.get_error() {
            Some(reason) => Err(refuse(reason)),
            None => Ok(TokenMatcher::new(matcher)),
        }
    }
}

impl fmt::Debug for ConstraintCompiler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConstraintCompiler").finish_non_exhaustive()
    }
}

/// The compiler's reason in words that name the keyword.
fn plain(reason: String) -> String {
    let keys = reason
        .strip_prefix("Unimplemented keys: [")
        .and_then(|rest| rest.split_once(']'));
    match keys {
        Some((keys, _)) => {
            let keys = keys.replace('"', "`");
            format!("what it says with {keys} cannot be held to while text is written")
        }
        None => reason,
    }
}

fn bounded(bytes: usize) -> Result<(), String> {
    if bytes > GRAMMAR_BYTES_MAX {
        return Err(format!(
            "it has {bytes} bytes, at most {GRAMMAR_BYTES_MAX} are allowed"
        ));
    }
    Ok(())
}

/// Asks for JSON without white space, unless the schema says otherwise: fewer tokens,
/// more of them forced, and no endless white space.
fn compact(mut schema: Value) -> Value {
    if let Value::Object(keywords) = &mut schema {
        keywords.entry("x-guidance").or_insert_with(
            || json!({"whitespace_flexible": false, "item_separator": ",", "key_separator": ":"}),
        );
    }
    schema
}
