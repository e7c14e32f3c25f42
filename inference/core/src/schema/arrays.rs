//! Arrays whose items differ, and arrays that contain something.
//!
//! Both are said by listing: the arrays there may be where few values are possible, and the places where what is wanted
//! may stand. The lists are stricter than the keywords where they would be long.

use serde_json::{Map, Value, json};

use super::{Rewriter, all_of, is_any};

/// Most values whose arrays are listed in every order: 65 arrays.
const ORDERED_MAX: usize = 4;
/// Most values whose arrays are listed, each in the order of the values: 256 arrays.
const DISTINCT_MAX: usize = 8;
/// Places, counted from the first, where what is contained may begin.
const PLACES: usize = 4;
/// Most items that must match `contains`.
const CONTAINED_MAX: usize = 8;
/// Keywords about items that neither rewriting reckons with.
const OTHERS: [&str; 5] = [
    "prefixItems",
    "additionalItems",
    "unevaluatedItems",
    "enum",
    "const",
];

impl Rewriter<'_> {
    /// Says `uniqueItems` and `contains` in other words.
    pub(super) fn arrays(&mut self, keywords: &mut Map<String, Value>) {
        let arrays = keywords.get("type").is_none_or(|kind| match kind {
            Value::Array(kinds) => kinds.contains(&json!("array")),
            kind => *kind == json!("array"),
        });
        if !arrays {
            for key in ["uniqueItems", "contains", "minContains", "maxContains"] {
                keywords.shift_remove(key);
            }
        }
        self.distinct(keywords);
        self.containing(keywords);
    }

    fn distinct(&mut self, keywords: &mut Map<String, Value>) {
        if keywords.get("uniqueItems") != Some(&Value::Bool(true)) {
            return;
        }
        let most = count(keywords, "maxItems").unwrap_or(usize::MAX);
        if most < 2 {
            keywords.shift_remove("uniqueItems");
            return;
        }
        let several = matches!(keywords.get("type"), Some(Value::Array(_)));
        if several || keywords.contains_key("contains") || has_others(keywords) {
            return;
        }
        let items = keywords.get("items").and_then(|items| self.values(items));
        let Some(values) = items.filter(|values| values.len() <= DISTINCT_MAX) else {
            return;
        };
        let least = count(keywords, "minItems").unwrap_or(0);
        let mut arrays = vec![Vec::new()];
        list(&values, &mut Vec::new(), &mut arrays);
        arrays.retain(|array| (least..=most).contains(&array.len()));
        self.left = self.left.saturating_sub(arrays.len() * values.len());
        if arrays.is_empty() || self.left == 0 {
            return;
        }
        for key in ["uniqueItems", "items", "minItems", "maxItems"] {
            keywords.shift_remove(key);
        }
        keywords.insert("enum".to_owned(), arrays.into());
    }

    /// The values that `schema` lets in, where it lists them.
    fn values(&self, schema: &Value) -> Option<Vec<Value>> {
        let mut schema = schema.clone();
        if let Some(Value::String(reference)) = schema.get("$ref") {
            schema = self
                .target(reference)
                .filter(|_| only(&schema, &["$ref"]))?;
        }
        if !only(&schema, &["enum", "const", "type"]) {
            return None;
        }
        let kind = schema.get("type");
        let listed = match (schema.get("enum"), schema.get("const")) {
            (Some(Value::Array(values)), None) => values.clone(),
            (None, Some(value)) => vec![value.clone()],
            (None, None) if kind == Some(&json!("boolean")) => vec![json!(false), json!(true)],
            _ => return None,
        };
        let mut values: Vec<Value> = Vec::new();
        for value in listed {
            let own = match &value {
                Value::String(_) => "string",
                Value::Bool(_) => "boolean",
                Value::Null => "null",
                Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
                _ => return None,
            };
            let fits = kind.is_none_or(|kind| *kind == json!(own));
            if fits && !values.contains(&value) {
                values.push(value);
            }
        }
        Some(values)
    }

    fn containing(&mut self, keywords: &mut Map<String, Value>) {
        let Some(wanted) = keywords.get("contains").cloned() else {
            return;
        };
        let least = count(keywords, "minContains").unwrap_or(1);
        let limited = keywords.contains_key("maxContains") || keywords.contains_key("uniqueItems");
        let items = keywords.get("items").cloned().unwrap_or(Value::Bool(true));
        if limited || has_others(keywords) || items.is_array() || least > CONTAINED_MAX {
            return;
        }
        let found = if is_any(&items) {
            wanted
        } else {
            json!({ "allOf": [items, wanted] })
        };
        let most = count(keywords, "maxItems").unwrap_or(usize::MAX);
        let ways: Vec<Value> = (0..PLACES)
            .filter(|before| before + least <= most)
            .map(|before| {
                let others = std::iter::repeat_n(&items, before);
                let places = others.chain(std::iter::repeat_n(&found, least));
                json!({ "prefixItems": places.collect::<Vec<_>>(), "minItems": before + least })
            })
            .collect();
        self.left = self.left.saturating_sub(ways.len() * (PLACES + least));
        if ways.is_empty() || self.left == 0 {
            return;
        }
        keywords.shift_remove("contains");
        keywords.shift_remove("minContains");
        all_of(keywords, json!({ "anyOf": ways }));
    }
}

fn has_others(keywords: &Map<String, Value>) -> bool {
    OTHERS.iter().any(|key| keywords.contains_key(*key))
}

/// Whether `schema` says nothing but `keys`, and what it is called.
fn only(schema: &Value, keys: &[&str]) -> bool {
    let named = ["title", "description", "$comment", "examples", "default"];
    let known = |key: &String| keys.contains(&key.as_str()) || named.contains(&key.as_str());
    schema
        .as_object()
        .is_some_and(|keywords| keywords.keys().all(known))
}

fn count(keywords: &Map<String, Value>, key: &str) -> Option<usize> {
    let count = keywords.get(key)?.as_u64()?;
    Some(usize::try_from(count).unwrap_or(usize::MAX))
}

/// Adds the arrays that begin with `array` and go on with other values; behind it alone, where values are many.
fn list(values: &[Value], array: &mut Vec<Value>, arrays: &mut Vec<Vec<Value>>) {
    let ordered = values.len() > ORDERED_MAX;
    let behind = |value: &Value| values.iter().position(|known| known == value);
    let first = array.last().filter(|_| ordered).and_then(behind);
    for value in &values[first.map_or(0, |at| at + 1)..] {
        if array.contains(value) {
            continue;
        }
        array.push(value.clone());
        arrays.push(array.clone());
        list(values, array, arrays);
        array.pop();
    }
}
