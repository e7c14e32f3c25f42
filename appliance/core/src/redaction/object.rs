//! Secrets in Kubernetes objects, by the objects' structure.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::certificate::keep_dates;
use super::{is_secret_name, redact_text, value::is_harmless};

/// What kubectl remembers of the last `apply`: the whole object, as text.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Deeper values are dropped; Kubernetes objects stay far below.
const DEPTH_MAX: usize = 64;

/// Takes secrets out of a Kubernetes object.
///
/// A `Secret` keeps its keys, and of a certificate when it is valid; it loses
/// its values and what kubectl remembers of them. Elsewhere, values under a secret's name and secrets inside text go.
pub fn redact_object(object: &mut Value) {
    if object.get("kind").and_then(Value::as_str) == Some("Secret") {
        empty_secret(object);
    }
    walk(object, DEPTH_MAX);
}

fn empty_secret(secret: &mut Value) {
    keep_dates(secret);
    for field in ["data", "stringData"] {
        if let Some(Value::Object(data)) = secret.get_mut(field) {
            for value in data.values_mut() {
                *value = Value::String(String::new());
            }
        }
    }
    if let Some(Value::Object(annotations)) = secret.pointer_mut("/metadata/annotations") {
        annotations.remove(LAST_APPLIED);
    }
}

fn walk(value: &mut Value, depth: usize) {
    if depth == 0 {
        *value = Value::Null;
        return;
    }
    match value {
        Value::String(text) => {
            if let Cow::Owned(redacted) = redact_text(text) {
                *text = redacted;
            }
        }
        Value::Array(items) => {
            redact_flags(items);
            for item in items {
                walk(item, depth - 1);
            }
        }
        Value::Object(object) => walk_object(object, depth),
        _ => {}
    }
}

fn walk_object(object: &mut Map<String, Value>, depth: usize) {
    // Environment variables: {"name": "DB_PASSWORD", "value": "…"}.
    let named_secret = object
        .get("name")
        .and_then(Value::as_str)
        .is_some_and(is_secret_name);
    for (key, value) in object.iter_mut() {
        let is_secret = is_secret_name(key) || named_secret && key == "value";
        match value {
            Value::String(text) if is_secret && !is_harmless(text) => {
                "<redacted:value>".clone_into(text);
            }
            Value::String(text) if key == LAST_APPLIED => *text = last_applied(text, depth),
            _ => walk(value, depth - 1),
        }
    }
}

/// `["--password", "x"]`: the value follows its flag.
fn redact_flags(items: &mut [Value]) {
    let mut secret_next = false;
    for item in items {
        let Value::String(text) = item else {
            secret_next = false;
            continue;
        };
        if secret_next && !text.starts_with('-') && !is_harmless(text) {
            "<redacted:value>".clone_into(text);
        }
        secret_next = text.starts_with('-') && is_secret_name(text.trim_start_matches('-'));
    }
}

fn last_applied(text: &str, depth: usize) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(mut applied) => {
            if applied.get("kind").and_then(Value::as_str) == Some("Secret") {
                empty_secret(&mut applied);
            }
            walk(&mut applied, depth - 1);
            applied.to_string()
        }
        Err(_) => redact_text(text).into_owned(),
    }
}
