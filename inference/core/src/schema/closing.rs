//! Objects and arrays that are closed by `unevaluatedProperties` and `unevaluatedItems`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{Rewriter, is_any};

/// Keywords that evaluate parts in ways that depend on the value.
const CHOOSING: [&str; 8] = [
    "anyOf",
    "oneOf",
    "not",
    "if",
    "dependentSchemas",
    "$dynamicRef",
    "$recursiveRef",
    "patternProperties",
];
/// References that are followed one behind the other.
const DEPTH_MAX: usize = 32;

impl Rewriter<'_> {
    /// Says with `additionalProperties` and `items` what may stand where nothing else has looked.
    pub(super) fn close(&mut self, keywords: &mut Map<String, Value>) {
        self.close_objects(keywords);
        close_arrays(keywords);
    }

    fn close_objects(&mut self, keywords: &mut Map<String, Value>) {
        let Some(rest) = keywords.get("unevaluatedProperties").cloned() else {
            return;
        };
        // What is closed already leaves nothing unevaluated.
        if is_any(&rest) || keywords.contains_key("additionalProperties") {
            keywords.shift_remove("unevaluatedProperties");
            return;
        }
        let mut names = BTreeSet::new();
        let mut bare = keywords.clone();
        bare.shift_remove("unevaluatedProperties");
        // Names that only some values have evaluated are kept out, which is stricter.
        if !self.evaluated(&Value::Object(bare), 0, &mut names) {
            return;
        }
        let own = keywords
            .entry("properties")
            .or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(own) = own else {
            return;
        };
        for name in names {
            own.entry(name).or_insert(Value::Bool(true));
        }
        keywords.shift_remove("unevaluatedProperties");
        keywords.insert("additionalProperties".to_owned(), rest);
    }

    /// Adds the properties `schema` evaluates in every object; `false` if that cannot be told.
    fn evaluated(&mut self, schema: &Value, depth: usize, names: &mut BTreeSet<String>) -> bool {
        let Value::Object(keywords) = schema else {
            return true;
        };
        self.left = self.left.saturating_sub(1 + keywords.len());
        let closed = ["additionalProperties", "unevaluatedProperties"];
        let unclear = CHOOSING.iter().chain(&closed);
        if depth > DEPTH_MAX
            || self.left == 0
            || unclear.clone().any(|key| keywords.contains_key(*key))
        {
            return false;
        }
        let own = keywords.get("properties").and_then(Value::as_object);
        names.extend(own.into_iter().flatten().map(|(name, _)| name.clone()));
        let all = keywords.get("allOf").and_then(Value::as_array);
        let target = match keywords.get("$ref").map(Value::as_str) {
            None => None,
            Some(reference) => match reference.and_then(|reference| self.target(reference)) {
                Some(target) => Some(target),
                None => return false,
            },
        };
        let below = all.into_iter().flatten().chain(target.as_ref());
        for schema in below.cloned().collect::<Vec<_>>() {
            if !self.evaluated(&schema, depth + 1, names) {
                return false;
            }
        }
        true
    }

    /// What a reference within the schema names.
    pub(super) fn target(&self, reference: &str) -> Option<Value> {
        self.root?.pointer(reference.strip_prefix('#')?).cloned()
    }
}

fn close_arrays(keywords: &mut Map<String, Value>) {
    let Some(rest) = keywords.get("unevaluatedItems").cloned() else {
        return;
    };
    let closed = ["items", "additionalItems"];
    if is_any(&rest) || closed.iter().any(|key| keywords.contains_key(*key)) {
        keywords.shift_remove("unevaluatedItems");
        return;
    }
    let looking = ["allOf", "$ref", "contains"];
    let mut unclear = CHOOSING.iter().chain(&looking);
    if !unclear.any(|key| keywords.contains_key(*key)) {
        keywords.shift_remove("unevaluatedItems");
        keywords.insert("items".to_owned(), rest);
    }
}
