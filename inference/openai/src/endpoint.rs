//! What every address shares: the models, and who may go first.

use std::sync::Arc;

use inference_core::embedding::Embedder;
use inference_core::{Models, Priority};
use jiff::Timestamp;
use serde_json::Value;

use crate::error::ApiError;
use crate::fields::Fields;

/// The service tiers of `OpenAI`.
const TIERS: [&str; 5] = ["auto", "default", "flex", "scale", "priority"];

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

/// When a request has its turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Its place in the queue.
    pub(crate) priority: Priority,
    /// The tier the answer names, where the request named one.
    pub(crate) tier: Option<&'static str>,
}

impl Turn {
    /// Names the tier in `answer`.
    pub(crate) fn tell(self, answer: &mut Value) {
        if let Some(tier) = self.tier {
            answer["service_tier"] = tier.into();
        }
    }
}

/// When a request has its turn: by its priority, else by its service tier.
///
/// The answer to a request with a tier names the one it was served in: `flex` for those that wait for others, else `default`.
pub(crate) fn turn(
    fields: &mut Fields,
    header: Option<&str>,
    grant: Grant,
) -> Result<Turn, ApiError> {
    let wanted: Option<String> = fields.take("service_tier")?;
    if let Some(unknown) = wanted.as_deref().filter(|tier| !TIERS.contains(tier)) {
        let message = format!(
            "service_tier must be one of {}, not `{unknown}`",
            TIERS.join(", ")
        );
        return Err(ApiError::invalid(Some("service_tier"), message));
    }
    let flexible = wanted.as_deref() == Some("flex");
    let priority = priority(fields, header, flexible, grant)?;
    let served = if priority == Priority::Batch {
        "flex"
    } else {
        "default"
    };
    Ok(Turn {
        priority,
        tier: wanted.map(|_| served),
    })
}

/// The priority a request asks for: by its field, or by the header `x-priority`.
///
/// Numbers are vLLM's: the lower, the earlier.
fn priority(
    fields: &mut Fields,
    header: Option<&str>,
    flexible: bool,
    grant: Grant,
) -> Result<Priority, ApiError> {
    let asked = match fields.take::<Value>("priority")? {
        Some(Value::Number(number)) => by_number(number.as_f64().unwrap_or_default()),
        Some(Value::String(word)) => by_word(&word)?,
        Some(_) => return Err(wrong("something else")),
        None => match header {
            Some(word) => by_word(word)?,
            None if flexible => Priority::Batch,
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
