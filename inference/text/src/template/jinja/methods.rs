//! Methods of Python's text, lists and dictionaries. Those that change what they belong to are refused, as in the
//! sandbox that transformers runs templates in.

mod format;
mod text;

use std::sync::Arc;

use super::fault::Fault;
use super::meter::Meter;
use super::run::Given;
use super::value::{Map, Value, equal};

pub(super) use self::format::percent;
pub(super) use self::text::{capitalized, replaced, split_lines, titled};

const OF_TEXT: [&str; 36] = [
    "capitalize",
    "center",
    "count",
    "endswith",
    "find",
    "format",
    "index",
    "isalnum",
    "isalpha",
    "isascii",
    "isdecimal",
    "isdigit",
    "islower",
    "isnumeric",
    "isspace",
    "isupper",
    "join",
    "ljust",
    "lower",
    "lstrip",
    "partition",
    "removeprefix",
    "removesuffix",
    "replace",
    "rfind",
    "rjust",
    "rpartition",
    "rsplit",
    "rstrip",
    "split",
    "splitlines",
    "startswith",
    "strip",
    "title",
    "upper",
    "zfill",
];
const OF_MAPS: [&str; 10] = [
    "copy",
    "get",
    "items",
    "keys",
    "values",
    "clear",
    "pop",
    "popitem",
    "setdefault",
    "update",
];
const OF_LISTS: [&str; 10] = [
    "copy", "count", "index", "append", "clear", "extend", "insert", "pop", "remove", "reverse",
];

/// The method `name` of `value`, if there is one.
pub(super) fn name(value: &Value, name: &str) -> Option<&'static str> {
    let names: &[&'static str] = match value {
        Value::Text(_) => &OF_TEXT,
        Value::Map(_) => &OF_MAPS,
        Value::List(_) => &OF_LISTS,
        Value::Tuple(_) => &OF_LISTS[1..3],
        _ => &[],
    };
    names.iter().find(|known| **known == name).copied()
}

/// What the method `name` of `receiver` gives.
pub(super) fn call(
    receiver: &Value,
    name: &'static str,
    given: Given,
    meter: &mut Meter,
) -> Result<Value, Fault> {
    match receiver {
        Value::Text(text) => text::call(text, name, given, meter),
        Value::Map(map) => of_map(map, name, given, meter),
        Value::List(list) | Value::Tuple(list) => of_list(list.items(), name, given, meter),
        other => Err(Fault::new(format!("{} has no `{name}`", other.kind()))),
    }
}

fn of_map(
    map: &Arc<Map>,
    name: &'static str,
    mut given: Given,
    meter: &mut Meter,
) -> Result<Value, Fault> {
    let entries = map.entries();
    meter.items(entries.len())?;
    let result = match name {
        "get" => {
            let key = given.need("key")?;
            let otherwise = given.take("default").unwrap_or(Value::None);
            map.get(&key, meter)?.cloned().unwrap_or(otherwise)
        }
        "items" => {
            let pairs = entries
                .iter()
                .map(|(key, value)| meter.tuple(vec![key.clone(), value.clone()]));
            let pairs = pairs.collect::<Result<_, _>>()?;
            meter.list(pairs)?
        }
        "keys" => meter.list(entries.iter().map(|(key, _)| key.clone()).collect())?,
        "values" => meter.list(entries.iter().map(|(_, value)| value.clone()).collect())?,
        "copy" => Value::Map(Arc::clone(map)),
        _ => return Err(changes(name)),
    };
    given.done()?;
    Ok(result)
}

fn of_list(
    items: &[Value],
    name: &'static str,
    mut given: Given,
    meter: &mut Meter,
) -> Result<Value, Fault> {
    let result = match name {
        "copy" => {
            meter.items(items.len())?;
            meter.list(items.to_vec())?
        }
        "count" | "index" => {
            let wanted = given.need("value")?;
            let mut places = Vec::new();
            for (at, item) in items.iter().enumerate() {
                if equal(item, &wanted, meter)? {
                    places.push(at);
                }
            }
            let missing = || Fault::new("the value is not in the list");
            let number = match name {
                "count" => places.len(),
                _ => *places.first().ok_or_else(missing)?,
            };
            Value::Int(number as i128)
        }
        _ => return Err(changes(name)),
    };
    given.done()?;
    Ok(result)
}

fn changes(name: &str) -> Fault {
    Fault::new(format!(
        "`{name}` would change a value, which templates may not"
    ))
}
