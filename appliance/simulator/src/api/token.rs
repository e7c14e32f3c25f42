//! Continue tokens of lists in pages.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::status::Status;

/// Where a list goes on: after `start`, at version `rv` (-1: the newest).
///
/// `start` is the last key served and a NUL: `/name` within a namespace,
/// `/namespace/name` across all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    v: String,
    pub(crate) rv: i64,
    start: String,
}

impl Token {
    /// Goes on after the object of that key.
    pub(crate) fn after(version: i64, key: &str) -> Self {
        Self {
            v: "meta.k8s.io/v1".to_owned(),
            rv: version,
            start: format!("/{key}\0"),
        }
    }

    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    pub(crate) fn decode(text: &str) -> Result<Self, Status> {
        let invalid = |why: String| {
            Status::bad_request(format!(
                "invalid continue token: continue key is not valid: {why}"
            ))
        };
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|error| invalid(error.to_string()))?;
        let token: Self =
            serde_json::from_slice(&bytes).map_err(|error| invalid(error.to_string()))?;
        if token.v == "meta.k8s.io/v1" {
            Ok(token)
        } else {
            Err(invalid(format!("unknown version {:?}", token.v)))
        }
    }

    /// The same place at the newest state.
    pub(crate) fn at_newest(&self) -> Self {
        Self {
            rv: -1,
            start: self.start.trim_start_matches('/').to_owned(),
            ..self.clone()
        }
    }

    /// Whether `key` comes after this place.
    pub(crate) fn is_before(&self, key: &str) -> bool {
        key >= self.start.trim_start_matches('/')
    }
}
