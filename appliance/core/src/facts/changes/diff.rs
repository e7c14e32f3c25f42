//! The difference between two specifications, field by field.
//!
//! A specification is flattened to paths (`containers[web].env[DB_HOST].value`),
//! so that every field of the API is covered and none is named here.

mod words;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// Most lines of a diff; longer ones end with a line that says so.
const LINES_MAX: usize = 40;
/// Bytes of a value that a line shows.
const VALUE_MAX: usize = 200;
/// Changed fields named in the one-line summary.
const NAMED_MAX: usize = 3;

type Fields = BTreeMap<String, String>;

/// What differs between two specifications.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Diff {
    /// `- path: old` and `+ path: new`.
    pub(super) lines: Vec<String>,
    /// In words: `image of web a → b`.
    pub(super) words: String,
}

impl Diff {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether `path` is all that differs.
    pub(super) fn touches_only(&self, path: &str) -> bool {
        let is_its = |line: &String| {
            line.get(2..)
                .and_then(|line| line.strip_prefix(path))
                .is_some_and(|rest| rest.starts_with(':'))
        };
        self.lines.iter().all(is_its)
    }
}

/// Compares `old` and `new`, leaving out paths that `ignored` says.
pub(super) fn diff<T: Serialize>(old: &T, new: &T, ignored: impl Fn(&str) -> bool) -> Diff {
    let (old, new) = (flatten(old), flatten(new));
    let mut paths: Vec<&String> = old.keys().chain(new.keys()).collect();
    paths.sort_unstable();
    paths.dedup();
    let mut lines = Vec::new();
    let mut words = Vec::new();
    for path in paths {
        let (before, after) = (old.get(path), new.get(path));
        if before == after || ignored(path) {
            continue;
        }
        lines.extend(before.map(|value| format!("- {path}: {}", cut(value))));
        lines.extend(after.map(|value| format!("+ {path}: {}", cut(value))));
        words.push(in_words(path, before, after));
    }
    if lines.len() > LINES_MAX {
        let more = lines.len() - LINES_MAX;
        lines.truncate(LINES_MAX);
        lines.push(format!("({more} more lines)"));
    }
    // Images first: they are what a rollout usually is about.
    words.sort_by_key(|word| !word.starts_with("image of "));
    let more = words.len().saturating_sub(NAMED_MAX);
    words.truncate(NAMED_MAX);
    let mut words = words.join(", ");
    if more > 0 {
        words.push_str(&format!(" and {more} more"));
    }
    Diff { lines, words }
}

fn in_words(path: &str, before: Option<&String>, after: Option<&String>) -> String {
    let field = words::field(path);
    match (before, after) {
        (Some(before), Some(after)) => format!("{field} {} → {}", cut(before), cut(after)),
        (None, Some(after)) => format!("{field} {} added", cut(after)),
        (Some(before), None) => format!("{field} {} removed", cut(before)),
        (None, None) => field,
    }
}

fn cut(value: &str) -> String {
    match value.char_indices().nth(VALUE_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}

fn flatten<T: Serialize>(spec: &T) -> Fields {
    let mut fields = Fields::new();
    if let Ok(value) = serde_json::to_value(spec) {
        walk(String::new(), &value, &mut fields);
    }
    fields
}

fn walk(path: String, value: &Value, fields: &mut Fields) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let separator = if path.is_empty() { "" } else { "." };
                walk(format!("{path}{separator}{key}"), value, fields);
            }
        }
        Value::Array(items) => match items.iter().map(key_of).collect::<Option<Vec<_>>>() {
            Some(keys) if !items.is_empty() => {
                for (key, item) in keys.iter().zip(items) {
                    walk(format!("{path}[{key}]"), item, fields);
                }
            }
            _ => {
                fields.insert(path, value.to_string());
            }
        },
        Value::Null => {}
        Value::String(text) => {
            fields.insert(path, text.clone());
        }
        _ => {
            fields.insert(path, value.to_string());
        }
    }
}

/// What Kubernetes merges list items by, where they are objects with a name.
fn key_of(item: &Value) -> Option<String> {
    let text = |key: &str| item.get(key).and_then(Value::as_str).map(str::to_owned);
    text("name")
        .or_else(|| text("mountPath"))
        .or_else(|| item.get("containerPort").map(Value::to_string))
}

/// Paths of a pod template that differ by themselves or say nothing.
pub(super) fn ignored_in_template(path: &str) -> bool {
    const GENERATED: [&str; 5] = [
        "metadata.labels.pod-template-hash",
        "metadata.labels.controller-revision-hash",
        "metadata.labels.pod-template-generation",
        "metadata.creationTimestamp",
        "metadata.annotations.kubectl.kubernetes.io/last-applied-configuration",
    ];
    GENERATED.contains(&path)
        // Names repeat the key that is already in the path.
        || path.ends_with("].name")
        || path.ends_with("].mountPath")
        || path.ends_with("].containerPort")
}
