//! The Table form of lists: columns, cells and ages as the server prints them.
//!
//! Decides the frame; cells come from one file per family of resources.
//! Names, types, formats and priorities of columns follow the recorded tables.

mod age;
mod cluster;
mod config;
mod network;
mod pod;
mod workloads;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::world::Resource;
use crate::world::bundle::full_object;

/// A column: name, type, priority (1 shows in wide output only).
#[derive(Clone, Copy, Debug)]
struct Column(&'static str, &'static str, u8);

/// The cells of an object, one per column, at a time.
type Cells = fn(&Value, Timestamp) -> Vec<Value>;

/// Columns and cells of one resource.
struct Printer {
    columns: &'static [Column],
    cells: Cells,
}

/// A Table under construction.
pub(crate) struct Table {
    resource: &'static Resource,
    version: &'static str,
    include: Include,
    now: Timestamp,
    columns: bool,
    printer: Printer,
    rows: Vec<Value>,
}

#[derive(Clone, Copy, Debug)]
enum Include {
    Nothing,
    Metadata,
    Object,
}

impl Table {
    /// A table of `resource`; `include` is the parameter `includeObject`.
    pub(crate) fn new(
        resource: &'static Resource,
        version: &'static str,
        include: Option<&str>,
        now: Timestamp,
    ) -> Self {
        let include = match include {
            Some("None") => Include::Nothing,
            Some("Object") => Include::Object,
            _ => Include::Metadata,
        };
        Self {
            resource,
            version,
            include,
            now,
            columns: true,
            printer: printer(resource),
            rows: Vec::new(),
        }
    }

    /// Only the first table of a watch says its columns.
    pub(crate) fn leave_out_columns(&mut self) {
        self.columns = false;
    }

    /// Adds an object.
    pub(crate) fn push(&mut self, object: &Arc<Value>) {
        let cells = (self.printer.cells)(object, self.now);
        debug_assert_eq!(cells.len(), self.printer.columns.len());
        let object = match self.include {
            Include::Nothing => Value::Null,
            Include::Metadata => partial_metadata(object),
            Include::Object => full_object(self.resource, object),
        };
        self.rows.push(json!({"cells": cells, "object": object}));
    }

    /// The table; `metadata` is the list's, or null for a single object.
    pub(crate) fn finish(self, metadata: &Value) -> Value {
        let columns: Vec<Value> = self
            .printer
            .columns
            .iter()
            .map(|Column(name, kind, priority)| {
                let format = if *name == "Name" { "name" } else { "" };
                json!({"name": name, "type": kind, "format": format,
                       "description": description(name), "priority": priority})
            })
            .collect();
        let mut table = Map::new();
        table.insert("kind".to_owned(), json!("Table"));
        table.insert("apiVersion".to_owned(), json!(self.version));
        let metadata = if metadata.is_null() {
            json!({})
        } else {
            metadata.clone()
        };
        table.insert("metadata".to_owned(), metadata);
        let columns = if self.columns {
            json!(columns)
        } else {
            Value::Null
        };
        table.insert("columnDefinitions".to_owned(), columns);
        table.insert("rows".to_owned(), json!(self.rows));
        Value::Object(table)
    }
}

/// An object's metadata alone.
pub(crate) fn partial_metadata(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
           "metadata": object.get("metadata").cloned().unwrap_or_default()})
}

fn description(column: &str) -> String {
    match column {
        "Name" => "Name of the object, unique within its namespace and kind.".to_owned(),
        "Age" => "Time since the object was created.".to_owned(),
        other => format!("{other} of the object, as the server prints it."),
    }
}

fn printer(resource: &Resource) -> Printer {
    pod::printer(resource)
        .or_else(|| workloads::printer(resource))
        .or_else(|| network::printer(resource))
        .or_else(|| cluster::printer(resource))
        .or_else(|| config::printer(resource))
        .unwrap_or(Printer {
            columns: &[Column("Name", "string", 0), Column("Created At", "date", 0)],
            cells: |object, _| vec![name(object), at(object, "/metadata/creationTimestamp")],
        })
}

fn at(object: &Value, pointer: &str) -> Value {
    object.pointer(pointer).cloned().unwrap_or_default()
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

fn items<'a>(object: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn name(object: &Value) -> Value {
    at(object, "/metadata/name")
}

fn age(object: &Value, now: Timestamp) -> Value {
    json!(age::since(text(object, "/metadata/creationTimestamp"), now))
}

fn or_none(text: &str) -> Value {
    json!(if text.is_empty() { "<none>" } else { text })
}

/// Names of the containers of a pod template, with their images.
fn containers(object: &Value, pointer: &str) -> [Value; 2] {
    let join = |field: &str| {
        let texts: Vec<&str> = items(object, pointer)
            .map(|container| {
                container
                    .get(field)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
            })
            .collect();
        json!(texts.join(","))
    };
    [join("name"), join("image")]
}

/// Key-value pairs as `a=b,c=d`, or `<none>`.
fn pairs(map: Option<&Value>) -> Value {
    let mut texts: Vec<String> = map
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    texts.sort();
    or_none(&texts.join(","))
}

/// A label selector as `kubectl` shows it.
fn selector(object: &Value, pointer: &str) -> Value {
    let selector = object.pointer(pointer);
    let mut texts: Vec<String> = Vec::new();
    if let Value::String(text) = pairs(selector.and_then(|one| one.get("matchLabels")))
        && text != "<none>"
    {
        texts.push(text);
    }
    for expression in selector
        .into_iter()
        .flat_map(|one| items(one, "/matchExpressions"))
    {
        let key = text(expression, "/key");
        let values: Vec<&str> = items(expression, "/values")
            .filter_map(Value::as_str)
            .collect();
        texts.push(match text(expression, "/operator") {
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            operator => format!("{key} {} ({})", operator.to_lowercase(), values.join(",")),
        });
    }
    or_none(&texts.join(","))
}
