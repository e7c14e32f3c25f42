//! `GET /v1/models`: which models there are.

use axum::Json;
use axum::extract::{Path, State};
use inference_core::{EngineError, ModelEntry};
use serde_json::{Value, json};

use crate::endpoint::Endpoint;
use crate::error::ApiError;

/// Every model.
pub(crate) async fn list(State(endpoint): State<Endpoint>) -> Json<Value> {
    let entries = endpoint.models.list();
    let mut data: Vec<Value> = entries
        .iter()
        .map(|entry| object(&endpoint, entry))
        .collect();
    data.extend(embedder(&endpoint));
    Json(json!({ "object": "list", "data": data }))
}

/// The model of a name.
pub(crate) async fn one(
    State(endpoint): State<Endpoint>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    if let Some(embedder) = embedder(&endpoint).filter(|model| model["id"] == name.as_str()) {
        return Ok(Json(embedder));
    }
    let entry = find(&endpoint, &name)?;
    Ok(Json(object(&endpoint, &entry)))
}

/// The entry of the model `name`.
pub(crate) fn find(endpoint: &Endpoint, name: &str) -> Result<ModelEntry, EngineError> {
    let entries = endpoint.models.list();
    let known = entries.iter().map(|entry| entry.id.clone()).collect();
    let found = entries.into_iter().find(|entry| entry.id == name);
    found.ok_or_else(|| EngineError::UnknownModel {
        name: name.to_owned(),
        known,
    })
}

/// Whether there is a model `name`, of whatever kind.
pub(crate) fn is_known(endpoint: &Endpoint, name: &str) -> bool {
    let embeds = endpoint.embedder.as_ref();
    embeds.is_some_and(|embedder| embedder.model() == name) || find(endpoint, name).is_ok()
}

/// The model that embeds, as an object.
fn embedder(endpoint: &Endpoint) -> Option<Value> {
    let embedder = endpoint.embedder.as_ref()?;
    Some(json!({
        "id": embedder.model(),
        "object": "model",
        "created": endpoint.started.as_second(),
        "owned_by": "anchorite",
        "status": "ready",
        "dimensions": embedder.dimensions(),
    }))
}

fn object(endpoint: &Endpoint, entry: &ModelEntry) -> Value {
    let mut object = json!({
        "id": entry.id,
        "object": "model",
        "created": endpoint.started.as_second(),
        "owned_by": "anchorite",
        "status": entry.state.as_str(),
    });
    if let Some(info) = &entry.info {
        object["max_model_len"] = info.context_length.into();
    }
    object
}
