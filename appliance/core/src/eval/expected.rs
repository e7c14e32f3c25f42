//! The right answer of a recorded case, in a benchmark's words or our own.
//!
//! Decides which causes and which objects count as right.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::ownership;
use crate::causes::{Cause, UnknownCause};
use crate::object::ObjectRef;
use crate::snapshot::Snapshot;

/// Why an expectation cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExpectedError {
    /// Not JSON of a known form.
    #[error("expectation is not readable: {0}")]
    Json(#[from] serde_json::Error),
    /// A cause that is not in the catalogue.
    #[error(transparent)]
    Cause(#[from] UnknownCause),
    /// A benchmark label without a meaning.
    #[error("label {0:?} is not in the label map; add it with the identifiers that count as right")]
    Label(String),
    /// An object reference of another form.
    #[error("object {0:?} is neither Kind/name nor Kind/namespace/name")]
    Object(String),
    /// Neither a cause nor `healthy`.
    #[error("expectation names neither cause, root_cause nor healthy")]
    Empty,
}

/// A benchmark's labels and the identifiers that count as right for each.
#[derive(Clone, Debug, Default)]
pub struct LabelMap(BTreeMap<String, Vec<Cause>>);

impl LabelMap {
    /// Reads `{"label": ["Identifier", …], …}`.
    pub fn parse(json: &str) -> Result<Self, ExpectedError> {
        let raw: BTreeMap<String, Vec<String>> = serde_json::from_str(json)?;
        let mut map = BTreeMap::new();
        for (label, ids) in raw {
            map.insert(label, parse_causes(&ids)?);
        }
        Ok(Self(map))
    }
}

/// The object that counts as right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedObject {
    /// The workload of that name or `app` label, with its pods, Services and claims.
    App(String),
    /// This object, what it owns, or another name of the same place.
    Object(ObjectRef),
}

impl fmt::Display for ExpectedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::App(name) => write!(f, "app {name}"),
            Self::Object(object) => object.fmt(f),
        }
    }
}

/// The right answer.
#[derive(Clone, Debug)]
pub struct Expected {
    /// The answer's own label.
    pub label: String,
    /// Causes that count as right.
    pub causes: Vec<Cause>,
    /// Objects that count as right, the best first; none means any.
    pub objects: Vec<ExpectedObject>,
    /// Whether "no incident" is the right answer.
    pub healthy: bool,
    /// What people and tools changed before, where that is known.
    pub changed: Option<Vec<ObjectRef>>,
}

#[derive(Deserialize)]
struct Raw {
    root_cause: Option<String>,
    fault_object: Option<String>,
    cause: Option<OneOrMany>,
    object: Option<RawObject>,
    /// Other objects that count as right.
    #[serde(default)]
    or_objects: Vec<RawObject>,
    #[serde(default)]
    healthy: bool,
    changed: Option<Vec<ObjectRef>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawObject {
    Text(String),
    Object(ObjectRef),
}

impl RawObject {
    fn parse(self) -> Result<ExpectedObject, ExpectedError> {
        match self {
            Self::Object(object) => Ok(ExpectedObject::Object(object)),
            Self::Text(text) => parse_object(&text),
        }
    }
}

impl Expected {
    /// Reads an `expected.json`, in the benchmark's form or our own.
    pub fn parse(json: &str, labels: &LabelMap) -> Result<Self, ExpectedError> {
        let raw: Raw = serde_json::from_str(json)?;
        let (label, causes) = match (raw.cause, raw.root_cause) {
            (Some(OneOrMany::One(id)), _) => (id.clone(), parse_causes(&[id])?),
            (Some(OneOrMany::Many(ids)), _) => (ids.join("|"), parse_causes(&ids)?),
            (None, Some(label)) => {
                let causes = labels.0.get(&label).cloned();
                (label.clone(), causes.ok_or(ExpectedError::Label(label))?)
            }
            (None, None) if raw.healthy => ("healthy".to_owned(), Vec::new()),
            (None, None) => return Err(ExpectedError::Empty),
        };
        let object = raw.object.or(raw.fault_object.map(RawObject::Text));
        let objects = object.into_iter().chain(raw.or_objects);
        let objects = objects.map(RawObject::parse).collect::<Result<_, _>>()?;
        Ok(Self {
            label,
            causes,
            objects,
            healthy: raw.healthy,
            changed: raw.changed,
        })
    }

    /// The family of the first right cause; `Healthy` where nothing is wrong.
    pub fn family(&self) -> String {
        let family = self.causes.first().map(|cause| cause.family());
        family.map_or_else(|| "Healthy".to_owned(), |family| format!("{family:?}"))
    }

    /// Whether `id` is one of the right causes.
    pub fn accepts_cause(&self, id: &str) -> bool {
        self.causes.iter().any(|cause| cause.id() == id)
    }

    /// Whether `object` is the right thing.
    pub fn accepts_object(&self, object: &ObjectRef, snapshot: &Snapshot) -> bool {
        let accepts = |expected: &ExpectedObject| match expected {
            ExpectedObject::App(app) => ownership::belongs_to_app(object, app, snapshot),
            ExpectedObject::Object(expected) => {
                object == expected
                    || ownership::is_owned_by(object, expected, snapshot)
                    || ownership::is_same_place(object, expected, snapshot)
            }
        };
        self.objects.is_empty() || self.objects.iter().any(accepts)
    }
}

fn parse_causes(ids: &[String]) -> Result<Vec<Cause>, ExpectedError> {
    ids.iter()
        .map(|id| id.parse().map_err(ExpectedError::from))
        .collect()
}

fn parse_object(text: &str) -> Result<ExpectedObject, ExpectedError> {
    let parts: Vec<&str> = text.split('/').collect();
    match parts.as_slice() {
        ["app", name] => Ok(ExpectedObject::App((*name).to_owned())),
        [kind, name] => Ok(ExpectedObject::Object(ObjectRef::cluster(
            kind_name(kind),
            *name,
        ))),
        [kind, namespace, name] => Ok(ExpectedObject::Object(ObjectRef::namespaced(
            kind_name(kind),
            *namespace,
            *name,
        ))),
        _ => Err(ExpectedError::Object(text.to_owned())),
    }
}

/// `node` becomes `Node`; kinds already in CamelCase stay.
fn kind_name(kind: &str) -> String {
    let mut chars = kind.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
