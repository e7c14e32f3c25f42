//! Filters of lists and dictionaries.

use super::{Fault, Given, Meter, Value, apply as filter, string};
use crate::template::jinja::checks;
use crate::template::jinja::run::item;
use crate::template::jinja::value::{equal, sort_by};

/// `value` through the filter `name`, which is one of lists.
pub(super) fn apply(
    name: &str,
    value: &Value,
    mut given: Given,
    meter: &mut Meter,
) -> Result<Value, Fault> {
    if matches!(name, "items" | "dictsort") {
        return entries(name, value, given, meter);
    }
    if name == "attr" {
        let attribute = given.need("name")?;
        given.done()?;
        return Ok(item(value, &attribute, meter)?.unwrap_or_default());
    }
    if matches!(
        name,
        "map" | "select" | "reject" | "selectattr" | "rejectattr"
    ) {
        // jinja2 does not walk over what is not true, so that `none` is no fault here.
        let items = if value.is_true() {
            value.items(meter)?
        } else {
            Vec::new()
        };
        return each(name, items, given, meter);
    }
    let items = value.items(meter)?;
    match name {
        "first" => finish(given, items.into_iter().next().unwrap_or_default()),
        "last" => finish(given, items.into_iter().next_back().unwrap_or_default()),
        "list" => finish(given, meter.list(items)?),
        "join" => join(&items, given, meter),
        "reverse" => reverse(value, items, given, meter),
        "batch" => batch(&items, given, meter),
        "sum" => sum(items, given, meter),
        _ => ordered(name, items, given, meter),
    }
}

fn finish(given: Given, value: Value) -> Result<Value, Fault> {
    given.done()?;
    Ok(value)
}

/// `items`, and `dictsort(case_sensitive=False, by='key', reverse=False)`
fn entries(name: &str, value: &Value, mut given: Given, meter: &mut Meter) -> Result<Value, Fault> {
    let map = match value {
        Value::Map(map) => map,
        Value::Undefined if name == "items" => return meter.list(Vec::new()),
        other => {
            let kind = other.kind();
            return Err(Fault::new(format!("{kind} has no entries")));
        }
    };
    let mut entries = map.entries().to_vec();
    meter.items(entries.len())?;
    if name == "dictsort" {
        let case = given.flag("case_sensitive");
        let by = given.text("by")?;
        let reverse = given.flag("reverse");
        let by_value = by.is_some_and(|by| *by == *"value");
        let mut keyed = Vec::new();
        for (key, value) in entries {
            let key_of = if by_value { &value } else { &key };
            let sorted_by = folded(key_of.clone(), case, meter)?;
            keyed.push((sorted_by, meter.tuple(vec![key, value])?));
        }
        given.done()?;
        let sorted = sort_by(keyed, reverse, meter)?;
        return meter.list(sorted.into_iter().map(|(_, pair)| pair).collect());
    }
    given.done()?;
    let pairs = entries
        .drain(..)
        .map(|(key, value)| meter.tuple(vec![key, value]));
    let pairs = pairs.collect::<Result<_, _>>()?;
    meter.list(pairs)
}

/// `map`, `select` and their kin: a filter or a test of each.
fn each(
    name: &str,
    items: Vec<Value>,
    mut given: Given,
    meter: &mut Meter,
) -> Result<Value, Fault> {
    if name == "map"
        && let Some(attribute) = given.take_named("attribute")
    {
        let otherwise = given.take_named("default");
        given.done()?;
        let mut found = Vec::new();
        for item in items {
            let value = attribute_of(&item, &attribute, meter)?;
            let absent = matches!(value, Value::Undefined);
            found.push(otherwise.clone().filter(|_| absent).unwrap_or(value));
        }
        return meter.list(found);
    }
    let by_attribute = name.ends_with("attr");
    let attribute = by_attribute.then(|| given.need("attribute")).transpose()?;
    let applied = given.text("name")?;
    let (rest, named) = (given.rest(), given.rest_named());
    let mut kept = Vec::new();
    for item in items {
        meter.items(1 + rest.len() + named.len())?;
        let again = Given::new(rest.clone(), named.clone());
        if name == "map" {
            let wrong = || Fault::new("`map` needs a filter or an attribute");
            kept.push(filter(
                applied.as_deref().ok_or_else(wrong)?,
                item,
                again,
                meter,
            )?);
            continue;
        }
        let tested = match &attribute {
            Some(attribute) => attribute_of(&item, attribute, meter)?,
            None => item.clone(),
        };
        let holds = match &applied {
            Some(test) => checks::holds(test, &tested, again, meter)?,
            None => tested.is_true(),
        };
        if holds != name.starts_with("reject") {
            kept.push(item);
        }
    }
    meter.list(kept)
}

/// The attribute `path` of `value`, with dots between names.
fn attribute_of(value: &Value, path: &Value, meter: &mut Meter) -> Result<Value, Fault> {
    let Some(path) = path.as_text() else {
        return Ok(item(value, path, meter)?.unwrap_or_default());
    };
    let mut value = value.clone();
    for name in path.split('.') {
        meter.bytes(name.len())?;
        let index = name
            .parse()
            .map_or_else(|_| Value::Text(name.into()), Value::Int);
        if matches!(value, Value::Undefined) {
            return Err(Fault::new(format!(
                "`{name}` is asked of an undefined value"
            )));
        }
        value = item(&value, &index, meter)?.unwrap_or_default();
    }
    Ok(value)
}

fn join(items: &[Value], mut given: Given, meter: &mut Meter) -> Result<Value, Fault> {
    let between = given
        .take("d")
        .map(|between| string(&between, meter))
        .transpose()?;
    let attribute = given.take("attribute");
    given.done()?;
    let between = between.unwrap_or_default();
    let mut out = String::new();
    for (number, item) in items.iter().enumerate() {
        if number > 0 {
            meter.bytes(between.len())?;
            out.push_str(&between);
        }
        let shown = match &attribute {
            Some(attribute) => string(&attribute_of(item, attribute, meter)?, meter)?,
            None => string(item, meter)?,
        };
        out.push_str(&shown);
    }
    Ok(Value::Text(out.into()))
}

fn reverse(
    value: &Value,
    mut items: Vec<Value>,
    given: Given,
    meter: &mut Meter,
) -> Result<Value, Fault> {
    given.done()?;
    items.reverse();
    if !matches!(value, Value::Text(_)) {
        return meter.list(items);
    }
    let text: String = items.iter().filter_map(Value::as_text).collect();
    meter.text(&text)
}

/// `batch(linecount, fill_with=None)`
fn batch(items: &[Value], mut given: Given, meter: &mut Meter) -> Result<Value, Fault> {
    let size = given.count("linecount")?.unwrap_or(0).max(1);
    let filler = given.take("fill_with");
    given.done()?;
    let mut rows = Vec::new();
    for row in items.chunks(size) {
        let mut row = row.to_vec();
        if let Some(filler) = filler
            .as_ref()
            .filter(|filler| !matches!(filler, Value::None))
        {
            meter.items(size)?;
            row.resize(size, filler.clone());
        }
        rows.push(meter.list(row)?);
    }
    meter.list(rows)
}

fn sum(items: Vec<Value>, mut given: Given, meter: &mut Meter) -> Result<Value, Fault> {
    let attribute = given.take("attribute");
    let start = given.take("start").unwrap_or(Value::Int(0));
    given.done()?;
    let mut total = start;
    for item in items {
        let number = match &attribute {
            Some(attribute) => attribute_of(&item, attribute, meter)?,
            None => item,
        };
        let whole = total.as_int().zip(number.as_int());
        let added = match whole {
            Some((total, number)) => total.checked_add(number).map(Value::Int),
            None => total
                .as_float()
                .zip(number.as_float())
                .map(|(a, b)| Value::Float(a + b)),
        };
        total = added.ok_or_else(|| Fault::new(format!("{} cannot be added", number.kind())))?;
    }
    Ok(total)
}

/// `sort(reverse=False, case_sensitive=False, attribute=None)`, `unique`, `min` and `max`
fn ordered(
    name: &str,
    items: Vec<Value>,
    mut given: Given,
    meter: &mut Meter,
) -> Result<Value, Fault> {
    let reverse = name == "sort" && given.flag("reverse");
    let case = given.flag("case_sensitive");
    let attribute = given.take("attribute");
    given.done()?;
    let mut keyed = Vec::new();
    for item in items {
        let key = match &attribute {
            Some(attribute) => attribute_of(&item, attribute, meter)?,
            None => item.clone(),
        };
        keyed.push((folded(key, case, meter)?, item));
    }
    if name == "unique" {
        let mut kept: Vec<(Value, Value)> = Vec::new();
        for (key, item) in keyed {
            let mut seen = false;
            for (known, _) in &kept {
                seen = seen || equal(known, &key, meter)?;
            }
            if !seen {
                kept.push((key, item));
            }
        }
        return meter.list(kept.into_iter().map(|(_, item)| item).collect());
    }
    let sorted = sort_by(keyed, reverse || name == "max", meter)?;
    let mut sorted = sorted.into_iter().map(|(_, item)| item);
    if name == "sort" {
        return meter.list(sorted.collect());
    }
    Ok(sorted.next().unwrap_or_default())
}

/// What is compared: text without case, unless `case` matters.
fn folded(key: Value, case: bool, meter: &mut Meter) -> Result<Value, Fault> {
    match key {
        Value::Text(text) if !case => meter.text(&text.to_lowercase()),
        other => Ok(other),
    }
}
