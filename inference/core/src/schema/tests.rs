//! Facts about rewritten schemas; that grammars made of them keep to the originals is the client suites' to show.

use serde_json::json;

use super::*;

#[track_caller]
fn check(schema: &Value, expected: &Value) {
    assert_eq!(prepare(schema), *expected, "{}", prepare(schema));
}

#[track_caller]
fn check_same(schema: &Value) {
    check(schema, schema);
}

#[test]
fn what_needs_no_other_words_stays() {
    check_same(&json!(true));
    check_same(
        &json!({ "type": "object", "properties": { "if": { "type": "string" }, "not": true }, "required": ["not"] }),
    );
    check_same(&json!({ "const": { "not": { "if": 1 } }, "enum": [{ "then": 1 }] }));
    check_same(
        &json!({ "oneOf": [{ "type": "integer" }, { "minimum": 2 }], "not": true, "uniqueItems": true }),
    );
}

#[test]
fn keywords_that_say_nothing_are_taken_away() {
    check(&json!({ "if": { "const": 0 } }), &json!({}));
    check(
        &json!({ "then": { "const": 0 }, "else": false }),
        &json!({}),
    );
    check(
        &json!({ "minContains": 1, "uniqueItems": false }),
        &json!({}),
    );
    check(
        &json!({ "contains": { "const": 1 }, "minContains": 0 }),
        &json!({}),
    );
    check(
        &json!({ "items": { "maxItems": 2.0, "minLength": 1.5 } }),
        &json!({ "items": { "maxItems": 2, "minLength": 1.5 } }),
    );
}

#[test]
fn closed_objects_are_closed_by_name() {
    check(
        &json!({ "properties": { "a": true }, "unevaluatedProperties": false }),
        &json!({ "properties": { "a": true }, "additionalProperties": false }),
    );
    let parts = json!({
        "$defs": { "b": { "properties": { "b": { "type": "null" } } } },
        "$ref": "#/$defs/b", "allOf": [{ "properties": { "c": true } }], "unevaluatedProperties": { "type": "string" },
    });
    let found = prepare(&parts);
    assert_eq!(found["properties"], json!({ "b": true, "c": true }));
    assert_eq!(found["additionalProperties"], json!({ "type": "string" }));
    // What only some values have looked at is for nobody to tell.
    check_same(
        &json!({ "anyOf": [{ "properties": { "a": true } }, true], "unevaluatedProperties": false }),
    );
    let addressed = json!({
        "$defs": { "x": { "$id": "other", "$defs": { "b": true } }, "b": { "properties": { "b": true } } },
        "$ref": "#/$defs/b", "unevaluatedProperties": false,
    });
    check_same(&addressed);
    check(
        &json!({ "prefixItems": [true], "unevaluatedItems": false }),
        &json!({ "prefixItems": [true], "items": false }),
    );
    check_same(&json!({ "contains": true, "unevaluatedItems": false }));
}

#[test]
fn names_and_what_follows_from_them_are_spelled_out() {
    check(
        &json!({ "propertyNames": { "pattern": "^a" }, "additionalProperties": { "type": "null" } }),
        &json!({ "patternProperties": { "^a": { "type": "null" } }, "additionalProperties": false }),
    );
    check(
        &json!({ "propertyNames": { "enum": ["a", "b"] } }),
        &json!({ "properties": { "a": true, "b": true }, "additionalProperties": false }),
    );
    check_same(&json!({ "propertyNames": { "maxLength": 3 } }));
    check(
        &json!({ "dependentRequired": { "a": ["b"] } }),
        &json!({ "allOf": [{ "anyOf": [{ "properties": { "a": false } }, { "allOf": [{ "required": ["a"] }, { "required": ["b"] }] }] }] }),
    );
}

#[test]
fn refusals_become_what_remains() {
    check(
        &json!({ "not": { "type": ["string", "integer"] } }),
        &json!({ "allOf": [{ "type": ["null", "boolean", "object", "array"] }] }),
    );
    check(
        &json!({ "not": { "not": { "minimum": 3.0 } } }),
        &json!({ "allOf": [{ "minimum": 3.0 }] }),
    );
    check(
        &json!({ "not": { "required": ["a"] } }),
        &json!({ "allOf": [{ "type": "object", "properties": { "a": false } }] }),
    );
    check(&json!({ "not": {} }), &json!({ "allOf": [false] }));
    check_same(&json!({ "not": { "pattern": "^a" } }));
    let found = prepare(&json!({ "not": { "const": "a." } }));
    assert_eq!(
        found["allOf"][0]["anyOf"][1]["pattern"],
        "^(|[^a](.|\\n)*|a|a[^\\u{2e}](.|\\n)*|a\\u{2e}(.|\\n)+)$"
    );
}

#[test]
fn a_condition_on_a_listed_value_becomes_two_ways() {
    let schema = json!({
        "properties": { "kind": { "enum": ["pod", "node", "job"] } },
        "if": { "properties": { "kind": { "const": "pod" } } }, "then": { "required": ["namespace"] },
    });
    let found = prepare(&schema);
    let ways = &found["allOf"][0]["anyOf"];
    assert_eq!(
        ways[0],
        json!({ "allOf": [{ "properties": { "kind": { "const": "pod" } } }, { "required": ["namespace"] }] })
    );
    assert_eq!(
        ways[1],
        json!({ "type": "object", "required": ["kind"], "properties": { "kind": { "enum": ["node", "job"] } } })
    );
    assert!(found.get("if").is_none());
    check_same(&json!({ "if": { "$ref": "#/$defs/a" }, "then": false }));
}

#[test]
fn the_work_is_bounded() {
    let mut schema = json!({ "const": 1 });
    for _ in 0..60 {
        schema = json!({ "if": { "not": schema }, "then": false, "else": true });
    }
    let mut rewriter = Rewriter {
        root: None,
        left: 4096,
    };
    let found = rewriter.schema(&schema);
    assert!(found.to_string().len() < 1 << 20);
}

#[test]
fn arrays_of_few_different_values_are_listed() {
    check(
        &json!({ "type": "array", "uniqueItems": true, "minItems": 1, "items": { "type": "string", "enum": ["a", "b", 1] } }),
        &json!({ "type": "array", "enum": [["a"], ["a", "b"], ["b"], ["b", "a"]] }),
    );
    check(
        &json!({ "uniqueItems": true, "maxItems": 1 }),
        &json!({ "maxItems": 1 }),
    );
    check(
        &json!({ "type": "string", "uniqueItems": true, "contains": true }),
        &json!({ "type": "string" }),
    );
    let named = json!({ "$defs": { "c": { "enum": ["a", "b", "c", "d", "e", "f", "g", "h"] } },
        "properties": { "x": { "type": "array", "uniqueItems": true, "items": { "$ref": "#/$defs/c" } } } });
    let listed = prepare(&named)["properties"]["x"]["enum"].clone();
    let listed = listed.as_array().expect("is a list");
    // Many values are listed in their order alone.
    assert_eq!(listed.len(), 256);
    assert!(!listed.contains(&json!(["b", "a"])));
    for items in [
        json!({ "type": "string" }),
        json!({ "enum": [1.0, 1] }),
        json!({ "enum": [[], {}] }),
        json!({ "enum": ["a"], "minLength": 1 }),
        json!({ "enum": [1, 2, 3, 4, 5, 6, 7, 8, 9] }),
    ] {
        check_same(&json!({ "type": "array", "uniqueItems": true, "items": items }));
    }
}

#[test]
fn what_is_contained_has_a_place() {
    let found = prepare(&json!({ "type": "array", "contains": { "const": 1 }, "maxItems": 2 }));
    let ways = json!([
        { "prefixItems": [{ "const": 1 }], "minItems": 1 },
        { "prefixItems": [true, { "const": 1 }], "minItems": 2 },
    ]);
    assert_eq!(
        found,
        json!({ "type": "array", "maxItems": 2, "allOf": [{ "anyOf": ways }] })
    );
    let twice = prepare(
        &json!({ "items": { "type": "integer" }, "contains": { "minimum": 5 }, "minContains": 2 }),
    );
    let place = json!({ "allOf": [{ "type": "integer" }, { "minimum": 5 }] });
    assert_eq!(
        twice["allOf"][0]["anyOf"][0]["prefixItems"],
        json!([place, place])
    );
    check_same(&json!({ "contains": { "const": 1 }, "maxContains": 2 }));
    check_same(&json!({ "contains": { "const": 1 }, "minContains": 9 }));
    check_same(&json!({ "contains": { "const": 1 }, "prefixItems": [true] }));
}
