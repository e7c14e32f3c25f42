//! What a file says about its model, in either dialect.
//!
//! GGUF has keys under the architecture's name, transformers has `config.json`. Families ask by both
//! names at once. What was asked for is noted, so that a key nobody understands is refused, not ignored.

pub(crate) mod json;

use std::cell::RefCell;
use std::collections::BTreeSet;

use self::json::refuse_unknown;
use crate::error::ModelError;
use crate::gguf::{Gguf, Value};
use crate::source::ModelSource;
use crate::weights::Weights;

type Json = serde_json::Value;
type Map = serde_json::Map<String, Json>;

/// Most layers, heads and so on; far above real models, far below what overflows.
pub(crate) const LAYERS_MAX: usize = 1024;
/// Most values of a vector of activations.
pub(crate) const WIDTH_MAX: usize = 1 << 20;
/// Most tokens of a window or a vocabulary.
pub(crate) const WINDOW_MAX: usize = 1 << 24;

/// Keys of GGUF's architectures that change nothing here.
const HARMLESS: [&str; 4] = [
    "vocab_size",
    "attention.value_length",
    "rope.scaling.finetuned",
    "tensor_data_layout",
];

/// What a file says about its model.
#[derive(Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) weights: &'a Weights<'a>,
    dialect: Dialect<'a>,
    asked: RefCell<BTreeSet<String>>,
}

#[derive(Clone, Copy, Debug)]
enum Dialect<'a> {
    Gguf {
        gguf: &'a Gguf,
        architecture: &'a str,
    },
    Json(&'a Map),
}

/// The same fact in GGUF (without the architecture's name) and in `config.json`. Empty where a dialect has none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key(pub(crate) &'static str, pub(crate) &'static str);

impl<'a> Facts<'a> {
    pub(crate) fn new(
        source: &'a ModelSource,
        weights: &'a Weights<'a>,
    ) -> Result<Self, ModelError> {
        let dialect = match source {
            ModelSource::Gguf(gguf) => Dialect::Gguf {
                gguf,
                architecture: gguf
                    .text("general.architecture")?
                    .ok_or_else(|| missing("general.architecture"))?,
            },
            ModelSource::Safetensors(files) => Dialect::Json(files.config()),
        };
        Ok(Self {
            weights,
            dialect,
            asked: RefCell::default(),
        })
    }

    /// The architecture by the file's name for it.
    pub(crate) fn architecture(&self) -> Result<&'a str, ModelError> {
        match self.dialect {
            Dialect::Gguf { architecture, .. } => Ok(architecture),
            Dialect::Json(json) => json
                .get("model_type")
                .and_then(Json::as_str)
                .ok_or_else(|| missing("model_type")),
        }
    }

    pub(crate) fn is_gguf(&self) -> bool {
        matches!(self.dialect, Dialect::Gguf { .. })
    }

    /// The object of `config.json`; `None` for GGUF.
    pub(crate) fn json(&self) -> Option<&'a Map> {
        match self.dialect {
            Dialect::Gguf { .. } => None,
            Dialect::Json(json) => Some(json),
        }
    }

    /// The name of `key` in this dialect; `None` where it has none.
    fn name(&self, key: Key) -> Option<String> {
        let name = match self.dialect {
            Dialect::Gguf { architecture, .. } if !key.0.is_empty() => {
                format!("{architecture}.{}", key.0)
            }
            Dialect::Json(_) if !key.1.is_empty() => key.1.to_owned(),
            _ => return None,
        };
        self.asked.borrow_mut().insert(name.clone());
        Some(name)
    }

    /// The whole number of `key`, from 1 to `most`; `None` if absent.
    pub(crate) fn count(&self, key: Key, most: usize) -> Result<Option<usize>, ModelError> {
        let Some(name) = self.name(key) else {
            return Ok(None);
        };
        let number = match self.dialect {
            Dialect::Gguf { gguf, .. } => gguf.number(&name)?,
            Dialect::Json(json) => json::number(json, &name)?,
        };
        let fits = |number| {
            usize::try_from(number)
                .ok()
                .filter(|number| (1..=most).contains(number))
                .ok_or_else(|| bad(&name, &format!("from 1 to {most}")))
        };
        number.map(fits).transpose()
    }

    /// The tokens of a sliding window; `None` if absent or 0, which converters write for none.
    pub(crate) fn window(&self, key: Key) -> Result<Option<usize>, ModelError> {
        let number = match (self.dialect, self.name(key)) {
            (Dialect::Gguf { gguf, .. }, Some(name)) => gguf.number(&name)?,
            (Dialect::Json(json), Some(name)) => json::number(json, &name)?,
            (_, None) => None,
        };
        match number {
            Some(0) => Ok(None),
            _ => self.count(key, usize::MAX),
        }
    }

    /// As [`count`](Self::count), but the key must be there.
    pub(crate) fn required(&self, key: Key, most: usize) -> Result<usize, ModelError> {
        self.count(key, most)?
            .ok_or_else(|| missing(&self.name(key).unwrap_or_default()))
    }

    /// The real of `key`, above 0; `None` if absent.
    pub(crate) fn positive(&self, key: Key) -> Result<Option<f32>, ModelError> {
        let Some(name) = self.name(key) else {
            return Ok(None);
        };
        let real = match self.dialect {
            Dialect::Gguf { gguf, .. } => gguf.real(&name)?,
            Dialect::Json(json) => json::real(json, &name)?,
        };
        match real {
            Some(real) if real <= 0.0 => Err(bad(&name, "above 0")),
            real => Ok(real),
        }
    }

    /// The text of `key`; `None` if absent.
    pub(crate) fn text(&self, key: Key) -> Result<Option<&'a str>, ModelError> {
        let Some(name) = self.name(key) else {
            return Ok(None);
        };
        match self.dialect {
            Dialect::Gguf { gguf, .. } => gguf.text(&name),
            Dialect::Json(json) => json::text(json, &name),
        }
    }

    /// The truth value of `key`; `None` if absent.
    pub(crate) fn flag(&self, key: Key) -> Result<Option<bool>, ModelError> {
        let Some(name) = self.name(key) else {
            return Ok(None);
        };
        match self.dialect {
            Dialect::Gguf { gguf, .. } => gguf.flag(&name),
            Dialect::Json(json) => json::flag(json, &name),
        }
    }

    /// The whole number of `key` of `config.json`, 0 among them; `None` if absent or GGUF.
    pub(crate) fn integer(&self, key: &'static str) -> Result<Option<u64>, ModelError> {
        self.in_json(key, json::number)
    }

    /// The array of `key` of `config.json`; `None` if absent or GGUF.
    pub(crate) fn array(&self, key: &'static str) -> Result<Option<&'a [Json]>, ModelError> {
        self.in_json(key, json::array)
    }

    /// The object of `key` of `config.json`; `None` if absent or GGUF.
    pub(crate) fn object(&self, key: &'static str) -> Result<Option<&'a Map>, ModelError> {
        self.in_json(key, json::object)
    }

    fn in_json<T>(
        &self,
        key: &'static str,
        read: impl Fn(&'a Map, &str) -> Result<Option<T>, ModelError>,
    ) -> Result<Option<T>, ModelError> {
        match (self.dialect, self.name(Key("", key))) {
            (Dialect::Json(json), Some(name)) => read(json, &name),
            _ => Ok(None),
        }
    }

    /// The tokens of the vocabulary.
    pub(crate) fn vocab_size(&self) -> Result<usize, ModelError> {
        let claimed = self.count(Key("vocab_size", "vocab_size"), WINDOW_MAX)?;
        let Dialect::Gguf { gguf, architecture } = self.dialect else {
            return claimed.ok_or_else(|| missing("vocab_size"));
        };
        let tokens = gguf.texts("tokenizer.ggml.tokens")?.map(<[String]>::len);
        match (tokens, claimed) {
            (Some(tokens), Some(claimed)) if tokens != claimed => Err(bad(
                &format!("{architecture}.vocab_size"),
                &format!("{tokens}, the number of tokens in tokenizer.ggml.tokens"),
            )),
            (Some(count), _) | (None, Some(count)) if count > 0 => Ok(count),
            _ => Err(missing("tokenizer.ggml.tokens")),
        }
    }

    /// Refuses what the file says and nobody asked for.
    pub(crate) fn finish(&self) -> Result<(), ModelError> {
        let asked = self.asked.borrow();
        match self.dialect {
            Dialect::Json(json) => refuse_unknown(json, &asked),
            Dialect::Gguf { gguf, architecture } => {
                let unknown = gguf.metadata().find(|(key, value)| {
                    let part = key
                        .strip_prefix(architecture)
                        .and_then(|rest| rest.strip_prefix('.'));
                    part.is_some_and(|part| {
                        !HARMLESS.contains(&part) && !asked.contains(*key) && says_something(value)
                    })
                });
                unknown.map_or(Ok(()), |(key, _)| Err(not_understood(key)))
            }
        }
    }
}

/// Whether a value switches anything on: no, zero and nothing do not.
fn says_something(value: &Value) -> bool {
    value.as_u64() != Some(0) && value.as_bool() != Some(false)
}

pub(crate) fn not_understood(key: &str) -> ModelError {
    ModelError::Unsupported(format!(
        "the model sets `{key}`, which is not supported; use a model without it"
    ))
}

pub(crate) fn missing(key: &str) -> ModelError {
    ModelError::MissingKey(key.to_owned())
}

pub(crate) fn bad(key: &str, expected: &str) -> ModelError {
    ModelError::BadKey {
        key: key.to_owned(),
        expected: expected.to_owned(),
    }
}
