//! JSON schemas in the keywords a grammar can be made of.
//!
//! What a schema says in other keywords is said again in these, exactly or more strictly, so that whatever matches the
//! result matches the schema. What has no such form is left as it is: whoever makes the grammar refuses it by its name.
//!
//! Invariant: nothing that the schema refuses is ever let in; the work is bounded by [`NODES_MAX`].
//!
//! # Source
//! JSON Schema 2020-12, "Core" and "Validation".

mod arrays;
mod closing;
mod negation;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

/// Most values looked at and copied: far above schemas in use, and a moment's work.
const NODES_MAX: usize = 1 << 17;

/// Keywords that count something; `2.0` is a whole number in JSON.
const COUNTS: [&str; 8] = [
    "minItems",
    "maxItems",
    "minLength",
    "maxLength",
    "minProperties",
    "maxProperties",
    "minContains",
    "maxContains",
];
/// Keywords under which a schema stands that may be stricter. `not`, `if` and `contains` are not among them: what
/// is stricter there may let more in.
const ONE: [&str; 8] = [
    "items",
    "additionalItems",
    "additionalProperties",
    "propertyNames",
    "then",
    "else",
    "unevaluatedItems",
    "unevaluatedProperties",
];
/// Keywords under which a list of schemas stands.
const LISTS: [&str; 4] = ["allOf", "anyOf", "prefixItems", "items"];
/// Keywords under which schemas stand by names.
const NAMED: [&str; 5] = [
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
];

/// The schema in the keywords a grammar can be made of.
pub fn prepare(schema: &Value) -> Value {
    // Where one of several must match and no other, a stricter other would let more in.
    if mentions(schema, "oneOf") {
        return schema.clone();
    }
    // References within a part that has an address of its own begin there; none are followed then.
    let addressed = |root: &Map<String, Value>| root.values().any(|value| mentions(value, "$id"));
    let single = !schema.as_object().is_some_and(addressed);
    let mut rewriter = Rewriter {
        root: single.then_some(schema),
        left: NODES_MAX,
    };
    rewriter.schema(schema)
}

/// Whether `key` stands somewhere in `value`.
fn mentions(value: &Value, key: &str) -> bool {
    match value {
        Value::Array(values) => values.iter().any(|value| mentions(value, key)),
        Value::Object(values) => {
            values.contains_key(key) || values.values().any(|value| mentions(value, key))
        }
        _ => false,
    }
}

struct Rewriter<'a> {
    /// What references begin at.
    root: Option<&'a Value>,
    /// Values that may still be looked at or copied.
    left: usize,
}

impl Rewriter<'_> {
    fn schema(&mut self, schema: &Value) -> Value {
        let Value::Object(keywords) = schema else {
            return schema.clone();
        };
        self.left = self.left.saturating_sub(1 + keywords.len());
        if self.left == 0 {
            return schema.clone();
        }
        let mut keywords = self.parts(keywords);
        whole_numbers(&mut keywords);
        idle(&mut keywords);
        // Before applicators are rewritten: what they evaluate counts.
        self.close(&mut keywords);
        self.arrays(&mut keywords);
        names(&mut keywords);
        dependent(&mut keywords);
        self.refuse(&mut keywords);
        self.choose(&mut keywords);
        Value::Object(keywords)
    }

    /// The keywords with the schemas below them rewritten.
    fn parts(&mut self, keywords: &Map<String, Value>) -> Map<String, Value> {
        let mut rewritten = Map::with_capacity(keywords.len());
        for (key, value) in keywords {
            let value = match value {
                Value::Array(schemas) if LISTS.contains(&key.as_str()) => {
                    schemas.iter().map(|schema| self.schema(schema)).collect()
                }
                Value::Object(named) if NAMED.contains(&key.as_str()) => {
                    let named = named.iter();
                    Value::Object(
                        named
                            .map(|(name, schema)| (name.clone(), self.schema(schema)))
                            .collect(),
                    )
                }
                schema @ Value::Object(_) if ONE.contains(&key.as_str()) => self.schema(schema),
                value => value.clone(),
            };
            rewritten.insert(key.clone(), value);
        }
        rewritten
    }

    /// `not` as what remains.
    fn refuse(&mut self, keywords: &mut Map<String, Value>) {
        let Some(refused) = keywords.get("not") else {
            return;
        };
        if let Some(rest) = self.negation(refused, keywords.get("properties")) {
            keywords.shift_remove("not");
            all_of(keywords, rest);
        }
    }

    /// `if` as two ways.
    fn choose(&mut self, keywords: &mut Map<String, Value>) {
        let Some(condition) = keywords.get("if") else {
            return;
        };
        let Some(otherwise) = self.negation(condition, keywords.get("properties")) else {
            return;
        };
        let condition = condition.clone();
        let condition = self.schema(&condition);
        let both = |condition: Value, more: Option<Value>| match more {
            Some(more) => json!({ "allOf": [condition, more] }),
            None => condition,
        };
        let then = both(condition, keywords.shift_remove("then"));
        let otherwise = both(otherwise, keywords.shift_remove("else"));
        keywords.shift_remove("if");
        all_of(keywords, json!({ "anyOf": [then, otherwise] }));
    }
}

/// Adds `schema` to what all must match.
fn all_of(keywords: &mut Map<String, Value>, schema: Value) {
    match keywords.get_mut("allOf") {
        Some(Value::Array(schemas)) => schemas.push(schema),
        _ => {
            keywords.insert("allOf".to_owned(), json!([schema]));
        }
    }
}

/// Whether `schema` lets everything in.
fn is_any(schema: &Value) -> bool {
    *schema == Value::Bool(true) || schema.as_object().is_some_and(Map::is_empty)
}

fn whole_numbers(keywords: &mut Map<String, Value>) {
    for key in COUNTS {
        let Some(value) = keywords.get_mut(key) else {
            continue;
        };
        if let Some(real) = value.as_f64().filter(|real| real.fract() == 0.0)
            && (0.0..1e9).contains(&real)
            && !value.is_u64()
        {
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is whole and within bounds"
            )]
            let whole = real as u64;
            *value = whole.into();
        }
    }
}

/// Takes keywords away that say nothing where they stand.
fn idle(keywords: &mut Map<String, Value>) {
    if keywords.get("uniqueItems") == Some(&Value::Bool(false)) {
        keywords.shift_remove("uniqueItems");
    }
    let least = keywords.get("minContains").and_then(Value::as_u64);
    if least == Some(0) && !keywords.contains_key("maxContains") {
        keywords.shift_remove("contains");
    }
    if !keywords.contains_key("contains") {
        keywords.shift_remove("minContains");
        keywords.shift_remove("maxContains");
    }
    let ways = keywords.contains_key("then") || keywords.contains_key("else");
    if !ways {
        keywords.shift_remove("if");
    }
    if !keywords.contains_key("if") {
        keywords.shift_remove("then");
        keywords.shift_remove("else");
    }
}

/// `propertyNames` as the properties there may be.
fn names(keywords: &mut Map<String, Value>) {
    let Some(names) = keywords.get("propertyNames").cloned() else {
        return;
    };
    let free = !["properties", "patternProperties"]
        .iter()
        .any(|key| keywords.contains_key(*key));
    let only = |key: &str| {
        let names = names.as_object().filter(|names| names.len() == 1)?;
        names.get(key).cloned()
    };
    let others = keywords.get("additionalProperties").cloned();
    let others = others.unwrap_or(Value::Bool(true));
    if is_any(&names) {
        keywords.shift_remove("propertyNames");
    } else if names == Value::Bool(false) {
        keywords.shift_remove("propertyNames");
        keywords.insert("maxProperties".to_owned(), 0.into());
    } else if let (Some(Value::String(pattern)), true) = (only("pattern"), free) {
        keywords.shift_remove("propertyNames");
        keywords.insert("patternProperties".to_owned(), json!({ pattern: others }));
        keywords.insert("additionalProperties".to_owned(), false.into());
    } else if let (Some(Value::Array(listed)), true) = (only("enum"), free) {
        let listed = listed.iter().filter_map(Value::as_str);
        let properties: Map<String, Value> = listed
            .map(|name| (name.to_owned(), others.clone()))
            .collect();
        keywords.shift_remove("propertyNames");
        keywords.insert("properties".to_owned(), Value::Object(properties));
        keywords.insert("additionalProperties".to_owned(), false.into());
    }
}

/// What follows from a property that is there: the property is not there, or it follows.
fn dependent(keywords: &mut Map<String, Value>) {
    let mut rules = Vec::new();
    for key in ["dependentRequired", "dependentSchemas"] {
        let Some(Value::Object(named)) = keywords.shift_remove(key) else {
            continue;
        };
        for (name, follows) in named {
            let there = json!({ "required": [name] });
            let follows = match follows {
                Value::Array(required) => json!({ "required": required }),
                schema => schema,
            };
            let absent = json!({ "properties": { name: false } });
            rules.push(json!({ "anyOf": [absent, { "allOf": [there, follows] }] }));
        }
    }
    for rule in rules {
        all_of(keywords, rule);
    }
}
