//! A JSON body read field by field, so that every error names its field.
//!
//! Lenient: unknown keys are never looked at, `null` is absence.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::ApiError;

/// The fields of a JSON object that were not taken yet.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    map: Map<String, Value>,
}

impl Fields {
    /// Reads `body`. Nesting beyond 128 levels is refused by the reader itself.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, ApiError> {
        match serde_json::from_slice(body) {
            Ok(Value::Object(map)) => Ok(Self { map }),
            Ok(_) => Err(ApiError::invalid(None, "the body must be a JSON object")),
            Err(error) => Err(ApiError::invalid(
                None,
                format!("the body is not valid JSON: {error}"),
            )),
        }
    }

    /// The fields of `map`.
    pub(crate) fn of(map: Map<String, Value>) -> Self {
        Self { map }
    }

    /// Takes the field `name`, if it is there.
    pub(crate) fn take<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, ApiError> {
        match self.map.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => serde_json::from_value(value).map(Some).map_err(|error| {
                ApiError::invalid(Some(name), format!("{name} is wrong: {error}"))
            }),
        }
    }

    /// Takes the field `name`, which must be there.
    pub(crate) fn require<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<T, ApiError> {
        self.take(name)?
            .ok_or_else(|| ApiError::invalid(Some(name), format!("{name} is missing")))
    }

    /// Takes the object `name`, or none if it is not there.
    pub(crate) fn take_object(&mut self, name: &'static str) -> Result<Self, ApiError> {
        Ok(Self::of(self.take(name)?.unwrap_or_default()))
    }

    /// The field `name` as it is.
    pub(crate) fn peek(&self, name: &str) -> Option<&Value> {
        self.map.get(name)
    }

    /// Whether the field `name` is there and says something.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.map.get(name).is_some_and(|value| match value {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            _ => true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nulls_and_missing_fields_are_absent_and_wrong_ones_are_named() {
        let mut fields =
            Fields::parse(br#"{"n": null, "top_k": "many", "seed": 7}"#).expect("parses");
        assert_eq!(fields.take::<u64>("n").expect("is absent"), None);
        assert_eq!(fields.take::<u64>("user").expect("is absent"), None);
        assert_eq!(fields.take::<i64>("seed").expect("is right"), Some(7));
        let error = fields.take::<u64>("top_k").expect_err("is wrong").body();
        assert_eq!(error["error"]["param"], "top_k");
        let error = fields.require::<u64>("n").expect_err("is missing").body();
        assert_eq!(error["error"]["message"], "n is missing");
    }
}
