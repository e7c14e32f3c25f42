//! What a template computes with: Python's values, as far as templates know them.
//!
//! Invariant: lists and dictionaries nest at most [`DEPTH_MAX`] deep, and none holds itself: what can change (a
//! namespace) is held by number. So walking over a value, and dropping it, ends.

mod compare;
mod print;

use std::sync::Arc;

use serde_json::Value as Json;

pub(super) use self::compare::{contains, equal, order, sort_by};
pub(super) use self::print::{real, repr, text};
use super::fault::Fault;
use super::meter::Meter;

/// Deepest nesting; JSON that a request brings has at most 128.
const DEPTH_MAX: u32 = 250;

/// A value.
#[derive(Clone, Debug, Default)]
pub(super) enum Value {
    #[default]
    Undefined,
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Arc<str>),
    List(Arc<List>),
    Tuple(Arc<List>),
    Map(Arc<Map>),
    /// A namespace of the run, by its number.
    Namespace(usize),
    /// A macro of the program, and the scope it was defined in.
    Macro(usize, Handle),
    /// A loop of the run.
    Loop(Handle),
    /// A method and what it belongs to.
    Method(Arc<(Value, &'static str)>),
    /// A function that every template knows.
    Function(&'static str),
}

/// A place on a stack of the run, and what was born there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Handle {
    pub(super) index: usize,
    pub(super) born: u64,
}

#[derive(Debug)]
pub(super) struct List {
    items: Vec<Value>,
    depth: u32,
}

impl List {
    /// A list of `items`; what makes one pays for it.
    pub(super) fn try_new(items: Vec<Value>) -> Result<Self, Fault> {
        let depth = deeper(items.iter())?;
        Ok(Self { items, depth })
    }

    pub(super) fn items(&self) -> &[Value] {
        &self.items
    }
}

/// Entries in the order they came.
#[derive(Debug)]
pub(super) struct Map {
    entries: Vec<(Value, Value)>,
    depth: u32,
}

impl Map {
    /// A dictionary of `entries`, whose keys differ; what makes one pays for it.
    pub(super) fn try_new(entries: Vec<(Value, Value)>) -> Result<Self, Fault> {
        let depth = deeper(entries.iter().flat_map(|(key, value)| [key, value]))?;
        Ok(Self { entries, depth })
    }

    pub(super) fn entries(&self) -> &[(Value, Value)] {
        &self.entries
    }

    /// The value of `key`.
    pub(super) fn get(&self, key: &Value, meter: &mut Meter) -> Result<Option<&Value>, Fault> {
        for (known, value) in &self.entries {
            if equal(known, key, meter)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

fn deeper<'v>(values: impl Iterator<Item = &'v Value>) -> Result<u32, Fault> {
    let depth = 1 + values.map(Value::depth).max().unwrap_or(0);
    if depth > DEPTH_MAX {
        return Err(Fault::new(format!(
            "values nest more than {DEPTH_MAX} deep"
        )));
    }
    Ok(depth)
}

impl Value {
    /// `json` as a value; free of charge, since whoever brought it paid.
    pub(super) fn from_json(json: &Json) -> Result<Self, Fault> {
        Ok(match json {
            Json::Null => Self::None,
            Json::Bool(truth) => Self::Bool(*truth),
            Json::Number(number) => match number.as_i128() {
                Some(whole) => Self::Int(whole),
                None => Self::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Self::Text(text.as_str().into()),
            Json::Array(items) => {
                let items = items
                    .iter()
                    .map(Self::from_json)
                    .collect::<Result<_, _>>()?;
                Self::List(List::try_new(items)?.into())
            }
            Json::Object(entries) => {
                let entry = |(key, value): (&String, &Json)| {
                    Ok((Self::Text(key.as_str().into()), Self::from_json(value)?))
                };
                let entries = entries.iter().map(entry).collect::<Result<_, Fault>>()?;
                Self::Map(Map::try_new(entries)?.into())
            }
        })
    }

    fn depth(&self) -> u32 {
        match self {
            Self::List(list) | Self::Tuple(list) => list.depth,
            Self::Map(map) => map.depth,
            Self::Method(method) => 1 + method.0.depth(),
            _ => 0,
        }
    }

    /// What Python calls its type.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Undefined => "an undefined value",
            Self::None => "none",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Tuple(_) => "a tuple",
            Self::Map(_) => "a dictionary",
            Self::Namespace(_) => "a namespace",
            Self::Loop(_) => "a loop",
            Self::Macro(..) | Self::Method(_) | Self::Function(_) => "a function",
        }
    }

    /// Whether a condition on it holds.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Undefined | Self::None => false,
            Self::Bool(truth) => *truth,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) | Self::Tuple(list) => !list.items.is_empty(),
            Self::Map(map) => !map.entries.is_empty(),
            _ => true,
        }
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number; booleans are some.
    pub(super) fn as_int(&self) -> Option<i128> {
        match self {
            Self::Bool(truth) => Some(i128::from(*truth)),
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// A number.
    #[allow(
        clippy::cast_precision_loss,
        reason = "Python's division rounds long numbers too"
    )]
    pub(super) fn as_float(&self) -> Option<f64> {
        match self {
            Self::Float(number) => Some(*number),
            other => other.as_int().map(|whole| whole as f64),
        }
    }

    /// What walking over it gives, one by one.
    pub(super) fn items(&self, meter: &mut Meter) -> Result<Vec<Value>, Fault> {
        match self {
            Self::Undefined => Ok(Vec::new()),
            Self::List(list) | Self::Tuple(list) => {
                meter.items(list.items.len())?;
                Ok(list.items.clone())
            }
            Self::Map(map) => {
                meter.items(map.entries.len())?;
                Ok(map.entries.iter().map(|(key, _)| key.clone()).collect())
            }
            Self::Text(text) => {
                meter.items(text.len())?;
                let letter = |letter: char| Self::Text(letter.encode_utf8(&mut [0; 4]).into());
                Ok(text.chars().map(letter).collect())
            }
            other => Err(Fault::new(format!("cannot walk over {}", other.kind()))),
        }
    }
}

/// White space as Python has it.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}
