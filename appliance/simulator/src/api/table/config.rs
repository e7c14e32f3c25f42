//! Cells of configuration, quotas, accounts and roles.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Column, Printer, at, name, text};
use crate::world::Resource;

pub(super) fn printer(resource: &Resource) -> Option<Printer> {
    let (columns, cells): (&'static [Column], super::Cells) = match resource.plural {
        "configmaps" => (CONFIG_MAP, config_map),
        "secrets" => (SECRET, secret),
        "resourcequotas" => (QUOTA, quota),
        "serviceaccounts" => (ACCOUNT, account),
        "rolebindings" | "clusterrolebindings" => (BINDING, binding),
        _ => return None,
    };
    Some(Printer { columns, cells })
}

fn entries(object: &Value, field: &str) -> usize {
    object
        .get(field)
        .and_then(Value::as_object)
        .map_or(0, serde_json::Map::len)
}

const CONFIG_MAP: &[Column] = &[
    Column("Name", "string", 0),
    Column("Data", "string", 0),
    Column("Age", "string", 0),
];

fn config_map(object: &Value, now: Timestamp) -> Vec<Value> {
    let count = entries(object, "data") + entries(object, "binaryData");
    vec![name(object), json!(count), super::age(object, now)]
}

const SECRET: &[Column] = &[
    Column("Name", "string", 0),
    Column("Type", "string", 0),
    Column("Data", "string", 0),
    Column("Age", "string", 0),
];

fn secret(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![
        name(object),
        at(object, "/type"),
        json!(entries(object, "data")),
        super::age(object, now),
    ]
}

const QUOTA: &[Column] = &[
    Column("Name", "string", 0),
    Column("Request", "string", 0),
    Column("Limit", "string", 0),
    Column("Age", "string", 0),
];

/// Limits of limits stand apart from all other limits.
fn quota(object: &Value, now: Timestamp) -> Vec<Value> {
    let hard = object.pointer("/status/hard").and_then(Value::as_object);
    let mut texts: [Vec<String>; 2] = [Vec::new(), Vec::new()];
    for (resource, limit) in hard.into_iter().flatten() {
        let used = object
            .pointer("/status/used")
            .and_then(|used| used.get(resource));
        let used = used.and_then(Value::as_str).unwrap_or_default();
        let column = usize::from(resource.starts_with("limits"));
        let limit = limit.as_str().unwrap_or_default();
        texts[column].push(format!("{resource}: {used}/{limit}"));
    }
    for column in &mut texts {
        column.sort();
    }
    vec![
        name(object),
        json!(texts[0].join(", ")),
        json!(texts[1].join(", ")),
        super::age(object, now),
    ]
}

const ACCOUNT: &[Column] = &[Column("Name", "string", 0), Column("Age", "string", 0)];

fn account(object: &Value, now: Timestamp) -> Vec<Value> {
    vec![name(object), super::age(object, now)]
}

const BINDING: &[Column] = &[
    Column("Name", "string", 0),
    Column("Role", "string", 0),
    Column("Age", "string", 0),
];

fn binding(object: &Value, now: Timestamp) -> Vec<Value> {
    let kind = text(object, "/roleRef/kind");
    let role = text(object, "/roleRef/name");
    vec![
        name(object),
        json!(format!("{kind}/{role}")),
        super::age(object, now),
    ]
}
