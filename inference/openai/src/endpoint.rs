//! What every address shares: the models, and who may go first.

use std::sync::Arc;

use inference_core::embedding::Embedder;
use inference_core::{Models, Priority};
use jiff::Timestamp;

use crate::error::ApiError;
use crate::fields::Fields;

/// What every address shares.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) models: Arc<dyn Models>,
    pub(crate) embedder: Option<Arc<dyn Embedder>>,
    pub(crate) started: Timestamp,
}

impl Endpoint {
    /// Over `models` that write and perhaps one that embeds.
    pub(crate) fn new(models: Arc<dyn Models>, embedder: Option<Arc<dyn Embedder>>) -> Self {
        Self {
            models,
            embedder,
            started: Timestamp::now(),
        }
    }
}

/// What the one who asks may do, beyond asking. The layer that checks keys puts it into the request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grant {
    /// Whether requests may go before everybody else's, as incident work does.
    pub incident_priority: bool,
}

/// The priority a request asks for: by its field, or by the header `x-priority`.
///
/// Numbers are vLLM's: the lower, the earlier.
pub(crate) fn priority(
    fields: &mut Fields,
    header: Option<&str>,
    grant: Grant,
) -> Result<Priority, ApiError> {
    let tier: Option<serde_json::Value> = fields.take("service_tier")?;
    let asked = match fields.take::<serde_json::Value>("priority")? {
        Some(serde_json::Value::Number(number)) => by_number(number.as_f64().unwrap_or_default()),
        Some(serde_json::Value::String(word)) => by_word(&word)?,
        Some(_) => return Err(wrong("something else")),
        None => match header {
            Some(word) => by_word(word)?,
            None if tier.as_ref().and_then(|tier| tier.as_str()) == Some("flex") => Priority::Batch,
            None => Priority::Interactive,
        },
    };
    if asked == Priority::Incident && !grant.incident_priority {
        return Err(ApiError::forbidden(
            "this key may not ask for the priority `incident`; it needs the scope `incident`",
        ));
    }
    Ok(asked)
}

fn by_number(number: f64) -> Priority {
    if number < 0.0 {
        Priority::Incident
    } else if number > 0.0 {
        Priority::Batch
    } else {
        Priority::Interactive
    }
}

fn by_word(word: &str) -> Result<Priority, ApiError> {
    Priority::ALL
        .into_iter()
        .find(|priority| priority.as_str() == word)
        .ok_or_else(|| wrong(word))
}

fn wrong(found: &str) -> ApiError {
    ApiError::invalid(
        Some("priority"),
        format!("priority must be incident, interactive, batch or a number, not `{found}`"),
    )
}
