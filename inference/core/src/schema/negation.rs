//! What a schema refuses, as a schema.
//!
//! Exact where it can be, else a part of it: a keyword without a complement is taken as if nothing broke it. What is
//! negated is the schema as it came: the complement of a stricter one would be too large.

use serde_json::{Map, Value, json};

use super::Rewriter;

/// Types there are; numbers hold integers.
const TYPES: [&str; 6] = ["null", "boolean", "object", "array", "number", "string"];
/// Any character, in an expression.
const REST: &str = "(.|\\n)";
/// Longest text whose complement is spelled out.
const TEXT_CHARACTERS_MAX: usize = 64;

impl Rewriter<'_> {
    /// What `schema` refuses, or a part of that; `None` if none of it can be told. `known` are properties that
    /// are declared beside it.
    pub(super) fn negation(&mut self, schema: &Value, known: Option<&Value>) -> Option<Value> {
        let keywords = match schema {
            Value::Bool(all) => return Some(Value::Bool(!all)),
            Value::Object(keywords) => keywords,
            _ => return None,
        };
        self.left = self.left.saturating_sub(size(schema));
        if self.left == 0 {
            return None;
        }
        let mut ways = Vec::new();
        let mut silent = true;
        for (key, value) in keywords {
            if matches!(
                key.as_str(),
                "title" | "description" | "default" | "examples" | "$comment"
            ) {
                continue;
            }
            silent = false;
            ways.extend(self.broken(key, value, known).unwrap_or_default());
        }
        match ways.len() {
            0 if silent => Some(Value::Bool(false)),
            0 => None,
            1 => ways.pop(),
            _ => Some(json!({ "anyOf": ways })),
        }
    }

    /// The ways to break one keyword.
    fn broken(&mut self, key: &str, value: &Value, known: Option<&Value>) -> Option<Vec<Value>> {
        let count = || value.as_u64();
        Some(match key {
            "type" => vec![json!({ "type": other_types(value)? })],
            "const" => not_equal(value)?,
            "enum" => vec![json!({ "allOf": none_of(value.as_array()?)? })],
            "required" => {
                let names = value.as_array()?.iter().filter_map(Value::as_str);
                let absent =
                    |name: &str| json!({ "type": "object", "properties": { name: false } });
                names.map(absent).collect()
            }
            "properties" => self.wrong_properties(value.as_object()?, known),
            "minimum" => vec![json!({ "type": "number", "exclusiveMaximum": value })],
            "maximum" => vec![json!({ "type": "number", "exclusiveMinimum": value })],
            "exclusiveMinimum" => vec![json!({ "type": "number", "maximum": value })],
            "exclusiveMaximum" => vec![json!({ "type": "number", "minimum": value })],
            "minLength" => vec![json!({ "type": "string", "maxLength": count()?.checked_sub(1)? })],
            "maxLength" => vec![json!({ "type": "string", "minLength": count()? + 1 })],
            "minItems" => vec![json!({ "type": "array", "maxItems": count()?.checked_sub(1)? })],
            "maxItems" => vec![json!({ "type": "array", "minItems": count()? + 1 })],
            "minProperties" => {
                vec![json!({ "type": "object", "maxProperties": count()?.checked_sub(1)? })]
            }
            "maxProperties" => vec![json!({ "type": "object", "minProperties": count()? + 1 })],
            "not" => vec![self.schema(value)],
            "allOf" => {
                let parts = value.as_array()?.iter();
                parts
                    .filter_map(|part| self.negation(part, known))
                    .collect()
            }
            "anyOf" => {
                let parts = value.as_array()?.iter();
                let all: Option<Vec<Value>> =
                    parts.map(|part| self.negation(part, known)).collect();
                vec![json!({ "allOf": all? })]
            }
            _ => return None,
        })
    }

    /// One of the properties is there and is not as it should be.
    fn wrong_properties(
        &mut self,
        named: &Map<String, Value>,
        known: Option<&Value>,
    ) -> Vec<Value> {
        let wrong = |(name, schema): (&String, &Value)| {
            let listed = known.and_then(|known| known.get(name)?.get("enum")?.as_array());
            let wrong = match listed.and_then(|listed| others(listed, schema)) {
                Some(others) => json!({ "enum": others }),
                None => self.negation(schema, None)?,
            };
            (wrong != Value::Bool(false)).then(
                || json!({ "type": "object", "required": [name], "properties": { name: wrong } }),
            )
        };
        named.iter().filter_map(wrong).collect()
    }
}

/// Values in a tree.
fn size(value: &Value) -> usize {
    match value {
        Value::Array(values) => 1 + values.iter().map(size).sum::<usize>(),
        Value::Object(values) => 1 + values.values().map(size).sum::<usize>(),
        _ => 1,
    }
}

/// What is left of `listed` without what `schema`, a constant or a list of them, names.
fn others(listed: &[Value], schema: &Value) -> Option<Vec<Value>> {
    let keywords = schema.as_object().filter(|keywords| keywords.len() == 1)?;
    let named = match (keywords.get("const"), keywords.get("enum")) {
        (Some(one), None) => vec![one.clone()],
        (None, Some(several)) => several.as_array()?.clone(),
        _ => return None,
    };
    let others: Vec<Value> = listed
        .iter()
        .filter(|value| !named.contains(value))
        .cloned()
        .collect();
    (!others.is_empty()).then_some(others)
}

fn other_types(value: &Value) -> Option<Vec<&'static str>> {
    let named: Vec<&str> = match value {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    // Numbers that are no integers cannot be told from integers by type.
    let refused =
        |kind: &&str| named.contains(kind) || (*kind == "number" && named.contains(&"integer"));
    let others: Vec<&str> = TYPES.into_iter().filter(|kind| !refused(kind)).collect();
    (!others.is_empty()).then_some(others)
}

fn none_of(values: &[Value]) -> Option<Vec<Value>> {
    let different = |value: &Value| not_equal(value).map(|ways| json!({ "anyOf": ways }));
    values.iter().map(different).collect()
}

/// The ways to be another value than `value`.
fn not_equal(value: &Value) -> Option<Vec<Value>> {
    let (kind, more) = match value {
        Value::Null => ("null", vec![]),
        Value::Bool(value) => ("boolean", vec![json!({ "const": !value })]),
        Value::Number(number) => (
            "number",
            vec![
                json!({ "type": "number", "exclusiveMinimum": number }),
                json!({ "type": "number", "exclusiveMaximum": number }),
            ],
        ),
        Value::String(text) => (
            "string",
            vec![json!({ "type": "string", "pattern": other_text(text)? })],
        ),
        Value::Array(_) | Value::Object(_) => return None,
    };
    let mut ways = vec![json!({ "type": other_types(&kind.into())? })];
    ways.extend(more);
    Some(ways)
}

/// An expression for every text but `text`: it leaves off, goes on, or differs somewhere.
fn other_text(text: &str) -> Option<String> {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() > TEXT_CHARACTERS_MAX {
        return None;
    }
    let mut ways = Vec::new();
    let mut begun = String::new();
    for character in &characters {
        let escaped = escape(*character);
        ways.push(begun.clone());
        ways.push(format!("{begun}[^{escaped}]{REST}*"));
        begun.push_str(&escaped);
    }
    ways.push(format!("{begun}{REST}+"));
    Some(format!("^({})$", ways.join("|")))
}

/// A character as it may stand in an expression, within brackets too.
fn escape(character: char) -> String {
    match character {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | ' ' => character.to_string(),
        other => format!("\\u{{{:x}}}", u32::from(other)),
    }
}
